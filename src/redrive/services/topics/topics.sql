-- schema 1: topics, who gets what is published there, and what has been published lately.
CREATE TABLE topics (
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    is_fifo    INTEGER NOT NULL CHECK (is_fifo IN (0, 1)),
    created_ms INTEGER NOT NULL,
    attributes TEXT NOT NULL,              -- JSON object: what was set, by AWS's names
    tags       TEXT NOT NULL,              -- JSON object
    UNIQUE (account, region, name)
) STRICT;

-- Beside its topic, because it changes while topics are kept in memory.
CREATE TABLE topic_endings (
    topic   INTEGER PRIMARY KEY,
    deleted INTEGER NOT NULL               -- subscriptions that have ended
) STRICT;

CREATE TABLE topic_subscriptions (
    n                INTEGER PRIMARY KEY,  -- in order of subscribing
    id               TEXT NOT NULL UNIQUE, -- a UUID: the last part of its ARN
    topic            INTEGER NOT NULL,
    account          TEXT NOT NULL,        -- the topic's, as its region and name
    region           TEXT NOT NULL,
    name             TEXT NOT NULL,
    owner            TEXT NOT NULL,        -- account that subscribed
    protocol         TEXT NOT NULL,
    endpoint         TEXT NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled')),
    token            TEXT UNIQUE,          -- what confirms it; NULL when nothing was asked
    expires_ms       INTEGER NOT NULL,     -- when it is gone unless it has been confirmed
    is_authenticated INTEGER NOT NULL,     -- who confirmed it was known
    is_guarded       INTEGER NOT NULL,     -- only who is known may end it
    attributes       TEXT NOT NULL,        -- JSON object: what was set, by AWS's names
    paced_ms         INTEGER NOT NULL,     -- when the next delivery may be made, with a throttle
    UNIQUE (topic, protocol, endpoint)
) STRICT;
-- Serves `subscriptions_of_topic`.
CREATE INDEX topic_subscriptions_by_topic ON topic_subscriptions (topic, n);
-- Serves `subscriptions_of_owner`.
CREATE INDEX topic_subscriptions_by_owner ON topic_subscriptions (owner, region, n);
-- Serves `drop_expired`.
CREATE INDEX topic_subscriptions_expiring ON topic_subscriptions (expires_ms)
    WHERE status <> 'confirmed';

CREATE TABLE topic_published (
    topic      INTEGER NOT NULL,
    scope      TEXT NOT NULL,              -- a message group, or '' for the whole topic
    dedup_id   TEXT NOT NULL,
    until_ms   INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    sequence   TEXT NOT NULL,
    PRIMARY KEY (topic, scope, dedup_id)
) STRICT, WITHOUT ROWID;
-- Serves `forget_published`.
CREATE INDEX topic_published_until ON topic_published (until_ms);

CREATE TABLE topic_keys (
    id          TEXT PRIMARY KEY,
    private_key BLOB NOT NULL,             -- PKCS #8, DER
    certificate BLOB NOT NULL              -- X.509, PEM
) STRICT;

-- name: topic
-- Find a topic.
SELECT id, account, region, name, is_fifo, created_ms, attributes, tags
FROM topics WHERE account = ? AND region = ? AND name = ?;

-- name: topics_of
-- List topics of an account and region in order of name.
SELECT id, account, region, name, is_fifo, created_ms, attributes, tags
FROM topics
WHERE account = :account AND region = :region AND name > :after
ORDER BY name LIMIT :limit;

-- name: count_topics
-- Count topics of a kind.
SELECT count(*) FROM topics
WHERE account = :account AND region = :region AND is_fifo = :is_fifo;

-- name: add_topic
-- Create a topic.
INSERT INTO topics (account, region, name, is_fifo, created_ms, attributes, tags)
VALUES (:account, :region, :name, :is_fifo, :now_ms, :attributes, :tags);

-- name: set_attributes
-- Replace a topic's attributes.
UPDATE topics SET attributes = :attributes WHERE id = :id;

-- name: set_tags
-- Replace a topic's tags.
UPDATE topics SET tags = :tags WHERE id = :id;

-- name: delete_topic
-- Forget a topic.
DELETE FROM topics WHERE id = :id;

-- name: delete_subscriptions
-- Forget all subscriptions of a topic.
DELETE FROM topic_subscriptions WHERE topic = :topic;

-- name: delete_published
-- Forget what has been published to a topic.
DELETE FROM topic_published WHERE topic = :topic;

-- name: delete_endings
-- Forget how many subscriptions of a topic have ended.
DELETE FROM topic_endings WHERE topic = :topic;

-- name: add_ending
-- Count a subscription that has ended.
INSERT INTO topic_endings (topic, deleted) VALUES (:topic, 1)
ON CONFLICT (topic) DO UPDATE SET deleted = deleted + 1;

