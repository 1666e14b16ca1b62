"""Names and ARNs of topics and subscriptions. Pure; the refusals as captured from AWS."""

from __future__ import annotations

import re
from typing import NamedTuple

from redrive.core.arn import Arn, parse_arn
from redrive.services.topics.refusals import invalid

SUFFIX = ".fifo"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PARTS = 6


class SubscriptionName(NamedTuple):
    """A subscription's ARN, taken apart."""

    account: str
    region: str
    name: str  # the topic's
    id: str


def topic_arn(region: str, account: str, name: str) -> str:
    """Return arn:aws:sns:<region>:<account>:<name>."""
    return f"arn:aws:sns:{region}:{account}:{name}"


def check_name(name: str, *, is_fifo: bool) -> None:
    """Refuse a name that is none, or of the other kind. AWS: API_CreateTopic, "Name"."""
    if is_fifo and _FIFO_NAME.fullmatch(name) is None:
        raise invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and"
            " lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and"
            " 256 characters long."
        )
    if not is_fifo and _NAME.fullmatch(name) is None:
        raise invalid("Topic Name")


def parse_topic_arn(text: str, member: str = "TopicArn") -> Arn:
    """Return the parts of a topic's ARN, which a member of the request has, or refuse it."""
    _check_parts(text, member)
    arn = parse_arn(text)
    if arn is None or arn.service != "sns" or not arn.account or ":" in arn.resource:
        raise invalid(member)
    return arn


def parse_subscription_arn(text: str) -> SubscriptionName:
    """Return the parts of a subscription's ARN, or refuse it."""
    _check_parts(text, "SubscriptionArn")
    arn = parse_arn(text)
    name, _, identity = ("", "", "") if arn is None else arn.resource.partition(":")
    if arn is None or arn.service != "sns" or not name or _UUID.fullmatch(identity) is None:
        raise invalid("SubscriptionId")
    return SubscriptionName(arn.account, arn.region, name, identity)


def _check_parts(text: str, member: str) -> None:
    if not text:
        raise invalid(f"{member} Reason: no value for required parameter")
    count = len(text.split(":"))
    if count < _PARTS:
        raise invalid(f"{member} Reason: An ARN must have at least {_PARTS} elements, not {count}")
