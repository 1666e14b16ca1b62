-- name: queues
-- Every queue and what decides its messages' fate.
SELECT id, name, heap, visibility_ms, delay_ms, wait_ms, retention_ms, dlq_arn, receives_max FROM queues;

-- name: counts
-- Every queue's counters.
SELECT queue, messages, touched, sent, received, deleted, expired, purged, buried_in, buried_out, moved_in,
       moved_out
FROM queue_counts;

-- name: messages
-- Every message, those of dropped heaps too.
SELECT seq, heap, visible_ms, receives, receive_ms, origin, lineage, CAST(content AS TEXT) FROM messages ORDER BY seq;

-- name: moves
-- Every move task.
SELECT id, source_arn, destination_arn, rate, status, started_ms, moved FROM move_tasks ORDER BY n;
