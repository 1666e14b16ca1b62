-- schema 1: queues, their counters, messages, life-lines and move tasks
CREATE TABLE queues (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    heap          INTEGER NOT NULL UNIQUE,  -- which messages are the queue's; a purge gives it an empty one
    created_ms    INTEGER NOT NULL,
    modified_ms   INTEGER NOT NULL,
    purged_ms     INTEGER NOT NULL DEFAULT 0,
    visibility_ms INTEGER NOT NULL,
    delay_ms      INTEGER NOT NULL,
    wait_ms       INTEGER NOT NULL,
    retention_ms  INTEGER NOT NULL,
    bytes_max     INTEGER NOT NULL,
    dlq_arn       TEXT,      -- with receives_max: the redrive policy
    receives_max  INTEGER,
    attributes    TEXT NOT NULL,  -- JSON: what was set, by AWS's attribute names
    tags          TEXT NOT NULL,  -- JSON
    UNIQUE (account, region, name)
) STRICT;
-- serves dead_letter_sources
CREATE INDEX queues_dlq ON queues (dlq_arn) WHERE dlq_arn IS NOT NULL;

CREATE TABLE heaps (
    heap       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that old handles find nothing
    dropped_ms INTEGER  -- set when no queue owns it any more and its messages may be reaped
) STRICT;

CREATE TABLE deleted_queues (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    deleted_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_counts (
    queue     INTEGER PRIMARY KEY,  -- queues.id
    messages  INTEGER NOT NULL DEFAULT 0,  -- rows in its heap
    touched   INTEGER NOT NULL DEFAULT 0,  -- of these, received at least once: not fewer than are in flight
    sent      INTEGER NOT NULL DEFAULT 0,
    received  INTEGER NOT NULL DEFAULT 0,
    deleted   INTEGER NOT NULL DEFAULT 0,
    expired   INTEGER NOT NULL DEFAULT 0,
    purged    INTEGER NOT NULL DEFAULT 0,
    buried_in  INTEGER NOT NULL DEFAULT 0,
    buried_out INTEGER NOT NULL DEFAULT 0,
    moved_in   INTEGER NOT NULL DEFAULT 0,
    moved_out  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE messages (
    seq              INTEGER PRIMARY KEY,  -- instant of sending << 20 | n; the MessageId is made of it
    heap             INTEGER NOT NULL,
    visible_ms       INTEGER NOT NULL,  -- not receivable before: a delay, or the lease of a receive
    receives         INTEGER NOT NULL CHECK (receives >= 0),
    first_receive_ms INTEGER NOT NULL,  -- this and the next: meaningless while receives = 0, but of their
    receive_ms       INTEGER NOT NULL,  -- full size, so that a receive overwrites the row where it stands
    sender           TEXT NOT NULL,
    attributes_md5   TEXT,
    attributes       BLOB,  -- JSON text: name -> MessageAttributeValue
    trace            TEXT,  -- AWSTraceHeader
    group_id         TEXT,
    origin           TEXT,  -- ARN of the queue that buried it here
    lineage          INTEGER,  -- seq of the first message of its life-line, when that is another one
    content          BLOB NOT NULL  -- JSON text: "MessageId":"…","MD5OfBody":"…","Body":"…"
) STRICT;
-- serves due, next_due and count_hidden; receives makes it cover the count
CREATE INDEX messages_due ON messages (heap, visible_ms, receives);
-- serves expired_returned: the visible_ms of what came back no longer has the order of sending. What succeeds
-- at the first try never enters it
CREATE INDEX messages_returned ON messages (heap) WHERE receives > 1 OR origin IS NOT NULL;

CREATE TABLE history (
    n       INTEGER PRIMARY KEY,
    lineage INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('received', 'failed', 'throttled', 'returned', 'buried',
                                          'redriven', 'deleted', 'expired', 'changed')),
    detail  TEXT NOT NULL  -- JSON
) STRICT;
-- serves life_line
CREATE INDEX history_lineage ON history (lineage);
-- serves old_history
CREATE INDEX history_at ON history (at_ms);

CREATE TABLE failures (
    hash    TEXT PRIMARY KEY,  -- of the text
    text    TEXT NOT NULL,  -- JSON: the function's error body with its stack trace
    last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lineages (
    seq     INTEGER PRIMARY KEY,  -- a redriven message
    lineage INTEGER NOT NULL
) STRICT;

CREATE TABLE move_tasks (
    n               INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    source_arn      TEXT NOT NULL,
    destination_arn TEXT,  -- NULL: each message goes back to the queue that buried it
    rate            INTEGER,  -- messages a second; NULL: as fast as is kind to the others
    status          TEXT NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'CANCELLING', 'CANCELLED', 'FAILED')),
    started_ms      INTEGER NOT NULL,
    moved           INTEGER NOT NULL DEFAULT 0,
    to_move         INTEGER NOT NULL,  -- as counted at the start
    failure         TEXT
) STRICT;
-- serves running_moves and moves_of
CREATE INDEX move_tasks_source ON move_tasks (source_arn, status);

