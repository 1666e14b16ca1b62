-- schema 1: metrics of queues: minutes, what they are rolled up into, and the counters that they end at
CREATE TABLE metric_series (  -- a queue's name, since CloudWatch's dimension is the name: it outlives the queue
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    name     TEXT NOT NULL,
    is_sized INTEGER NOT NULL DEFAULT 0,  -- 1: something was sent, so that it has SentMessageSize
    is_fair  INTEGER NOT NULL DEFAULT 0,  -- 1: it has the metrics of fair queues
    UNIQUE (account, region, name)
) STRICT;

CREATE TABLE metric_marks (  -- the counters of a queue as its latest minute has them; a delta is what lies beyond
    queue          INTEGER PRIMARY KEY,  -- the queue's id, never given twice
    series         INTEGER NOT NULL,
    active_ms      INTEGER NOT NULL,  -- when it last did something or held a message
    sent           INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    delete_calls   INTEGER NOT NULL,
    empty_receives INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    deduplicated   INTEGER NOT NULL
) STRICT;
-- serves forget_series and drop_marks
CREATE INDEX metric_marks_series ON metric_marks (series);

CREATE TABLE metric_minutes (
    series         INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,  -- when the minute began
    sent           INTEGER NOT NULL CHECK (sent >= 0),  -- this and the next: in the minute
    received       INTEGER NOT NULL CHECK (received >= 0),
    delete_calls   INTEGER NOT NULL CHECK (delete_calls >= 0),
    empty_receives INTEGER NOT NULL CHECK (empty_receives >= 0),
    sent_bytes     INTEGER NOT NULL CHECK (sent_bytes >= 0),
    size_least     INTEGER,  -- bytes, of one message; NULL when nothing was sent
    size_most      INTEGER,
    deduplicated   INTEGER,  -- NULL on standard queues
    age_s          INTEGER,  -- this and the next: at its end; NULL when nobody looked then
    delayed        INTEGER,
    in_flight      INTEGER,
    visible        INTEGER,
    groups_held    INTEGER,  -- NULL on standard queues
    noisy_groups   INTEGER,  -- this and the next: NULL but on standard queues that have met a group
    quiet_age_s    INTEGER,
    quiet_delayed  INTEGER,
    quiet_held     INTEGER,
    quiet_visible  INTEGER,
    PRIMARY KEY (series, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_rolls (
    series    INTEGER NOT NULL,
    period_ms INTEGER NOT NULL CHECK (period_ms IN (300000, 3600000)),
    at_ms     INTEGER NOT NULL,  -- when the period began
    sets      TEXT NOT NULL,  -- JSON: column of metric_minutes, or size -> [samples, sum, least, most]
    PRIMARY KEY (series, period_ms, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_room (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    points INTEGER NOT NULL  -- rows of metric_minutes, metric_rolls and metric_points
) STRICT;
INSERT INTO metric_room VALUES (1, 0);

-- schema 2: metrics by namespace, name and dimensions: of functions and mappings, and clients' own
CREATE TABLE metric_names (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    name       TEXT NOT NULL,
    dimensions TEXT NOT NULL,  -- JSON: [[name, value], …] in order of name
    unit       TEXT NOT NULL,
    latest_ms  INTEGER NOT NULL,  -- the latest minute that it has a point of
    UNIQUE (account, region, namespace, name, dimensions, unit)
) STRICT;

CREATE TABLE metric_points (
    metric    INTEGER NOT NULL,
    period_ms INTEGER NOT NULL CHECK (period_ms IN (60000, 300000, 3600000)),
    at_ms     INTEGER NOT NULL,  -- when the period began
    samples   REAL NOT NULL,
    total     REAL NOT NULL,
    least     REAL NOT NULL,
    most      REAL NOT NULL,
    spread    TEXT,  -- JSON: [[value, samples], …], at most 150; NULL when the samples are not known
    PRIMARY KEY (metric, period_ms, at_ms)
) STRICT, WITHOUT ROWID;

-- name: marks
-- The counters that were last recorded of some queues.
SELECT queue, series, active_ms, sent, received, delete_calls, empty_receives, sent_bytes, deduplicated
FROM metric_marks WHERE queue > :after AND queue <= :up_to;

-- name: set_mark
-- Store them: queue, series, active_ms, sent, received, delete_calls, empty_receives, sent_bytes, deduplicated.
INSERT INTO metric_marks
VALUES (:queue, :series, :active_ms, :sent, :received, :delete_calls, :empty_receives, :sent_bytes, :deduplicated)
ON CONFLICT (queue) DO UPDATE
SET active_ms = excluded.active_ms, sent = excluded.sent, received = excluded.received,
    delete_calls = excluded.delete_calls, empty_receives = excluded.empty_receives,
    sent_bytes = excluded.sent_bytes, deduplicated = excluded.deduplicated;

-- name: forget_marks
-- Let go of those of queues that are no more, which is all in a range but some (queues is a JSON array).
DELETE FROM metric_marks
WHERE queue > :after AND queue <= :up_to AND queue NOT IN (SELECT value FROM json_each(:queues));

-- name: series
-- One series.
SELECT id, account, region, name, is_sized, is_fair FROM metric_series
WHERE account = :account AND region = :region AND name = :name;

-- name: add_series
-- Begin a series and return its id.
INSERT INTO metric_series (account, region, name) VALUES (:account, :region, :name) RETURNING id;

-- name: set_kinds
-- Say which metrics a series has beyond those that all have.
UPDATE metric_series SET is_sized = max(is_sized, :is_sized), is_fair = max(is_fair, :is_fair) WHERE id = :id;

-- name: series_of
-- Series of an account after a name, in order of name.
SELECT id, account, region, name, is_sized, is_fair FROM metric_series
WHERE account = :account AND region = :region AND name > :after ORDER BY name LIMIT :limit;

-- name: series_after
-- Some series of every account, in order of id.
SELECT id, account, region, name, is_sized, is_fair FROM metric_series WHERE id > :after ORDER BY id LIMIT :limit;

-- name: latest
-- When a series was last recorded.
SELECT at_ms FROM metric_minutes WHERE series = :series ORDER BY at_ms DESC LIMIT 1;

-- name: latest_roll
-- When the latest period of a series began that is rolled up.
SELECT at_ms FROM metric_rolls WHERE series = :series AND period_ms = :period_ms ORDER BY at_ms DESC LIMIT 1;

-- name: add_minute
-- Store a minute, unless there is one.
INSERT INTO metric_minutes
VALUES (:series, :at_ms, :sent, :received, :delete_calls, :empty_receives, :sent_bytes, :size_least, :size_most,
        :deduplicated, :age_s, :delayed, :in_flight, :visible, :groups_held, :noisy_groups, :quiet_age_s,
        :quiet_delayed, :quiet_held, :quiet_visible)
ON CONFLICT (series, at_ms) DO NOTHING;

-- name: merge_minute
-- Add to a minute that is there: a server was started again within it.
UPDATE metric_minutes
SET sent = sent + :sent, received = received + :received, delete_calls = delete_calls + :delete_calls,
    empty_receives = empty_receives + :empty_receives, sent_bytes = sent_bytes + :sent_bytes,
    size_least = coalesce(min(size_least, :size_least), size_least, :size_least),
    size_most = coalesce(max(size_most, :size_most), size_most, :size_most),
    deduplicated = coalesce(deduplicated + :deduplicated, deduplicated, :deduplicated),
    age_s = coalesce(:age_s, age_s), delayed = coalesce(:delayed, delayed),
    in_flight = coalesce(:in_flight, in_flight), visible = coalesce(:visible, visible),
    groups_held = coalesce(:groups_held, groups_held), noisy_groups = coalesce(:noisy_groups, noisy_groups),
    quiet_age_s = coalesce(:quiet_age_s, quiet_age_s), quiet_delayed = coalesce(:quiet_delayed, quiet_delayed),
    quiet_held = coalesce(:quiet_held, quiet_held), quiet_visible = coalesce(:quiet_visible, quiet_visible)
WHERE series = :series AND at_ms = :at_ms;

-- name: values
-- One metric's samples, a column of metric_minutes each.
SELECT at_ms, CASE :column
    WHEN 'sent' THEN sent WHEN 'received' THEN received WHEN 'delete_calls' THEN delete_calls
    WHEN 'empty_receives' THEN empty_receives WHEN 'deduplicated' THEN deduplicated WHEN 'age_s' THEN age_s
    WHEN 'delayed' THEN delayed WHEN 'in_flight' THEN in_flight WHEN 'visible' THEN visible
    WHEN 'groups_held' THEN groups_held WHEN 'noisy_groups' THEN noisy_groups WHEN 'quiet_age_s' THEN quiet_age_s
    WHEN 'quiet_delayed' THEN quiet_delayed WHEN 'quiet_held' THEN quiet_held
    WHEN 'quiet_visible' THEN quiet_visible END AS value
FROM metric_minutes
WHERE series = :series AND at_ms >= :start_ms AND at_ms < :end_ms AND value IS NOT NULL ORDER BY at_ms LIMIT :limit;

-- name: sizes
-- The sizes of what was sent, minute by minute.
SELECT at_ms, sent, sent_bytes, size_least, size_most FROM metric_minutes
WHERE series = :series AND at_ms >= :start_ms AND at_ms < :end_ms AND sent > 0 ORDER BY at_ms LIMIT :limit;

-- name: rolls
-- What is rolled up into periods of one length.
SELECT at_ms, sets FROM metric_rolls
WHERE series = :series AND period_ms = :period_ms AND at_ms >= :start_ms AND at_ms < :end_ms
ORDER BY at_ms LIMIT :limit;

-- name: minutes
-- Minutes of a series before an instant, the oldest first.
SELECT series, at_ms, sent, received, delete_calls, empty_receives, sent_bytes, size_least, size_most, deduplicated,
       age_s, delayed, in_flight, visible, groups_held, noisy_groups, quiet_age_s, quiet_delayed, quiet_held,
       quiet_visible
FROM metric_minutes WHERE series = :series AND at_ms < :before_ms ORDER BY at_ms LIMIT :limit;

-- name: forget_minutes
-- Remove minutes of a series before an instant.
DELETE FROM metric_minutes WHERE series = :series AND at_ms < :before_ms;

-- name: set_roll
-- Store a period that is rolled up: series, period_ms, at_ms, sets.
INSERT OR REPLACE INTO metric_rolls VALUES (:series, :period_ms, :at_ms, :sets);

-- name: forget_rolls
-- Remove rolled up periods of one length before an instant.
DELETE FROM metric_rolls WHERE series = :series AND period_ms = :period_ms AND at_ms < :before_ms;

-- name: points
-- How many rows of points there are.
SELECT points FROM metric_room;

-- name: grow
-- Count rows.
UPDATE metric_room SET points = points + :points;

-- name: forget_series
-- Let go of a series that nobody records any more and of which nothing is left.
DELETE FROM metric_series
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM metric_minutes WHERE series = :id)
  AND NOT EXISTS (SELECT 1 FROM metric_rolls WHERE series = :id)
  AND NOT EXISTS (SELECT 1 FROM metric_marks WHERE series = :id);

-- name: all_series_of
-- All series of an account.
SELECT id FROM metric_series WHERE account = :account;

-- name: drop_minutes
-- Remove all minutes of a series.
DELETE FROM metric_minutes WHERE series = :series;

-- name: drop_rolls
-- Remove all that is rolled up of a series.
DELETE FROM metric_rolls WHERE series = :series;

-- name: drop_marks
-- Remove the marks of a series.
DELETE FROM metric_marks WHERE series = :series;

-- name: drop_series
-- Remove a series.
DELETE FROM metric_series WHERE id = :id;

-- name: metric_named
-- A metric with its dimensions and its unit.
SELECT id, account, region, namespace, name, dimensions, unit, latest_ms FROM metric_names
WHERE account = :account AND region = :region AND namespace = :namespace AND name = :name
  AND dimensions = :dimensions AND unit = :unit;

-- name: metrics_named
-- A metric with its dimensions, in all of its units.
SELECT id, account, region, namespace, name, dimensions, unit, latest_ms FROM metric_names
WHERE account = :account AND region = :region AND namespace = :namespace AND name = :name
  AND dimensions = :dimensions ORDER BY unit;

-- name: metrics_of
-- Metrics of an account after one, in order of id.
SELECT id, account, region, namespace, name, dimensions, unit, latest_ms FROM metric_names
WHERE id > :after AND account = :account AND region = :region AND (:namespace = '' OR namespace = :namespace)
ORDER BY id LIMIT :limit;

-- name: metrics_after
-- Some metrics of every account, in order of id.
SELECT id, account, region, namespace, name, dimensions, unit, latest_ms FROM metric_names
WHERE id > :after ORDER BY id LIMIT :limit;

-- name: count_metrics
-- How many metrics there are.
SELECT count(*) FROM metric_names;

-- name: add_metric
-- Begin a metric and return its id.
INSERT INTO metric_names (account, region, namespace, name, dimensions, unit, latest_ms)
VALUES (:account, :region, :namespace, :name, :dimensions, :unit, :at_ms) RETURNING id;

-- name: tell_metric
-- Note the latest minute of a metric.
UPDATE metric_names SET latest_ms = max(latest_ms, :at_ms) WHERE id = :id;

-- name: point
-- One point.
SELECT at_ms, samples, total, least, most, spread FROM metric_points
WHERE metric = :metric AND period_ms = :period_ms AND at_ms = :at_ms;

-- name: points_between
-- A metric's points of one resolution.
SELECT at_ms, samples, total, least, most, spread FROM metric_points
WHERE metric = :metric AND period_ms = :period_ms AND at_ms >= :start_ms AND at_ms < :end_ms
ORDER BY at_ms LIMIT :limit;

-- name: set_point
-- Store a point: metric, period_ms, at_ms, samples, total, least, most, spread.
INSERT OR REPLACE INTO metric_points
VALUES (:metric, :period_ms, :at_ms, :samples, :total, :least, :most, :spread);

-- name: forget_points
-- Remove a metric's points of one resolution before an instant.
DELETE FROM metric_points WHERE metric = :metric AND period_ms = :period_ms AND at_ms < :before_ms;

-- name: forget_metric
-- Let go of a metric of which nothing is left.
DELETE FROM metric_names WHERE id = :id AND NOT EXISTS (SELECT 1 FROM metric_points WHERE metric = :id);

-- name: all_metrics_of
-- All metrics of an account.
SELECT id FROM metric_names WHERE account = :account;

-- name: drop_points
-- Remove all points of a metric.
DELETE FROM metric_points WHERE metric = :id;

-- name: drop_metric
-- Remove a metric.
DELETE FROM metric_names WHERE id = :id;
