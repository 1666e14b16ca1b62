"""Queue attributes: names, ranges, defaults and AWS's refusals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.errors import ServiceError
from redrive.core.limits import (
    DELAY_MS_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN,
    POLICY_BYTES_MAX,
    VISIBILITY_MS_MAX,
    WAIT_MS_MAX,
)
from redrive.core.policy_grammar import problem_with
from redrive.core.time import DAY_MS, MINUTE_MS, SECOND_MS
from redrive.services.queues import fifo
from redrive.services.queues.model import Counts, Hidden, Queue


class Range(NamedTuple):
    """An attribute that is a whole number: its bounds and its default, in the attribute's unit."""

    least: int
    most: int
    default: int


# AWS: API_SetQueueAttributes (botocore 1.44 model); units are seconds, and bytes for the size.
NUMBERS = {
    "DelaySeconds": Range(0, DELAY_MS_MAX // SECOND_MS, 0),
    "MaximumMessageSize": Range(MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": Range(
        MINUTE_MS // SECOND_MS, 14 * DAY_MS // SECOND_MS, 4 * DAY_MS // SECOND_MS
    ),
    "ReceiveMessageWaitTimeSeconds": Range(0, WAIT_MS_MAX // SECOND_MS, 0),
    "VisibilityTimeout": Range(0, VISIBILITY_MS_MAX // SECOND_MS, 30),
    "KmsDataKeyReusePeriodSeconds": Range(60, 86_400, 300),
}
FIFO_ONLY = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
TEXTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled")
SETTABLE = frozenset((*NUMBERS, *TEXTS, *FIFO_ONLY, "FifoQueue"))
COMPUTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
_SHOWN_WHEN_UNSET = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)
_SOURCES_MAX = 10  # RedriveAllowPolicy, sourceQueueArns
RECEIVES_MAX = 1_000  # widely stated for maxReceiveCount; the API reference gives no bound


class Settings(NamedTuple):
    """The columns of a queue that attributes decide."""

    visibility_ms: int
    delay_ms: int
    wait_ms: int
    retention_ms: int
    bytes_max: int
    dlq_arn: str | None
    receives_max: int | None
    attributes: str


def _invalid(name: str, value: str, reason: str = "") -> ServiceError:
    tail = f" Reason: {reason}" if reason else ""
    return ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{tail}")


def check_names(attributes: Mapping[str, str], *, creating: bool, is_fifo: bool) -> None:
    """Refuse names that do not exist, or not for a standard queue. AWS: texts as captured."""
    for name, value in attributes.items():
        if is_fifo and name in SETTABLE:
            continue
        if name not in SETTABLE or name == "ContentBasedDeduplication":
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name == "FifoQueue":
            if not creating or value != "false":
                raise ServiceError("InvalidAttributeName", "Unknown Attribute FifoQueue.")
            raise _invalid("FifoQueue", value)
        if name in FIFO_ONLY:
            raise ServiceError(
                "InvalidAttributeName",
                f"You can specify the {name} only when FifoQueue is set to true.",
            )


def merge(
    kept: Mapping[str, str], given: Mapping[str, str], account: str, region: str
) -> dict[str, str]:
    """Return the attributes after setting `given` over `kept`, each value checked.

    An empty RedrivePolicy, RedriveAllowPolicy, Policy or KmsMasterKeyId removes it.
    """
    merged = dict(kept)
    for name, value in given.items():
        if name in NUMBERS:
            merged[name] = _check_number(name, value)
            continue
        if name in fifo.DEFAULTS:
            fifo.check_choice(name, value)
        if value == "" and name != "SqsManagedSseEnabled":
            merged.pop(name, None)
            continue
        if name == "RedrivePolicy":
            parse_redrive_policy(value, account, region)
        elif name == "RedriveAllowPolicy":
            parse_allow_policy(value)
        elif name == "Policy":
            _check_policy(value)
        elif name == "SqsManagedSseEnabled" and value not in ("true", "false"):
            raise _invalid(name, value)
        merged[name] = value
    _settle_encryption(merged, given)
    fifo.check_throughput(merged)
    return merged


def _settle_encryption(merged: dict[str, str], given: Mapping[str, str]) -> None:
    """Keep the kinds of encryption apart. AWS: as captured (a KMS key switches SSE-SQS off)."""
    if given.get("KmsMasterKeyId") and given.get("SqsManagedSseEnabled") == "true":
        raise ServiceError(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. You can either"
            " enable"
            " KMS SSE or SQS SSE.",
        )
    if given.get("KmsMasterKeyId"):
        merged["SqsManagedSseEnabled"] = "false"
    elif given.get("SqsManagedSseEnabled") == "true":
        merged.pop("KmsMasterKeyId", None)


def _check_number(name: str, value: str) -> str:
    span = NUMBERS[name]
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise _invalid(name, value)
    if not span.least <= int(value) <= span.most:
        raise _invalid(name, value)
    return str(int(value))


def _parse_object(name: str, value: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        kind = "redrive policy" if name == "RedrivePolicy" else "redrive allow policy"
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: Amazon SQS can't create the"
            f" {kind}, as it's in an unsupported format.",
        )
    return parsed


def parse_redrive_policy(value: str, account: str, region: str) -> tuple[str, int]:
    """Return (dead-letter queue's ARN, maxReceiveCount) of a RedrivePolicy, or refuse it.

    maxReceiveCount may be a number or its text. AWS: API_SetQueueAttributes, RedrivePolicy.
    """
    policy = _parse_object("RedrivePolicy", value)

    def refuse(reason: str) -> ServiceError:
        return ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}",
        )

    if "deadLetterTargetArn" not in policy:
        raise refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    if "maxReceiveCount" not in policy:
        raise refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    unknown = set(policy) - {"deadLetterTargetArn", "maxReceiveCount"}
    if unknown:
        raise refuse(
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."
        )
    arn = parse_arn(str(policy["deadLetterTargetArn"]))
    if arn is None or arn.service != "sqs":
        raise refuse("Invalid value for deadLetterTargetArn.")
    if arn.account != account or arn.region != region:
        raise refuse("Dead-letter target owner should be same as the source.")
    text = str(policy["maxReceiveCount"])
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= RECEIVES_MAX:
        raise refuse(
            "Invalid value for maxReceiveCount: " + text + ", valid values are from 1 to"
            f" {RECEIVES_MAX} both inclusive."
        )
    return str(arn), int(text)


