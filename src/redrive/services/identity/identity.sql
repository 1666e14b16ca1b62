-- schema 1: the roles and policies of accounts, and the secret that temporary keys are made of
CREATE TABLE mint (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
CREATE TABLE roles (
    account       TEXT NOT NULL,
    name          TEXT NOT NULL COLLATE NOCASE,  -- two roles may not differ in case alone
    id            TEXT NOT NULL UNIQUE,  -- AROA…
    path          TEXT NOT NULL,
    trust         TEXT NOT NULL,  -- JSON text, as it was given
    description   TEXT,
    max_session_s INTEGER NOT NULL CHECK (max_session_s BETWEEN 3600 AND 43200),
    boundary      TEXT,  -- the ARN of a managed policy
    tags          TEXT NOT NULL,  -- JSON object
    created_ms    INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE role_policies (
    account  TEXT NOT NULL,
    role     TEXT NOT NULL COLLATE NOCASE,
    name     TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, role, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE policies (
    account         TEXT NOT NULL,
    name            TEXT NOT NULL COLLATE NOCASE,
    arn             TEXT NOT NULL UNIQUE,
    id              TEXT NOT NULL UNIQUE,  -- ANPA…
    path            TEXT NOT NULL,
    description     TEXT,
    default_version INTEGER NOT NULL,
    latest_version  INTEGER NOT NULL,  -- numbers are not used twice
    tags            TEXT NOT NULL,  -- JSON object
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE policy_versions (
    policy     TEXT NOT NULL,  -- the policy's ARN
    version    INTEGER NOT NULL,
    document   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE attachments (
    account TEXT NOT NULL,
    role    TEXT NOT NULL COLLATE NOCASE,
    policy  TEXT NOT NULL,  -- the ARN of one of the account's policies or of AWS's
    PRIMARY KEY (account, role, policy)
) STRICT, WITHOUT ROWID;
-- serves roles_of_policy and uses
CREATE INDEX attachments_policy ON attachments (account, policy);

-- name: secret
-- The secret that temporary keys are made of.
SELECT secret FROM mint;

-- name: keep_secret
-- Keep the secret, once and for all.
INSERT INTO mint VALUES (1, :secret);

-- name: add_role
-- Insert a role.
INSERT INTO roles VALUES (:account, :name, :id, :path, :trust, :description, :max_session_s, :boundary, :tags, :created_ms);

-- name: role
-- One role of an account.
SELECT account, name, id, path, trust, description, max_session_s, boundary, tags, created_ms
FROM roles WHERE account = :account AND name = :name;

-- name: roles
-- An account's roles below a path, after a name.
SELECT account, name, id, path, trust, description, max_session_s, boundary, tags, created_ms
FROM roles WHERE account = :account AND name > :after AND substr(path, 1, length(:prefix)) = :prefix
ORDER BY name LIMIT :limit;

-- name: role_count
-- How many roles an account has.
SELECT count(*) FROM roles WHERE account = :account;

-- name: change_role
-- Replace all of a role that can change.
UPDATE roles SET trust = :trust, description = :description, max_session_s = :max_session_s, boundary = :boundary, tags = :tags
WHERE account = :account AND name = :name;

-- name: remove_role
-- Forget a role, which has no policies any more.
DELETE FROM roles WHERE account = :account AND name = :name;

-- name: put_role_policy
-- Add or replace a policy inside a role.
INSERT INTO role_policies VALUES (:account, :role, :name, :document)
ON CONFLICT DO UPDATE SET document = :document;

-- name: role_policies
-- The policies inside a role, by name.
SELECT name, document FROM role_policies WHERE account = :account AND role = :role ORDER BY name;

-- name: remove_role_policy
-- Take a policy out of a role.
DELETE FROM role_policies WHERE account = :account AND role = :role AND name = :name;

-- name: remove_role_policies
-- Take all policies out of a role.
DELETE FROM role_policies WHERE account = :account AND role = :role;

-- name: attach
-- Attach a managed policy to a role; once is enough.
INSERT INTO attachments VALUES (:account, :role, :policy) ON CONFLICT DO NOTHING;

-- name: detach
-- Detach a managed policy from a role.
DELETE FROM attachments WHERE account = :account AND role = :role AND policy = :policy;

-- name: detach_all
-- Detach all managed policies from a role.
DELETE FROM attachments WHERE account = :account AND role = :role;

-- name: detach_policy
-- Detach a managed policy from all roles.
DELETE FROM attachments WHERE account = :account AND policy = :policy;

-- name: attached
-- The ARNs of the managed policies that a role has.
SELECT policy FROM attachments WHERE account = :account AND role = :role ORDER BY policy;

-- name: roles_of_policy
-- The roles that have a managed policy, and those that it bounds (kind boundary).
SELECT name, id, path, 'policy' FROM roles
WHERE account = :account AND name IN (SELECT role FROM attachments WHERE account = :account AND policy = :policy)
UNION ALL
SELECT name, id, path, 'boundary' FROM roles WHERE account = :account AND boundary = :policy
ORDER BY 1, 4;

-- name: uses
-- How often each managed policy is attached in an account, and how often it is a boundary.
SELECT policy, sum(attached), sum(bounding) FROM (
    SELECT policy, count(*) AS attached, 0 AS bounding FROM attachments WHERE account = :account GROUP BY policy
    UNION ALL
    SELECT boundary, 0, count(*) FROM roles WHERE account = :account AND boundary IS NOT NULL GROUP BY boundary
) GROUP BY policy;

-- name: add_policy
-- Insert a managed policy.
INSERT INTO policies VALUES (:account, :name, :arn, :id, :path, :description, 1, 1, :tags, :now_ms, :now_ms);

-- name: policy
-- One managed policy of an account.
SELECT account, name, arn, id, path, description, default_version, latest_version, tags, created_ms, updated_ms
FROM policies WHERE arn = :arn AND account = :account;

-- name: policy_named
-- A managed policy by its name: there is one of a name, whatever its path.
SELECT account, name, arn, id, path, description, default_version, latest_version, tags, created_ms, updated_ms
FROM policies WHERE account = :account AND name = :name;

-- name: policies
-- All managed policies of an account.
SELECT account, name, arn, id, path, description, default_version, latest_version, tags, created_ms, updated_ms
FROM policies WHERE account = :account;

-- name: change_policy
-- Replace all of a managed policy that can change.
UPDATE policies SET default_version = :default_version, latest_version = :latest_version, tags = :tags, updated_ms = :updated_ms
WHERE arn = :arn;

-- name: remove_policy
-- Forget a managed policy.
DELETE FROM policies WHERE arn = :arn;

-- name: add_version
-- Insert a version of a managed policy.
INSERT INTO policy_versions VALUES (:policy, :version, :document, :now_ms);

-- name: version
-- One version of a managed policy.
SELECT version, document, created_ms FROM policy_versions WHERE policy = :policy AND version = :version;

-- name: versions
-- A managed policy's versions, the newest first.
SELECT version, document, created_ms FROM policy_versions WHERE policy = :policy ORDER BY version DESC;

-- name: remove_version
-- Forget a version.
DELETE FROM policy_versions WHERE policy = :policy AND version = :version;

-- name: remove_versions
-- Forget all versions of a managed policy.
DELETE FROM policy_versions WHERE policy = :policy;

-- name: default_document
-- The document of a managed policy's default version.
SELECT v.document FROM policies p JOIN policy_versions v ON v.policy = p.arn AND v.version = p.default_version
WHERE p.arn = :arn AND p.account = :account;

-- name: reset_attachments
-- Forget an account's attachments.
DELETE FROM attachments WHERE account = :account;

-- name: reset_role_policies
-- Forget the policies inside of an account's roles.
DELETE FROM role_policies WHERE account = :account;

-- name: reset_roles
-- Forget an account's roles.
DELETE FROM roles WHERE account = :account;

-- name: reset_versions
-- Forget the versions of an account's managed policies.
DELETE FROM policy_versions WHERE policy IN (SELECT arn FROM policies WHERE account = :account);

-- name: reset_policies
-- Forget an account's managed policies.
DELETE FROM policies WHERE account = :account;
