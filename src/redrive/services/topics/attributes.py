"""A topic's attributes: which there are, which values they take, what is shown. Pure.

AWS: API_CreateTopic, API_SetTopicAttributes, API_GetTopicAttributes; texts as captured, but where
[G] marks a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.errors import ServiceError
from redrive.core.policy_grammar import problem_with
from redrive.services.topics.contents import (
    MESSAGE_BYTES,
    MESSAGE_BYTES_LEAST,
    MESSAGE_BYTES_MOST,
)
from redrive.services.topics.delivery_policies import (
    PolicyError,
    check_topic_policy,
    effective_topic_policy,
)
from redrive.services.topics.model import Measure, Topic
from redrive.services.topics.refusals import invalid

FEEDBACK = tuple(
    f"{protocol}{name}"
    for protocol in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
    for name in (
        "SuccessFeedbackRoleArn",
        "SuccessFeedbackSampleRate",
        "FailureFeedbackRoleArn",
    )
)
FIFO_ONLY = ("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy")
SETTABLE = (
    "DeliveryPolicy",
    "DisplayName",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
    *FIFO_ONLY,
    *FEEDBACK,
)
LARGE_SUBSCRIPTIONS_MAX = 100
LARGE_PROTOCOLS = ("sqs", "lambda", "firehose")
"""AWS: API_CreateTopic, "MaximumMessageSize", of a topic above 256 KiB."""

POLICY_BYTES_MAX = 30_720
DISPLAY_NAME_LENGTH_MAX = 100
_RATE = re.compile(r"[0-9]{1,2}|100")
_FLAGS = ("true", "false")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "FifoTopic": _FLAGS,
    "ContentBasedDeduplication": _FLAGS,
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}
_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)
"""What the policy that a topic begins with allows its owner. AWS: as captured."""

_SERVICE_ACTIONS = frozenset(
    name.lower()
    for name in (
        *_ACTIONS,
        "GetDataProtectionPolicy",
        "ListTagsForResource",
        "PutDataProtectionPolicy",
        "Receive",
    )
)


def is_fifo(given: Mapping[str, str]) -> bool:
    """Tell which kind of topic CreateTopic asks for."""
    return given.get("FifoTopic", "").lower() == "true"


def check_created(given: Mapping[str, str], arn: str) -> dict[str, str]:
    """Check CreateTopic's attributes; return those to keep."""
    fifo = is_fifo(given)
    kept: dict[str, str] = {}
    for name, value in given.items():
        if name != "FifoTopic" and name not in SETTABLE:
            raise invalid("Attributes Reason: Unknown attribute name")  # [G]
        try:
            merged = check_value(name, value, is_fifo=fifo, arn=arn)
        except ServiceError as error:
            told = error.message.removeprefix("Invalid parameter: ")
            raise invalid(f"Attributes Reason: {told}") from None
        if merged:
            kept[name] = merged
    if fifo:
        kept["FifoTopic"] = "true"
    else:
        kept.pop("FifoTopic", None)
    return kept


def check_value(name: str, value: str, *, is_fifo: bool, arn: str) -> str:
    """Check one attribute; return the value to keep, empty to forget it."""
    if name in FIFO_ONLY and not is_fifo and value not in ("", "false"):
        raise invalid(f"{name}: only valid for FIFO topics")  # [G]
    if name in _CHOICES:
        return _chosen(name, value)
    if name == "ArchivePolicy":
        if value not in ("", "{}"):
            raise invalid("ArchivePolicy: messages are not archived by this server")
        return ""
    if name == "MaximumMessageSize":
        return _size(value)
    if name == "DisplayName" and len(value) > DISPLAY_NAME_LENGTH_MAX:
        raise invalid("DisplayName: must be at most 100 characters long")  # [G]
    if name.endswith("SampleRate") and _RATE.fullmatch(value) is None:
        raise invalid(f"{name}: must be an integer from 0 to 100")  # [G]
    if name == "Policy":
        return _policy(value, arn) if value else ""
    if name == "DeliveryPolicy" and value:
        try:
            check_topic_policy(value)
        except PolicyError as error:
            raise invalid(f"DeliveryPolicy: {error}") from None
    return value