def parse_allow_policy(value: str) -> tuple[str, frozenset[str]]:
    """Return (redrivePermission, source ARNs) of a RedriveAllowPolicy, or refuse it."""
    policy = _parse_object("RedriveAllowPolicy", value)
    permission = policy.get("redrivePermission")
    sources = policy.get("sourceQueueArns", [])
    wants_sources = permission == "byQueue"
    if (
        permission not in ("allowAll", "denyAll", "byQueue")
        or not isinstance(sources, list)
        or wants_sources != bool(sources)
        or len(sources) > _SOURCES_MAX
        or not all(isinstance(arn, str) and parse_arn(arn) for arn in sources)
        or set(policy) - {"redrivePermission", "sourceQueueArns"}
    ):
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS can't"
            " create the redrive allow policy, as it's in an unsupported format.",
        )
    return str(permission), frozenset(sources)


def admits_source(dlq_attributes: Mapping[str, str], source_arn: str) -> bool:
    """Tell whether a dead-letter queue's RedriveAllowPolicy lets a source use it."""
    value = dlq_attributes.get("RedriveAllowPolicy")
    if value is None:
        return True
    permission, sources = parse_allow_policy(value)
    return permission == "allowAll" or (permission == "byQueue" and source_arn in sources)


def _check_policy(value: str) -> None:
    try:
        policy = orjson.loads(value)
    except orjson.JSONDecodeError:
        policy = None
    problem = problem_with(policy, names_principals=True)
    if problem is not None or len(value.encode()) > POLICY_BYTES_MAX:
        raise ServiceError("InvalidAttributeValue", "Invalid value for the parameter Policy.")


def settings(attributes: Mapping[str, str], account: str, region: str) -> Settings:
    """Return the columns for a queue's attributes."""

    def number(name: str) -> int:
        return int(attributes.get(name, NUMBERS[name].default))

    policy = attributes.get("RedrivePolicy")
    arn, receives_max = parse_redrive_policy(policy, account, region) if policy else (None, None)
    return Settings(
        number("VisibilityTimeout") * SECOND_MS,
        number("DelaySeconds") * SECOND_MS,
        number("ReceiveMessageWaitTimeSeconds") * SECOND_MS,
        number("MessageRetentionPeriod") * SECOND_MS,
        number("MaximumMessageSize"),
        arn,
        receives_max,
        orjson.dumps(dict(attributes)).decode(),
    )


def first_difference(queue: Queue, given: Mapping[str, str]) -> str | None:
    """Return the first attribute of a repeated CreateQueue that differs from the queue's."""
    shown = stored(queue)
    for name, value in given.items():
        default = NUMBERS[name].default if name in NUMBERS else ""
        if shown.get(name, str(default)) != value:
            return name
    return None


def stored(queue: Queue) -> dict[str, str]:
    """Return the attributes that do not change by themselves; all values are text."""
    attributes: dict[str, str] = orjson.loads(queue.attributes)
    shown = {name: str(NUMBERS[name].default) for name in _SHOWN_WHEN_UNSET}
    shown["SqsManagedSseEnabled"] = "true"
    if queue.is_fifo:
        shown.update(fifo.DEFAULTS)
    shown.update(attributes)
    if "KmsMasterKeyId" in attributes:
        shown.setdefault("KmsDataKeyReusePeriodSeconds", "300")
    else:
        shown.pop("KmsDataKeyReusePeriodSeconds", None)
    return shown


def shown(queue: Queue, counts: Counts, hidden: Hidden) -> dict[str, str]:
    """Return all attributes of a queue, as GetQueueAttributes with All does."""
    visible = counts.messages - hidden.delayed - hidden.in_flight
    return {
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(max(0, visible)),
        "ApproximateNumberOfMessagesNotVisible": str(hidden.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(hidden.delayed),
        "CreatedTimestamp": str(queue.created_ms // SECOND_MS),
        "LastModifiedTimestamp": str(queue.modified_ms // SECOND_MS),
        **stored(queue),
    }
