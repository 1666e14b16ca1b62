-- schema 1: connections and API destinations.
CREATE TABLE connections (
    account       TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    id            TEXT NOT NULL,
    description   TEXT,
    type          TEXT NOT NULL CHECK (type IN ('BASIC', 'OAUTH_CLIENT_CREDENTIALS', 'API_KEY')),
    state         TEXT NOT NULL CHECK (state IN ('AUTHORIZED', 'AUTHORIZING', 'DEAUTHORIZED')),
    reason        TEXT,
    auth          TEXT NOT NULL,     -- JSON object: AuthParameters, secrets included
    kms_key       TEXT,
    revision      INTEGER NOT NULL,  -- grows with each change of what authorises
    created_ms    INTEGER NOT NULL,
    modified_ms   INTEGER NOT NULL,
    authorized_ms INTEGER,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE api_destinations (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    id          TEXT NOT NULL,
    description TEXT,
    connection  TEXT NOT NULL,  -- ARN
    endpoint    TEXT NOT NULL,  -- URL, in which * stands for a value of the target
    method      TEXT NOT NULL,
    rate        INTEGER,        -- calls a second; NULL: as many as AWS grants
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

-- name: connection
-- Find one.
SELECT * FROM connections WHERE account = :account AND region = :region AND name = :name;

-- name: connections
-- List those whose names come after another and begin with a prefix.
SELECT * FROM connections
WHERE account = :account AND region = :region AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix AND (:state IS NULL OR state = :state)
ORDER BY name LIMIT :limit;

-- name: set_connection
-- Make or change one.
INSERT OR REPLACE INTO connections VALUES (
    :account, :region, :name, :id, :description, :type, :state, :reason, :auth, :kms_key, :revision,
    :created_ms, :modified_ms, :authorized_ms);

-- name: judge_connection
-- Write whether its authorisation has been granted, unless it has changed since it was asked for.
UPDATE connections
SET state = :state, reason = :reason, authorized_ms = coalesce(:authorized_ms, authorized_ms)
WHERE account = :account AND region = :region AND name = :name AND id = :id
    AND revision = :revision;

-- name: delete_connection
-- Forget one.
DELETE FROM connections WHERE account = :account AND region = :region AND name = :name;

-- name: destination
-- Find one.
SELECT * FROM api_destinations WHERE account = :account AND region = :region AND name = :name;

-- name: destinations
-- List those whose names come after another and begin with a prefix.
SELECT * FROM api_destinations
WHERE account = :account AND region = :region AND name > :after
    AND substr(name, 1, length(:prefix)) = :prefix
    AND (:connection IS NULL OR connection = :connection)
ORDER BY name LIMIT :limit;

-- name: set_destination
-- Make or change one.
INSERT OR REPLACE INTO api_destinations VALUES (
    :account, :region, :name, :id, :description, :connection, :endpoint, :method, :rate,
    :created_ms, :modified_ms);

-- name: delete_destination
-- Forget one.
DELETE FROM api_destinations WHERE account = :account AND region = :region AND name = :name;

-- name: reset_connections
-- Forget all of an account.
DELETE FROM connections WHERE account = :account;

-- name: reset_destinations
-- Forget all of an account.
DELETE FROM api_destinations WHERE account = :account;
