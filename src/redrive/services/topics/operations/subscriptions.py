"""Subscriptions: who gets what is published, and how."""

from __future__ import annotations

import re
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.core.time import DAY_MS, NEVER
from redrive.services.topics import filters, settings
from redrive.services.topics.model import Filters, Measure, Subscription, Topic
from redrive.services.topics.names import parse_subscription_arn
from redrive.services.topics.operations.confirming import (
    new_token,
    put_confirmation,
)
from redrive.services.topics.operations.topics import (
    PAGE_MAX,
    check_large,
    page_start,
    page_token,
)
from redrive.services.topics.refusals import invalid, no_subscription, not_authorised
from redrive.services.topics.room import Topics, find_topic
from redrive.store.store import Tx

PENDING = "pending confirmation"
_PLACE = re.compile(r"[0-9]{1,18}")
UNCONFIRMED_MS_MAX = 2 * DAY_MS
"""AWS: API_Subscribe, "Confirmation tokens are valid for two days"."""

FIFO_SUBSCRIPTIONS_MAX = 100
PENDING_MAX = 5_000
FILTERS_OF_TOPIC_MAX, FILTERS_OF_ACCOUNT_MAX = 200, 10_000
"""AWS: General Reference, "Amazon SNS endpoints and quotas"."""


def subscribe(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Subscribe an endpoint, or return the same one's ARN when nothing differs.

    Who subscribes a queue or a function of its own account need not confirm it; all others are
    asked at the endpoint. AWS: API_Subscribe; SNS Developer Guide, "Sending Amazon SNS messages to
    an Amazon SQS queue in a different account".
    """
    topic = find_topic(tx, params["TopicArn"], context, "Subscribe")
    protocol: str = params["Protocol"]
    endpoint: str = params.get("Endpoint") or ""
    settings.check_protocol(protocol, endpoint, topic)
    given = params.get("Attributes") or {}
    kept = settings.check_given(given, topic, protocol, endpoint)
    tx.run("topics.drop_expired", now_ms=context.now_ms)
    where = {"topic": topic.id, "protocol": protocol, "endpoint": endpoint}
    there: Subscription | None = tx.one(Subscription, "topics.subscription_to", **where)
    if there is not None and not there.is_there(context.now_ms):
        tx.run("topics.delete_subscription", n=there.n)
        there = None
    if there is not None and given and settings.differs(there, kept):
        raise invalid("Attributes Reason: Subscription already exists with different attributes")
    if there is None:
        check_large(tx, topic, orjson.loads(topic.attributes), protocol)
        _check_limits(tx, topic, kept, context)
        there = _add(room, tx, topic, where, kept, context)
    if there.status == "pending":
        put_confirmation(room, tx, topic, there, "SubscriptionConfirmation", context)
        if not params.get("ReturnSubscriptionArn"):
            return {"SubscriptionArn": PENDING}
    return {"SubscriptionArn": there.arn}


def _add(
    room: Topics,
    tx: Tx,
    topic: Topic,
    where: dict[str, Any],
    kept: dict[str, str],
    context: Context,
) -> Subscription:
    account = context.caller.account
    is_own = settings.account_of(where["protocol"], where["endpoint"]) == account
    expires_ms = NEVER if is_own else context.now_ms + UNCONFIRMED_MS_MAX
    tx.run(
        "topics.add_subscription",
        **where,
        id=uuid4(room.chance),
        account=topic.account,
        region=topic.region,
        name=topic.name,
        owner=account,
        status="confirmed" if is_own else "pending",
        token=None if is_own else new_token(room),
        expires_ms=expires_ms,
        is_authenticated=int(is_own),
        attributes=orjson.dumps(kept).decode(),
    )
    made: Subscription | None = tx.one(Subscription, "topics.subscription_to", **where)
    assert made is not None
    return made


def _check_limits(tx: Tx, topic: Topic, kept: dict[str, str], context: Context) -> None:
    measure: Measure | None = tx.one(
        Measure, "topics.measure", topic=topic.id, now_ms=context.now_ms
    )
    assert measure is not None
    is_full = topic.is_fifo and measure.confirmed + measure.pending >= FIFO_SUBSCRIPTIONS_MAX
    if is_full or measure.pending >= PENDING_MAX:
        raise ServiceError("SubscriptionLimitExceeded", "Subscription limit exceeded", status=403)
    if "FilterPolicy" in kept:
        _check_filters(tx, topic.id, context.caller.account, topic.region)


def _check_filters(tx: Tx, topic: int, owner: str, region: str) -> None:
    count: Filters | None = tx.one(
        Filters, "topics.count_filters", topic=topic, owner=owner, region=region
    )
    assert count is not None
    if count.of_topic >= FILTERS_OF_TOPIC_MAX or count.of_account >= FILTERS_OF_ACCOUNT_MAX:
        raise ServiceError("FilterPolicyLimitExceeded", "Filter policy limit exceeded", status=403)


# --- one subscription ---------------------------------------------------------------------------


def find_subscription(tx: Tx, text: str, context: Context) -> Subscription:
    """Return the subscription of an ARN that the caller may see and change, or refuse.

    That is who subscribed, and the topic's owner. AWS: API_Unsubscribe.
    """
    found = subscription_of(tx, text)
    account = context.caller.account
    if found is not None and account not in (found.owner, found.account):
        raise not_authorised("Not authorized to access this subscription")
    if found is None or not found.is_there(context.now_ms):
        raise no_subscription()
    return found


def subscription_of(tx: Tx, text: str) -> Subscription | None:
    """Return the subscription of an ARN, whoever asks."""
    found: Subscription | None = tx.one(
        Subscription, "topics.subscription", **parse_subscription_arn(text)._asdict()
    )
    return found


def get_subscription_attributes(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Return all attributes. AWS: API_GetSubscriptionAttributes."""
    del room
    subscription = find_subscription(tx, params["SubscriptionArn"], context)
    policy = orjson.loads(_topic_of(tx, subscription).attributes).get("DeliveryPolicy")
    return {"Attributes": settings.shown(subscription, policy)}


def _topic_of(tx: Tx, subscription: Subscription) -> Topic:
    place = (subscription.account, subscription.region, subscription.name)
    topic: Topic | None = tx.cached(Topic, "topics.topic", *place)
    assert topic is not None, "subscriptions go with their topic"
    return topic


def set_subscription_attributes(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """Change one attribute; an empty value forgets it. AWS: API_SetSubscriptionAttributes."""
    del room
    subscription = find_subscription(tx, params["SubscriptionArn"], context)
    name: str = params["AttributeName"]
    value: str = params.get("AttributeValue") or ""
    if name not in settings.SETTABLE:
        raise invalid("AttributeName")
    kept = orjson.loads(subscription.attributes)
    topic = _topic_of(tx, subscription)
    if name == "FilterPolicy":
        if value:
            scope = kept.get("FilterPolicyScope", filters.ATTRIBUTES)
            filters.check_policy(value, scope, "")
            if "FilterPolicy" not in kept:
                _check_filters(tx, topic.id, subscription.owner, subscription.region)
    else:
        where = (subscription.protocol, subscription.endpoint)
        value = settings.check_value(name, value, topic, *where)
    if name == "FilterPolicyScope" and kept.get("FilterPolicy"):
        filters.check_nesting(orjson.loads(kept["FilterPolicy"]), value)
    kept = settings.settled({**kept, name: value})
    tx.run("topics.set_subscription", n=subscription.n, attributes=orjson.dumps(kept).decode())
    return {}


# --- lists --------------------------------------------------------------------------------------


def list_subscriptions(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's subscriptions in order of subscribing. AWS: API_ListSubscriptions."""
    del room
    caller = context.caller
    place = {"owner": caller.account, "region": caller.region}
    return _page(tx, "topics.subscriptions_of_owner", params, context, **place)


def list_subscriptions_by_topic(room: Topics, tx: Tx, params: Params, context: Context) -> Result:
    """List a topic's subscriptions. AWS: API_ListSubscriptionsByTopic."""
    del room
    topic = find_topic(tx, params["TopicArn"], context, "ListSubscriptionsByTopic")
    return _page(tx, "topics.subscriptions_of_topic", params, context, topic=topic.id)


def _page(tx: Tx, statement: str, params: Params, context: Context, **place: Any) -> Result:
    start = page_start(params)
    if _PLACE.fullmatch(start or "0") is None:
        raise invalid("NextToken")
    found: list[Subscription] = tx.rows(
        Subscription,
        statement,
        **place,
        after=int(start or 0),
        now_ms=context.now_ms,
        limit=PAGE_MAX + 1,
    )
    page: dict[str, Any] = {"Subscriptions": [_summary(each) for each in found[:PAGE_MAX]]}
    if len(found) > PAGE_MAX:
        page["NextToken"] = page_token(str(found[PAGE_MAX - 1].n))
    return page


def _summary(subscription: Subscription) -> dict[str, str]:
    is_pending = subscription.status == "pending"
    return {
        "SubscriptionArn": "PendingConfirmation" if is_pending else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }
