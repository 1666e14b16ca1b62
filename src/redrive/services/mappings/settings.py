"""What a request may set on a mapping, and what is refused. Pure.

An option is honoured or refused, never ignored; an empty value is none, as templates write it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import Arn, function_arn, parse_arn
from redrive.core.effects import Caller, Params
from redrive.core.limits import RECEIVE_COUNT_MAX
from redrive.core.time import SECOND_MS
from redrive.services.mappings.filters import check_patterns
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.refusals import bad_filter, constraint, invalid, unsupported

BATCH_SIZE_DEFAULT = 10
BATCH_SIZE_MAX = 10_000  # AWS: API_CreateEventSourceMapping, "BatchSize"
WINDOW_S_MAX = 300  # the same page, "MaximumBatchingWindowInSeconds"
FIFO_BATCH_SIZE_MAX = 10  # the same page, "BatchSize"
CONCURRENCY_MIN, CONCURRENCY_MAX = 2, 1_000  # AWS: API_ScalingConfig
FILTERS_MAX = 5  # AWS: Lambda Developer Guide, "Event filtering basics"; ten on request
PATTERN_MAX = 4_096  # AWS: API_Filter, in characters
POLLERS_LEAST = 2  # AWS: API_ProvisionedPollerConfig, of queues, as are all of these
POLLERS_MIN_MAX, POLLERS_MIN_DEFAULT = 200, 2
POLLERS_MAX_MAX, POLLERS_MAX_DEFAULT = 10_000, 200
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
    "LoggingConfig",
)
LABELS = (("KMSKeyArn", "kept", "Shown; filter criteria are stored unencrypted."),)
"""Members that are kept and shown without effect: docs/compat lists them."""
_METRICS = ("EventCount", "ErrorCount", "KafkaMetrics")
_OTHER_SOURCES = ("kinesis", "dynamodb", "kafka", "mq", "rds", "docdb")

_FUNCTION_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


class Settings(NamedTuple):
    """What a request sets; None: not named, or on creation the default."""

    enabled: bool | None = None
    batch_size: int | None = None
    window_ms: int | None = None
    reports_failures: bool | None = None
    scaling: tuple[int | None] | None = None  # MaximumConcurrency; (None,) takes a limit away
    filters: tuple[str, ...] | None = None  # patterns; () takes them away
    counts_events: bool | None = None
    pollers: tuple[int | None, int | None] | None = None  # least, most; (None, None): none any more
    kms_key: str | None = None  # "" takes it away


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
        filters=_filters(params.get("FilterCriteria")),
        counts_events=_metrics(params.get("MetricsConfig")),
        pollers=_pollers(params.get("ProvisionedPollerConfig")),
        kms_key=params.get("KMSKeyArn"),
    )


def _filters(criteria: Params | None) -> tuple[str, ...] | None:
    """Return the patterns. AWS: API_FilterCriteria; the text for too many is a guess."""
    if criteria is None:
        return None
    given = criteria.get("Filters") or ()
    if len(given) > FILTERS_MAX:
        rule = f"Member must have length less than or equal to {FILTERS_MAX}"
        shown = "[" + ", ".join(f"Filter(pattern={item.get('Pattern')})" for item in given) + "]"
        raise constraint(shown, "filterCriteria.filters", rule)
    patterns = []
    for n, item in enumerate(given, 1):
        pattern = item.get("Pattern")
        if pattern is None:
            raise bad_filter()
        if len(pattern) > PATTERN_MAX:
            rule = f"Member must have length less than or equal to {PATTERN_MAX}"
            raise constraint(pattern, f"filterCriteria.filters.{n}.member.pattern", rule)
        patterns.append(pattern)
    check_patterns(patterns)
    return tuple(patterns)


def _metrics(config: Params | None) -> bool | None:
    """Return whether events are counted. AWS: API_EventSourceMappingMetricsConfig.

    The other two metrics are those of Kafka; the text of their refusal is a guess.
    """
    if config is None:
        return None
    given = config.get("Metrics") or ()
    for name in given:
        if name not in _METRICS:
            rule = f"Member must satisfy enum value set: [{', '.join(_METRICS)}]"
            raise constraint(given, "metricsConfig.metrics", rule)
        if name != "EventCount":
            raise invalid(f"Unsupported metric {name} for given event source mapping type.")
    return bool(given)


def _pollers(config: Params | None) -> tuple[int | None, int | None] | None:
    """Return the least and the most pollers. AWS: API_ProvisionedPollerConfig, texts guessed."""
    if config is None:
        return None
    least = _ranged(config, "MinimumPollers", 1, POLLERS_MIN_MAX)
    most = _ranged(config, "MaximumPollers", 1, POLLERS_MAX_MAX)
    for name, value in (("MinimumPollers", least), ("MaximumPollers", most)):
        if value is not None and value < POLLERS_LEAST:
            raise invalid(f"{name} must be at least {POLLERS_LEAST} for Amazon SQS event sources.")
    return least, most


def refuse_unsupported(params: Params) -> None:
    """Refuse members that mean nothing for a queue."""
    for name in _OF_OTHER_SOURCES:
        if _is_given(params.get(name)):
            raise unsupported(name)
    if _is_given((params.get("ProvisionedPollerConfig") or {}).get("PollerGroupName")):
        raise unsupported("PollerGroupName")


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


def check_together(mapping: Mapping) -> None:
    """Refuse settings that do not go together.

    The text for a large batch without a window is as captured (default batch size), the others are
    guesses. AWS: API_CreateEventSourceMapping, "BatchSize"; Lambda Developer Guide, "Using
    provisioned mode with an Amazon SQS event source".
    """
    if mapping.is_fifo:
        if mapping.window_ms:
            raise invalid("Batching window is not supported for FIFO queues.")
        if mapping.batch_size > FIFO_BATCH_SIZE_MAX:
            raise invalid(f"Maximum batch size for FIFO queues is {FIFO_BATCH_SIZE_MAX}.")
    if mapping.batch_size > RECEIVE_COUNT_MAX and not mapping.window_ms:
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10"
        )
    if mapping.pollers_min is None or mapping.pollers_max is None:
        return
    if mapping.concurrency_max is not None:
        raise invalid("MaximumConcurrency and ProvisionedPollerConfig cannot be used together.")
    if mapping.pollers_min > mapping.pollers_max:
        raise invalid("MinimumPollers must be less than or equal to MaximumPollers.")


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


def fresh(caller: Caller, queue_arn: str) -> Mapping:
    """Return a new mapping with AWS's defaults, of no function yet and of no name."""
    return Mapping(
        n=0,
        uuid="",
        account=caller.account,
        region=caller.region,
        function_arn="",
        function_name="",
        queue_arn=queue_arn,
        enabled=1,
        state="Creating",
        problem=None,
        batch_size=BATCH_SIZE_DEFAULT,
        window_ms=0,
        reports_failures=0,
        concurrency_max=None,
        visibility_ms=0,
        timeout_ms=0,
        known_ms=0,
        tags="{}",
        modified_ms=0,
        version=1,
    )


