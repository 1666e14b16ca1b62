"""A subscriber's settings: checked against its target, defaults filled in. Pure.

target                                   its parameters           events in one request, at most
arn:aws:lambda:…:function:f              LambdaParameters         500
arn:aws:sqs:…                            SqsParameters            10
arn:aws:sns:…                            SnsParameters            10
arn:aws:events:…:event-busv2/…           EventBusV2Parameters     100
arn:aws:events:…:api-destination/…       HttpParameters           1
arn:aws:execute-api:…                    HttpParameters           1
arn:aws:events:::aws-sdk:service:action  UniversalTargetParameters 1
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Caller
from redrive.core.patterns import PatternError, compile_pattern
from redrive.services.custom_buses.expressions import (
    ExpressionError,
    check_expression,
    is_expression,
)
from redrive.services.custom_buses.names import invalid
from redrive.services.custom_buses.rules import AGE_S_MAX, ATTEMPTS_MAX
from redrive.services.targets import TargetError, target_operation

Settings = dict[str, Any]
Offers = Callable[[str, str], bool]
"""Tells whether clients can ask this server for an operation."""

BATCH_SIZE = 10
"""AWS: the shape BatchConfiguration: unless the target takes fewer."""

UNIVERSAL = "universal"
UNIVERSAL_CALL = ("scheduler", "InvokeApi")
"""Scheduler's internal operation that reads a request as an SDK would have sent it."""

_UNIVERSAL = re.compile(r"aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)")
_SDK_NAMES = {"eventbridge": "events", "cloudwatchlogs": "logs"}
"""Services whose name in AWS's SDKs is not the one that they have here."""


class Kind(NamedTuple):
    """What is known of targets of one kind. operation: what delivers to them, None: it depends."""

    name: str
    parameters: str
    events_max: int
    operation: tuple[str, str] | None


_KINDS = (
    ("lambda", "function:", Kind("lambda", "LambdaParameters", 500, ("lambda", "Invoke"))),
    ("sqs", "", Kind("sqs", "SqsParameters", 10, ("sqs", "SendMessageBatch"))),
    ("sns", "", Kind("sns", "SnsParameters", 10, ("sns", "PublishBatch"))),
    (
        "events",
        "event-busv2/",
        Kind("bus", "EventBusV2Parameters", 100, ("eventbridgev2", "PutRawEvents")),
    ),
    (
        "events",
        "api-destination/",
        Kind("http", "HttpParameters", 1, ("events", "InvokeApiDestination")),
    ),
    ("execute-api", "", Kind("http", "HttpParameters", 1, None)),
    ("events", "aws-sdk:", Kind(UNIVERSAL, "UniversalTargetParameters", 1, None)),
)

_PARAMETERS = (
    *(kind.parameters for _service, _beginning, kind in _KINDS),
    "KinesisParameters",
    "StepFunctionsParameters",
)

_NOT_HERE = {"kinesis": "There are no data streams.", "states": "There are no state machines."}


def kind_of(target: str) -> Kind:
    """Return the kind of a target's ARN. Raises InvalidInputException for what is none."""
    arn = parse_arn(target)
    for service, beginning, kind in _KINDS:
        if arn is not None and arn.service == service and arn.resource.startswith(beginning):
            return kind
    why = _NOT_HERE.get(arn.service, "") if arn is not None else ""
    raise invalid(f"TargetArn {target} is no target that this server delivers to. {why}".rstrip())


def new_settings(params: Mapping[str, Any], caller: Caller, offers: Offers) -> Settings:
    """Return the settings that CreateSubscriber asks for. Raises InvalidInputException."""
    given = {name: params[name] for name in _MEMBERS if name in params}
    if "FilterConfiguration" in given and not given["FilterConfiguration"].get("Filters"):
        raise invalid("FilterConfiguration must contain at least one Filter.")
    return _settled(given, caller, offers)


def changed_settings(
    before: Mapping[str, Any], params: Mapping[str, Any], caller: Caller, offers: Offers
) -> Settings:
    """Return the settings after UpdateSubscriber: what is not given stays as it was."""
    given = {name: params[name] for name in _MEMBERS if name in params}
    target = before["InvokeConfiguration"]["TargetArn"]
    if "InvokeConfiguration" in given:
        given["InvokeConfiguration"] = {**given["InvokeConfiguration"], "TargetArn": target}
    for name in ("BatchConfiguration", "RetryPolicy", "LogConfiguration"):
        if name in given:
            given[name] = {**before.get(name, {}), **given[name]}
    after = {**before, **given}
    if not after.get("FilterConfiguration", True):
        del after["FilterConfiguration"]  # AWS: an empty one clears the filter
    return _settled(after, caller, offers)


_MEMBERS = (
    "Description",
    "InvokeConfiguration",
    "FilterConfiguration",
    "BatchConfiguration",
    "Transformer",
    "RetryPolicy",
    "OnFailureConfiguration",
    "LogConfiguration",
)


