-- schema 1: event buses, rules and their targets.
CREATE TABLE buses (                   -- the default bus has a row only when something was set
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    kms_key     TEXT,
    dead_letter TEXT,                  -- ARN of a queue
    log_config  TEXT,                  -- JSON object
    policy      TEXT,                  -- JSON object: the policy document
    tags        TEXT NOT NULL,         -- JSON object
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE event_rules (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    bus         TEXT NOT NULL,
    name        TEXT NOT NULL,
    pattern     TEXT,                  -- JSON text, as it was given
    schedule    TEXT,                  -- rate(…) or cron(…)
    state       TEXT NOT NULL CHECK (state IN ('ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS')),
    description TEXT,
    role        TEXT,
    managed_by  TEXT,                  -- the service that made it
    created_by  TEXT NOT NULL,         -- account
    tags        TEXT NOT NULL,         -- JSON object
    due_ms      INTEGER,               -- when a schedule that is enabled fires next
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (account, region, bus, name)
) STRICT, WITHOUT ROWID;
-- Serves the ticker.
CREATE INDEX event_rules_due ON event_rules (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE event_targets (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    bus     TEXT NOT NULL,
    rule    TEXT NOT NULL,
    id      TEXT NOT NULL,
    arn     TEXT NOT NULL,
    place   INTEGER NOT NULL,          -- order among the targets of the rule
    body    TEXT NOT NULL,             -- JSON object: the Target, as it was given
    PRIMARY KEY (account, region, bus, rule, id)
) STRICT, WITHOUT ROWID;
-- Serves `rules_by_target`.
CREATE INDEX event_targets_by_arn ON event_targets (account, region, bus, arn, rule);
CREATE TABLE rule_generations (        -- what is compiled of a bus is that of this number
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    bus        TEXT NOT NULL,
    generation INTEGER NOT NULL,       -- a sequence number, never given twice
    PRIMARY KEY (account, region, bus)
) STRICT, WITHOUT ROWID;

-- name: bus
-- Find a bus.
SELECT account, region, name, description, kms_key, dead_letter, log_config, policy, tags,
    created_ms, modified_ms
FROM buses WHERE account = ?1 AND region = ?2 AND name = ?3;

-- name: list_buses
-- Page through the buses of an account and region by name.
SELECT account, region, name, description, kms_key, dead_letter, log_config, policy, tags,
    created_ms, modified_ms
FROM buses
WHERE account = :account AND region = :region AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: set_bus
-- Create a bus, or replace what is set of it.
INSERT INTO buses (
    account, region, name, description, kms_key, dead_letter, log_config, policy, tags, created_ms,
    modified_ms)
VALUES (
    :account, :region, :name, :description, :kms_key, :dead_letter, :log_config, :policy, :tags,
    :created_ms, :modified_ms)
ON CONFLICT DO UPDATE SET
    description = excluded.description, kms_key = excluded.kms_key,
    dead_letter = excluded.dead_letter, log_config = excluded.log_config,
    policy = excluded.policy, tags = excluded.tags, modified_ms = excluded.modified_ms;

-- name: delete_bus
-- Forget a bus.
DELETE FROM buses WHERE account = :account AND region = :region AND name = :name;

-- name: rule
-- Find a rule.
SELECT account, region, bus, name, pattern, schedule, state, description, role, managed_by,
    created_by, tags, due_ms, created_ms
FROM event_rules
WHERE account = :account AND region = :region AND bus = :bus AND name = :name;

-- name: rules
-- Page through the rules of a bus by name.
SELECT account, region, bus, name, pattern, schedule, state, description, role, managed_by,
    created_by, tags, due_ms, created_ms
FROM event_rules
WHERE account = :account AND region = :region AND bus = :bus AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: live_rules
-- Read the patterns of a bus that can match.
SELECT name, pattern FROM event_rules
WHERE account = :account AND region = :region AND bus = :bus AND state <> 'DISABLED'
    AND pattern IS NOT NULL
ORDER BY name;

-- name: count_rules
-- Count the rules of a bus.
SELECT count(*) FROM event_rules WHERE account = :account AND region = :region AND bus = :bus;

-- name: set_rule
-- Create a rule or replace all of it but its tags and who made it.
INSERT INTO event_rules (
    account, region, bus, name, pattern, schedule, state, description, role, managed_by, created_by,
    tags, due_ms, created_ms)
VALUES (
    :account, :region, :bus, :name, :pattern, :schedule, :state, :description, :role, :managed_by,
    :created_by, :tags, :due_ms, :created_ms)
ON CONFLICT DO UPDATE SET
    pattern = excluded.pattern, schedule = excluded.schedule, state = excluded.state,
    description = excluded.description, role = excluded.role, due_ms = excluded.due_ms,
    tags = excluded.tags;

-- name: delete_rule
-- Forget a rule.
DELETE FROM event_rules
WHERE account = :account AND region = :region AND bus = :bus AND name = :name;

-- name: targets
-- Read the targets of a rule in their order.
SELECT id, arn, place, body FROM event_targets
WHERE account = :account AND region = :region AND bus = :bus AND rule = :rule
ORDER BY place, id;

-- name: set_target
-- Add a target, or replace it where it stands.
INSERT INTO event_targets (account, region, bus, rule, id, arn, place, body)
VALUES (:account, :region, :bus, :rule, :id, :arn, :place, :body)
ON CONFLICT DO UPDATE SET arn = excluded.arn, body = excluded.body;

-- name: delete_target
-- Forget a target.
DELETE FROM event_targets
WHERE account = :account AND region = :region AND bus = :bus AND rule = :rule AND id = :id;

-- name: rules_by_target
-- Page through the names of the rules of a bus that have a target.
SELECT DISTINCT rule FROM event_targets
WHERE account = :account AND region = :region AND bus = :bus AND arn = :arn AND rule > :after
ORDER BY rule LIMIT :limit;

-- name: generation
-- Tell which state the rules of a bus are in.
SELECT generation FROM rule_generations WHERE account = ?1 AND region = ?2 AND bus = ?3;

-- name: renew
-- Say that the rules of a bus have changed.
INSERT INTO rule_generations (account, region, bus, generation)
VALUES (:account, :region, :bus, :generation)
ON CONFLICT DO UPDATE SET generation = excluded.generation;

-- name: delete_generation
-- Forget the state of the rules of a bus that is gone.
DELETE FROM rule_generations WHERE account = :account AND region = :region AND bus = :bus;

-- name: reset
-- Forget all buses of an account.
DELETE FROM buses WHERE account = :account;

-- name: reset_rules
-- Forget all rules of an account.
DELETE FROM event_rules WHERE account = :account;

-- name: reset_targets
-- Forget all targets of an account.
DELETE FROM event_targets WHERE account = :account;

-- name: reset_generations
-- Forget the states of all rules of an account.
DELETE FROM rule_generations WHERE account = :account;

-- name: due_rules
-- Name rules whose schedules are due, the longest due first.
SELECT account, region, bus, name FROM event_rules
WHERE due_ms <= :now_ms ORDER BY due_ms LIMIT :limit;

-- name: next_due_rule
-- Tell when the next schedule that is not due yet falls due.
SELECT min(due_ms) FROM event_rules WHERE due_ms > :now_ms;

-- name: advance_rule
-- Set when a rule's schedule comes next.
UPDATE event_rules SET due_ms = :due_ms
WHERE account = :account AND region = :region AND bus = :bus AND name = :name;
