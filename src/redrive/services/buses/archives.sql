-- schema 1: archives of event buses, what they hold, and replays of it.
CREATE TABLE archives (
    id             INTEGER PRIMARY KEY,
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    bus            TEXT NOT NULL,      -- name: a bus that is made anew goes on being archived
    description    TEXT,
    pattern        TEXT,               -- which events are kept; NULL: all
    retention_days INTEGER NOT NULL,   -- 0: for ever
    kms_key        TEXT,
    created_ms     INTEGER NOT NULL,
    UNIQUE (account, region, name)
) STRICT;
-- Serves `of_bus`.
CREATE INDEX archives_by_bus ON archives (account, region, bus);
CREATE TABLE archive_counts (
    archive INTEGER PRIMARY KEY,       -- of one that was deleted, as long as it has events
    events  INTEGER NOT NULL DEFAULT 0,
    bytes   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE archived_events (
    seq     INTEGER PRIMARY KEY,       -- instant of archiving << SEQ_BITS | n
    archive INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,          -- the event's own time
    event   TEXT NOT NULL              -- JSON object
) STRICT;
-- Serves `next_events`: in the order of their times.
CREATE INDEX archived_events_by_time ON archived_events (archive, time_ms, seq);
-- Serves `oldest` and `remove_oldest`: in the order in which they came.
CREATE INDEX archived_events_by_age ON archived_events (archive, seq);
CREATE TABLE replays (
    id          INTEGER PRIMARY KEY,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    archive     INTEGER NOT NULL,
    source      TEXT NOT NULL,         -- ARN of the archive
    bus         TEXT NOT NULL,         -- name
    rules       TEXT NOT NULL,         -- JSON list of ARNs: no others see the events; [] is all
    description TEXT,
    state       TEXT NOT NULL
        CHECK (state IN ('STARTING', 'RUNNING', 'CANCELLING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    reason      TEXT,
    start_ms    INTEGER NOT NULL,      -- times of events, both included
    end_ms      INTEGER NOT NULL,
    limit_seq   INTEGER NOT NULL,      -- what is archived later is not replayed
    at_ms       INTEGER NOT NULL,      -- the cursor: the last event that was replayed
    at_seq      INTEGER NOT NULL,
    last_ms     INTEGER,               -- the same, NULL before the first
    started_ms  INTEGER NOT NULL,
    ended_ms    INTEGER,
    UNIQUE (account, region, name)
) STRICT;
-- Serves `active`.
CREATE INDEX replays_active ON replays (id) WHERE ended_ms IS NULL;
-- Serves `forget_replays`.
CREATE INDEX replays_ended ON replays (ended_ms) WHERE ended_ms IS NOT NULL;

-- name: of_bus
-- List the archives of a bus as JSON: [[id, pattern], ...].
SELECT json_group_array(json_array(id, pattern)) FROM archives
WHERE account = :account AND region = :region AND bus = :bus;

-- name: keep
-- Keep an event.
INSERT INTO archived_events (seq, archive, time_ms, event)
VALUES (:seq, :archive, :time_ms, :event);

-- name: count
-- Add to what an archive holds.
UPDATE archive_counts SET events = events + :events, bytes = bytes + :bytes WHERE archive = :key;

-- name: archive
-- Find an archive by name.
SELECT id, account, region, name, bus, description, pattern, retention_days, kms_key, created_ms
FROM archives WHERE account = :account AND region = :region AND name = :name;

-- name: archive_by_id
-- Find an archive that may have been deleted.
SELECT id, account, region, name, bus, description, pattern, retention_days, kms_key, created_ms
FROM archives WHERE id = :id;

-- name: list_archives
-- Page through the archives of an account and region by name.
SELECT id, account, region, name, bus, description, pattern, retention_days, kms_key, created_ms
FROM archives
WHERE account = :account AND region = :region AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix AND (:bus IS NULL OR bus = :bus)
ORDER BY name LIMIT :limit;

-- name: expiring
-- List the archives of all accounts whose events expire.
SELECT id, account, region, name, bus, description, pattern, retention_days, kms_key, created_ms
FROM archives WHERE retention_days > 0 ORDER BY id;

-- name: set_archive
-- Make an archive, or change what can be changed of it.
INSERT INTO archives (
    id, account, region, name, bus, description, pattern, retention_days, kms_key, created_ms)
VALUES (
    :id, :account, :region, :name, :bus, :description, :pattern, :retention_days, :kms_key,
    :created_ms)
ON CONFLICT DO UPDATE SET
    description = excluded.description, pattern = excluded.pattern,
    retention_days = excluded.retention_days, kms_key = excluded.kms_key;

-- name: delete_archive
-- Forget an archive; its events go bit by bit.
DELETE FROM archives WHERE id = :id;

-- name: add_counts
-- Begin to count what an archive holds.
INSERT INTO archive_counts (archive) VALUES (:archive);

-- name: counts
-- Tell what an archive holds, as written.
SELECT events, bytes FROM archive_counts WHERE archive = :archive;

-- name: dropped
-- Find an archive that was deleted and may have events.
SELECT archive FROM archive_counts WHERE archive NOT IN (SELECT id FROM archives) LIMIT 1;

-- name: delete_counts
-- Forget an archive that was deleted and has no events any more.
DELETE FROM archive_counts WHERE archive = :archive;

-- name: oldest
-- Name an archive's events below a number, those that came first in front.
SELECT seq, time_ms, octet_length(event) FROM archived_events
WHERE archive = :archive AND seq < :below ORDER BY seq LIMIT :limit;

-- name: remove_oldest
-- Remove an archive's events up to a number.
DELETE FROM archived_events WHERE archive = :archive AND seq <= :last;

-- name: next_events
-- Name the events that a replay sends next, in the order of their times.
SELECT seq, time_ms, octet_length(event) FROM archived_events
WHERE archive = :archive AND (time_ms, seq) > (:at_ms, :at_seq) AND time_ms <= :end_ms
    AND seq >= :oldest_seq AND seq < :limit_seq
ORDER BY time_ms, seq LIMIT :limit;

-- name: event
-- Read an event.
SELECT event FROM archived_events WHERE seq = :seq;

-- name: replay
-- Find a replay by name.
SELECT id, account, region, name, archive, source, bus, rules, description, state, reason, start_ms,
    end_ms, limit_seq, at_ms, at_seq, last_ms, started_ms, ended_ms
FROM replays WHERE account = :account AND region = :region AND name = :name;

-- name: list_replays
-- Page through the replays of an account and region by name.
SELECT id, account, region, name, archive, source, bus, rules, description, state, reason, start_ms,
    end_ms, limit_seq, at_ms, at_seq, last_ms, started_ms, ended_ms
FROM replays
WHERE account = :account AND region = :region AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix AND (:state IS NULL OR state = :state)
    AND (:source IS NULL OR source = :source)
ORDER BY name LIMIT :limit;

-- name: active
-- List the replays of all accounts that go on.
SELECT id, account, region, name, archive, source, bus, rules, description, state, reason, start_ms,
    end_ms, limit_seq, at_ms, at_seq, last_ms, started_ms, ended_ms
FROM replays WHERE ended_ms IS NULL ORDER BY id LIMIT :limit;

-- name: count_active
-- Count the replays of an account and region that go on.
SELECT count(*) FROM replays
WHERE ended_ms IS NULL AND account = :account AND region = :region
    AND state IN ('STARTING', 'RUNNING');

-- name: add_replay
-- Begin a replay.
INSERT INTO replays (
    id, account, region, name, archive, source, bus, rules, description, state, reason, start_ms,
    end_ms, limit_seq, at_ms, at_seq, last_ms, started_ms, ended_ms)
VALUES (
    :id, :account, :region, :name, :archive, :source, :bus, :rules, :description, :state, :reason,
    :start_ms, :end_ms, :limit_seq, :at_ms, :at_seq, :last_ms, :started_ms, :ended_ms);

-- name: set_replay
-- Write down how far a replay has come.
UPDATE replays SET
    state = :state, reason = :reason, at_ms = :at_ms, at_seq = :at_seq, last_ms = :last_ms,
    ended_ms = :ended_ms
WHERE id = :id;

-- name: forget_replays
-- Forget replays that ended long ago.
DELETE FROM replays WHERE ended_ms IS NOT NULL AND ended_ms <= :before_ms;

-- name: first_ended
-- Tell when the replay that ended first did.
SELECT min(ended_ms) FROM replays WHERE ended_ms IS NOT NULL;

-- name: reset
-- Forget all archives of an account; their events go bit by bit.
DELETE FROM archives WHERE account = :account;

-- name: reset_replays
-- Forget all replays of an account.
DELETE FROM replays WHERE account = :account;
