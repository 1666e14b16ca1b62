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

-- name: add
-- Write one piece.
INSERT INTO logs (account, region, function_name, stream, request_id, at_ms, bytes, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: grow
-- Count what was written or, negative, forgotten.
UPDATE log_size SET bytes = bytes + :bytes;

-- name: size
-- The bytes of all rows.
SELECT bytes FROM log_size;

-- name: tail
-- A function's latest pieces, the newest first; of one invocation when request_id is given.
SELECT id, account, region, function_name, stream, request_id, at_ms, text FROM logs
WHERE account = :account AND region = :region AND function_name = :function_name
  AND (:request_id = '' OR request_id = :request_id)
ORDER BY id DESC LIMIT :limit;

-- name: since
-- A function's pieces after a cursor, in the order in which they were written.
SELECT id, account, region, function_name, stream, request_id, at_ms, text FROM logs
WHERE account = :account AND region = :region AND function_name = :function_name AND id > :after
  AND (:request_id = '' OR request_id = :request_id)
ORDER BY id LIMIT :limit;

-- name: since_of_all
-- The pieces of all of an account's functions after a cursor, in order.
SELECT id, account, region, function_name, stream, request_id, at_ms, text FROM logs
WHERE id > :after AND account = :account AND region = :region
ORDER BY id LIMIT :limit;

-- name: last
-- The newest row's number, 0 when there has been none.
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'logs';

-- name: oldest
-- The oldest rows, for the reaper.
SELECT id, at_ms, bytes FROM logs ORDER BY id LIMIT :limit;

-- name: forget
-- Remove the oldest rows, up to and with one.
DELETE FROM logs WHERE id <= :id;
