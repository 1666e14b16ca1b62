-- schema 1: function logs, in a file of their own
CREATE TABLE logs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- the readers' cursor, never given twice
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    function_name TEXT NOT NULL,
    stream        TEXT NOT NULL,
    request_id    TEXT NOT NULL,  -- '' outside of invocations
    at_ms         INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,  -- what the row counts for in log_size
    text          TEXT NOT NULL
) STRICT;
-- serves tail and since
CREATE INDEX logs_function ON logs (account, region, function_name, id);

CREATE TABLE log_size (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    bytes INTEGER NOT NULL  -- of all rows together
) STRICT;
INSERT INTO log_size VALUES (1, 0);

-- schema 2: log groups and streams, as CloudWatch Logs names them
CREATE TABLE log_groups (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    function_name  TEXT NOT NULL,  -- of /aws/lambda/<name>; '' for other groups
    created_ms     INTEGER NOT NULL,
    retention_days INTEGER,  -- NULL: no policy
    class          TEXT NOT NULL DEFAULT 'STANDARD',
    key_id         TEXT,
    is_protected   INTEGER NOT NULL DEFAULT 0 CHECK (is_protected IN (0, 1)),
    tags           TEXT NOT NULL DEFAULT '{}',  -- JSON
    bytes          INTEGER NOT NULL DEFAULT 0,  -- of its pieces
    UNIQUE (account, region, name)
) STRICT;

CREATE TABLE log_streams (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    log_group   INTEGER NOT NULL,  -- 0: deleted, and its pieces wait for the reaper
    name        TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    first_ms    INTEGER,  -- this and the next: of its events; NULL when it has had none
    last_ms     INTEGER,
    ingested_ms INTEGER,
    UNIQUE (log_group, name)
) STRICT;
-- serves streams_by_time and streams_by_time_down
CREATE INDEX log_streams_latest ON log_streams (log_group, coalesce(last_ms, 0), name);

CREATE TABLE log_pieces (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the readers' cursor, never given twice
    log_group   INTEGER NOT NULL,
    stream      INTEGER NOT NULL,
    request_id  TEXT NOT NULL,  -- '' outside of invocations
    at_ms       INTEGER NOT NULL,  -- when it happened
    ingested_ms INTEGER NOT NULL,  -- when it was written
    is_event    INTEGER NOT NULL,  -- 1: the text is one event; 0: each of its lines is one
    bytes       INTEGER NOT NULL,  -- what the row counts for in log_size and in its group
    text        TEXT NOT NULL
) STRICT;
-- serves tail, since and written_first
CREATE INDEX log_pieces_written ON log_pieces (log_group, id);
-- serves group_up, group_down and happened_before
CREATE INDEX log_pieces_happened ON log_pieces (log_group, at_ms, id);
-- serves stream_up, stream_down, of_deleted and forget_empty
CREATE INDEX log_pieces_stream ON log_pieces (stream, at_ms, id);

INSERT INTO log_groups (account, region, name, function_name, created_ms, bytes)
SELECT account, region, '/aws/lambda/' || function_name, function_name, min(at_ms), sum(bytes)
FROM logs GROUP BY account, region, function_name;
INSERT INTO log_streams (log_group, name, created_ms, first_ms, last_ms, ingested_ms)
SELECT g.id, coalesce(nullif(l.stream, ''), 'redrive'), min(l.at_ms), min(l.at_ms), max(l.at_ms), max(l.at_ms)
FROM logs l JOIN log_groups g USING (account, region, function_name) GROUP BY 1, 2;
INSERT INTO log_pieces (id, log_group, stream, request_id, at_ms, ingested_ms, is_event, bytes, text)
SELECT l.id, g.id, s.id, l.request_id, l.at_ms, l.at_ms, 0, l.bytes, l.text
FROM logs l JOIN log_groups g USING (account, region, function_name)
JOIN log_streams s ON s.log_group = g.id AND s.name = coalesce(nullif(l.stream, ''), 'redrive');
DELETE FROM sqlite_sequence WHERE name = 'log_pieces';
INSERT INTO sqlite_sequence SELECT 'log_pieces', seq FROM sqlite_sequence WHERE name = 'logs';
DROP TABLE logs;