def merge(mapping: Mapping, given: Settings, now_ms: int) -> Mapping:
    """Return a mapping with a request's settings, in the state that the change puts it in.

    Raises InvalidParameterValueException where the settings do not go together.
    """
    merged = apply(mapping, given)._replace(modified_ms=now_ms, version=mapping.version + 1)
    if merged.enabled == mapping.enabled:
        return merged._replace(state="Updating")
    return merged._replace(state="Enabling" if merged.enabled else "Disabling")


def apply(mapping: Mapping, given: Settings) -> Mapping:
    """Return a mapping with the settings that a request gives; all others stay.

    Raises InvalidParameterValueException where they do not go together.
    """
    changes: dict[str, Any] = {
        "enabled": None if given.enabled is None else int(given.enabled),
        "batch_size": given.batch_size,
        "window_ms": given.window_ms,
        "reports_failures": None if given.reports_failures is None else int(given.reports_failures),
        "counts_events": None if given.counts_events is None else int(given.counts_events),
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if given.scaling is not None:
        changes["concurrency_max"] = given.scaling[0]
    if given.filters is not None:
        changes["filters"] = orjson.dumps(given.filters).decode() if given.filters else None
    if given.kms_key is not None:
        changes["kms_key"] = given.kms_key or None
    if given.pollers is not None:
        least, most = given.pollers
        if least is not None or most is not None:
            least = least or mapping.pollers_min or POLLERS_MIN_DEFAULT
            most = most or mapping.pollers_max or POLLERS_MAX_DEFAULT
        changes |= {"pollers_min": least, "pollers_max": most}
    applied = mapping._replace(**changes)
    check_together(applied)
    return applied


def columns(mapping: Mapping, *leave_out: str) -> dict[str, Any]:
    """Return a row as statement parameters."""
    return {name: value for name, value in mapping._asdict().items() if name not in leave_out}