-- name: measure
-- Count a topic's subscriptions: confirmed, pending and ended.
SELECT
    (SELECT count(*) FROM topic_subscriptions WHERE topic = :topic AND status = 'confirmed'),
    (SELECT count(*) FROM topic_subscriptions
        WHERE topic = :topic AND status = 'pending' AND expires_ms > :now_ms),
    coalesce((SELECT deleted FROM topic_endings WHERE topic = :topic), 0);

-- name: add_subscription
-- Subscribe.
INSERT INTO topic_subscriptions (
    id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms)
VALUES (
    :id, :topic, :account, :region, :name, :owner, :protocol, :endpoint, :status, :token,
    :expires_ms, :is_authenticated, 0, :attributes, 0);

-- name: subscription
-- Find a subscription by the last part of its ARN.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions
WHERE id = :id AND account = :account AND region = :region AND name = :name;

-- name: subscription_to
-- Find a topic's subscription by where it leads.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions
WHERE topic = :topic AND protocol = :protocol AND endpoint = :endpoint;

-- name: subscription_by_token
-- Find a subscription by what confirms it.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions WHERE token = :token;

-- name: confirmed
-- List who gets what is published to a topic, in order of subscribing.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions WHERE topic = :topic AND status = 'confirmed' ORDER BY n;

-- name: subscriptions_of_topic
-- List a page of a topic's subscriptions.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions
WHERE topic = :topic AND n > :after
    AND (status = 'confirmed' OR status = 'pending' AND expires_ms > :now_ms)
ORDER BY n LIMIT :limit;

-- name: subscriptions_of_owner
-- List a page of an account's subscriptions in a region.
SELECT n, id, topic, account, region, name, owner, protocol, endpoint, status, token, expires_ms,
    is_authenticated, is_guarded, attributes, paced_ms
FROM topic_subscriptions
WHERE owner = :owner AND region = :region AND n > :after
    AND (status = 'confirmed' OR status = 'pending' AND expires_ms > :now_ms)
ORDER BY n LIMIT :limit;

-- name: count_filters
-- Count the filter policies of an account in a region, and those of one topic.
SELECT count(*), coalesce(sum(topic = :topic), 0) FROM topic_subscriptions
WHERE owner = :owner AND region = :region AND attributes LIKE '%"FilterPolicy"%';

-- name: settle_subscription
-- Write what has become of a subscription.
UPDATE topic_subscriptions
SET owner = :owner, status = :status, token = :token, expires_ms = :expires_ms,
    is_authenticated = :is_authenticated, is_guarded = :is_guarded
WHERE n = :n;

-- name: set_subscription
-- Replace a subscription's attributes.
UPDATE topic_subscriptions SET attributes = :attributes WHERE n = :n;

-- name: pace
-- Remember when a subscription may be delivered to next.
UPDATE topic_subscriptions SET paced_ms = :paced_ms WHERE n = :n;

-- name: delete_subscription
-- Forget a subscription.
DELETE FROM topic_subscriptions WHERE n = :n;

-- name: drop_expired
-- Forget a few subscriptions that nobody has confirmed in time.
DELETE FROM topic_subscriptions WHERE n IN (
    SELECT n FROM topic_subscriptions
    WHERE status <> 'confirmed' AND expires_ms <= :now_ms LIMIT 10);

-- name: published
-- Find a message that suppresses another of the same deduplication id.
SELECT message_id, sequence FROM topic_published
WHERE topic = :topic AND scope IN ('', :scope) AND dedup_id = :dedup_id AND until_ms > :now_ms;

-- name: add_published
-- Remember a message's deduplication id.
INSERT OR REPLACE INTO topic_published (topic, scope, dedup_id, until_ms, message_id, sequence)
VALUES (:topic, :scope, :dedup_id, :until_ms, :message_id, :sequence);

-- name: forget_published
-- Forget a few deduplication ids whose time is over: more than a message adds.
DELETE FROM topic_published WHERE (topic, scope, dedup_id) IN (
    SELECT topic, scope, dedup_id FROM topic_published WHERE until_ms <= :now_ms LIMIT 4);

-- name: key
-- Find the key that notifications are signed with.
SELECT id, private_key, certificate FROM topic_keys LIMIT 1;

-- name: keep_key
-- Keep a new key.
INSERT INTO topic_keys (id, private_key, certificate) VALUES (:id, :private_key, :certificate);

-- name: reset_published
-- Forget what has been published to an account's topics.
DELETE FROM topic_published
WHERE topic IN (SELECT id FROM topics WHERE account = :account);

-- name: reset_endings
-- Forget how many subscriptions of an account's topics have ended.
DELETE FROM topic_endings WHERE topic IN (SELECT id FROM topics WHERE account = :account);

-- name: reset_subscriptions
-- Forget the subscriptions to an account's topics, and those that it owns.
DELETE FROM topic_subscriptions WHERE account = :account OR owner = :account;

-- name: reset
-- Forget the topics of an account.
DELETE FROM topics WHERE account = :account;
