"""Topics themselves: create, find, list, configure, delete."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.topics import attributes as attribute_rules
from redrive.services.topics.access import check_access
from redrive.services.topics.contents import MESSAGE_BYTES
from redrive.services.topics.model import Measure, Number, Subscription, Topic
from redrive.services.topics.names import check_name, parse_topic_arn, topic_arn
from redrive.services.topics.operations.tagging import given_tags
from redrive.services.topics.refusals import invalid
from redrive.services.topics.room import Topics, find_topic, topic_of
from redrive.store.store import Tx

PAGE_MAX = 100
"""AWS: API_ListTopics, API_ListSubscriptions."""

TOPICS_MAX = {0: 100_000, 1: 1_000}
"""Standard and FIFO topics of an account in a region. AWS: API_CreateTopic."""


def create_topic(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Create a topic, or return the same one's ARN when nothing differs. AWS: API_CreateTopic."""
    del room
    name: str = params["Name"]
    given: Mapping[str, str] = params.get("Attributes") or {}
    is_fifo = attribute_rules.is_fifo(given)
    check_name(name, is_fifo=is_fifo)
    if params.get("DataProtectionPolicy"):
        raise no_data_protection()
    caller = context.caller
    place = {"account": caller.account, "region": caller.region}
    arn = topic_arn(caller.region, caller.account, name)
    kept = attribute_rules.check_created(given, arn)
    tags = given_tags(params.get("Tags") or [])
    topic: Topic | None = tx.cached(Topic, "topics.topic", caller.account, caller.region, name)
    if topic is not None:
        _check_same(topic, kept, tags)
        return {"TopicArn": topic.arn}
    count = tx.one(Number, "topics.count_topics", **place, is_fifo=int(is_fifo))
    assert count is not None
    if count.value >= TOPICS_MAX[int(is_fifo)]:
        raise ServiceError("TopicLimitExceeded", "Topic limit exceeded", status=403)
    tx.run(
        "topics.add_topic",
        **place,
        name=name,
        is_fifo=int(is_fifo),
        now_ms=context.now_ms,
        attributes=orjson.dumps(kept).decode(),
        tags=orjson.dumps(tags).decode(),
    )
    return {"TopicArn": arn}


def _check_same(topic: Topic, kept: Mapping[str, str], tags: Mapping[str, str]) -> None:
    """Refuse to create what is there in another form. AWS: texts as captured."""
    if attribute_rules.differs(topic, kept):
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    there = orjson.loads(topic.tags)
    if any(there.get(key) != value for key, value in tags.items()):
        raise invalid("Tags Reason: Topic already exists with different tags")


def no_data_protection() -> ServiceError:
    """Return the refusal of data protection policies."""
    return invalid("DataProtectionPolicy Reason: messages are not inspected by this server")


