-- schema 1: calls that are owed to a service, each until it has been answered or given up.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    target      TEXT NOT NULL,         -- ARN: those of one target wait for each other only
    service     TEXT NOT NULL,
    operation   TEXT NOT NULL,
    params      TEXT NOT NULL,         -- JSON object
    blobs       TEXT NOT NULL,         -- JSON list: members whose text is handed on as bytes
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    principal   TEXT NOT NULL,
    purpose     TEXT NOT NULL,         -- the owner's own word, told when it is given up
    source      TEXT NOT NULL,         -- ARN on whose behalf
    due_ms      INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Serves `due`: one target's backlog does not hide what is owed to another.
CREATE INDEX deliveries_by_target ON deliveries (target, due_ms);
-- Serves `next_due`.
CREATE INDEX deliveries_due ON deliveries (due_ms);

-- schema 2: ladders of retries, dead-letter queues and lanes.
-- What is owed from before waits in the state "later": the first look finds what is due.
CREATE TABLE owed (
    id          INTEGER PRIMARY KEY,
    target      TEXT NOT NULL,         -- ARN or URL: those of one target wait for each other only
    service     TEXT NOT NULL,
    operation   TEXT NOT NULL,
    params      TEXT NOT NULL,         -- JSON object
    blobs       TEXT NOT NULL,         -- JSON list: members whose text is handed on as bytes
    account     TEXT NOT NULL,         -- as whom the call is made
    region      TEXT NOT NULL,
    principal   TEXT NOT NULL,         -- an ARN, or the name of an AWS service
    asker       TEXT NOT NULL,         -- ARN: aws:SourceArn of a service's call, else empty
    purpose     TEXT NOT NULL,         -- the owner's own word, told when it is settled
    source      TEXT NOT NULL,         -- ARN on whose behalf
    state       TEXT NOT NULL CHECK (state IN ('ready', 'later', 'behind')),
    lane        TEXT,                  -- those of one lane go one after another, by id
    due_ms      INTEGER NOT NULL,
    deadline_ms INTEGER,               -- no attempt begins after it; NULL: whenever
    attempts    INTEGER NOT NULL DEFAULT 0,  -- how many have failed
    pauses      INTEGER NOT NULL DEFAULT 0,  -- how often it was due and could not even be made
    retry       TEXT NOT NULL,         -- JSON list: a Retry
    dead_letter TEXT,                  -- JSON list: a DeadLetter; NULL: what is given up is dropped
    buried_from TEXT,                  -- the target that gave it up; set where this is a dead letter
    failure     TEXT                   -- JSON list: a Failure, the latest attempt's
) STRICT;
INSERT INTO owed
SELECT id, target, service, operation, params, blobs, account, region, principal, '', purpose, source,
    'later', NULL, due_ms, deadline_ms, attempts, 0, '["lambda",null,21600000,null,""]', NULL, NULL, NULL
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE owed RENAME TO deliveries;
-- Serves `next_target` and `ready`: one target's backlog does not hide what is owed to another.
CREATE INDEX deliveries_ready ON deliveries (target, due_ms, id) WHERE state = 'ready';
-- Serves `next_due` and `promote`.
CREATE INDEX deliveries_later ON deliveries (due_ms) WHERE state = 'later';
-- Serves `add` and `advance_lane`.
CREATE INDEX deliveries_lanes ON deliveries (lane, id) WHERE lane IS NOT NULL;
-- Serves `reset`.
CREATE INDEX deliveries_accounts ON deliveries (account);

-- name: add
-- Owe a call: behind the others of its lane, later, or now.
INSERT INTO deliveries (
    id, target, service, operation, params, blobs, account, region, principal, asker, purpose, source,
    state, lane, due_ms, deadline_ms, retry, dead_letter, buried_from)
VALUES (
    :id, :target, :service, :operation, :params, :blobs, :account, :region, :principal, :asker,
    :purpose, :source,
    CASE
        WHEN :lane IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries WHERE lane = :lane) THEN 'behind'
        WHEN :due_ms > :now_ms THEN 'later'
        ELSE 'ready'
    END,
    :lane, :due_ms, :deadline_ms, :retry, :dead_letter, :buried_from);

-- name: by_id
-- Find one.
SELECT id, target, service, operation, params, blobs, account, region, principal, asker, purpose,
    source, lane, due_ms, deadline_ms, attempts, pauses, retry, dead_letter, buried_from, failure
FROM deliveries WHERE id = :id;

-- name: next_target
-- Find the target after another that has something ready.
SELECT target FROM deliveries WHERE state = 'ready' AND target > :after ORDER BY target LIMIT 1;

-- name: ready
-- Name what is ready of one target, the oldest first.
SELECT id, target FROM deliveries
WHERE state = 'ready' AND target = :target ORDER BY due_ms, id LIMIT :limit;

-- name: next_due
-- Tell when the next of those that are put off falls due.
SELECT min(due_ms) FROM deliveries WHERE state = 'later';

-- name: promote
-- Make ready what was put off and is due, at most so many.
UPDATE deliveries SET state = 'ready' WHERE id IN (
    SELECT id FROM deliveries WHERE state = 'later' AND due_ms <= :now_ms ORDER BY due_ms LIMIT :limit);

-- name: postpone
-- Try one again later, or at once.
UPDATE deliveries
SET state = CASE WHEN :due_ms > :now_ms THEN 'later' ELSE 'ready' END, due_ms = :due_ms,
    attempts = :attempts, pauses = 0, failure = :failure
WHERE id = :id;

-- name: pause
-- Try one again later that could not be made.
UPDATE deliveries SET state = 'later', due_ms = :due_ms, pauses = pauses + 1 WHERE id = :id;

-- name: delete
-- Forget one that is settled.
DELETE FROM deliveries WHERE id = :id;

-- name: advance_lane
-- Let the first of a lane that is behind be tried.
UPDATE deliveries SET state = CASE WHEN due_ms > :now_ms THEN 'later' ELSE 'ready' END
WHERE id = (SELECT id FROM deliveries WHERE lane = :lane ORDER BY id LIMIT 1) AND state = 'behind';

-- name: reset
-- Forget what is owed for an account in all regions.
DELETE FROM deliveries WHERE account = :account;
