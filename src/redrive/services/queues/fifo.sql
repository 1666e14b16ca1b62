-- schema 1: FIFO queues: groups, deduplication, receive attempts
CREATE TABLE fifo_groups (  -- the message groups that have messages
    heap     INTEGER NOT NULL,
    group_id TEXT NOT NULL,
    ready_ms INTEGER NOT NULL,  -- no receive finds anything before: when its first message is visible, or expires
    turn     INTEGER NOT NULL,  -- among groups that became ready at one instant, which comes first
    PRIMARY KEY (heap, group_id)
) STRICT, WITHOUT ROWID;
-- serves ready, ready_groups, next_ready and retain
CREATE INDEX fifo_groups_ready ON fifo_groups (heap, ready_ms, turn);

CREATE TABLE fifo_dedup (  -- a deduplication id that was accepted less than five minutes ago, deleted since or not
    heap     INTEGER NOT NULL,
    scope    TEXT NOT NULL,  -- the message group; '': the whole queue
    dedup_id TEXT NOT NULL,
    seq      INTEGER NOT NULL,  -- the message that was accepted; its instant is that of the sending
    PRIMARY KEY (heap, scope, dedup_id)
) STRICT, WITHOUT ROWID;
-- serves forget_accepted
CREATE INDEX fifo_dedup_seq ON fifo_dedup (seq);

CREATE TABLE fifo_attempts (  -- a receive that may be tried again
    heap        INTEGER NOT NULL,
    attempt_id  TEXT NOT NULL,  -- ReceiveRequestAttemptId
    received_ms INTEGER NOT NULL,  -- the first of its tries
    visible_ms  INTEGER NOT NULL,  -- until when the latest of its tries has leased the messages
    held        TEXT NOT NULL,  -- JSON: [[seq, number of the receive], …] in the order of delivery
    PRIMARY KEY (heap, attempt_id)
) STRICT, WITHOUT ROWID;
-- serves forget_attempts
CREATE INDEX fifo_attempts_received ON fifo_attempts (received_ms);

-- name: number
-- Give a stored message its place in its group: sequence, dedup_id, seq.
UPDATE messages SET sequence = :sequence, dedup_id = :dedup_id WHERE seq = :seq;

-- name: members
-- Messages of a group behind one of them, in their order.
SELECT sequence, dedup_id, seq, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5,
       attributes, trace, group_id, origin, lineage, content
FROM messages INDEXED BY messages_group
WHERE heap = :heap AND group_id = :group_id AND sequence > :after ORDER BY sequence LIMIT :limit;

-- name: numbered
-- One message of a heap.
SELECT sequence, dedup_id, seq, visible_ms, receives, first_receive_ms, receive_ms, sender, attributes_md5,
       attributes, trace, group_id, origin, lineage, content
FROM messages WHERE seq = :seq AND heap = :heap AND sequence IS NOT NULL;

-- name: head
-- The first message of a group: its sequence and when it becomes visible.
SELECT sequence, visible_ms FROM messages INDEXED BY messages_group
WHERE heap = :heap AND group_id = :group_id AND sequence IS NOT NULL ORDER BY sequence LIMIT 1;

-- name: places
-- Where some messages (seqs is a JSON array) stand in their groups.
SELECT group_id, sequence FROM messages NOT INDEXED
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND sequence IS NOT NULL;

-- name: open_group
-- Put a group that has got its first message at the back of the rotation: heap, group_id, ready_ms, turn.
INSERT INTO fifo_groups (heap, group_id, ready_ms, turn) VALUES (:heap, :group_id, :ready_ms, :turn)
ON CONFLICT (heap, group_id) DO NOTHING;

-- name: set_ready
-- Say when a group is ready, and put it at the back of the rotation.
UPDATE fifo_groups SET ready_ms = :ready_ms, turn = :turn WHERE heap = :heap AND group_id = :group_id;

-- name: close_group
-- Take a group without messages out of the rotation.
DELETE FROM fifo_groups WHERE heap = :heap AND group_id = :group_id;

-- name: ready
-- The group of a heap whose turn it is, among those that came into the rotation before an instant.
SELECT group_id FROM fifo_groups INDEXED BY fifo_groups_ready
WHERE heap = :heap AND ready_ms <= :now_ms AND turn < :before ORDER BY ready_ms, turn LIMIT 1;

-- name: ready_groups
-- The groups of a heap that are free, in the order of their turns.
SELECT group_id FROM fifo_groups INDEXED BY fifo_groups_ready
WHERE heap = :heap AND ready_ms <= :now_ms ORDER BY ready_ms, turn LIMIT :limit;

-- name: next_ready
-- When the next group of a heap is ready.
SELECT ready_ms FROM fifo_groups INDEXED BY fifo_groups_ready WHERE heap = :heap ORDER BY ready_ms LIMIT 1;

-- name: retain
-- Reckon anew when the hidden groups of a heap are ready, since the retention period has changed.
UPDATE fifo_groups SET ready_ms = coalesce(
    (SELECT min(visible_ms, (sequence >> 20) + :retention_ms) FROM messages INDEXED BY messages_group
     WHERE heap = :heap AND group_id = fifo_groups.group_id AND sequence IS NOT NULL ORDER BY sequence LIMIT 1),
    ready_ms)
WHERE heap = :heap AND group_id IN (
    SELECT group_id FROM fifo_groups INDEXED BY fifo_groups_ready WHERE heap = :heap AND ready_ms > :now_ms);

-- name: accepted
-- Which message was accepted under a deduplication id in a scope since an instant. The plus keeps SQLite from
-- looking through all ids of that time.
SELECT seq FROM fifo_dedup
WHERE heap = :heap AND scope = :scope AND dedup_id = :dedup_id AND +seq >= :since_seq;

-- name: accept
-- Remember a deduplication id: heap, scope, dedup_id, seq.
INSERT OR REPLACE INTO fifo_dedup VALUES (:heap, :scope, :dedup_id, :seq);

-- name: attempt
-- What a receive attempt received.
SELECT received_ms, visible_ms, held FROM fifo_attempts WHERE heap = :heap AND attempt_id = :attempt_id;

-- name: keep_attempt
-- Remember what a receive attempt received.
INSERT OR REPLACE INTO fifo_attempts VALUES (:heap, :attempt_id, :received_ms, :visible_ms, :held);

-- name: expired
-- Messages of a FIFO queue that are older than the retention period, counted from their entering it.
SELECT seq, receives, lineage FROM messages INDEXED BY messages_entered
WHERE heap = :heap AND sequence IS NOT NULL AND sequence < :before_sequence ORDER BY sequence LIMIT :limit;

-- name: forget_accepted
-- Let go of deduplication ids whose time is over.
DELETE FROM fifo_dedup WHERE (heap, scope, dedup_id) IN (
    SELECT heap, scope, dedup_id FROM fifo_dedup INDEXED BY fifo_dedup_seq WHERE seq < :before_seq LIMIT :limit);

-- name: forget_attempts
-- Let go of receive attempts that may no longer be tried again.
DELETE FROM fifo_attempts WHERE (heap, attempt_id) IN (
    SELECT heap, attempt_id FROM fifo_attempts INDEXED BY fifo_attempts_received
    WHERE received_ms <= :before_ms LIMIT :limit);

-- name: reap_groups
-- Remove some groups of a heap that no queue owns.
DELETE FROM fifo_groups WHERE heap = :heap
  AND group_id IN (SELECT group_id FROM fifo_groups WHERE heap = :heap LIMIT :limit);