-- name: add
-- Write one piece.
INSERT INTO log_pieces (log_group, stream, request_id, at_ms, ingested_ms, is_event, bytes, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: grow
-- Count what was written or, negative, forgotten.
UPDATE log_size SET bytes = bytes + :bytes;

-- name: grow_group
-- Count it in its group.
UPDATE log_groups SET bytes = bytes + :bytes WHERE id = :id;

-- name: tell_stream
-- Note what a stream was given: first_ms, last_ms, ingested_ms, id.
UPDATE log_streams
SET first_ms = coalesce(min(first_ms, :first_ms), :first_ms), last_ms = coalesce(max(last_ms, :last_ms), :last_ms),
    ingested_ms = coalesce(max(ingested_ms, :ingested_ms), :ingested_ms)
WHERE id = :id;

-- name: size
-- The bytes of all rows.
SELECT bytes FROM log_size;

-- name: tail
-- A group's latest pieces, the newest first; of one invocation when request_id is given.
SELECT p.id, g.account, g.region, g.function_name, s.name, p.request_id, p.at_ms, p.text
FROM log_groups g JOIN log_pieces p ON p.log_group = g.id JOIN log_streams s ON s.id = p.stream AND s.log_group = g.id
WHERE g.account = :account AND g.region = :region AND g.name = :name
  AND (:request_id = '' OR p.request_id = :request_id) AND p.at_ms >= :since_ms
ORDER BY p.id DESC LIMIT :limit;

-- name: since
-- A group's pieces after a cursor, in the order in which they were written.
SELECT p.id, g.account, g.region, g.function_name, s.name, p.request_id, p.at_ms, p.text
FROM log_groups g JOIN log_pieces p ON p.log_group = g.id JOIN log_streams s ON s.id = p.stream AND s.log_group = g.id
WHERE g.account = :account AND g.region = :region AND g.name = :name AND p.id > :after
  AND (:request_id = '' OR p.request_id = :request_id)
ORDER BY p.id LIMIT :limit;

-- name: tail_of_all
-- The latest pieces of an account's functions, of all when names is an empty JSON array,, the newest first.
SELECT p.id, g.account, g.region, g.function_name, s.name, p.request_id, p.at_ms, p.text
FROM log_pieces p CROSS JOIN log_groups g ON g.id = p.log_group
CROSS JOIN log_streams s ON s.id = p.stream AND s.log_group = g.id
WHERE g.account = :account AND g.region = :region AND g.function_name <> ''
  AND (:names = '[]' OR g.function_name IN (SELECT value FROM json_each(:names)))
  AND (:request_id = '' OR p.request_id = :request_id) AND p.at_ms >= :since_ms
ORDER BY p.id DESC LIMIT :limit;

-- name: since_of_all
-- The pieces of an account's functions, of all when names is an empty JSON array, after a cursor, in order.
SELECT p.id, g.account, g.region, g.function_name, s.name, p.request_id, p.at_ms, p.text
FROM log_pieces p CROSS JOIN log_groups g ON g.id = p.log_group
CROSS JOIN log_streams s ON s.id = p.stream AND s.log_group = g.id
WHERE p.id > :after AND g.account = :account AND g.region = :region AND g.function_name <> ''
  AND (:names = '[]' OR g.function_name IN (SELECT value FROM json_each(:names)))
  AND (:request_id = '' OR p.request_id = :request_id)
ORDER BY p.id LIMIT :limit;

-- name: last
-- The newest row's number, 0 when there has been none.
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log_pieces';

-- name: oldest
-- The oldest rows of all, for the reaper.
SELECT id, log_group, at_ms, bytes FROM log_pieces ORDER BY id LIMIT :limit;

-- name: forget
-- Remove the oldest rows, up to and with one.
DELETE FROM log_pieces WHERE id <= :id;

-- name: written_first
-- A group's oldest rows by when they were written, for the reaper.
SELECT id, log_group, ingested_ms, bytes FROM log_pieces WHERE log_group = :group ORDER BY id;

-- name: forget_written
-- Remove a group's oldest rows, up to and with one.
DELETE FROM log_pieces WHERE log_group = :group AND id <= :id;

-- name: happened_before
-- A group's oldest rows by when they happened, for the reaper.
SELECT id, log_group, at_ms, bytes FROM log_pieces
WHERE log_group = :group AND at_ms <= :before_ms ORDER BY at_ms, id LIMIT :limit;

-- name: forget_happened
-- Remove a group's rows that happened first, up to and with one.
DELETE FROM log_pieces WHERE log_group = :group AND (at_ms, id) <= (:at_ms, :id);

-- name: deleted
-- Streams that were deleted.
SELECT id FROM log_streams WHERE log_group = 0 ORDER BY id LIMIT :limit;

-- name: of_deleted
-- Rows of a stream that was deleted, for the reaper.
SELECT id, log_group, at_ms, bytes FROM log_pieces WHERE stream = :stream ORDER BY at_ms, id LIMIT :limit;

-- name: forget_of_deleted
-- Remove rows of a stream, up to and with one.
DELETE FROM log_pieces WHERE stream = :stream AND (at_ms, id) <= (:at_ms, :id);

-- name: forget_stream
-- Remove a stream that has no rows.
DELETE FROM log_streams WHERE id = :id;

-- name: forget_empty
-- Remove streams of a group that have nothing left and have had nothing for long.
DELETE FROM log_streams WHERE id IN (
    SELECT id FROM log_streams s
    WHERE log_group = :group AND coalesce(ingested_ms, 0) <= :before_ms AND created_ms <= :before_ms
      AND NOT EXISTS (SELECT 1 FROM log_pieces WHERE stream = s.id)
    LIMIT :limit);

-- name: groups_after
-- Some groups of every account, in order of id.
SELECT id, account, region, name, function_name, created_ms, retention_days, class, key_id, is_protected, tags, bytes
FROM log_groups WHERE id > :after ORDER BY id LIMIT :limit;

-- name: group_named
-- One group.
SELECT id, account, region, name, function_name, created_ms, retention_days, class, key_id, is_protected, tags, bytes
FROM log_groups WHERE account = :account AND region = :region AND name = :name;

-- name: groups_named
-- Groups of an account after a name, in order of name.
SELECT id, account, region, name, function_name, created_ms, retention_days, class, key_id, is_protected, tags, bytes
FROM log_groups WHERE account = :account AND region = :region AND name > :after ORDER BY name;

-- name: count_groups
-- How many groups an account has.
SELECT count(*) FROM log_groups WHERE account = :account AND region = :region;

-- name: add_group
-- Begin a group.
INSERT INTO log_groups (account, region, name, function_name, created_ms, class, key_id, is_protected, tags)
VALUES (:account, :region, :name, :function_name, :created_ms, :class, :key_id, :is_protected, :tags);

-- name: set_retention
-- Set a group's policy, or with NULL take it away.
UPDATE log_groups SET retention_days = :days WHERE id = :id;

-- name: set_tags
-- Set a group's tags.
UPDATE log_groups SET tags = :tags WHERE id = :id;

-- name: set_protected
-- Protect a group from being deleted, or no longer.
UPDATE log_groups SET is_protected = :is_protected WHERE id = :id;

-- name: delete_group
-- Remove a group; its streams are discarded before.
DELETE FROM log_groups WHERE id = :id;

-- name: discard_streams
-- Leave all streams of a group to the reaper.
UPDATE log_streams SET log_group = 0, name = CAST(id AS TEXT) WHERE log_group = :group;

-- name: discard_stream
-- Leave a stream to the reaper.
UPDATE log_streams SET log_group = 0, name = CAST(id AS TEXT) WHERE id = :id;

-- name: groups_of_account
-- The groups of an account, in all regions.
SELECT id FROM log_groups WHERE account = :account;

-- name: add_stream
-- Begin a stream.
INSERT INTO log_streams (log_group, name, created_ms) VALUES (:group, :name, :created_ms);

-- name: stream_named
-- One stream.
SELECT id, log_group, name, created_ms, first_ms, last_ms, ingested_ms FROM log_streams
WHERE log_group = :group AND name = :name;

-- name: streams_by_name
-- Streams of a group after a name, in order of name.
SELECT id, log_group, name, created_ms, first_ms, last_ms, ingested_ms FROM log_streams
WHERE log_group = :group AND name > :after ORDER BY name;

-- name: streams_by_name_down
-- Streams of a group before a name ('' for none), in descending order of name.
SELECT id, log_group, name, created_ms, first_ms, last_ms, ingested_ms FROM log_streams
WHERE log_group = :group AND (:after = '' OR name < :after) ORDER BY name DESC;

-- name: streams_by_time
-- Streams of a group after an instant and name, by their latest event.
SELECT id, log_group, name, created_ms, first_ms, last_ms, ingested_ms FROM log_streams
WHERE log_group = :group AND (coalesce(last_ms, 0), name) > (:after_ms, :after)
ORDER BY coalesce(last_ms, 0), name;

-- name: streams_by_time_down
-- Streams of a group before an instant and name, by their latest event, the latest first.
SELECT id, log_group, name, created_ms, first_ms, last_ms, ingested_ms FROM log_streams
WHERE log_group = :group AND (coalesce(last_ms, 0), name) < (:after_ms, :after)
ORDER BY coalesce(last_ms, 0) DESC, name DESC;

-- name: stream_up
-- A stream's pieces from a place on, in order of time.
SELECT p.id, p.stream, :name, p.at_ms, p.ingested_ms, p.is_event, p.text FROM log_pieces p
WHERE p.stream = :stream AND (p.at_ms, p.id) >= (:at_ms, :id) ORDER BY p.at_ms, p.id;

-- name: stream_down
-- A stream's pieces up to a place, the latest first.
SELECT p.id, p.stream, :name, p.at_ms, p.ingested_ms, p.is_event, p.text FROM log_pieces p
WHERE p.stream = :stream AND (p.at_ms, p.id) <= (:at_ms, :id) ORDER BY p.at_ms DESC, p.id DESC;

-- name: group_up
-- A group's pieces from a place on, in order of time.
SELECT p.id, p.stream, s.name, p.at_ms, p.ingested_ms, p.is_event, p.text
FROM log_pieces p CROSS JOIN log_streams s ON s.id = p.stream AND s.log_group = :group
WHERE p.log_group = :group AND (p.at_ms, p.id) >= (:at_ms, :id) ORDER BY p.at_ms, p.id;

-- name: group_down
-- A group's pieces up to a place, the latest first.
SELECT p.id, p.stream, s.name, p.at_ms, p.ingested_ms, p.is_event, p.text
FROM log_pieces p CROSS JOIN log_streams s ON s.id = p.stream AND s.log_group = :group
WHERE p.log_group = :group AND (p.at_ms, p.id) <= (:at_ms, :id) ORDER BY p.at_ms DESC, p.id DESC;
