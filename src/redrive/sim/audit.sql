-- name: queues
-- Every queue and what decides its messages' fate.
SELECT id, name, heap, visibility_ms, delay_ms, wait_ms, retention_ms, dlq_arn, receives_max FROM queues;

-- name: counts
-- Every queue's counters.
SELECT queue, messages, touched, sent, received, deleted, expired, purged, buried_in, buried_out, moved_in,
       moved_out
FROM queue_counts;

-- name: messages
-- Every message, those of dropped heaps too, in whichever lane of its heap it is.
SELECT seq, abs(heap), visible_ms, receives, receive_ms, origin, lineage, CAST(content AS TEXT), group_id, sequence,
       dedup_id
FROM messages ORDER BY seq;

-- name: moves
-- Every move task.
SELECT id, source_arn, destination_arn, rate, status, started_ms, moved FROM move_tasks ORDER BY n;

-- name: lanes
-- In which lane of its heap each message is, and its group.
SELECT seq, heap, group_id FROM messages;

-- name: tenants
-- What is kept of every tenant.
SELECT heap, group_id, messages, in_flight, since_ms, busy_ms, before_ms, last_ms, noise FROM tenants;

-- name: holds
-- Every lease of queues with groups.
SELECT seq, heap, group_id, since_ms, until_ms FROM holds;
