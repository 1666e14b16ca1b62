-- schema 1: custom event buses, the events that they keep, and who reads them.
CREATE TABLE custom_buses (
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    name            TEXT NOT NULL,
    number          INTEGER NOT NULL,      -- what its events and subscribers know it by
    arn             TEXT NOT NULL,
    description     TEXT,
    kms_key         TEXT,
    retention_days  INTEGER NOT NULL CHECK (retention_days BETWEEN 1 AND 365),
    state           TEXT NOT NULL CHECK (state IN ('CREATING', 'ACTIVE', 'UPDATING', 'DELETING')),
    created_ms      INTEGER NOT NULL,
    modified_ms     INTEGER NOT NULL,
    tags            TEXT NOT NULL,         -- JSON object
    token           TEXT,                  -- the client's, of the request that made it
    token_hash      TEXT,                  -- of that request
    policy          TEXT,                  -- JSON text as it was given
    policy_revision TEXT,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX custom_buses_by_number ON custom_buses (number);
-- Serves `bus_by_token`.
CREATE UNIQUE INDEX custom_buses_by_token ON custom_buses (account, region, token)
    WHERE token IS NOT NULL;
-- Serves `unsettled_bus`.
CREATE INDEX custom_buses_unsettled ON custom_buses (state) WHERE state <> 'ACTIVE';

CREATE TABLE custom_events (
    seq          INTEGER PRIMARY KEY,      -- instant of taking << 20 | n: the order of the bus
    bus          INTEGER NOT NULL,
    event_id     TEXT NOT NULL,
    lane         TEXT,                     -- the event group
    dedup        TEXT,                     -- the DeduplicationId, as it was given
    content_type TEXT NOT NULL,
    data         BLOB NOT NULL,
    metadata     TEXT NOT NULL,            -- JSON object
    account      TEXT NOT NULL,            -- whose event it is
    bytes        INTEGER NOT NULL          -- as it is delivered, with all metadata
) STRICT;
-- Serves `headings` and `expired`.
CREATE INDEX custom_events_by_bus ON custom_events (bus, seq);
-- Serves `lane_headings`.
CREATE INDEX custom_events_by_lane ON custom_events (bus, lane, seq) WHERE lane IS NOT NULL;

CREATE TABLE custom_dedup (
    bus      INTEGER NOT NULL,
    token    TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (bus, token)
) STRICT, WITHOUT ROWID;
-- Serves `forget_tokens`.
CREATE INDEX custom_dedup_until ON custom_dedup (until_ms);

CREATE TABLE custom_subscribers (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    arn         TEXT NOT NULL,
    bus         INTEGER NOT NULL,
    bus_arn     TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('FIFO', 'UNORDERED')),
    target      TEXT NOT NULL,
    settings    TEXT NOT NULL,             -- JSON object, as DescribeSubscriber shows them
    position    TEXT NOT NULL,             -- JSON object: where it began
    state       TEXT NOT NULL CHECK (state IN ('RUNNING', 'STOPPED')),
    revoked     INTEGER NOT NULL,
    cursor      INTEGER NOT NULL,          -- events up to it have been read
    end_seq     INTEGER,                   -- events above it are not for it
    behind      INTEGER NOT NULL,          -- there may be events after the cursor
    pending     INTEGER NOT NULL,          -- batches that it has
    turn        INTEGER NOT NULL,          -- grows with each reading, so that all come round
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    tags        TEXT NOT NULL,
    token       TEXT,
    token_hash  TEXT,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX custom_subscribers_by_number ON custom_subscribers (number);
-- Serves `subscribers_of`, `mark_behind` and `has_subscriber`.
CREATE INDEX custom_subscribers_by_bus ON custom_subscribers (bus, behind);
-- Serves `readers`.
CREATE INDEX custom_subscribers_behind ON custom_subscribers (turn)
    WHERE behind = 1 AND state = 'RUNNING' AND revoked = 0;
-- Serves `subscriber_by_token`.
CREATE UNIQUE INDEX custom_subscribers_by_token ON custom_subscribers (account, region, token)
    WHERE token IS NOT NULL;

CREATE TABLE custom_batches (
    id         INTEGER PRIMARY KEY,        -- a sequence: those of one lane in their order
    subscriber INTEGER NOT NULL,
    lane       TEXT NOT NULL,              -- the event group, '' where no order is owed
    seqs       TEXT NOT NULL,              -- JSON list of its events, in order
    events     INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    is_open    INTEGER NOT NULL,           -- more events may join it
    ready_ms   INTEGER NOT NULL,           -- when its window ends
    due_ms     INTEGER NOT NULL,           -- NEVER: another of its lane goes first, or it is held
    attempts   INTEGER NOT NULL,           -- how many have failed
    first_ms   INTEGER,                    -- when the first began
    error      TEXT                        -- JSON list: code and text of the latest failure
) STRICT;
-- Serves `due` and `next_due`.
CREATE INDEX custom_batches_due ON custom_batches (subscriber, due_ms);
-- Serves `next_due`.
CREATE INDEX custom_batches_next ON custom_batches (due_ms);
-- Serves `lane_batches` and `promote`.
CREATE INDEX custom_batches_by_lane ON custom_batches (subscriber, lane, id);

-- Groups with more events than may be read ahead: these wait in the bus.
CREATE TABLE custom_lanes (
    subscriber INTEGER NOT NULL,
    lane       TEXT NOT NULL,
    next_seq   INTEGER NOT NULL,           -- the first that has not been read
    is_ready   INTEGER NOT NULL,           -- there is room for more of them
    PRIMARY KEY (subscriber, lane)
) STRICT, WITHOUT ROWID;
-- Serves `ready_lanes`.
CREATE INDEX custom_lanes_ready ON custom_lanes (subscriber) WHERE is_ready = 1;

CREATE TABLE custom_sources (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    arn         TEXT NOT NULL,
    bus         INTEGER NOT NULL,
    bus_arn     TEXT NOT NULL,
    service     TEXT NOT NULL,             -- such as aws.s3
    settings    TEXT NOT NULL,             -- JSON object: the Configuration as it was given
    description TEXT,
    revoked     INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    tags        TEXT NOT NULL,
    token       TEXT,
    token_hash  TEXT,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
-- Serves `sources_on` and `has_source`.
CREATE INDEX custom_sources_by_bus ON custom_sources (bus);
-- Serves `sources_from`.
CREATE INDEX custom_sources_by_service ON custom_sources (account, region, service);
-- Serves `source_by_token`.
CREATE UNIQUE INDEX custom_sources_by_token ON custom_sources (account, region, token)
    WHERE token IS NOT NULL;

-- name: add_bus
-- Make a bus.
INSERT INTO custom_buses (
    account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token, token_hash)
VALUES (
    :account, :region, :name, :number, :arn, :description, :kms_key, :retention_days, 'CREATING',
    :now_ms, :now_ms, :tags, :token, :token_hash);

-- name: bus
-- Find a bus by its name.
SELECT account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token_hash, policy, policy_revision
FROM custom_buses WHERE account = :account AND region = :region AND name = :name;

-- name: bus_by_number
-- Find a bus by its number.
SELECT account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token_hash, policy, policy_revision
FROM custom_buses WHERE number = :number;

-- name: bus_by_token
-- Find the bus that a client's token made.
SELECT account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token_hash, policy, policy_revision
FROM custom_buses WHERE account = :account AND region = :region AND token = :token;

-- name: list_buses
-- List an account's buses by name.
SELECT account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token_hash, policy, policy_revision
FROM custom_buses
WHERE account = :account AND region = :region AND name > :after AND name >= :prefix
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: update_bus
-- Change a bus.
UPDATE custom_buses
SET description = :description, kms_key = :kms_key, retention_days = :retention_days,
    state = 'UPDATING', modified_ms = :now_ms
WHERE number = :number;

-- name: set_bus_state
-- Move a bus on in its life.
UPDATE custom_buses SET state = :state WHERE number = :number;

-- name: set_bus_tags
-- Replace a bus's tags.
UPDATE custom_buses SET tags = :tags WHERE arn = :arn AND account = :account
    AND region = :region AND name = :name;

-- name: set_policy
-- Attach a policy to a bus, or take it away.
UPDATE custom_buses SET policy = :policy, policy_revision = :revision WHERE number = :number;

-- name: unsettled_bus
-- Find one bus that is on its way to another state.
SELECT account, region, name, number, arn, description, kms_key, retention_days, state, created_ms,
    modified_ms, tags, token_hash, policy, policy_revision
FROM custom_buses WHERE state <> 'ACTIVE' LIMIT 1;

-- name: all_buses
-- List what the reaper has to know of all buses.
SELECT number, retention_days FROM custom_buses;

-- name: delete_bus
-- Forget a bus.
DELETE FROM custom_buses WHERE number = :number;

-- name: add_event
-- Keep an event.
INSERT INTO custom_events (
    seq, bus, event_id, lane, dedup, content_type, data, metadata, account, bytes)
VALUES (:seq, :bus, :event_id, :lane, :dedup, :content_type, :data, :metadata, :account, :bytes);

-- name: headings
-- Tell which events follow a place in a bus.
SELECT seq, lane, bytes FROM custom_events
WHERE bus = :bus AND seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit;

-- name: lane_headings
-- Tell which events of a group follow a place in a bus. The index is named, because without
-- statistics SQLite would look through the whole bus.
SELECT seq, lane, bytes FROM custom_events INDEXED BY custom_events_by_lane
WHERE bus = :bus AND lane = :lane AND seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit;

-- name: event
-- Find an event.
SELECT seq, event_id, lane, dedup, content_type, data, metadata, account
FROM custom_events WHERE seq = :seq;

-- name: expire
-- Remove a chunk of a bus's events up to a place.
DELETE FROM custom_events WHERE seq IN (
    SELECT seq FROM custom_events WHERE bus = :bus AND seq <= :upto ORDER BY seq LIMIT :limit);

-- name: token
-- Find what a deduplication id was first given to.
SELECT seq, event_id FROM custom_dedup
WHERE bus = :bus AND token = :token AND until_ms > :now_ms;

-- name: add_token
-- Remember a deduplication id.
INSERT OR REPLACE INTO custom_dedup (bus, token, seq, event_id, until_ms)
VALUES (:bus, :token, :seq, :event_id, :until_ms);

-- name: forget_tokens
-- Remove a chunk of deduplication ids that no longer count.
DELETE FROM custom_dedup WHERE (bus, token) IN (
    SELECT bus, token FROM custom_dedup WHERE until_ms <= :now_ms ORDER BY until_ms LIMIT :limit);

-- name: forget_tokens_of
-- Remove a bus's deduplication ids.
DELETE FROM custom_dedup WHERE bus = :bus;

-- name: mark_behind
-- Let a bus's subscribers know that there is an event.
UPDATE custom_subscribers SET behind = 1
WHERE bus = :bus AND behind = 0 AND (end_seq IS NULL OR end_seq >= :seq);

-- name: add_subscriber
-- Make a subscriber.
INSERT INTO custom_subscribers (
    account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, behind, pending, turn, created_ms, modified_ms, tags, token,
    token_hash)
VALUES (
    :account, :region, :name, :number, :arn, :bus, :bus_arn, :kind, :target, :settings, :position,
    :state, 0, :cursor, :end_seq, 1, 0, :number, :now_ms, :now_ms, :tags, :token, :token_hash);

-- name: subscriber
-- Find a subscriber by its name.
SELECT account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, pending, created_ms, modified_ms, tags, token_hash
FROM custom_subscribers WHERE account = :account AND region = :region AND name = :name;

-- name: subscriber_by_number
-- Find a subscriber by its number.
SELECT account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, pending, created_ms, modified_ms, tags, token_hash
FROM custom_subscribers WHERE number = :number;

-- name: subscriber_by_token
-- Find the subscriber that a client's token made.
SELECT account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, pending, created_ms, modified_ms, tags, token_hash
FROM custom_subscribers WHERE account = :account AND region = :region AND token = :token;

-- name: list_subscribers
-- List an account's subscribers by ARN.
SELECT account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, pending, created_ms, modified_ms, tags, token_hash
FROM custom_subscribers
WHERE account = :account AND region = :region AND arn > :after AND (:bus IS NULL OR bus = :bus)
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY arn LIMIT :limit;

-- name: subscribers_of
-- List a bus's subscribers, whosever they are, by ARN.
SELECT account, region, name, number, arn, bus, bus_arn, kind, target, settings, position, state,
    revoked, cursor, end_seq, pending, created_ms, modified_ms, tags, token_hash
FROM custom_subscribers
WHERE bus = :bus AND arn > :after AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY arn LIMIT :limit;

-- name: has_subscriber
-- Tell whether a bus has a subscriber.
SELECT number FROM custom_subscribers WHERE bus = :bus LIMIT 1;

-- name: update_subscriber
-- Change a subscriber.
UPDATE custom_subscribers
SET settings = :settings, state = :state, modified_ms = :now_ms WHERE number = :number;

-- name: revoke_subscriber
-- End a subscriber's deliveries for good.
UPDATE custom_subscribers SET revoked = 1, modified_ms = :now_ms WHERE number = :number;

-- name: set_subscriber_tags
-- Replace a subscriber's tags.
UPDATE custom_subscribers SET tags = :tags WHERE arn = :arn AND account = :account
    AND region = :region AND name = :name;

-- name: move_cursor
-- Write down how far a subscriber has read.
UPDATE custom_subscribers
SET cursor = :cursor, behind = :behind, pending = :pending, turn = :turn WHERE number = :number;

-- name: add_pending
-- Count a subscriber's batches.
UPDATE custom_subscribers SET pending = pending + :count WHERE number = :number;

-- name: delete_subscriber
-- Forget a subscriber.
DELETE FROM custom_subscribers WHERE number = :number;

-- name: readers
-- Name subscribers that may read on, the one that has waited longest first.
SELECT number FROM custom_subscribers
WHERE behind = 1 AND state = 'RUNNING' AND revoked = 0 AND pending < :pending_max
ORDER BY turn LIMIT :limit;

-- name: add_batch
-- Keep a batch.
INSERT INTO custom_batches (
    id, subscriber, lane, seqs, events, bytes, is_open, ready_ms, due_ms, attempts)
VALUES (:id, :subscriber, :lane, :seqs, :events, :bytes, :is_open, :ready_ms, :due_ms, 0);

-- name: fill_batch
-- Write down what has joined a batch.
UPDATE custom_batches
SET seqs = :seqs, events = :events, bytes = :bytes, is_open = :is_open, due_ms = :due_ms
WHERE id = :id;

-- name: lane_batches
-- List the batches of a lane that has an order.
SELECT id, subscriber, lane, seqs, events, bytes, is_open, ready_ms, due_ms, attempts, first_ms,
    error
FROM custom_batches WHERE subscriber = :subscriber AND lane = :lane ORDER BY id LIMIT 2;

-- name: open_batch
-- Find the batch of a subscriber that events without an order may join.
SELECT id, subscriber, lane, seqs, events, bytes, is_open, ready_ms, due_ms, attempts, first_ms,
    error
FROM custom_batches WHERE subscriber = :subscriber AND lane = '' AND is_open = 1
ORDER BY id DESC LIMIT 1;

-- name: batch
-- Find a batch.
SELECT id, subscriber, lane, seqs, events, bytes, is_open, ready_ms, due_ms, attempts, first_ms,
    error
FROM custom_batches WHERE id = :id;

-- name: due
-- Name what is due, each subscriber's oldest only, by hopping from subscriber to subscriber.
WITH RECURSIVE place (subscriber) AS (
    SELECT min(subscriber) FROM custom_batches
    UNION ALL
    SELECT (SELECT min(subscriber) FROM custom_batches WHERE subscriber > place.subscriber)
    FROM place WHERE place.subscriber IS NOT NULL
)
SELECT owed.id, CAST(owed.subscriber AS TEXT)
FROM place JOIN custom_batches AS owed ON owed.id IN (
    SELECT id FROM custom_batches AS own
    WHERE own.subscriber = place.subscriber AND own.due_ms <= :now_ms
    ORDER BY own.due_ms, own.id LIMIT :limit)
ORDER BY owed.due_ms, owed.id;

-- name: next_due
-- Tell when the next batch that is not due yet falls due.
SELECT min(due_ms) FROM custom_batches WHERE due_ms > :now_ms AND due_ms < :never_ms;

-- name: begin_batch
-- Close a batch, because its events are on their way.
UPDATE custom_batches SET is_open = 0, first_ms = coalesce(first_ms, :now_ms) WHERE id = :id;

-- name: shrink_batch
-- Write down which events of a batch are left.
UPDATE custom_batches SET seqs = :seqs, events = :events WHERE id = :id;

-- name: postpone
-- Try a batch again later.
UPDATE custom_batches
SET due_ms = :due_ms, attempts = :attempts, first_ms = :first_ms, error = :error WHERE id = :id;

-- name: promote
-- Let the next batch of a group go.
UPDATE custom_batches
SET due_ms = CASE WHEN is_open = 1 THEN max(ready_ms, :now_ms) ELSE :now_ms END
WHERE id = (
    SELECT min(id) FROM custom_batches WHERE subscriber = :subscriber AND lane = :lane);

-- name: delete_batch
-- Forget a batch that is settled.
DELETE FROM custom_batches WHERE id = :id;

-- name: hold_batches
-- Keep a stopped subscriber's batches back.
UPDATE custom_batches SET due_ms = :never_ms WHERE subscriber = :subscriber;

-- name: release_batches
-- Let a subscriber's batches go again, of each group its first; their age begins anew.
UPDATE custom_batches SET due_ms = :now_ms, first_ms = NULL, attempts = 0
WHERE subscriber = :subscriber AND (lane = '' OR id = (
    SELECT min(id) FROM custom_batches AS other
    WHERE other.subscriber = custom_batches.subscriber AND other.lane = custom_batches.lane));

-- name: delete_batches
-- Forget all batches of a subscriber.
DELETE FROM custom_batches WHERE subscriber = :subscriber;

-- name: lane
-- Find a group whose events wait in the bus.
SELECT subscriber, lane, next_seq FROM custom_lanes
WHERE subscriber = :subscriber AND lane = :lane;

-- name: put_lane
-- Let a group's events wait in the bus from one on.
INSERT OR REPLACE INTO custom_lanes (subscriber, lane, next_seq, is_ready)
VALUES (:subscriber, :lane, :next_seq, :is_ready);

-- name: open_lane
-- Say that there is room for more events of a group.
UPDATE custom_lanes SET is_ready = 1 WHERE subscriber = :subscriber AND lane = :lane;

-- name: ready_lanes
-- Name groups that may be read on.
SELECT own.subscriber, own.lane, own.next_seq
FROM custom_lanes AS own JOIN custom_subscribers AS reader ON reader.number = own.subscriber
WHERE own.is_ready = 1 AND reader.state = 'RUNNING' AND reader.revoked = 0 LIMIT :limit;

-- name: delete_lane
-- Forget that a group's events wait in the bus.
DELETE FROM custom_lanes WHERE subscriber = :subscriber AND lane = :lane;

-- name: delete_lanes
-- Do the same for all groups of a subscriber.
DELETE FROM custom_lanes WHERE subscriber = :subscriber;

-- name: add_source
-- Make an event source.
INSERT INTO custom_sources (
    account, region, name, arn, bus, bus_arn, service, settings, description, revoked, created_ms,
    modified_ms, tags, token, token_hash)
VALUES (
    :account, :region, :name, :arn, :bus, :bus_arn, :service, :settings, :description, 0, :now_ms,
    :now_ms, :tags, :token, :token_hash);

-- name: source
-- Find an event source by its name.
SELECT account, region, name, arn, bus, bus_arn, service, settings, description, revoked,
    created_ms, modified_ms, tags, token_hash
FROM custom_sources WHERE account = :account AND region = :region AND name = :name;

-- name: source_by_token
-- Find the event source that a client's token made.
SELECT account, region, name, arn, bus, bus_arn, service, settings, description, revoked,
    created_ms, modified_ms, tags, token_hash
FROM custom_sources WHERE account = :account AND region = :region AND token = :token;

-- name: list_sources
-- List an account's event sources by ARN.
SELECT account, region, name, arn, bus, bus_arn, service, settings, description, revoked,
    created_ms, modified_ms, tags, token_hash
FROM custom_sources
WHERE account = :account AND region = :region AND arn > :after AND (:bus IS NULL OR bus = :bus)
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY arn LIMIT :limit;

-- name: sources_on
-- List a bus's event sources, whosever they are, by ARN.
SELECT account, region, name, arn, bus, bus_arn, service, settings, description, revoked,
    created_ms, modified_ms, tags, token_hash
FROM custom_sources
WHERE bus = :bus AND arn > :after AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY arn LIMIT :limit;

-- name: sources_from
-- List the event sources that forward a service's events.
SELECT account, region, name, arn, bus, bus_arn, service, settings, description, revoked,
    created_ms, modified_ms, tags, token_hash
FROM custom_sources INDEXED BY custom_sources_by_service
WHERE account = :account AND region = :region AND service = :service AND revoked = 0;

-- name: has_source
-- Tell whether a bus has an event source.
SELECT bus FROM custom_sources WHERE bus = :bus LIMIT 1;

-- name: update_source
-- Change an event source.
UPDATE custom_sources
SET settings = :settings, service = :service, description = :description, modified_ms = :now_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: revoke_source
-- End an event source's forwarding for good.
UPDATE custom_sources SET revoked = 1, modified_ms = :now_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: set_source_tags
-- Replace an event source's tags.
UPDATE custom_sources SET tags = :tags WHERE arn = :arn AND account = :account
    AND region = :region AND name = :name;

-- name: delete_source
-- Forget an event source.
DELETE FROM custom_sources WHERE account = :account AND region = :region AND name = :name;

-- name: reset_batches
-- Forget the batches of an account's subscribers, and of those on its buses.
DELETE FROM custom_batches WHERE subscriber IN (
    SELECT number FROM custom_subscribers WHERE account = :account
        OR bus IN (SELECT number FROM custom_buses WHERE account = :account));

-- name: reset_lanes
-- Forget the groups of the same.
DELETE FROM custom_lanes WHERE subscriber IN (
    SELECT number FROM custom_subscribers WHERE account = :account
        OR bus IN (SELECT number FROM custom_buses WHERE account = :account));

-- name: reset_subscribers
-- Forget the same.
DELETE FROM custom_subscribers WHERE account = :account
    OR bus IN (SELECT number FROM custom_buses WHERE account = :account);

-- name: reset_sources
-- Forget an account's event sources, and those on its buses.
DELETE FROM custom_sources WHERE account = :account
    OR bus IN (SELECT number FROM custom_buses WHERE account = :account);

-- name: reset_events
-- Forget the events of an account's buses.
DELETE FROM custom_events WHERE bus IN (
    SELECT number FROM custom_buses WHERE account = :account);

-- name: reset_dedup
-- Forget the deduplication ids of an account's buses.
DELETE FROM custom_dedup WHERE bus IN (SELECT number FROM custom_buses WHERE account = :account);

-- name: reset_buses
-- Forget an account's buses.
DELETE FROM custom_buses WHERE account = :account;
