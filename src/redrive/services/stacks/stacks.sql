-- schema 1: stacks and their resources
CREATE TABLE stacks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: waiters know a stack by it
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    plan        TEXT NOT NULL,  -- JSON: what is wanted, resolved as far as it can be before anything exists
    seed        INTEGER NOT NULL,
    is_deleting INTEGER NOT NULL CHECK (is_deleting IN (0, 1)),
    wanted      INTEGER NOT NULL,  -- counts the plans that were given
    done        INTEGER NOT NULL CHECK (done <= wanted),  -- the latest plan that was carried out or failed
    outcome     TEXT NOT NULL,  -- JSON: failures, outputs and changes of that plan
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    UNIQUE (account, region, name)
) STRICT;
-- serves due
CREATE INDEX stacks_due ON stacks (id) WHERE done < wanted;

CREATE TABLE stack_resources (
    stack       INTEGER NOT NULL,
    key         TEXT NOT NULL,  -- logical id and generation: a replaced resource stands beside its successor
    logical_id  TEXT NOT NULL,
    type        TEXT NOT NULL,
    physical_id TEXT NOT NULL,  -- '' while AWS has not chosen one
    properties  TEXT NOT NULL,  -- JSON: as last given to the service, fully resolved
    attributes  TEXT NOT NULL,  -- JSON: Ref and Fn::GetAtt; {} while it is not known to exist
    depends_on  TEXT NOT NULL,  -- JSON list of logical ids
    generation  INTEGER NOT NULL,
    retained    INTEGER NOT NULL CHECK (retained IN (0, 1)),
    unsure      INTEGER NOT NULL CHECK (unsure IN (0, 1)),  -- requests were begun, their end is not known
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (stack, key)
) STRICT, WITHOUT ROWID;

-- name: stack
-- One stack by its name.
SELECT id, account, region, name, plan, seed, is_deleting, wanted, done, outcome, created_ms, modified_ms
FROM stacks WHERE account = :account AND region = :region AND name = :name;

-- name: stack_by_id
-- One stack by its number.
SELECT id, account, region, name, plan, seed, is_deleting, wanted, done, outcome, created_ms, modified_ms
FROM stacks WHERE id = :id;

-- name: stacks_of
-- All stacks of an account in a region, by name.
SELECT id, account, region, name, plan, seed, is_deleting, wanted, done, outcome, created_ms, modified_ms
FROM stacks WHERE account = :account AND region = :region ORDER BY name;

-- name: due
-- The stacks whose latest plan has not been carried out.
SELECT id, account, region, name, plan, seed, is_deleting, wanted, done, outcome, created_ms, modified_ms
FROM stacks WHERE done < wanted ORDER BY id;

-- name: add
-- Make a stack with its first plan.
INSERT INTO stacks (account, region, name, plan, seed, is_deleting, wanted, done, outcome, created_ms, modified_ms)
VALUES (:account, :region, :name, :plan, :seed, 0, 1, 0, '{}', :now_ms, :now_ms);

-- name: want
-- Give a stack another plan.
UPDATE stacks SET plan = :plan, seed = :seed, is_deleting = :is_deleting, wanted = wanted + 1,
                  modified_ms = :now_ms
WHERE id = :id;

-- name: finish
-- Write down how a plan ended.
UPDATE stacks SET done = :version, outcome = :outcome, modified_ms = :now_ms WHERE id = :id;

-- name: remove
-- Forget a stack.
DELETE FROM stacks WHERE id = :id;

-- name: resources
-- A stack's resources, by logical id.
SELECT key, logical_id, type, physical_id, properties, attributes, depends_on, generation, retained, unsure
FROM stack_resources WHERE stack = :stack ORDER BY logical_id, generation;

-- name: keep
-- Write a resource as it stands now.
INSERT OR REPLACE INTO stack_resources (stack, key, logical_id, type, physical_id, properties, attributes,
                                        depends_on, generation, retained, unsure, modified_ms)
VALUES (:stack, :key, :logical_id, :type, :physical_id, :properties, :attributes, :depends_on, :generation,
        :retained, :unsure, :now_ms);

-- name: forget
-- Forget a resource that is gone.
DELETE FROM stack_resources WHERE stack = :stack AND key = :key;

-- name: forget_all
-- Forget all resources of a stack.
DELETE FROM stack_resources WHERE stack = :stack;

-- name: reset_resources
-- Forget the resources of all of an account's stacks.
DELETE FROM stack_resources WHERE stack IN (SELECT id FROM stacks WHERE account = :account);

-- name: reset_stacks
-- Forget all of an account's stacks.
DELETE FROM stacks WHERE account = :account;
