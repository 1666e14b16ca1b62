"""A subscription's attributes and endpoint: what they may be, what is shown. Pure.

AWS: API_Subscribe, API_SetSubscriptionAttributes, API_GetSubscriptionAttributes; texts as captured,
but where [G] marks a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.services.topics import filters
from redrive.services.topics.delivery_policies import (
    PolicyError,
    check_subscription_policy,
    effective_policy,
)
from redrive.services.topics.model import Subscription, Topic
from redrive.services.topics.names import SUFFIX
from redrive.services.topics.refusals import invalid, unreadable
from redrive.services.topics.tokens import Malformed, tokens_of

SETTABLE = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
)
PROTOCOLS = ("sqs", "lambda", "http", "https")
"""What is delivered to."""

UNOFFERED = ("application", "email", "email-json", "firehose", "sms")
"""What AWS delivers to as well."""

_RAW = ("sqs", "http", "https", "firehose")
_SMS = re.compile(r"\+[0-9]{1,15}|[0-9]{1,15}")
_ENDPOINT_LENGTH_MAX = 2_048


# --- endpoints ----------------------------------------------------------------------------------


def check_protocol(protocol: str, endpoint: str, topic: Topic) -> None:
    """Refuse a protocol or an endpoint that nothing can be delivered to."""
    if protocol not in PROTOCOLS and protocol not in UNOFFERED:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol == "sms" and _SMS.fullmatch(endpoint) is None:
        raise unreadable(f"Invalid SMS endpoint: {endpoint}")
    if protocol in UNOFFERED:
        raise invalid(f"Protocol Reason: this server does not deliver by {protocol}")
    if not endpoint or len(endpoint) > _ENDPOINT_LENGTH_MAX:
        raise invalid("Endpoint")
    if protocol in ("http", "https"):
        _check_url(protocol, endpoint)
    elif protocol == "lambda":
        arn = parse_arn(endpoint)
        if arn is None or arn.service != "lambda" or not arn.resource.startswith("function:"):
            raise invalid("Lambda endpoint ARN")
    else:
        arn = parse_arn(endpoint)
        if arn is None or arn.service != "sqs" or not arn.account or ":" in arn.resource:
            raise invalid("SQS endpoint ARN")
        if endpoint.endswith(SUFFIX) and not topic.is_fifo:
            raise invalid(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to"
                " standard SNS topics"
            )
    if topic.is_fifo and protocol != "sqs":
        raise invalid(  # [G]
            f"Invalid parameter: Protocol Reason: {protocol} endpoints can not be subscribed to"
            " FIFO SNS topics"
        )


def _check_url(protocol: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        is_good = parts.scheme == protocol and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(sign <= " " or sign == "\x7f" for sign in endpoint):
        raise invalid("Endpoint must match the specified protocol")


def account_of(protocol: str, endpoint: str) -> str | None:
    """Return whose a queue or a function is; None where nobody can tell."""
    arn = parse_arn(endpoint) if protocol in ("sqs", "lambda") else None
    return None if arn is None else arn.account


# --- attributes ---------------------------------------------------------------------------------


def check_given(
    given: Mapping[str, str], topic: Topic, protocol: str, endpoint: str
) -> dict[str, str]:
    """Check Subscribe's attributes; return those to keep."""
    prefix = "Attributes Reason: "
    kept: dict[str, str] = {}
    for name, value in given.items():
        if name not in SETTABLE:
            raise invalid(f"{prefix}Unknown attribute name")  # [G]
        if name != "FilterPolicy":
            kept[name] = check_value(name, value, topic, protocol, endpoint, prefix)
    if given.get("FilterPolicy"):
        scope = kept.get("FilterPolicyScope", filters.ATTRIBUTES)
        filters.check_policy(given["FilterPolicy"], scope, prefix)
        kept["FilterPolicy"] = given["FilterPolicy"]
    return settled(kept)


