-- schema 1: pipes. The queue is polled by a mapping under the pipe's id, whose state is the pipe's.
CREATE TABLE pipes (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    id          TEXT NOT NULL UNIQUE,
    settings    TEXT NOT NULL,             -- JSON: the members of CreatePipe that describe it
    desired     TEXT NOT NULL CHECK (desired IN ('RUNNING', 'STOPPED', 'DELETED')),
    failed      TEXT,                      -- the state of a change that could not be made
    reason      TEXT,
    tags        TEXT NOT NULL,             -- JSON object
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

-- name: pipe
-- One pipe.
SELECT account, region, name, id, settings, desired, failed, reason, tags, created_ms, modified_ms
FROM pipes WHERE account = :account AND region = :region AND name = :name;

-- name: page
-- Pipes in order of name after one, with a prefix.
SELECT account, region, name, id, settings, desired, failed, reason, tags, created_ms, modified_ms
FROM pipes
WHERE account = :account AND region = :region AND name > :after
  AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name;

-- name: keep
-- Insert a pipe or replace it.
INSERT INTO pipes (account, region, name, id, settings, desired, failed, reason, tags, created_ms, modified_ms)
VALUES (:account, :region, :name, :id, :settings, :desired, :failed, :reason, :tags, :created_ms, :modified_ms)
ON CONFLICT (account, region, name) DO UPDATE
SET id = :id, settings = :settings, desired = :desired, failed = :failed, reason = :reason, tags = :tags,
    created_ms = :created_ms, modified_ms = :modified_ms;

-- name: remove
-- Forget a pipe.
DELETE FROM pipes WHERE account = :account AND region = :region AND name = :name;

-- name: reset
-- Forget all of an account.
DELETE FROM pipes WHERE account = :account;
