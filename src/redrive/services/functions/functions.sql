-- schema 1: functions, and the events that wait for asynchronous invocation.
CREATE TABLE functions (
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    name            TEXT NOT NULL,
    runtime         TEXT NOT NULL,
    handler         TEXT NOT NULL,
    role            TEXT NOT NULL,
    description     TEXT NOT NULL,
    timeout_s       INTEGER NOT NULL CHECK (timeout_s BETWEEN 1 AND 900),
    memory_mb       INTEGER NOT NULL CHECK (memory_mb BETWEEN 128 AND 10240),
    variables       TEXT NOT NULL,     -- JSON object
    labels          TEXT NOT NULL,     -- JSON object: members kept and echoed only
    tags            TEXT NOT NULL,     -- JSON object
    code_hash       TEXT NOT NULL CHECK (length(code_hash) = 64),
    code_bytes      INTEGER NOT NULL,
    revision        TEXT NOT NULL,
    modified_ms     INTEGER NOT NULL,
    reserved        INTEGER CHECK (reserved >= 0),
    policy          TEXT,              -- JSON list of statements
    policy_revision TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
-- Serves `usage`: what is reserved in an account is summed without reading its other functions.
CREATE INDEX functions_reserved ON functions (account, region, reserved) WHERE reserved IS NOT NULL;
CREATE TABLE async_events (
    id           INTEGER PRIMARY KEY,
    function_arn TEXT NOT NULL,        -- unqualified
    payload      BLOB NOT NULL,        -- JSON text
    request_id   TEXT NOT NULL,
    first_ms     INTEGER NOT NULL,
    due_ms       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND 2),
    throttles    INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Serves `due_events`: one function's backlog does not hide another's events.
CREATE INDEX async_events_by_function ON async_events (function_arn, due_ms);
-- Serves `next_event`.
CREATE INDEX async_events_due ON async_events (due_ms);

-- name: add_function
-- Insert a function.
INSERT INTO functions VALUES (
    :account, :region, :name, :runtime, :handler, :role, :description, :timeout_s, :memory_mb,
    :variables, :labels, :tags, :code_hash, :code_bytes, :revision, :modified_ms, :reserved, :policy,
    :policy_revision);

-- name: function_by_name
-- Find one function.
SELECT * FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: list_functions
-- List an account's functions of a region by name, after a name.
SELECT * FROM functions
WHERE account = :account AND region = :region AND name > :after ORDER BY name LIMIT :limit;

-- name: update_code
-- Point a function at other code.
UPDATE functions
SET code_hash = :code_hash, code_bytes = :code_bytes, labels = :labels, revision = :revision,
    modified_ms = :modified_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: update_configuration
-- Replace a function's configuration.
UPDATE functions
SET runtime = :runtime, handler = :handler, role = :role, description = :description,
    timeout_s = :timeout_s, memory_mb = :memory_mb, variables = :variables, labels = :labels,
    revision = :revision, modified_ms = :modified_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: update_tags
-- Replace a function's tags.
UPDATE functions SET tags = :tags WHERE account = :account AND region = :region AND name = :name;

-- name: update_reserved
-- Set or clear a function's reserved concurrency.
UPDATE functions SET reserved = :reserved
WHERE account = :account AND region = :region AND name = :name;

-- name: update_policy
-- Replace a function's resource policy.
UPDATE functions SET policy = :policy, policy_revision = :policy_revision
WHERE account = :account AND region = :region AND name = :name;

-- name: delete_function
-- Delete one function.
DELETE FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: reserved_sum
-- Sum what an account has reserved in a region.
SELECT coalesce(sum(reserved), 0) FROM functions
WHERE account = :account AND region = :region AND reserved IS NOT NULL;

-- name: usage
-- Count and measure an account's functions of a region.
SELECT count(*), coalesce(sum(code_bytes), 0), coalesce(sum(reserved), 0) FROM functions
WHERE account = :account AND region = :region;

-- name: code_hashes
-- Name all code that a function refers to.
SELECT DISTINCT code_hash FROM functions;

-- name: reset_functions
-- Delete an account's functions in all regions.
DELETE FROM functions WHERE account = :account;

-- name: reset_events
-- Delete an account's waiting events in all regions.
DELETE FROM async_events WHERE function_arn GLOB 'arn:aws:lambda:*:' || :account || ':function:*';

-- name: add_event
-- Keep an event for asynchronous invocation.
INSERT INTO async_events (id, function_arn, payload, request_id, first_ms, due_ms)
VALUES (:id, :function_arn, :payload, :request_id, :now_ms, :now_ms);

-- name: event_by_id
-- Find one waiting event.
SELECT * FROM async_events WHERE id = :id;

-- name: due_events
-- Name the due events, each function's oldest ones only, by hopping from function to function.
WITH RECURSIVE target (arn) AS (
    SELECT min(function_arn) FROM async_events
    UNION ALL
    SELECT (SELECT min(function_arn) FROM async_events WHERE function_arn > target.arn)
    FROM target WHERE target.arn IS NOT NULL
)
SELECT event.id, event.function_arn
FROM target JOIN async_events AS event ON event.id IN (
    SELECT id FROM async_events AS own
    WHERE own.function_arn = target.arn AND own.due_ms <= :now_ms
    ORDER BY own.due_ms, own.id LIMIT :limit)
ORDER BY event.due_ms, event.id;

-- name: next_event
-- Tell when the next event that is not due yet falls due.
SELECT min(due_ms) FROM async_events WHERE due_ms > :now_ms;

-- name: postpone_event
-- Try an event again later.
UPDATE async_events SET due_ms = :due_ms, attempt = :attempt, throttles = :throttles WHERE id = :id;

-- name: delete_event
-- Forget an event that is settled.
DELETE FROM async_events WHERE id = :id;
