"""What a request may set on a mapping, and what is refused. Pure.

An option is honoured or refused, never ignored; an empty value is none, as templates write it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from redrive.core.arn import Arn, function_arn, parse_arn
from redrive.core.effects import Caller, Params
from redrive.core.limits import RECEIVE_COUNT_MAX
from redrive.core.time import SECOND_MS
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.refusals import constraint, invalid

BATCH_SIZE_DEFAULT = 10
BATCH_SIZE_MAX = 10_000  # AWS: API_CreateEventSourceMapping, "BatchSize"
WINDOW_S_MAX = 300  # the same page, "MaximumBatchingWindowInSeconds"
CONCURRENCY_MIN, CONCURRENCY_MAX = 2, 1_000  # AWS: API_ScalingConfig
TAGS_MAX = 50  # AWS: API_TagResource
REPORTS_FAILURES = "ReportBatchItemFailures"

# Members that AWS has for other kinds of sources, and refuses for queues.
_OF_OTHER_SOURCES = (
    "DestinationConfig",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "TumblingWindowInSeconds",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
)
# Members that AWS honours for queues, and this server does not have.
_NOT_HERE = ("KMSKeyArn", "MetricsConfig", "LoggingConfig", "ProvisionedPollerConfig")
_OTHER_SOURCES = ("kinesis", "dynamodb", "kafka", "mq", "rds", "docdb")

_FUNCTION_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


class Settings(NamedTuple):
    """What a request sets; None: not named, or on creation the default."""

    enabled: bool | None
    batch_size: int | None
    window_ms: int | None
    reports_failures: bool | None
    scaling: tuple[int | None] | None  # MaximumConcurrency; (None,) takes a limit away


def parse_settings(params: Params) -> Settings:
    """Return what a request sets, each member checked by itself.

    Raises InvalidParameterValueException for what is refused, ValidationException for what is out
    of range.
    """
    refuse_unsupported(params)
    window_s = _ranged(params, "MaximumBatchingWindowInSeconds", 0, WINDOW_S_MAX)
    response_types = params.get("FunctionResponseTypes")
    for kind in response_types or ():
        if kind != REPORTS_FAILURES:
            rule = f"Member must satisfy enum value set: [{REPORTS_FAILURES}]"
            raise constraint(response_types, "functionResponseTypes", rule)
    scaling = params.get("ScalingConfig")
    return Settings(
        enabled=params.get("Enabled"),
        batch_size=_ranged(params, "BatchSize", 1, BATCH_SIZE_MAX),
        window_ms=None if window_s is None else window_s * SECOND_MS,
        reports_failures=None if response_types is None else bool(response_types),
        scaling=None
        if scaling is None
        else (_ranged(scaling, "MaximumConcurrency", CONCURRENCY_MIN, CONCURRENCY_MAX),),
    )


def refuse_unsupported(params: Params) -> None:
    """Refuse members that mean nothing for a queue, or that this server does not honour."""
    for name in _OF_OTHER_SOURCES:
        if _is_given(params.get(name)):
            raise invalid(f"Unsupported {name} parameter for given event source mapping type.")
    for name in _NOT_HERE:
        if _is_given(params.get(name)):
            raise invalid(f"{name} of an event source mapping is not supported by this server.")
    if (params.get("FilterCriteria") or {}).get("Filters"):
        raise invalid("FilterCriteria: filters are not supported by this version of the server.")


def _is_given(value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_given(member) for member in value.values())
    return value is not None and value not in ("", [])


def _ranged(params: Params, member: str, least: int, most: int) -> int | None:
    value: int | None = params.get(member)
    if value is None or least <= value <= most:
        return value
    rule = (
        f"Member must have value greater than or equal to {least}"
        if value < least
        else f"Member must have value less than or equal to {most}"
    )
    raise constraint(value, member[0].lower() + member[1:], rule)


def check_batching(batch_size: int, window_ms: int) -> None:
    """Refuse a large batch without a window. AWS: as captured (default batch size)."""
    if batch_size > RECEIVE_COUNT_MAX and not window_ms:
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10"
        )


def check_visibility(visibility_ms: int, timeout_ms: int) -> None:
    """Refuse a queue whose messages come back before the function can have ended. AWS: as captured.

    It is judged when a mapping is made or given another function, not when one of the two changes.
    """
    if visibility_ms < timeout_ms:
        raise invalid(
            f"Queue visibility timeout: {visibility_ms // SECOND_MS} seconds is less than Function"
            f" timeout: {timeout_ms // SECOND_MS} seconds"
        )


def check_tags(tags: dict[str, str]) -> None:
    """Refuse more tags than a resource may have. AWS: as captured (tag limits)."""
    if len(tags) > TAGS_MAX:
        raise invalid("Number of tags exceeds resource tag limit.")


def parse_source(params: Params, caller: Caller) -> str:
    """Return the ARN of the queue that a request names, or refuse a source that is none."""
    if _is_given(params.get("SelfManagedEventSource")):
        raise invalid(
            "SelfManagedEventSource is not supported by this server: a source is a queue."
        )
    text = params.get("EventSourceArn") or ""
    arn = parse_arn(text)
    if not isinstance(arn, Arn):
        raise invalid("Unrecognized event source.")
    if arn.service in _OTHER_SOURCES:
        raise invalid(
            f"Event sources of {arn.service} are not supported by this server: a source is a queue."
        )
    if arn.service != "sqs" or not arn.account or not arn.region:
        raise invalid("Unrecognized event source.")
    if arn.resource.endswith(".fifo"):
        raise invalid("FIFO queues as event sources are not supported by this server.")
    if arn.region != caller.region:
        raise invalid(
            f"The queue's region ({arn.region}) is not the function's region ({caller.region})."
        )
    return text


def resolve_function(text: str, caller: Caller) -> str | None:
    """Return the ARN that a function's name means to a caller, or None when it is not a name.

    AWS: API_ListEventSourceMappings, "FunctionName" (name formats).
    """
    match = _FUNCTION_NAME.fullmatch(text)
    if match is None:
        return None
    region, account = match["region"] or caller.region, match["account"] or caller.account
    return function_arn(region, account, match["name"], match["qualifier"])


def merge(mapping: Mapping, given: Settings, now_ms: int) -> Mapping:
    """Return a mapping with a request's settings, in the state that the change puts it in.

    Raises InvalidParameterValueException where the settings do not go together.
    """
    enabled = bool(mapping.enabled) if given.enabled is None else given.enabled
    batch_size = mapping.batch_size if given.batch_size is None else given.batch_size
    window_ms = mapping.window_ms if given.window_ms is None else given.window_ms
    check_batching(batch_size, window_ms)
    merged = mapping._replace(
        enabled=int(enabled),
        batch_size=batch_size,
        window_ms=window_ms,
        modified_ms=now_ms,
        version=mapping.version + 1,
    )
    if given.reports_failures is not None:
        merged = merged._replace(reports_failures=int(given.reports_failures))
    if given.scaling is not None:
        merged = merged._replace(concurrency_max=given.scaling[0])
    if enabled == bool(mapping.enabled):
        return merged._replace(state="Updating")
    return merged._replace(state="Enabling" if enabled else "Disabling")


def columns(mapping: Mapping, *leave_out: str) -> dict[str, Any]:
    """Return a row as statement parameters."""
    return {name: value for name, value in mapping._asdict().items() if name not in leave_out}
