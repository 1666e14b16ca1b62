-- schema 1: alarms, on whom composite ones depend, histories, dashboards
CREATE TABLE alarms (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('MetricAlarm', 'CompositeAlarm')),
    config          TEXT NOT NULL,  -- JSON: what was put
    namespace       TEXT NOT NULL,  -- of a metric alarm on one metric, else ''
    metric          TEXT NOT NULL,
    actions_enabled INTEGER NOT NULL CHECK (actions_enabled IN (0, 1)),
    configured_ms   INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('OK', 'ALARM', 'INSUFFICIENT_DATA')),
    reason          TEXT NOT NULL,
    reason_data     TEXT NOT NULL,
    updated_ms      INTEGER NOT NULL,
    transitioned_ms INTEGER NOT NULL,
    trouble         TEXT NOT NULL DEFAULT '',
    due_ms          INTEGER,  -- when it is to be looked at
    warm_ms         INTEGER,  -- when the warm-up ends
    acted           TEXT NOT NULL CHECK (acted IN ('OK', 'ALARM', 'INSUFFICIENT_DATA')),
    suppressed_by   TEXT NOT NULL DEFAULT ''
        CHECK (suppressed_by IN ('', 'Alarm', 'WaitPeriod', 'ExtensionPeriod')),
    released_ms     INTEGER CHECK ((released_ms IS NULL) = (suppressed_by IN ('', 'Alarm'))),
    tags            TEXT NOT NULL,  -- JSON: key -> value
    UNIQUE (account, region, name),
    CHECK (kind = 'CompositeAlarm' OR due_ms IS NOT NULL)
) STRICT;
-- serves due and next_due
CREATE INDEX alarms_due ON alarms (kind, due_ms) WHERE due_ms IS NOT NULL;
-- serves of_metric
CREATE INDEX alarms_metric ON alarms (account, region, namespace, metric) WHERE metric <> '';

CREATE TABLE alarm_ties (  -- a composite alarm depends on another one, by its name
    parent  INTEGER NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    child   TEXT NOT NULL,
    role    TEXT NOT NULL CHECK (role IN ('rule', 'suppressor')),
    PRIMARY KEY (parent, role, child)
) STRICT, WITHOUT ROWID;
-- serves concern, parents and is_needed
CREATE INDEX alarm_ties_child ON alarm_ties (account, region, child);

CREATE TABLE alarm_history (
    id      INTEGER PRIMARY KEY,  -- a sequence number: instant << 20 | n
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    type    TEXT NOT NULL CHECK (type IN ('ConfigurationUpdate', 'StateUpdate', 'Action')),
    summary TEXT NOT NULL,
    data    TEXT NOT NULL  -- JSON
) STRICT;
-- serves history_of, has_told and trim_history
CREATE INDEX alarm_history_name ON alarm_history (account, region, name, id);
-- serves history
CREATE INDEX alarm_history_place ON alarm_history (account, region, id);