CREATE TABLE queue_salt (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    salt INTEGER NOT NULL  -- makes this store's message ids unlike any other's
) STRICT;

-- schema 2: fair queues: what each tenant holds, and the lane of the noisy ones
ALTER TABLE queues ADD COLUMN is_grouped INTEGER NOT NULL DEFAULT 0;  -- 1: a standard queue that has met a group

CREATE TABLE tenants (  -- a message group of a standard queue; a queue as a whole has the group ''
    heap      INTEGER NOT NULL,
    group_id  TEXT NOT NULL,
    messages  INTEGER NOT NULL,  -- rows in both lanes; 0 for a queue as a whole
    in_flight INTEGER NOT NULL,  -- rows of holds
    since_ms  INTEGER NOT NULL,  -- when the window of processing time began that is filled now
    busy_ms   INTEGER NOT NULL,  -- processing time that ended in it
    before_ms INTEGER NOT NULL,  -- and in the window before it
    last_ms   INTEGER NOT NULL,  -- the latest send, receive, change or delete
    noise     INTEGER NOT NULL CHECK (noise IN (0, 1, 2)),  -- quiet, noisy, quiet but not yet all back
    PRIMARY KEY (heap, group_id)
) STRICT, WITHOUT ROWID;
-- serves tenants_calming, noisy_tenants and shift
CREATE INDEX tenants_noisy ON tenants (heap, noise, last_ms) WHERE noise > 0;
-- serves forget_tenants
CREATE INDEX tenants_empty ON tenants (last_ms) WHERE messages = 0;