def _settled(given: Settings, caller: Caller, offers: Offers) -> Settings:
    """Check all settings together and fill in the defaults, which reads show."""
    invoke = given["InvokeConfiguration"]
    kind = kind_of(invoke["TargetArn"])
    _check_invocation(invoke, kind, caller, offers)
    filters = _filters(given.get("FilterConfiguration"))
    batch = dict(given.get("BatchConfiguration") or {})
    size = batch.get("MaxBatchSize", min(BATCH_SIZE, kind.events_max))
    batch = {
        "MaxBatchSize": min(size, kind.events_max),
        "MaxBatchWindowInSeconds": batch.get("MaxBatchWindowInSeconds", 0),
    }
    retry = given.get("RetryPolicy") or {}
    settled: Settings = {
        **given,
        "BatchConfiguration": batch,
        "RetryPolicy": {
            "MaxRetryAttempts": retry.get("MaxRetryAttempts", ATTEMPTS_MAX),
            "MaxEventAgeInSeconds": retry.get("MaxEventAgeInSeconds", AGE_S_MAX),
            "RetryStrategy": retry.get("RetryStrategy", "ALL"),
        },
        "LogConfiguration": {
            "Level": "OFF",
            "IncludePayload": "ON_ERROR_ONLY",
            **(given.get("LogConfiguration") or {}),
        },
    }
    if filters is not None:
        settled["FilterConfiguration"] = filters
    if kind.name != UNIVERSAL:
        settled["Transformer"] = _transformer(given.get("Transformer"))
    elif given.get("Transformer"):
        raise invalid("A Transformer does not apply to a universal target.")
    if not (given.get("OnFailureConfiguration") or {}).get("Arn"):
        settled.pop("OnFailureConfiguration", None)
    return settled


def _filters(given: Mapping[str, Any] | None) -> Settings | None:
    if given is None:
        return None
    if not given.get("Filters"):
        raise invalid("FilterConfiguration must contain at least one Filter.")
    for each in given["Filters"]:
        check_pattern(each["Pattern"])
    return {"Language": "EVENT_BRIDGE_PATTERN", **given}


def check_pattern(pattern: str) -> None:
    """Refuse an event pattern that is malformed, in the words of the classic bus."""
    try:
        compile_pattern(pattern)
    except PatternError as error:
        raise invalid(f"Event pattern is not valid. Reason: {error}") from None


def _transformer(given: Mapping[str, Any] | None) -> Settings:
    transformer = {"Type": "RAW", **(given or {})}
    jsonata = transformer.get("JsonataConfiguration")
    if (transformer["Type"] == "JSONATA") != (jsonata is not None):
        raise invalid("JsonataConfiguration is required when Type is JSONATA, and only then.")
    if jsonata is not None:
        _check_jsonata("Transformer", jsonata["Expression"])
    return transformer


# --- the invocation -----------------------------------------------------------------------------


def _check_invocation(invoke: Settings, kind: Kind, caller: Caller, offers: Offers) -> None:
    role = parse_arn(invoke["RoleArn"])
    if role is None or role.account != caller.account:
        raise invalid(f"RoleArn {invoke['RoleArn']} must belong to the calling account.")
    for name in _PARAMETERS:
        if name in invoke and name != kind.parameters:
            raise invalid(f"{name} does not apply to the target {invoke['TargetArn']}.")
    parameters = invoke.get(kind.parameters) or {}
    for path, text in _texts(parameters, kind.parameters):
        if is_expression(text):
            _check_jsonata(path, text)
    target = parse_arn(invoke["TargetArn"])
    assert target is not None, "kind_of has read it"
    if kind.name == UNIVERSAL:
        _check_universal(target, parameters, offers)
    elif kind.name == "http":
        try:
            target_operation(target)
        except TargetError as error:
            raise invalid(f"TargetArn is not supported: {error}.") from None
    if kind.name == "lambda":
        for name in ("DurableExecutionName", "TenantId"):
            if parameters.get(name):
                raise invalid(f"LambdaParameters.{name} is not supported by this server.")
    _check_timeout(parameters.get("InvocationTimeoutSeconds"))


def _check_universal(target: Arn, parameters: Mapping[str, Any], offers: Offers) -> None:
    if not parameters:
        raise invalid("UniversalTargetParameters is required for a universal target.")
    named = universal(target)
    if named is None or not offers(*named):
        raise invalid(f"TargetArn {target} is not supported: this server has no such operation.")
    text = parameters["Input"]
    if is_expression(text):
        return
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(f"Input is neither JSON nor a JSONata expression: {error}") from None
    if not isinstance(found, dict):
        raise invalid("Input is no JSON object.")
    for path, part in _texts(found, "Input"):
        if is_expression(part):
            _check_jsonata(path, part)


def universal(target: Arn) -> tuple[str, str] | None:
    """Return (service, operation) as they are called here, None for an ARN of another form.

    AWS: the shape UniversalTargetParameters.
    """
    found = _UNIVERSAL.fullmatch(target.resource)
    if found is None or target.region or target.account:
        return None
    service, action = found[1], found[2]
    return _SDK_NAMES.get(service, service), action[0].upper() + action[1:]


def _check_timeout(given: str | None) -> None:
    if given is None or is_expression(given):
        return
    if not (given.isascii() and given.isdigit() and len(given) < 6 and int(given) >= 1):
        raise invalid("InvocationTimeoutSeconds is neither a number of seconds nor an expression.")


def _check_jsonata(where: str, text: str) -> None:
    try:
        check_expression(text)
    except ExpressionError as error:
        raise invalid(f"{where}: the JSONata expression is not valid: {error}") from None


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text within a value, keys too, and where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield f"{path} (a name)", name
            yield from _texts(part, f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, path)


def uses_jsonata(settings: Mapping[str, Any]) -> bool:
    """Tell whether a delivery evaluates an expression, which is slow work."""
    if settings.get("Transformer", {}).get("Type") == "JSONATA":
        return True
    invoke = settings["InvokeConfiguration"]
    texts = [text for name in _PARAMETERS for _path, text in _texts(invoke.get(name) or {}, "")]
    return any("{%" in text for text in texts)
