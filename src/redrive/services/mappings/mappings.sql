-- schema 1: event source mappings
CREATE TABLE mappings (
    n                INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of creation; page markers are made of it
    uuid             TEXT NOT NULL UNIQUE,
    account          TEXT NOT NULL,
    region           TEXT NOT NULL,
    function_arn     TEXT NOT NULL,
    function_name    TEXT NOT NULL,
    queue_arn        TEXT NOT NULL,
    enabled          INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    state            TEXT NOT NULL CHECK (state IN ('Creating', 'Enabling', 'Enabled', 'Disabling', 'Disabled',
                                                    'Updating', 'Deleting')),
    problem          TEXT,
    batch_size       INTEGER NOT NULL CHECK (batch_size BETWEEN 1 AND 10000),
    window_ms        INTEGER NOT NULL CHECK (window_ms BETWEEN 0 AND 300000),
    reports_failures INTEGER NOT NULL CHECK (reports_failures IN (0, 1)),
    concurrency_max  INTEGER CHECK (concurrency_max BETWEEN 2 AND 1000),
    visibility_ms    INTEGER NOT NULL,
    timeout_ms       INTEGER NOT NULL,
    known_ms         INTEGER NOT NULL,  -- when queue and function were asked for these two
    tags             TEXT NOT NULL,  -- JSON object
    modified_ms      INTEGER NOT NULL,
    version          INTEGER NOT NULL DEFAULT 1
) STRICT;
-- serves twin, and forbids two mappings of one pair
CREATE UNIQUE INDEX mappings_pair ON mappings (queue_arn, function_arn, account, region);
-- serves page
CREATE INDEX mappings_place ON mappings (account, region, n);

-- schema 2: filters, metrics, provisioned pollers
ALTER TABLE mappings ADD COLUMN filters TEXT;                                    -- JSON list of patterns; NULL: all pass
ALTER TABLE mappings ADD COLUMN counts_events INTEGER NOT NULL DEFAULT 0 CHECK (counts_events IN (0, 1));
ALTER TABLE mappings ADD COLUMN pollers_min INTEGER CHECK (pollers_min BETWEEN 1 AND 200);
ALTER TABLE mappings ADD COLUMN pollers_max INTEGER CHECK (pollers_max BETWEEN 1 AND 10000);
ALTER TABLE mappings ADD COLUMN kms_key TEXT;

-- schema 3: who else takes batches
ALTER TABLE mappings ADD COLUMN consumer TEXT NOT NULL DEFAULT 'lambda' CHECK (consumer IN ('lambda', 'pipes'));

-- name: add
-- Insert a mapping.
INSERT INTO mappings (uuid, account, region, function_arn, function_name, queue_arn, enabled, state, batch_size,
                      window_ms, reports_failures, concurrency_max, visibility_ms, timeout_ms, known_ms, tags, modified_ms,
                      filters, counts_events, pollers_min, pollers_max, kms_key, consumer)
VALUES (:uuid, :account, :region, :function_arn, :function_name, :queue_arn, :enabled, :state, :batch_size,
        :window_ms, :reports_failures, :concurrency_max, :visibility_ms, :timeout_ms, :known_ms, :tags, :modified_ms,
        :filters, :counts_events, :pollers_min, :pollers_max, :kms_key, :consumer);

-- name: mapping
-- One mapping of an account's by its UUID, whoever takes its batches.
SELECT n, uuid, account, region, function_arn, function_name, queue_arn, enabled, state, problem, batch_size,
       window_ms, reports_failures, concurrency_max, visibility_ms, timeout_ms, known_ms, tags, modified_ms, version,
       filters, counts_events, pollers_min, pollers_max, kms_key, consumer
FROM mappings WHERE uuid = :uuid AND account = :account AND region = :region;

-- name: twin
-- The mapping of a queue and a function, if there is one.
SELECT n, uuid, account, region, function_arn, function_name, queue_arn, enabled, state, problem, batch_size,
       window_ms, reports_failures, concurrency_max, visibility_ms, timeout_ms, known_ms, tags, modified_ms, version,
       filters, counts_events, pollers_min, pollers_max, kms_key, consumer
FROM mappings
WHERE queue_arn = :queue_arn AND function_arn = :function_arn AND account = :account AND region = :region;

-- name: page
-- An account's mappings of a region after a number, of one function or queue where these are given.
SELECT n, uuid, account, region, function_arn, function_name, queue_arn, enabled, state, problem, batch_size,
       window_ms, reports_failures, concurrency_max, visibility_ms, timeout_ms, known_ms, tags, modified_ms, version,
       filters, counts_events, pollers_min, pollers_max, kms_key, consumer
FROM mappings
WHERE account = :account AND region = :region AND consumer = 'lambda' AND n > :after
  AND (:function_arn IS NULL OR function_arn = :function_arn)
  AND (:queue_arn IS NULL OR queue_arn = :queue_arn)
ORDER BY n LIMIT :limit;

-- name: all
-- Every mapping of every account, for the poller.
SELECT n, uuid, account, region, function_arn, function_name, queue_arn, enabled, state, problem, batch_size,
       window_ms, reports_failures, concurrency_max, visibility_ms, timeout_ms, known_ms, tags, modified_ms, version,
       filters, counts_events, pollers_min, pollers_max, kms_key, consumer
FROM mappings ORDER BY n;

-- name: change
-- Replace a mapping's settings.
UPDATE mappings
SET function_arn = :function_arn, function_name = :function_name, enabled = :enabled, state = :state,
    batch_size = :batch_size, window_ms = :window_ms, reports_failures = :reports_failures,
    concurrency_max = :concurrency_max, visibility_ms = :visibility_ms, timeout_ms = :timeout_ms,
    known_ms = :known_ms, modified_ms = :modified_ms, version = :version, filters = :filters,
    counts_events = :counts_events, pollers_min = :pollers_min, pollers_max = :pollers_max, kms_key = :kms_key
WHERE n = :n;

-- name: set_state
-- Let a mapping reach a state.
UPDATE mappings SET state = :state WHERE n = :n;

-- name: set_problem
-- Say what keeps a mapping from working, or that nothing does any more.
UPDATE mappings SET problem = :problem WHERE uuid = :uuid;

-- name: set_tags
-- Replace a mapping's tags.
UPDATE mappings SET tags = :tags WHERE n = :n;

-- name: remove
-- Forget a mapping.
DELETE FROM mappings WHERE n = :n;

-- name: reset
-- Forget an account's mappings in all regions.
DELETE FROM mappings WHERE account = :account;