def _chosen(name: str, value: str) -> str:
    if value == "" and name != "FifoTopic":
        return ""
    shown = value.lower() if _CHOICES[name] == _FLAGS else value
    if shown not in _CHOICES[name]:
        known = " or ".join(_CHOICES[name])
        raise invalid(f"{name}: Invalid value [{value}]. Must be {known}.")
    return shown


def _size(value: str) -> str:
    digits = value if value.isascii() and value.isdigit() else "0"
    if not MESSAGE_BYTES_LEAST <= int(digits[:9]) <= MESSAGE_BYTES_MOST:
        raise invalid(  # [G]
            f"MaximumMessageSize: must be an integer from {MESSAGE_BYTES_LEAST} to"
            f" {MESSAGE_BYTES_MOST}"
        )
    return str(int(digits))


def _policy(text: str, arn: str) -> str:
    """Refuse a policy of a wrong form, and one that is about another service or topic."""
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError:
        policy = None
    if problem_with(policy, names_principals=True) or len(text.encode()) > POLICY_BYTES_MAX:
        raise invalid("Policy Error: null")  # [G]
    assert policy is not None
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for action in _listed(statement.get("Action", statement.get("NotAction"))):
            if not is_action(action):
                raise invalid("Policy statement action out of service scope!")
        for resource in _listed(statement.get("Resource", arn)):
            if resource != "*" and not resource.startswith("arn:"):
                raise invalid("Policy statement resource is not an ARN")  # [G]
    return text


def is_action(text: str) -> bool:
    """Tell whether an action of a policy may be done to topics."""
    if text == "*":
        return True
    service, _, name = text.lower().partition(":")
    if service != "sns":
        return False
    return name in _SERVICE_ACTIONS or "*" in name or "?" in name


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def default_policy(topic: Topic) -> dict[str, Any]:
    """Return the policy that a topic begins with. AWS: as captured."""
    return {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{name}" for name in _ACTIONS],
                "Resource": topic.arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
            }
        ],
    }


def bytes_max(attributes: Mapping[str, str]) -> int:
    """Return how long a message may be, its attributes included."""
    return int(attributes.get("MaximumMessageSize", MESSAGE_BYTES))


def is_content_based(attributes: Mapping[str, str]) -> bool:
    """Tell whether a message without a deduplication id gets its body's."""
    return attributes.get("ContentBasedDeduplication") == "true"


def is_by_group(attributes: Mapping[str, str]) -> bool:
    """Tell whether duplicates are told within a message group only."""
    return attributes.get("FifoThroughputScope") == "MessageGroup"


def shown(topic: Topic, measure: Measure) -> dict[str, str]:
    """Return all attributes of a topic, as GetTopicAttributes does."""
    kept: dict[str, str] = orjson.loads(topic.attributes)
    attributes = {
        "Policy": orjson.dumps(default_policy(topic)).decode(),
        "Owner": topic.account,
        "SubscriptionsPending": str(measure.pending),
        "TopicArn": topic.arn,
        "EffectiveDeliveryPolicy": effective_topic_policy(kept.get("DeliveryPolicy")),
        "SubscriptionsConfirmed": str(measure.confirmed),
        "DisplayName": "",
        "SubscriptionsDeleted": str(measure.deleted),
    }
    if topic.is_fifo:
        attributes["FifoTopic"] = "true"
        attributes["ContentBasedDeduplication"] = "false"
        attributes["FifoThroughputScope"] = "Topic"
    return {**attributes, **kept}


def differs(topic: Topic, kept: Mapping[str, str]) -> bool:
    """Tell whether a repeated CreateTopic asks for another topic than there is."""
    there = shown(topic, Measure(0, 0, 0))
    defaults = {"SignatureVersion": "1", "TracingConfig": "PassThrough"}
    return any(
        {**defaults, "MaximumMessageSize": str(MESSAGE_BYTES), **there}.get(name, "") != value
        for name, value in kept.items()
    )
