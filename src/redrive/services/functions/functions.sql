-- schema 1: functions, and the events that wait for asynchronous invocation.
CREATE TABLE functions (
    account         TEXT NOT NULL,
    region          TEXT NOT NULL,
    name            TEXT NOT NULL,
    runtime         TEXT NOT NULL,
    handler         TEXT NOT NULL,
    role            TEXT NOT NULL,
    description     TEXT NOT NULL,
    timeout_s       INTEGER NOT NULL CHECK (timeout_s BETWEEN 1 AND 900),
    memory_mb       INTEGER NOT NULL CHECK (memory_mb BETWEEN 128 AND 10240),
    variables       TEXT NOT NULL,     -- JSON object
    labels          TEXT NOT NULL,     -- JSON object: members kept and echoed only
    tags            TEXT NOT NULL,     -- JSON object
    code_hash       TEXT NOT NULL CHECK (length(code_hash) = 64),
    code_bytes      INTEGER NOT NULL,
    revision        TEXT NOT NULL,
    modified_ms     INTEGER NOT NULL,
    reserved        INTEGER CHECK (reserved >= 0),
    policy          TEXT,              -- JSON list of statements
    policy_revision TEXT NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
-- Serves `usage`: what is reserved in an account is summed without reading its other functions.
CREATE INDEX functions_reserved ON functions (account, region, reserved) WHERE reserved IS NOT NULL;
CREATE TABLE async_events (
    id           INTEGER PRIMARY KEY,
    function_arn TEXT NOT NULL,        -- unqualified
    payload      BLOB NOT NULL,        -- JSON text
    request_id   TEXT NOT NULL,
    first_ms     INTEGER NOT NULL,
    due_ms       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND 2),
    throttles    INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Serves `due_events`: one function's backlog does not hide another's events.
CREATE INDEX async_events_by_function ON async_events (function_arn, due_ms);
-- Serves `next_event`.
CREATE INDEX async_events_due ON async_events (due_ms);

-- schema 2: published versions, aliases, and policies of their own
ALTER TABLE functions ADD COLUMN layers TEXT NOT NULL DEFAULT '[]';  -- JSON list: Arn, CodeSize and hash
ALTER TABLE functions ADD COLUMN dead_letter TEXT;                   -- ARN, for asynchronous events
ALTER TABLE functions ADD COLUMN recursion TEXT NOT NULL DEFAULT 'Terminate' CHECK (recursion IN ('Allow', 'Terminate'));
ALTER TABLE functions ADD COLUMN published INTEGER NOT NULL DEFAULT 0;  -- the newest number given, never given again
ALTER TABLE async_events ADD COLUMN qualifier TEXT;                  -- as the invocation named it
CREATE TABLE versions (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    runtime     TEXT NOT NULL,
    handler     TEXT NOT NULL,
    role        TEXT NOT NULL,
    description TEXT NOT NULL,
    timeout_s   INTEGER NOT NULL,
    memory_mb   INTEGER NOT NULL,
    variables   TEXT NOT NULL,         -- JSON object
    labels      TEXT NOT NULL,         -- JSON object
    code_hash   TEXT NOT NULL,
    code_bytes  INTEGER NOT NULL,
    revision    TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    layers      TEXT NOT NULL,         -- JSON list: Arn, CodeSize and hash
    dead_letter TEXT,
    PRIMARY KEY (account, region, name, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE layers (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    published   INTEGER NOT NULL,      -- the newest number given, never given again
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE layer_versions (
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL CHECK (version >= 1),
    description   TEXT NOT NULL,
    license       TEXT NOT NULL,
    runtimes      TEXT NOT NULL,       -- JSON list
    architectures TEXT NOT NULL,       -- JSON list
    code_hash     TEXT NOT NULL,
    code_bytes    INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    policy        TEXT NOT NULL DEFAULT '[]',  -- JSON list of statements
    revision      TEXT NOT NULL,       -- of the policy
    PRIMARY KEY (account, region, name, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE invoke_configs (          -- how asynchronous events of a version or alias are treated
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    qualifier   TEXT NOT NULL,         -- '$LATEST', a number or an alias
    age_s       INTEGER CHECK (age_s BETWEEN 60 AND 21600),
    retries     INTEGER CHECK (retries BETWEEN 0 AND 2),
    on_success  TEXT,                  -- ARN
    on_failure  TEXT,                  -- ARN
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name, qualifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE urls (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    qualifier   TEXT NOT NULL,         -- '' or an alias
    url_id      TEXT NOT NULL UNIQUE,
    auth_type   TEXT NOT NULL CHECK (auth_type IN ('NONE', 'AWS_IAM')),
    invoke_mode TEXT NOT NULL CHECK (invoke_mode IN ('BUFFERED', 'RESPONSE_STREAM')),
    cors        TEXT,                  -- JSON object
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name, qualifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE provisioned (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    qualifier   TEXT NOT NULL,         -- a number or an alias
    requested   INTEGER NOT NULL CHECK (requested >= 1),
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name, qualifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE aliases (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,         -- the function's
    alias       TEXT NOT NULL,
    version     TEXT NOT NULL,         -- '$LATEST' or a number
    description TEXT NOT NULL,
    weights     TEXT NOT NULL,         -- JSON object: version to share
    revision    TEXT NOT NULL,
    PRIMARY KEY (account, region, name, alias)
) STRICT, WITHOUT ROWID;
CREATE TABLE function_policies (           -- of versions and aliases
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    name      TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    policy    TEXT NOT NULL,           -- JSON list of statements
    revision  TEXT NOT NULL,
    PRIMARY KEY (account, region, name, qualifier)
) STRICT, WITHOUT ROWID;

-- name: add_function
-- Insert a function.
INSERT INTO functions (
    account, region, name, runtime, handler, role, description, timeout_s, memory_mb, variables, labels,
    tags, code_hash, code_bytes, revision, modified_ms, reserved, policy, policy_revision, layers,
    dead_letter, recursion)
VALUES (
    :account, :region, :name, :runtime, :handler, :role, :description, :timeout_s, :memory_mb,
    :variables, :labels, :tags, :code_hash, :code_bytes, :revision, :modified_ms, :reserved, :policy,
    :policy_revision, :layers, :dead_letter, :recursion);

-- name: function_by_name
-- Find one function, as its version $LATEST.
SELECT
    account, region, name, runtime, handler, role, description, timeout_s, memory_mb, variables, labels,
    tags, code_hash, code_bytes, revision, modified_ms, reserved, policy, policy_revision, layers,
    dead_letter, recursion,
    '$LATEST'
FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: list_functions
-- List an account's functions of a region by name, after a name.
SELECT
    account, region, name, runtime, handler, role, description, timeout_s, memory_mb, variables, labels,
    tags, code_hash, code_bytes, revision, modified_ms, reserved, policy, policy_revision, layers,
    dead_letter, recursion,
    '$LATEST'
FROM functions
WHERE account = :account AND region = :region AND name > :after ORDER BY name LIMIT :limit;

-- name: version_by_number
-- Find one published version.
SELECT
    v.account, v.region, v.name, v.runtime, v.handler, v.role, v.description, v.timeout_s, v.memory_mb,
    v.variables, v.labels, f.tags, v.code_hash, v.code_bytes, v.revision, v.modified_ms, f.reserved,
    f.policy, f.policy_revision, v.layers, v.dead_letter, f.recursion, CAST(v.version AS TEXT)
FROM versions AS v JOIN functions AS f USING (account, region, name)
WHERE v.account = :account AND v.region = :region AND v.name = :name AND v.version = :version;

-- name: list_versions
-- List a function's published versions after a number.
SELECT
    v.account, v.region, v.name, v.runtime, v.handler, v.role, v.description, v.timeout_s, v.memory_mb,
    v.variables, v.labels, f.tags, v.code_hash, v.code_bytes, v.revision, v.modified_ms, f.reserved,
    f.policy, f.policy_revision, v.layers, v.dead_letter, f.recursion, CAST(v.version AS TEXT)
FROM versions AS v JOIN functions AS f USING (account, region, name)
WHERE v.account = :account AND v.region = :region AND v.name = :name AND v.version > :after
ORDER BY v.version LIMIT :limit;

-- name: list_all_versions
-- List an account's published versions of a region, after a function and a number.
SELECT
    v.account, v.region, v.name, v.runtime, v.handler, v.role, v.description, v.timeout_s, v.memory_mb,
    v.variables, v.labels, f.tags, v.code_hash, v.code_bytes, v.revision, v.modified_ms, f.reserved,
    f.policy, f.policy_revision, v.layers, v.dead_letter, f.recursion, CAST(v.version AS TEXT)
FROM versions AS v JOIN functions AS f USING (account, region, name)
WHERE v.account = :account AND v.region = :region AND (v.name, v.version) > (:after, :after_version)
ORDER BY v.name, v.version LIMIT :limit;

-- name: published
-- Tell the newest number that a function's versions were given, 0 before the first.
SELECT published FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: set_published
-- Note that a number was given.
UPDATE functions SET published = :version
WHERE account = :account AND region = :region AND name = :name;

-- name: add_version
-- Publish $LATEST under a number.
INSERT INTO versions (
    account, region, name, version, runtime, handler, role, description, timeout_s, memory_mb, variables,
    labels, code_hash, code_bytes, revision, modified_ms, layers, dead_letter)
SELECT account, region, name, :version, runtime, handler, role, :description, timeout_s, memory_mb,
    variables, labels, code_hash, code_bytes, :revision, :modified_ms, layers, dead_letter
FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: delete_version
-- Delete one published version.
DELETE FROM versions
WHERE account = :account AND region = :region AND name = :name AND version = :version;

-- name: delete_all_versions
-- Delete all published versions of a function.
DELETE FROM versions WHERE account = :account AND region = :region AND name = :name;

-- name: alias_by_name
-- Find one alias.
SELECT account, region, name, alias, version, description, weights, revision FROM aliases
WHERE account = :account AND region = :region AND name = :name AND alias = :alias;

-- name: list_aliases
-- List a function's aliases by name, after a name; those of one version where it is given.
SELECT account, region, name, alias, version, description, weights, revision FROM aliases
WHERE account = :account AND region = :region AND name = :name AND alias > :after
    AND (:version IS NULL OR version = :version OR json_extract(weights, '$."' || :version || '"') IS NOT NULL)
ORDER BY alias LIMIT :limit;

-- name: put_alias
-- Create an alias, or replace what it means.
INSERT OR REPLACE INTO aliases (account, region, name, alias, version, description, weights, revision)
VALUES (:account, :region, :name, :alias, :version, :description, :weights, :revision);

-- name: delete_alias
-- Delete one alias.
DELETE FROM aliases
WHERE account = :account AND region = :region AND name = :name AND alias = :alias;

-- name: delete_all_aliases
-- Delete all aliases of a function.
DELETE FROM aliases WHERE account = :account AND region = :region AND name = :name;

-- name: policy_by_qualifier
-- Find the policy of a version or an alias.
SELECT policy, revision FROM function_policies
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: put_policy
-- Set the policy of a version or an alias.
INSERT OR REPLACE INTO function_policies (account, region, name, qualifier, policy, revision)
VALUES (:account, :region, :name, :qualifier, :policy, :revision);

-- name: delete_policies
-- Remove the policy of a version or an alias.
DELETE FROM function_policies
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: delete_all_policies
-- Remove the policies of all versions and aliases of a function.
DELETE FROM function_policies WHERE account = :account AND region = :region AND name = :name;

-- name: invoke_config
-- Find the asynchronous settings of $LATEST, a version or an alias.
SELECT account, region, name, qualifier, age_s, retries, on_success, on_failure, modified_ms
FROM invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: list_invoke_configs
-- List a function's asynchronous settings by qualifier, after a qualifier.
SELECT account, region, name, qualifier, age_s, retries, on_success, on_failure, modified_ms
FROM invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier > :after
ORDER BY qualifier LIMIT :limit;

-- name: put_invoke_config
-- Set or replace asynchronous settings.
INSERT OR REPLACE INTO invoke_configs (
    account, region, name, qualifier, age_s, retries, on_success, on_failure, modified_ms)
VALUES (
    :account, :region, :name, :qualifier, :age_s, :retries, :on_success, :on_failure, :modified_ms);

-- name: delete_invoke_configs
-- Remove the asynchronous settings of a version or an alias.
DELETE FROM invoke_configs
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: delete_all_invoke_configs
-- Remove the asynchronous settings of all versions and aliases of a function.
DELETE FROM invoke_configs WHERE account = :account AND region = :region AND name = :name;

-- name: reset_invoke_configs
-- Remove the asynchronous settings of an account in all regions.
DELETE FROM invoke_configs WHERE account = :account;

-- name: delete_urls
-- Remove the URLs of a version or an alias.
DELETE FROM urls
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: delete_all_urls
-- Remove the URLs of all versions and aliases of a function.
DELETE FROM urls WHERE account = :account AND region = :region AND name = :name;

-- name: add_url
-- Give a function or an alias a URL.
INSERT INTO urls (
    account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created_ms, modified_ms)
VALUES (
    :account, :region, :name, :qualifier, :url_id, :auth_type, :invoke_mode, :cors, :created_ms,
    :modified_ms);

-- name: url_by_id
-- Find the URL that a request came to.
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created_ms, modified_ms
FROM urls WHERE url_id = :url_id;

-- name: url_by_qualifier
-- Find the URL of a function or an alias.
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created_ms, modified_ms
FROM urls
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: list_urls
-- List a function's URLs by qualifier, from one on; its own comes first.
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created_ms, modified_ms
FROM urls
WHERE account = :account AND region = :region AND name = :name AND qualifier >= :first
ORDER BY qualifier LIMIT :limit;

-- name: update_url
-- Replace what a URL asks for and says.
UPDATE urls
SET auth_type = :auth_type, invoke_mode = :invoke_mode, cors = :cors, modified_ms = :modified_ms
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: reset_urls
-- Remove the URLs of an account in all regions.
DELETE FROM urls WHERE account = :account;

-- name: provisioned
-- Find the provisioned concurrency of a version or an alias.
SELECT account, region, name, qualifier, requested, modified_ms FROM provisioned
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: list_provisioned
-- List a function's provisioned concurrency by qualifier, after a qualifier.
SELECT account, region, name, qualifier, requested, modified_ms FROM provisioned
WHERE account = :account AND region = :region AND name = :name AND qualifier > :after
ORDER BY qualifier LIMIT :limit;

-- name: all_provisioned
-- List the provisioned concurrency of all functions of all accounts.
SELECT account, region, name, qualifier, requested, modified_ms FROM provisioned;

-- name: provisioned_sum
-- Sum what an account has provisioned in a region for functions without a reservation.
SELECT coalesce(sum(p.requested), 0)
FROM provisioned AS p JOIN functions AS f USING (account, region, name)
WHERE p.account = :account AND p.region = :region AND f.reserved IS NULL;

-- name: put_provisioned
-- Set or replace provisioned concurrency.
INSERT OR REPLACE INTO provisioned (account, region, name, qualifier, requested, modified_ms)
VALUES (:account, :region, :name, :qualifier, :requested, :modified_ms);

-- name: delete_provisioned
-- Remove the provisioned concurrency of a version or an alias.
DELETE FROM provisioned
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: delete_all_provisioned
-- Remove the provisioned concurrency of all versions and aliases of a function.
DELETE FROM provisioned WHERE account = :account AND region = :region AND name = :name;

-- name: reset_provisioned
-- Remove the provisioned concurrency of an account in all regions.
DELETE FROM provisioned WHERE account = :account;

-- name: layer_published
-- Tell the newest number that a layer's versions were given.
SELECT published FROM layers WHERE account = :account AND region = :region AND name = :name;

-- name: put_layer
-- Note that a number was given to a version of a layer.
INSERT OR REPLACE INTO layers (account, region, name, published)
VALUES (:account, :region, :name, :version);

-- name: add_layer_version
-- Publish a version of a layer.
INSERT INTO layer_versions (
    account, region, name, version, description, license, runtimes, architectures, code_hash, code_bytes,
    created_ms, policy, revision)
VALUES (
    :account, :region, :name, :version, :description, :license, :runtimes, :architectures, :code_hash,
    :code_bytes, :created_ms, :policy, :revision);

-- name: layer_version
-- Find one version of a layer.
SELECT account, region, name, version, description, license, runtimes, architectures, code_hash,
    code_bytes, created_ms, policy, revision
FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND version = :version;

-- name: list_layer_versions
-- List a layer's versions below a number, the newest first; those for a runtime and an architecture.
SELECT account, region, name, version, description, license, runtimes, architectures, code_hash,
    code_bytes, created_ms, policy, revision
FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND version < :below
    AND (:runtime IS NULL OR :runtime IN (SELECT value FROM json_each(runtimes)))
    AND (:architecture IS NULL OR :architecture IN (SELECT value FROM json_each(architectures)))
ORDER BY version DESC LIMIT :limit;

-- name: list_layers
-- List the newest version of each layer by name, after a name; those for a runtime and architecture.
SELECT account, region, name, max(version), description, license, runtimes, architectures, code_hash,
    code_bytes, created_ms, policy, revision
FROM layer_versions
WHERE account = :account AND region = :region AND name > :after
    AND (:runtime IS NULL OR :runtime IN (SELECT value FROM json_each(runtimes)))
    AND (:architecture IS NULL OR :architecture IN (SELECT value FROM json_each(architectures)))
GROUP BY name ORDER BY name LIMIT :limit;

-- name: delete_layer_version
-- Delete one version of a layer; functions that use it keep its code.
DELETE FROM layer_versions
WHERE account = :account AND region = :region AND name = :name AND version = :version;

-- name: update_layer_policy
-- Replace the policy of a version of a layer.
UPDATE layer_versions SET policy = :policy, revision = :revision
WHERE account = :account AND region = :region AND name = :name AND version = :version;

-- name: reset_layers
-- Delete an account's layers in all regions.
DELETE FROM layers WHERE account = :account;

-- name: reset_layer_versions
-- Delete an account's layer versions in all regions.
DELETE FROM layer_versions WHERE account = :account;

-- name: update_code
-- Point a function at other code.
UPDATE functions
SET code_hash = :code_hash, code_bytes = :code_bytes, labels = :labels, revision = :revision,
    modified_ms = :modified_ms
WHERE account = :account AND region = :region AND name = :name;

-- name: update_configuration
-- Replace a function's configuration.
UPDATE functions
SET runtime = :runtime, handler = :handler, role = :role, description = :description,
    timeout_s = :timeout_s, memory_mb = :memory_mb, variables = :variables, labels = :labels,
    revision = :revision, modified_ms = :modified_ms, layers = :layers, dead_letter = :dead_letter
WHERE account = :account AND region = :region AND name = :name;

-- name: update_labels
-- Replace what is kept of $LATEST and shown only.
UPDATE functions SET labels = :labels WHERE account = :account AND region = :region AND name = :name;

-- name: update_version_labels
-- Replace what is kept of a version and shown only.
UPDATE versions SET labels = :labels
WHERE account = :account AND region = :region AND name = :name AND version = :version;

-- name: update_recursion
-- Set whether loops are to be stopped.
UPDATE functions SET recursion = :recursion
WHERE account = :account AND region = :region AND name = :name;

-- name: update_tags
-- Replace a function's tags.
UPDATE functions SET tags = :tags WHERE account = :account AND region = :region AND name = :name;

-- name: update_reserved
-- Set or clear a function's reserved concurrency.
UPDATE functions SET reserved = :reserved
WHERE account = :account AND region = :region AND name = :name;

-- name: update_policy
-- Replace a function's resource policy.
UPDATE functions SET policy = :policy, policy_revision = :policy_revision
WHERE account = :account AND region = :region AND name = :name;

-- name: delete_function
-- Delete one function.
DELETE FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: reserved_sum
-- Sum what an account has reserved in a region.
SELECT coalesce(sum(reserved), 0) FROM functions
WHERE account = :account AND region = :region AND reserved IS NOT NULL;

-- name: usage
-- Count an account's functions of a region and measure the code of their versions and of layers.
SELECT count(*),
    coalesce(sum(code_bytes), 0) + (
        SELECT coalesce(sum(code_bytes), 0) FROM versions
        WHERE account = :account AND region = :region) + (
        SELECT coalesce(sum(code_bytes), 0) FROM layer_versions
        WHERE account = :account AND region = :region),
    coalesce(sum(reserved), 0)
FROM functions WHERE account = :account AND region = :region;

-- name: code_hashes
-- Name all code that a version of a function or of a layer refers to; a function keeps a deleted layer.
SELECT code_hash FROM functions
UNION SELECT code_hash FROM versions
UNION SELECT code_hash FROM layer_versions
UNION SELECT json_extract(each.value, '$.hash') FROM functions AS f, json_each(f.layers) AS each
UNION SELECT json_extract(each.value, '$.hash') FROM versions AS v, json_each(v.layers) AS each;

-- name: reset_functions
-- Delete an account's functions in all regions.
DELETE FROM functions WHERE account = :account;

-- name: reset_versions
-- Delete an account's published versions in all regions.
DELETE FROM versions WHERE account = :account;

-- name: reset_aliases
-- Delete an account's aliases in all regions.
DELETE FROM aliases WHERE account = :account;

-- name: reset_policies
-- Delete the policies of an account's versions and aliases in all regions.
DELETE FROM function_policies WHERE account = :account;

-- name: reset_events
-- Delete an account's waiting events in all regions.
DELETE FROM async_events WHERE function_arn GLOB 'arn:aws:lambda:*:' || :account || ':function:*';

-- name: add_event
-- Keep an event for asynchronous invocation.
INSERT INTO async_events (id, function_arn, payload, request_id, first_ms, due_ms, qualifier)
VALUES (:id, :function_arn, :payload, :request_id, :now_ms, :now_ms, :qualifier);

-- name: event_by_id
-- Find one waiting event.
SELECT id, function_arn, payload, request_id, first_ms, due_ms, attempt, throttles, qualifier
FROM async_events WHERE id = :id;

-- name: due_events
-- Name the due events, each function's oldest ones only, by hopping from function to function.
WITH RECURSIVE target (arn) AS (
    SELECT min(function_arn) FROM async_events
    UNION ALL
    SELECT (SELECT min(function_arn) FROM async_events WHERE function_arn > target.arn)
    FROM target WHERE target.arn IS NOT NULL
)
SELECT event.id, event.function_arn
FROM target JOIN async_events AS event ON event.id IN (
    SELECT id FROM async_events AS own
    WHERE own.function_arn = target.arn AND own.due_ms <= :now_ms
    ORDER BY own.due_ms, own.id LIMIT :limit)
ORDER BY event.due_ms, event.id;

-- name: next_event
-- Tell when the next event that is not due yet falls due.
SELECT min(due_ms) FROM async_events WHERE due_ms > :now_ms;

-- name: postpone_event
-- Try an event again later.
UPDATE async_events SET due_ms = :due_ms, attempt = :attempt, throttles = :throttles WHERE id = :id;

-- name: delete_event
-- Forget an event that is settled.
DELETE FROM async_events WHERE id = :id;
