-- schema 1: the mark that the simulator leaves in each commit group.
CREATE TABLE sim_marks (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    mark INTEGER NOT NULL
) STRICT;
INSERT INTO sim_marks VALUES (1, 0);

-- name: set_mark
-- Leave a mark.
UPDATE sim_marks SET mark = :mark WHERE id = 1;

-- name: mark
-- Find it.
SELECT mark FROM sim_marks WHERE id = 1;

-- name: owed
-- Count what is owed to targets and to functions.
SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM async_events);

-- name: next
-- Tell when the next of it falls due that does not yet.
SELECT coalesce(min(due_ms), :never) FROM (
    SELECT due_ms FROM deliveries UNION ALL SELECT due_ms FROM async_events)
WHERE due_ms > :now_ms;