CREATE TABLE holds (  -- a lease on a queue with groups, until it ends or its end is noticed
    seq      INTEGER PRIMARY KEY,
    heap     INTEGER NOT NULL,
    group_id TEXT,  -- NULL: a message without group, which is a tenant of its own
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
-- serves holds_lapsed
CREATE INDEX holds_until ON holds (heap, until_ms);

-- serves unshift. The lane of a heap's noisy tenants has the heap's number with a minus, so no other message is in it
CREATE INDEX messages_noisy ON messages (heap, group_id) WHERE heap < 0;

INSERT INTO tenants
SELECT m.heap, m.group_id, count(*), 0, 0, 0, 0, max(m.seq) >> 20, 0
FROM messages AS m JOIN queues AS q ON q.heap = m.heap
WHERE m.group_id IS NOT NULL AND q.name NOT LIKE '%.fifo' GROUP BY m.heap, m.group_id;
UPDATE queues SET is_grouped = 1 WHERE heap IN (SELECT heap FROM tenants);

-- schema 3: FIFO queues: what makes a queue one, and the place of a message in its group (their tables are in fifo.sql)
ALTER TABLE queues ADD COLUMN is_fifo INTEGER AS (substr(name, -5) = '.fifo') VIRTUAL;  -- the name alone decides
ALTER TABLE messages ADD COLUMN sequence INTEGER;  -- instant of entering a FIFO queue << 20 | n; NULL on standard ones
ALTER TABLE messages ADD COLUMN dedup_id TEXT;  -- NULL on standard queues
-- serves head, members and place: a group in its order
CREATE INDEX messages_group ON messages (heap, group_id, sequence) WHERE sequence IS NOT NULL;
-- serves expired of FIFO queues
CREATE INDEX messages_entered ON messages (heap, sequence) WHERE sequence IS NOT NULL;

-- schema 4: what metrics count, and the last counters of queues that are gone
ALTER TABLE queue_counts ADD COLUMN sent_bytes INTEGER NOT NULL DEFAULT 0;  -- bodies and attributes, as sent
ALTER TABLE queue_counts ADD COLUMN delete_calls INTEGER NOT NULL DEFAULT 0;  -- handles taken, repeats included
ALTER TABLE queue_counts ADD COLUMN empty_receives INTEGER NOT NULL DEFAULT 0;  -- written once a minute
ALTER TABLE queue_counts ADD COLUMN deduplicated INTEGER NOT NULL DEFAULT 0;  -- sends that stored no message
ALTER TABLE queue_counts ADD COLUMN sent_before INTEGER NOT NULL DEFAULT 0;  -- by a version that kept no metrics
ALTER TABLE queue_counts ADD COLUMN received_before INTEGER NOT NULL DEFAULT 0;  -- the same
UPDATE queue_counts SET sent_before = sent, received_before = received;

CREATE TABLE retired_counts (  -- a deleted queue, until its last counters have been recorded
    queue          INTEGER PRIMARY KEY,
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    sent           INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    delete_calls   INTEGER NOT NULL,
    empty_receives INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    deduplicated   INTEGER NOT NULL
) STRICT;

-- schema 5: encryption at rest: which keys have sealed messages
CREATE TABLE sealing_keys (
    n  INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE  -- the first 8 bytes of the key's SHA-256
) STRICT;

-- name: sealing_keys
-- The keys that have sealed messages.
SELECT id FROM sealing_keys ORDER BY n;

-- name: keep_sealing_key
-- Remember that a key seals messages.
INSERT INTO sealing_keys (id) VALUES (:id);

-- name: forget_sealing_key
-- Let go of a key.
DELETE FROM sealing_keys WHERE id = :id;

-- name: sealed_with
-- Any message that begins as those do that one key has sealed.
SELECT seq FROM messages WHERE substr(content, 1, length(:head)) = :head LIMIT 1;

-- name: salt
-- The store's salt, if it has one.
SELECT salt FROM queue_salt;

-- name: keep_salt
-- Give the store its salt.
INSERT INTO queue_salt VALUES (1, :salt);

-- name: queue
-- One queue by its name.
SELECT id, account, region, name, heap, created_ms, modified_ms, purged_ms, visibility_ms, delay_ms, wait_ms,
       retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags, is_grouped, is_fifo
FROM queues WHERE account = :account AND region = :region AND name = :name;

-- name: queues_of
-- Queues of an account whose names begin with a prefix, after a name, in order of name.
SELECT id, account, region, name, heap, created_ms, modified_ms, purged_ms, visibility_ms, delay_ms, wait_ms,
       retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags, is_grouped, is_fifo
FROM queues
WHERE account = :account AND region = :region AND name > :after AND name >= :prefix
  AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: all_queues
-- Every queue of every account, for the reaper.
SELECT id, account, region, name, heap, created_ms, modified_ms, purged_ms, visibility_ms, delay_ms, wait_ms,
       retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags, is_grouped, is_fifo
FROM queues ORDER BY id;

-- name: dead_letter_sources
-- Queues whose redrive policy names a dead-letter queue, after a name, in order of name.
SELECT id, account, region, name, heap, created_ms, modified_ms, purged_ms, visibility_ms, delay_ms, wait_ms,
       retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags, is_grouped, is_fifo
FROM queues WHERE dlq_arn = :arn AND name > :after ORDER BY name LIMIT :limit;

-- name: add_heap
-- Make an empty heap and return its number.
INSERT INTO heaps DEFAULT VALUES RETURNING heap;

-- name: drop_heap
-- Leave a heap's messages to the reaper.
UPDATE heaps SET dropped_ms = :now_ms WHERE heap = :heap;

-- name: add_queue
-- Store a new queue and return its id.
INSERT INTO queues (account, region, name, heap, created_ms, modified_ms, visibility_ms, delay_ms, wait_ms,
                    retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags)
VALUES (:account, :region, :name, :heap, :now_ms, :now_ms, :visibility_ms, :delay_ms, :wait_ms,
        :retention_ms, :bytes_max, :dlq_arn, :receives_max, :attributes, :tags)
RETURNING id;

-- name: add_counts
-- Give a queue its counters.
INSERT INTO queue_counts (queue) VALUES (:queue);

-- name: set_attributes
-- Store a queue's changed attributes.
UPDATE queues
SET modified_ms = :now_ms, visibility_ms = :visibility_ms, delay_ms = :delay_ms, wait_ms = :wait_ms,
    retention_ms = :retention_ms, bytes_max = :bytes_max, dlq_arn = :dlq_arn, receives_max = :receives_max,
    attributes = :attributes
WHERE id = :id;

-- name: set_tags
-- Store a queue's tags.
UPDATE queues SET tags = :tags WHERE id = :id;

-- name: purge
-- Give a queue an empty heap.
UPDATE queues SET heap = :heap, purged_ms = :now_ms WHERE id = :id;

-- name: delete_queue
-- Remove a queue.
DELETE FROM queues WHERE id = :id;

-- name: delete_counts
-- Remove a queue's counters.
DELETE FROM queue_counts WHERE queue = :id;

-- name: bury_name
-- Remember when a name was given up.
INSERT OR REPLACE INTO deleted_queues VALUES (:account, :region, :name, :now_ms);

-- name: name_deleted
-- When a name was given up, if lately.
SELECT deleted_ms FROM deleted_queues
WHERE account = :account AND region = :region AND name = :name;

-- name: forget_names
-- Let go of names given up long enough ago.
DELETE FROM deleted_queues WHERE deleted_ms <= :before_ms;

-- name: forget_names_of
-- Let go of all names that an account has given up.
DELETE FROM deleted_queues WHERE account = :account;

-- name: count
-- Add to a queue's counters.
UPDATE queue_counts
SET messages = messages + :messages, touched = touched + :touched, sent = sent + :sent,
    received = received + :received, deleted = deleted + :deleted, expired = expired + :expired,
    purged = purged + :purged, buried_in = buried_in + :buried_in, buried_out = buried_out + :buried_out,
    moved_in = moved_in + :moved_in, moved_out = moved_out + :moved_out, sent_bytes = sent_bytes + :sent_bytes,
    delete_calls = delete_calls + :delete_calls, empty_receives = empty_receives + :empty_receives,
    deduplicated = deduplicated + :deduplicated
WHERE queue = :key;

-- name: counts
-- A queue's counters as written.
SELECT messages, touched, sent, received, deleted, expired, purged, buried_in, buried_out, moved_in, moved_out,
       sent_bytes, delete_calls, empty_receives, deduplicated
FROM queue_counts WHERE queue = :queue;

-- name: queues_after
-- Some queues of every account with their counters, in order of id.
SELECT q.id, q.account, q.region, q.name, q.heap, q.created_ms, q.modified_ms, q.is_grouped, q.is_fifo,
       c.sent_before, c.received_before, c.messages, c.touched, c.sent, c.received, c.deleted, c.expired, c.purged, c.buried_in, c.buried_out,
       c.moved_in, c.moved_out, c.sent_bytes, c.delete_calls, c.empty_receives, c.deduplicated
FROM queues AS q JOIN queue_counts AS c ON c.queue = q.id
WHERE q.id > :after ORDER BY q.id LIMIT :limit;

-- name: count_all
-- The counters of all queues, for people to watch.
SELECT q.id, q.name, q.account, q.region, c.messages, c.sent, c.received, c.delete_calls, c.empty_receives,
       c.sent_bytes, c.deduplicated, c.buried_out, c.expired
FROM queues AS q JOIN queue_counts AS c ON c.queue = q.id ORDER BY q.id;

-- name: retire
-- Keep what a queue that is deleted has counted since the last time that somebody recorded it.
INSERT INTO retired_counts
SELECT :queue, :account, :region, :name, :created_ms, :sent - sent_before, :received - received_before, :delete_calls,
       :empty_receives, :sent_bytes, :deduplicated
FROM queue_counts WHERE queue = :queue;

-- name: retired
-- Deleted queues whose last counters nobody has recorded yet.
SELECT queue, account, region, name, created_ms, sent, received, delete_calls, empty_receives, sent_bytes, deduplicated
FROM retired_counts WHERE queue > :after ORDER BY queue LIMIT :limit;

-- name: oldest_due
-- The oldest, by its sending, of the first due messages of a heap; those received often are left out.
SELECT min(seq) FROM (SELECT seq, receives FROM messages INDEXED BY messages_due
                      WHERE heap = :heap AND visible_ms <= :now_ms ORDER BY visible_ms, receives, seq LIMIT :limit)
WHERE receives < :receives;

-- name: oldest_hidden
-- The oldest, by its sending, of the hidden messages of a heap; those received often are left out.
SELECT min(seq) FROM messages INDEXED BY messages_due
WHERE heap = :heap AND visible_ms > :now_ms AND receives < :receives;

-- name: oldest_entered
-- The oldest message of a FIFO queue, by its entering.
SELECT sequence FROM messages INDEXED BY messages_entered
WHERE heap = :heap AND sequence IS NOT NULL ORDER BY sequence LIMIT 1;

-- name: waiting_since
-- Since when the first messages of a dead-letter queue have been there: what was buried, since its burial, which
-- its row tells until it is received again, and its life-line after that.
SELECT min(CASE WHEN m.origin IS NULL THEN CASE WHEN m.receives < :receives THEN m.seq >> 20 END
                WHEN m.receive_ms > m.visible_ms THEN m.visible_ms
                ELSE coalesce((SELECT max(at_ms) FROM history
                               WHERE lineage = coalesce(m.lineage, m.seq) AND kind = 'buried'), m.receive_ms) END)
FROM (SELECT seq, visible_ms, receives, receive_ms, origin, lineage FROM messages INDEXED BY messages_due
      WHERE heap = :heap ORDER BY visible_ms, receives, seq LIMIT :limit) AS m;

-- name: groups_held
-- How many message groups have messages in flight, among some of those.
SELECT count(DISTINCT group_id) FROM (
    SELECT group_id FROM messages INDEXED BY messages_due
    WHERE heap = :heap AND visible_ms > :now_ms AND receives > 0 LIMIT :limit);

-- name: forget_retired_of
-- Let go of an account's deleted queues.
DELETE FROM retired_counts WHERE account = :account;

-- name: forget_retired
-- Let go of deleted queues (queues is a JSON array).
DELETE FROM retired_counts WHERE queue IN (SELECT value FROM json_each(:queues));

-- name: touched
-- How many of a queue's messages have been received at least once.
SELECT touched FROM queue_counts WHERE queue = :queue;

-- name: count_hidden
-- How many messages are delayed, and how many are in flight.
SELECT coalesce(sum(receives = 0), 0), coalesce(sum(receives > 0), 0)
FROM messages INDEXED BY messages_due WHERE heap IN (:heap, -:heap) AND visible_ms > :now_ms;

-- name: send
-- Store a message.
INSERT INTO messages (seq, heap, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5,
                      attributes, trace, group_id, lineage, content)
VALUES (:seq, :heap, :visible_ms, 0, :visible_ms, :visible_ms, :sender, :attributes_md5, :attributes, :trace,
        :group_id, :lineage, :content);

-- name: due
-- The messages of a heap that may be received, those that became visible first in front.
SELECT seq, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5, attributes, trace,
       group_id, origin, lineage, content
FROM messages INDEXED BY messages_due
WHERE heap = :heap AND visible_ms <= :now_ms ORDER BY visible_ms, receives, seq LIMIT :limit;

-- name: peek
-- The messages of a heap in the order of their becoming visible, received or not.
SELECT seq, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5, attributes, trace,
       group_id, origin, lineage, content
FROM messages INDEXED BY messages_due WHERE heap = :heap ORDER BY visible_ms, receives, seq LIMIT :limit;

-- name: message
-- One message, wherever it is.
SELECT seq, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5, attributes, trace,
       group_id, origin, lineage, content
FROM messages WHERE seq = :seq;

-- name: heap_of
-- In which heap a message is, whichever lane it is in.
SELECT abs(heap) FROM messages WHERE seq = :seq;

-- name: queue_by_heap
-- The queue that owns a heap.
SELECT id, account, region, name, heap, created_ms, modified_ms, purged_ms, visibility_ms, delay_ms, wait_ms,
       retention_ms, bytes_max, dlq_arn, receives_max, attributes, tags, is_grouped, is_fifo
FROM queues WHERE heap = :heap;

-- name: next_due
-- When the next message of a heap becomes visible.
SELECT visible_ms FROM messages INDEXED BY messages_due WHERE heap = :heap ORDER BY visible_ms LIMIT 1;

-- name: lease
-- Receive one message: visible_ms, receives, first_receive_ms, receive_ms, seq.
UPDATE messages
SET visible_ms = :visible_ms, receives = :receives, first_receive_ms = :first_receive_ms,
    receive_ms = :receive_ms
WHERE seq = :seq;

-- name: hide
-- Change when a received message becomes visible again.
UPDATE messages SET visible_ms = :visible_ms WHERE seq = :seq;

-- name: bury
-- Put a message into its dead-letter queue's heap, visible at once. That receive_ms lies beyond visible_ms
-- says that no lease has ended there.
UPDATE messages SET heap = :heap, visible_ms = :now_ms, receive_ms = :now_ms + 1, origin = :origin
WHERE seq = :seq;

-- name: leases
-- What is left of some messages (seqs is a JSON array) in a heap.
SELECT seq, receives, first_receive_ms, receive_ms, lineage
FROM messages NOT INDEXED WHERE seq IN (SELECT value FROM json_each(:seqs)) AND abs(heap) = :heap;

-- name: remove
-- Remove one message.
DELETE FROM messages WHERE seq = :seq;

-- name: expired
-- Messages that have not come back and are older than the retention period. One received once and given up by
-- its only receiver is found when its lapsed lease is that old; it is not delivered meanwhile.
SELECT seq, receives, lineage FROM messages INDEXED BY messages_due
WHERE heap = :heap AND visible_ms <= :before_ms AND seq < :before_seq LIMIT :limit;

-- name: expired_returned
-- Messages that came back from a receive or were buried, and are older than the retention period.
SELECT seq, receives, lineage FROM messages INDEXED BY messages_returned
WHERE heap = :heap AND (receives > 1 OR origin IS NOT NULL) AND seq < :before_seq LIMIT :limit;

-- name: dropped_heaps
-- Heaps that no queue owns.
SELECT heap FROM heaps WHERE dropped_ms IS NOT NULL LIMIT 1;

-- name: reap_heap
-- Remove some messages of a heap that no queue owns.
DELETE FROM messages
WHERE seq IN (SELECT seq FROM messages INDEXED BY messages_due WHERE heap = :heap LIMIT :limit);

-- name: forget_heap
-- Remove an emptied heap.
DELETE FROM heaps WHERE heap = :heap;

-- name: note
-- Add an event to a life-line: lineage, at_ms, kind, detail.
INSERT INTO history (lineage, at_ms, kind, detail) VALUES (:lineage, :at_ms, :kind, :detail);

-- name: life_line
-- The events of a life-line in the order of their happening.
SELECT at_ms, kind, detail FROM history WHERE lineage = :lineage ORDER BY at_ms, n;

-- name: keep_failure
-- Store an error once; remember when it was last seen.
INSERT INTO failures VALUES (:hash, :text, :now_ms)
ON CONFLICT (hash) DO UPDATE SET last_ms = excluded.last_ms;

-- name: failure
-- An error's text.
SELECT text FROM failures WHERE hash = :hash;

-- name: add_lineage
-- Remember whose life-line a redriven message continues.
INSERT INTO lineages VALUES (:seq, :lineage);

-- name: lineage
-- Whose life-line a message continues.
SELECT lineage FROM lineages WHERE seq = :seq;

-- name: last_history
-- The number of the newest life-line event.
SELECT coalesce(max(n), 0) FROM history;

-- name: forget_history
-- Let go of events that are too old or too many.
DELETE FROM history
WHERE n IN (SELECT n FROM (SELECT n FROM history WHERE at_ms < :before_ms LIMIT :limit)
            UNION SELECT n FROM (SELECT n FROM history WHERE n <= :up_to LIMIT :limit));

-- name: forget_failures
-- Let go of errors not seen for long.
DELETE FROM failures WHERE last_ms < :before_ms;

-- name: forget_lineages
-- Let go of redriven messages older than any retention.
DELETE FROM lineages WHERE seq < :before_seq;

-- name: add_move
-- Store a move task.
INSERT INTO move_tasks (id, account, region, source_arn, destination_arn, rate, status, started_ms, to_move)
VALUES (:id, :account, :region, :source_arn, :destination_arn, :rate, 'RUNNING', :now_ms, :to_move);

-- name: moves_of
-- The move tasks of a source, the newest first.
SELECT n, id, account, region, source_arn, destination_arn, rate, status, started_ms, moved, to_move, failure
FROM move_tasks WHERE source_arn = :source_arn ORDER BY n DESC LIMIT :limit;

-- name: running_moves
-- The move tasks that go on.
SELECT n, id, account, region, source_arn, destination_arn, rate, status, started_ms, moved, to_move, failure
FROM move_tasks WHERE status IN ('RUNNING', 'CANCELLING') ORDER BY n;

-- name: running_moves_of
-- How many move tasks of an account go on.
SELECT count(*) FROM move_tasks WHERE account = :account AND status = 'RUNNING';

-- name: set_move
-- Store a move task's progress.
UPDATE move_tasks SET status = :status, moved = :moved, failure = :failure WHERE n = :n;

-- name: forget_moves
-- Let go of finished move tasks beyond a number for each source and age.
DELETE FROM move_tasks WHERE status NOT IN ('RUNNING', 'CANCELLING') AND started_ms < :before_ms;

-- name: delete_moves_of
-- Remove all move tasks of an account.
DELETE FROM move_tasks WHERE account = :account;

-- name: group_queue
-- Remember that a queue has met a message group.
UPDATE queues SET is_grouped = 1 WHERE id = :id;

-- name: tenants
-- What some tenants of a heap hold (groups is a JSON array).
SELECT heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise
FROM tenants WHERE heap = :heap AND group_id IN (SELECT value FROM json_each(:groups));

-- name: tenant
-- What one tenant of a heap holds, and the queue as a whole.
SELECT heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise
FROM tenants WHERE heap = :heap AND group_id IN ('', :group_id);

-- name: keep_tenant
-- Store what a tenant holds: heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise.
INSERT INTO tenants
VALUES (:heap, :group_id, :messages, :in_flight, :since_ms, :busy_ms, :before_ms, :last_ms, :noise)
ON CONFLICT (heap, group_id) DO UPDATE
SET messages = excluded.messages, in_flight = excluded.in_flight, since_ms = excluded.since_ms,
    busy_ms = excluded.busy_ms, before_ms = excluded.before_ms, last_ms = excluded.last_ms, noise = excluded.noise;

-- name: noisy_tenants
-- The noisy tenants of a heap.
SELECT heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise
FROM tenants INDEXED BY tenants_noisy WHERE heap = :heap AND noise > 0 AND noise = 1;

-- name: tenants_calming
-- Tenants of a heap that are quiet with messages in the noisy lane, or noisy and silent since an instant.
SELECT heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise
FROM tenants INDEXED BY tenants_noisy
WHERE heap = :heap AND noise > 0 AND (noise = 2 OR last_ms <= :silent_ms) LIMIT :limit;

-- name: shift
-- Put what is due of noisy tenants, among the first of a heap's quiet lane, into the noisy lane.
UPDATE messages SET heap = -heap
WHERE seq IN (SELECT seq FROM messages INDEXED BY messages_due WHERE heap = :heap AND visible_ms <= :now_ms
              ORDER BY visible_ms, receives, seq LIMIT :limit)
  AND group_id IN (SELECT group_id FROM tenants INDEXED BY tenants_noisy WHERE heap = :heap AND noise > 0 AND noise = 1);

-- name: unshift
-- Put messages of one tenant from the noisy lane (a negative number) back into the quiet one.
UPDATE messages SET heap = -heap
WHERE seq IN (SELECT seq FROM messages INDEXED BY messages_noisy
              WHERE heap = :lane AND heap < 0 AND group_id = :group_id LIMIT :limit);

-- name: groups_of
-- Which groups some messages have (seqs is a JSON array).
SELECT seq, group_id FROM messages NOT INDEXED WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: hold
-- Keep a lease: seq, heap, group_id, since_ms, until_ms.
INSERT OR REPLACE INTO holds VALUES (:seq, :heap, :group_id, :since_ms, :until_ms);

-- name: holds
-- The leases of some messages (seqs is a JSON array).
SELECT seq, heap, group_id, since_ms, until_ms
FROM holds NOT INDEXED WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: holds_lapsed
-- Leases of a heap that have ended by themselves.
SELECT seq, heap, group_id, since_ms, until_ms
FROM holds INDEXED BY holds_until WHERE heap = :heap AND until_ms <= :now_ms LIMIT :limit;

-- name: leased
-- What is in flight in a heap.
SELECT seq, heap, group_id, receive_ms, visible_ms
FROM messages INDEXED BY messages_due
WHERE heap = :heap AND visible_ms > :now_ms AND receives > 0 LIMIT :limit;

-- name: let_go
-- Forget a lease.
DELETE FROM holds WHERE seq = :seq;

-- name: reap_holds
-- Forget some leases of a heap that no queue owns.
DELETE FROM holds WHERE seq IN (SELECT seq FROM holds INDEXED BY holds_until WHERE heap = :heap LIMIT :limit);

-- name: reap_tenants
-- Forget some tenants of a heap that no queue owns.
DELETE FROM tenants WHERE heap = :heap
  AND group_id IN (SELECT group_id FROM tenants WHERE heap = :heap LIMIT :limit);

-- name: forget_tenants
-- Let go of tenants that hold nothing, when their processing time is no longer recent.
DELETE FROM tenants WHERE (heap, group_id) IN (
    SELECT heap, group_id FROM tenants INDEXED BY tenants_empty
    WHERE messages = 0 AND in_flight = 0 AND last_ms < :before_ms LIMIT :limit);

-- name: count_delayed_noisy
-- How many delayed messages are of noisy tenants.
SELECT count(*) FROM messages INDEXED BY messages_due
WHERE heap IN (:heap, -:heap) AND visible_ms > :now_ms AND receives = 0
  AND group_id IN (SELECT group_id FROM tenants INDEXED BY tenants_noisy WHERE heap = :heap AND noise > 0 AND noise = 1);

-- name: oldest_quiet
-- The oldest, by its sending, of the first messages of a heap, due or hidden, that are not of noisy tenants; those
-- received often are left out.
SELECT seq FROM (SELECT seq, group_id, receives FROM messages INDEXED BY messages_due
                 WHERE heap = :heap ORDER BY visible_ms, receives, seq LIMIT :limit)
WHERE receives < :receives AND (group_id IS NULL OR group_id NOT IN (
    SELECT group_id FROM tenants INDEXED BY tenants_noisy WHERE heap = :heap AND noise > 0 AND noise = 1))
ORDER BY seq LIMIT 1;