CREATE TABLE dashboards (
    account     TEXT NOT NULL,
    name        TEXT NOT NULL,
    body        TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    tags        TEXT NOT NULL,  -- JSON: key -> value
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- name: by_name
-- One alarm.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms WHERE account = :account AND region = :region AND name = :name;

-- name: by_id
-- One alarm by its id.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms WHERE id = :id;

-- name: due
-- Alarms of a kind that are to be looked at, the longest due first.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms WHERE kind = :kind AND due_ms <= :now_ms ORDER BY due_ms, id LIMIT :limit;

-- name: next_due
-- When the next alarm of a kind is to be looked at.
SELECT due_ms FROM alarms WHERE kind = :kind AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1;

-- name: page
-- Alarms of some kinds (a JSON array) after a name and before another one, in order of name.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms
WHERE account = :account AND region = :region AND name > :after AND name >= :beginning AND name < :ending
  AND kind IN (SELECT value FROM json_each(:kinds)) AND (:state = '' OR state = :state)
ORDER BY name LIMIT :limit;

-- name: named
-- Alarms by their names (a JSON array), in order of name.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms
WHERE account = :account AND region = :region AND name IN (SELECT value FROM json_each(:names)) ORDER BY name;

-- name: of_metric
-- Alarms on one metric, in order of name.
SELECT id, account, region, name, kind, config, actions_enabled, configured_ms, state, reason, reason_data, updated_ms,
       transitioned_ms, trouble, due_ms, warm_ms, acted, suppressed_by, released_ms, tags
FROM alarms
WHERE account = :account AND region = :region AND namespace = :namespace AND metric = :metric AND metric <> ''
ORDER BY name LIMIT :limit;

-- name: count
-- How many alarms of a kind there are.
SELECT count(*) FROM alarms WHERE account = :account AND region = :region AND kind = :kind;

-- name: add
-- Begin an alarm and return its id.
INSERT INTO alarms (account, region, name, kind, config, namespace, metric, actions_enabled, configured_ms, state,
                    reason, reason_data, updated_ms, transitioned_ms, due_ms, warm_ms, acted, tags)
VALUES (:account, :region, :name, :kind, :config, :namespace, :metric, :actions_enabled, :now_ms, 'INSUFFICIENT_DATA',
        :reason, '', :now_ms, :now_ms, :due_ms, :warm_ms, 'INSUFFICIENT_DATA', :tags)
RETURNING id;

-- name: configure
-- Put another configuration in the place of an alarm's own.
UPDATE alarms
SET config = :config, namespace = :namespace, metric = :metric, actions_enabled = :actions_enabled,
    configured_ms = :now_ms, due_ms = :due_ms, warm_ms = :warm_ms, trouble = ''
WHERE id = :id;

-- name: set_enabled
-- Enable or disable the actions of an alarm.
UPDATE alarms SET actions_enabled = :actions_enabled, configured_ms = :now_ms WHERE id = :id;

-- name: set_state
-- Write a state and why it is so.
UPDATE alarms
SET transitioned_ms = CASE state WHEN :state THEN transitioned_ms ELSE :now_ms END, state = :state, reason = :reason,
    reason_data = :reason_data, updated_ms = :now_ms
WHERE id = :id;

-- name: set_due
-- Say when alarms are to be looked at next: due_ms, id.
UPDATE alarms SET due_ms = :due_ms WHERE id = :id;

-- name: set_trouble
-- Say what keeps an alarm from being evaluated.
UPDATE alarms SET trouble = :trouble, updated_ms = :now_ms WHERE id = :id;

-- name: end_warm_up
-- End the warm-up of an alarm.
UPDATE alarms SET warm_ms = NULL WHERE id = :id;

-- name: set_suppression
-- Say what keeps the actions of a composite alarm back, and until when.
UPDATE alarms SET suppressed_by = :by, released_ms = :released_ms WHERE id = :id;

-- name: set_acted
-- Note of which state the actions of a composite alarm were told.
UPDATE alarms SET acted = :state WHERE id = :id;

-- name: set_tags
-- Store an alarm's tags.
UPDATE alarms SET tags = :tags WHERE id = :id;

-- name: delete
-- Remove an alarm.
DELETE FROM alarms WHERE id = :id;

-- name: concern
-- Let composite alarms look at an alarm that has changed.
UPDATE alarms SET due_ms = :now_ms
WHERE id IN (SELECT parent FROM alarm_ties WHERE account = :account AND region = :region AND child = :child)
  AND (due_ms IS NULL OR due_ms > :now_ms);

-- name: tie
-- Note that a composite alarm depends on another one: parent, account, region, child, role.
INSERT INTO alarm_ties VALUES (:parent, :account, :region, :child, :role) ON CONFLICT DO NOTHING;

-- name: untie
-- Forget on whom a composite alarm depends.
DELETE FROM alarm_ties WHERE parent = :parent;

-- name: children
-- The alarms on which a composite one depends and that exist, in order of name.
SELECT alarms.name, alarms.state, alarms.transitioned_ms FROM alarm_ties
JOIN alarms USING (account, region)
WHERE alarm_ties.parent = :parent AND alarm_ties.role = :role AND alarms.name = alarm_ties.child ORDER BY alarms.name;

-- name: composites_below
-- The composite alarms in the rule of a composite one.
SELECT alarms.id FROM alarm_ties JOIN alarms USING (account, region)
WHERE alarm_ties.parent = :parent AND alarm_ties.role = 'rule' AND alarms.name = alarm_ties.child
  AND alarms.kind = 'CompositeAlarm';

-- name: parents
-- The composite alarms in whose rules an alarm is, in order of name.
SELECT DISTINCT alarms.name FROM alarm_ties JOIN alarms ON alarms.id = alarm_ties.parent
WHERE alarm_ties.account = :account AND alarm_ties.region = :region AND alarm_ties.child = :child
  AND alarm_ties.role = 'rule' AND alarms.name > :after
ORDER BY alarms.name LIMIT :limit;

-- name: is_needed
-- How many composite alarms depend on an alarm.
SELECT count(DISTINCT parent) FROM alarm_ties WHERE account = :account AND region = :region AND child = :child;

-- name: note
-- Add a line of history: id, account, region, name, kind, at_ms, type, summary, data.
INSERT INTO alarm_history VALUES (:id, :account, :region, :name, :kind, :at_ms, :type, :summary, :data);

-- name: has_told
-- Whether a line of history is there already.
SELECT count(*) FROM alarm_history
WHERE account = :account AND region = :region AND name = :name AND id >= :since AND type = 'Action'
  AND summary = :summary AND data = :data;

-- name: trim_history
-- Let go of all but the latest lines of an alarm.
DELETE FROM alarm_history
WHERE account = :account AND region = :region AND name = :name
  AND id <= (SELECT id FROM alarm_history WHERE account = :account AND region = :region AND name = :name
             ORDER BY id DESC LIMIT 1 OFFSET :kept);

-- name: forget_history
-- Let go of some lines that are too old.
DELETE FROM alarm_history WHERE id IN (SELECT id FROM alarm_history WHERE id < :before ORDER BY id LIMIT :limit);

-- name: history_of
-- Lines of one alarm, the latest first.
SELECT id, name, kind, at_ms, type, summary, data FROM alarm_history
WHERE account = :account AND region = :region AND name = :name AND id > :after AND id < :before
  AND kind IN (SELECT value FROM json_each(:kinds)) AND (:type = '' OR type = :type)
ORDER BY id DESC LIMIT :limit;

-- name: history_of_up
-- Lines of one alarm, the earliest first.
SELECT id, name, kind, at_ms, type, summary, data FROM alarm_history
WHERE account = :account AND region = :region AND name = :name AND id > :after AND id < :before
  AND kind IN (SELECT value FROM json_each(:kinds)) AND (:type = '' OR type = :type)
ORDER BY id LIMIT :limit;

-- name: history
-- Lines of all alarms, the latest first.
SELECT id, name, kind, at_ms, type, summary, data FROM alarm_history
WHERE account = :account AND region = :region AND id > :after AND id < :before
  AND kind IN (SELECT value FROM json_each(:kinds)) AND (:type = '' OR type = :type)
ORDER BY id DESC LIMIT :limit;

-- name: history_up
-- Lines of all alarms, the earliest first.
SELECT id, name, kind, at_ms, type, summary, data FROM alarm_history
WHERE account = :account AND region = :region AND id > :after AND id < :before
  AND kind IN (SELECT value FROM json_each(:kinds)) AND (:type = '' OR type = :type)
ORDER BY id LIMIT :limit;

-- name: dashboard
-- One dashboard.
SELECT account, name, body, modified_ms, tags FROM dashboards WHERE account = :account AND name = :name;

-- name: put_dashboard
-- Store a dashboard, or put another body into it; its tags stay.
INSERT INTO dashboards VALUES (:account, :name, :body, :now_ms, :tags)
ON CONFLICT (account, name) DO UPDATE SET body = excluded.body, modified_ms = excluded.modified_ms;

-- name: dashboards
-- Dashboards after a name and before another one, in order of name.
SELECT account, name, body, modified_ms, tags FROM dashboards
WHERE account = :account AND name > :after AND name >= :beginning AND name < :ending ORDER BY name LIMIT :limit;

-- name: count_dashboards
-- How many dashboards there are.
SELECT count(*) FROM dashboards WHERE account = :account;

-- name: delete_dashboard
-- Remove a dashboard.
DELETE FROM dashboards WHERE account = :account AND name = :name;

-- name: set_dashboard_tags
-- Store a dashboard's tags.
UPDATE dashboards SET tags = :tags WHERE account = :account AND name = :name;

-- name: reset_ties
-- Forget the dependencies of an account.
DELETE FROM alarm_ties WHERE account = :account;

-- name: reset_history
-- Forget the histories of an account.
DELETE FROM alarm_history WHERE account = :account;

-- name: reset_dashboards
-- Forget the dashboards of an account.
DELETE FROM dashboards WHERE account = :account;

-- name: reset
-- Forget the alarms of an account.
DELETE FROM alarms WHERE account = :account;