def delete_topic(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a topic and its subscriptions; a missing one is no error. AWS: API_DeleteTopic.

    What has been accepted before is still delivered, as far as it was owed.
    """
    del room
    arn = parse_topic_arn(params["TopicArn"])
    caller = context.caller
    if arn.region != caller.region:
        raise invalid("TopicArn")
    topic = topic_of(tx, arn)
    if caller.account != arn.account or caller.session is not None:
        check_access(topic, arn, context, "DeleteTopic")
    if topic is not None:
        tx.run("topics.delete_subscriptions", topic=topic.id)
        tx.run("topics.delete_published", topic=topic.id)
        tx.run("topics.delete_endings", topic=topic.id)
        tx.run("topics.delete_topic", id=topic.id)
    return {}


def list_topics(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """List topics in order of name, a page at a time. AWS: API_ListTopics."""
    del room
    topics: list[Topic] = tx.rows(
        Topic,
        "topics.topics_of",
        account=context.caller.account,
        region=context.caller.region,
        after=page_start(params),
        limit=PAGE_MAX + 1,
    )
    page: dict[str, Any] = {"Topics": [{"TopicArn": topic.arn} for topic in topics[:PAGE_MAX]]}
    if len(topics) > PAGE_MAX:
        page["NextToken"] = page_token(topics[PAGE_MAX - 1].name)
    return page


def page_token(after: str) -> str:
    """Return the token of the page that follows something."""
    return urlsafe_b64encode(after.encode()).decode("ascii")


def page_start(params: Params) -> str:
    """Return what a page follows, empty for the first. AWS: the text is a guess."""
    token: str = params.get("NextToken") or ""
    try:
        return b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (Error, ValueError):
        raise invalid("NextToken") from None


def get_topic_attributes(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Return all attributes. AWS: API_GetTopicAttributes."""
    del room
    topic = find_topic(tx, params["TopicArn"], context, "GetTopicAttributes")
    measure: Measure | None = tx.one(
        Measure, "topics.measure", topic=topic.id, now_ms=context.now_ms
    )
    assert measure is not None
    return {"Attributes": attribute_rules.shown(topic, measure)}


def set_topic_attributes(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Change one attribute; an empty value forgets it. AWS: API_SetTopicAttributes."""
    del room
    topic = find_topic(tx, params["TopicArn"], context, "SetTopicAttributes")
    name: str = params["AttributeName"]
    if name not in attribute_rules.SETTABLE:
        raise invalid("AttributeName")
    value = attribute_rules.check_value(
        name, params.get("AttributeValue") or "", is_fifo=bool(topic.is_fifo), arn=topic.arn
    )
    kept = orjson.loads(topic.attributes)
    kept.pop(name, None)
    if value:
        kept[name] = value
    if name == "MaximumMessageSize":
        check_large(tx, topic, kept)
    keep_attributes(tx, topic, kept)
    return {}


def check_large(tx: Tx, topic: Topic, kept: Mapping[str, str], adding: str = "") -> None:
    """Refuse long messages where not every subscriber could take them.

    adding: the protocol of a subscription that is being made. AWS: API_CreateTopic,
    "MaximumMessageSize"; the texts are guesses.
    """
    if attribute_rules.bytes_max(kept) <= MESSAGE_BYTES:
        return
    found: list[Subscription] = tx.rows(
        Subscription,
        "topics.subscriptions_of_topic",
        topic=topic.id,
        after=0,
        now_ms=0,
        limit=attribute_rules.LARGE_SUBSCRIPTIONS_MAX + 1,
    )
    protocols = [each.protocol for each in found] + ([adding] if adding else [])
    if len(protocols) > attribute_rules.LARGE_SUBSCRIPTIONS_MAX:
        raise invalid(
            "MaximumMessageSize: a topic with a MaximumMessageSize above 256 KiB must have 100 or"
            " fewer subscriptions"
        )
    if any(protocol not in attribute_rules.LARGE_PROTOCOLS for protocol in protocols):
        raise invalid(
            "MaximumMessageSize: each subscription of a topic with a MaximumMessageSize above"
            " 256 KiB must be an Amazon SQS, Amazon Data Firehose, or Lambda subscription"
        )


def keep_attributes(tx: Tx, topic: Topic, kept: Mapping[str, str]) -> None:
    """Write a topic's attributes."""
    tx.run("topics.set_attributes", id=topic.id, attributes=orjson.dumps(dict(kept)).decode())


def get_data_protection_policy(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Return the policy that no topic has. AWS: API_GetDataProtectionPolicy."""
    del room
    find_topic(tx, params["ResourceArn"], context, "GetDataProtectionPolicy", "ResourceArn")
    return {"DataProtectionPolicy": ""}


def put_data_protection_policy(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Refuse a policy; an empty one changes nothing. AWS: API_PutDataProtectionPolicy."""
    del room
    find_topic(tx, params["ResourceArn"], context, "PutDataProtectionPolicy", "ResourceArn")
    if params["DataProtectionPolicy"]:
        raise no_data_protection()
    return {}
