-- schema 1: schedule groups, schedules, and the tokens of requests that may be sent again.
CREATE TABLE schedule_groups (          -- the group default has a row from its first mention on
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ACTIVE', 'DELETING')),
    tags        TEXT NOT NULL,          -- JSON object
    members     INTEGER NOT NULL,       -- how many schedules it has
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
-- Serves `deleting_group`.
CREATE INDEX schedule_groups_deleting ON schedule_groups (state) WHERE state = 'DELETING';
CREATE TABLE schedules (
    id           INTEGER PRIMARY KEY,
    account      TEXT NOT NULL,
    region       TEXT NOT NULL,
    grp          TEXT NOT NULL,
    name         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('ENABLED', 'DISABLED')),
    body         TEXT NOT NULL,         -- JSON object: what is set, by AWS's names, with its defaults
    anchor_ms    INTEGER NOT NULL,      -- from when a rate counts
    scheduled_ms INTEGER,               -- the instant that the expression names next; NULL: none
    due_ms       INTEGER,               -- when it fires: that instant, or one within its window
    ends         INTEGER NOT NULL DEFAULT 0,  -- 1: gone when its last run has been delivered
    created_ms   INTEGER NOT NULL,
    modified_ms  INTEGER NOT NULL
) STRICT;
-- Serves `schedule`, `list_schedules` and `members`.
CREATE UNIQUE INDEX schedules_by_name ON schedules (account, region, grp, name);
-- Serves `due` and `next_due`.
CREATE INDEX schedules_due ON schedules (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE schedule_tokens (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    token   TEXT NOT NULL,
    digest  TEXT NOT NULL,              -- of the operation and its parameters
    answer  TEXT NOT NULL,              -- JSON object
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (account, region, token)
) STRICT, WITHOUT ROWID;
-- Serves `forget_tokens`.
CREATE INDEX schedule_tokens_by_age ON schedule_tokens (at_ms);

-- name: group
-- Find a group.
SELECT account, region, name, state, tags, members, created_ms, modified_ms
FROM schedule_groups WHERE account = :account AND region = :region AND name = :name;

-- name: list_groups
-- Page through the groups of an account and region by name.
SELECT account, region, name, state, tags, members, created_ms, modified_ms
FROM schedule_groups
WHERE account = :account AND region = :region AND name > :after AND name >= :prefix
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: totals
-- Count the groups of an account and region, and the schedules that they have.
SELECT count(*), coalesce(sum(members), 0)
FROM schedule_groups WHERE account = :account AND region = :region;

-- name: add_group
-- Create a group.
INSERT INTO schedule_groups (account, region, name, state, tags, members, created_ms, modified_ms)
VALUES (:account, :region, :name, 'ACTIVE', :tags, 0, :now_ms, :now_ms);

-- name: tag_group
-- Replace a group's tags.
UPDATE schedule_groups SET tags = :tags, modified_ms = :now_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: grow_group
-- Count schedules of a group, or uncount them.
UPDATE schedule_groups SET members = members + :change
WHERE account = :account AND region = :region AND name = :name;

-- name: begin_group_deletion
-- Mark a group as one that is going.
UPDATE schedule_groups SET state = 'DELETING', modified_ms = :now_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: deleting_group
-- Find a group that is going.
SELECT account, region, name, state, tags, members, created_ms, modified_ms
FROM schedule_groups WHERE state = 'DELETING' LIMIT 1;

-- name: delete_members
-- Delete some schedules of a group.
DELETE FROM schedules WHERE id IN (
    SELECT id FROM schedules WHERE account = :account AND region = :region AND grp = :name
    LIMIT :limit);

-- name: delete_group
-- Delete a group that has no schedules left.
DELETE FROM schedule_groups WHERE account = :account AND region = :region AND name = :name;

-- name: schedule
-- Find a schedule.
SELECT id, account, region, grp, name, state, body, anchor_ms, scheduled_ms, due_ms, ends, created_ms,
    modified_ms
FROM schedules WHERE account = :account AND region = :region AND grp = :grp AND name = :name;

-- name: schedule_by_id
-- Find a schedule.
SELECT id, account, region, grp, name, state, body, anchor_ms, scheduled_ms, due_ms, ends, created_ms,
    modified_ms
FROM schedules WHERE id = :id;

-- name: list_schedules
-- Page through the schedules of a group by name, of those whose names begin with a prefix.
SELECT id, account, region, grp, name, state, body, anchor_ms, scheduled_ms, due_ms, ends, created_ms,
    modified_ms
FROM schedules
WHERE account = :account AND region = :region AND grp = :grp AND name > :after AND name >= :prefix
    AND name < :beyond
ORDER BY name LIMIT :limit;

-- name: add_schedule
-- Create a schedule.
INSERT INTO schedules (
    id, account, region, grp, name, state, body, anchor_ms, scheduled_ms, due_ms, ends, created_ms,
    modified_ms)
VALUES (
    :id, :account, :region, :grp, :name, :state, :body, :anchor_ms, :scheduled_ms, :due_ms, :ends,
    :created_ms, :modified_ms);

-- name: set_schedule
-- Replace what is set of a schedule.
UPDATE schedules
SET state = :state, body = :body, anchor_ms = :anchor_ms, scheduled_ms = :scheduled_ms,
    due_ms = :due_ms, ends = :ends, modified_ms = :modified_ms
WHERE id = :id;

-- name: delete_schedule
-- Delete a schedule.
DELETE FROM schedules WHERE id = :id;

-- name: due
-- Name what is due, the longest due first. All are of one target: one look, at one end of an index.
SELECT id, 'schedules' FROM schedules WHERE due_ms <= :now_ms ORDER BY due_ms LIMIT :limit;

-- name: next_due
-- Tell when the next that is not due yet falls due.
SELECT min(due_ms) FROM schedules WHERE due_ms > :now_ms;

-- name: advance
-- Set when a schedule comes next, after it has fired.
UPDATE schedules SET scheduled_ms = :scheduled_ms, due_ms = :due_ms, ends = :ends WHERE id = :id;

-- name: token
-- Find what was answered to a request with this token.
SELECT digest, answer FROM schedule_tokens
WHERE account = :account AND region = :region AND token = :token AND at_ms > :since_ms;

-- name: keep_token
-- Keep what is answered to a request.
INSERT OR REPLACE INTO schedule_tokens (account, region, token, digest, answer, at_ms)
VALUES (:account, :region, :token, :digest, :answer, :now_ms);

-- name: forget_tokens
-- Forget a few that are too old, so that they never grow beyond what is asked within their time.
DELETE FROM schedule_tokens WHERE (account, region, token) IN (
    SELECT account, region, token FROM schedule_tokens WHERE at_ms <= :since_ms
    ORDER BY at_ms LIMIT 3);

-- name: reset
-- Forget the schedules of an account.
DELETE FROM schedules WHERE account = :account;

-- name: reset_groups
-- Forget the groups of an account.
DELETE FROM schedule_groups WHERE account = :account;

-- name: reset_tokens
-- Forget the tokens of an account.
DELETE FROM schedule_tokens WHERE account = :account;
