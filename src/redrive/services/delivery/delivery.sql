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

-- name: add
-- Owe a call.
INSERT INTO deliveries (
    id, target, service, operation, params, blobs, account, region, principal, purpose, source, due_ms,
    deadline_ms)
VALUES (
    :id, :target, :service, :operation, :params, :blobs, :account, :region, :principal, :purpose,
    :source, :now_ms, :deadline_ms);

-- name: by_id
-- Find one.
SELECT id, target, service, operation, params, blobs, account, region, principal, purpose, source,
    due_ms, deadline_ms, attempts
FROM deliveries WHERE id = :id;

-- name: due
-- Name what is due, each target's oldest only, by hopping from target to target.
WITH RECURSIVE place (target) AS (
    SELECT min(target) FROM deliveries
    UNION ALL
    SELECT (SELECT min(target) FROM deliveries WHERE target > place.target)
    FROM place WHERE place.target IS NOT NULL
)
SELECT owed.id, owed.target
FROM place JOIN deliveries AS owed ON owed.id IN (
    SELECT id FROM deliveries AS own
    WHERE own.target = place.target AND own.due_ms <= :now_ms
    ORDER BY own.due_ms, own.id LIMIT :limit)
ORDER BY owed.due_ms, owed.id;

-- name: next_due
-- Tell when the next that is not due yet falls due.
SELECT min(due_ms) FROM deliveries WHERE due_ms > :now_ms;

-- name: postpone
-- Try one again later.
UPDATE deliveries SET due_ms = :due_ms, attempts = :attempts WHERE id = :id;

-- name: delete
-- Forget one that is settled.
DELETE FROM deliveries WHERE id = :id;

-- name: reset
-- Forget what is owed for an account in all regions.
DELETE FROM deliveries WHERE account = :account;