def check_value(
    name: str, value: str, topic: Topic, protocol: str, endpoint: str, prefix: str = ""
) -> str:
    """Check one attribute but a filter policy; return it as it is kept."""
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise invalid(f"{prefix}{name}: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol not in _RAW:
            raise invalid(
                f"{prefix}{name}: Delivery protocol [{protocol}] does not support raw message"
                " delivery."
            )
        return value.lower()
    if name == "FilterPolicyScope" and value not in filters.SCOPES:
        raise invalid(
            f"{prefix}{name}: Invalid value [{value}]. Please use either MessageBody or"
            " MessageAttributes"
        )
    if name == "RedrivePolicy" and value:
        _check_redrive(value, topic, endpoint, prefix)
    elif name == "DeliveryPolicy" and value:
        try:
            check_subscription_policy(value)
        except PolicyError as error:
            raise invalid(f"{prefix}{name}: {error}") from None
    elif name == "ReplayPolicy" and value:
        raise invalid(f"{prefix}{name}: the topic has no archive")
    elif name == "SubscriptionRoleArn" and value:
        raise invalid(f"{prefix}{name}: only valid for the protocol firehose")
    return value


def _check_redrive(text: str, topic: Topic, endpoint: str, prefix: str) -> None:
    """AWS: SNS Developer Guide, "Configuring an Amazon SNS dead-letter queue"."""
    try:
        for _token in tokens_of(text):
            pass
    except Malformed as error:
        raise invalid(f"{prefix}RedrivePolicy: failed to parse JSON. {error}") from None
    try:
        given: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    queue = given.get("deadLetterTargetArn") if isinstance(given, dict) else None
    arn = parse_arn(queue) if isinstance(queue, str) else None
    if arn is None or arn.service != "sqs" or ":" in arn.resource:
        raise invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    _check_dead_letters(arn, topic, endpoint, prefix)


def _check_dead_letters(arn: Arn, topic: Topic, endpoint: str, prefix: str) -> None:
    is_fifo = str(arn).endswith(SUFFIX)
    if arn.account != topic.account or arn.region != topic.region:
        raise invalid(  # [G]
            f"{prefix}RedrivePolicy: deadLetterTargetArn must be in the account and region of the"
            " topic"
        )
    if topic.is_fifo and endpoint.endswith(SUFFIX) and not is_fifo:
        raise invalid(
            f"{prefix}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO"
            " Topic."
        )
    if not topic.is_fifo and is_fifo:
        raise invalid(  # [G]
            f"{prefix}RedrivePolicy: must use a standard queue as DLQ for a subscription to a"
            " standard topic."
        )


def settled(kept: Mapping[str, str]) -> dict[str, str]:
    """Return attributes without those that say nothing: an empty value forgets one."""
    return {name: value for name, value in kept.items() if value}


def differs(subscription: Subscription, kept: Mapping[str, str]) -> bool:
    """Tell whether a repeated Subscribe asks for other attributes. AWS: as captured."""
    there = _stored(subscription)
    return any(there.get(name, "") != value for name, value in kept.items())


def _stored(subscription: Subscription) -> dict[str, str]:
    kept: dict[str, str] = orjson.loads(subscription.attributes)
    if "FilterPolicy" in kept:
        kept.setdefault("FilterPolicyScope", filters.ATTRIBUTES)
    kept.setdefault("RawMessageDelivery", "false")
    return kept


def shown(subscription: Subscription, topic_policy: str | None) -> dict[str, str]:
    """Return all attributes, as GetSubscriptionAttributes does.

    topic_policy: the DeliveryPolicy of the topic.
    """
    stored = _stored(subscription)
    attributes = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic_arn,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "Owner": subscription.owner,
        "ConfirmationWasAuthenticated": _flag(bool(subscription.is_authenticated)),
        "PendingConfirmation": _flag(subscription.status == "pending"),
        "SubscriptionPrincipal": f"arn:aws:iam::{subscription.owner}:root",
        **stored,
    }
    if subscription.protocol in ("http", "https"):
        policy = effective_policy(topic_policy, stored.get("DeliveryPolicy"))
        attributes["EffectiveDeliveryPolicy"] = orjson.dumps(policy).decode()
    return attributes


def _flag(value: bool) -> str:
    return "true" if value else "false"
