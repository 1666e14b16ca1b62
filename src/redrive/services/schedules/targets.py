"""What a schedule's target stands for: which call delivers its input. Pure.

    arn:aws:lambda:…:function:f                     Invoke, as an event
    arn:aws:sqs:…, arn:aws:sns:…                    SendMessage, Publish
    arn:aws:events:…:event-bus/b                    PutEvents, by way of PutOnBus
    arn:aws:events:…:event-busv2/b/id               PutEvents or PutRawEvents of custom event buses
    arn:aws:scheduler:::aws-sdk:sqs:sendMessage     any operation of a service that is served, by
                                                    way of InvokeApi

PutOnBus and InvokeApi are internal operations (operations/calling.py): a bus tells in a success
that it has not taken an event, and the parameters of an API have to be read by its model.
AWS: Scheduler User Guide, "Using templated targets", "Using universal targets".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Call, Caller
from redrive.services.schedules.labels import refuse_unsupported
from redrive.services.schedules.refusals import invalid
from redrive.services.targets import TargetError, target_call, target_operation

Offers = Callable[[str, str], bool]
"""Tells whether an operation of a service can be called: (service, operation)."""

_DENIED = (
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "testMigration",
    "retrieve",
    "testConnection",
    "translateDocument",
    "isAuthorized",
    "invokeModel",
)
"""What names of operations begin with that only read. AWS: User Guide, "Unsupported APIs"."""

_SDK_NAMES = {"eventbridge": "events", "cloudwatchlogs": "logs"}
"""Services whose name in AWS's SDKs is not the one that they have here."""

_UNIVERSAL = re.compile(r"aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)")
_BUS, _CUSTOM_BUS = "event-bus/", "event-busv2/"
_ELSEWHERE = {
    "codebuild": "CodeBuild",
    "codepipeline": "CodePipeline",
    "ecs": "ECS",
    "firehose": "Firehose",
    "inspector": "Inspector",
    "kinesis": "Kinesis",
    "sagemaker": "SageMaker",
    "states": "Step Functions",
}
"""Templated targets of AWS's whose services do not exist here."""

_BUS_MEMBERS = {
    "EventBridgeParameters": "an event bus",
    "EventBridgePutEventsV2Parameters": "a custom event bus",
    "EventBridgePutRawEventsParameters": "a custom event bus",
}


def universal(arn: Arn) -> tuple[str, str] | None:
    """Return (service, operation) as they are called here, None for an ARN of another form."""
    if arn.service != "scheduler" or arn.region or arn.account:
        return None
    found = _UNIVERSAL.fullmatch(arn.resource)
    if found is None:
        return None
    service, action = found[1], found[2]
    return _SDK_NAMES.get(service, service), action[0].upper() + action[1:]


def check_target(target: Mapping[str, Any], offers: Offers) -> None:
    """Refuse a target that could never be called. Raises ServiceError ValidationException."""
    text = target["Arn"]
    arn = parse_arn(text)
    if arn is None:
        raise invalid("Provided Arn is not in correct format.")
    refuse_unsupported(target)
    if arn.service == "scheduler":
        _check_universal(arn, target, offers)
        return
    if arn.service in _ELSEWHERE:
        name = _ELSEWHERE[arn.service]
        raise invalid(f"Target {text} is not supported by this server. There is no {name}.")
    _check_members(arn, target)
    if arn.service == "events" and arn.resource.startswith((_BUS, _CUSTOM_BUS)):
        return
    try:
        service, operation = target_operation(arn)
    except TargetError:
        raise invalid(f"Provided Arn {text} is not a supported target.") from None
    if service not in ("lambda", "sqs", "sns"):
        raise invalid(f"Provided Arn {text} is not a supported target.")
    assert offers(service, operation), f"{service}.{operation} is not here"
    if service == "lambda" and target.get("Input") is not None and _parsed(target["Input"]) is None:
        raise invalid(f"Input of target {text} must be a well-formed JSON.")


def _check_universal(arn: Arn, target: Mapping[str, Any], offers: Offers) -> None:
    found = universal(arn)
    if found is None:
        raise invalid("Provided Arn is not in correct format.")
    action = arn.resource.rpartition(":")[2]
    if action.startswith(_DENIED):
        raise invalid(f"{arn} is an unsupported API action: it only reads.")
    if not offers(*found):
        raise invalid(f"{arn} is not supported by this server. It has no such operation.")
    _no_parameters(target, ("SqsParameters", *_BUS_MEMBERS), "a universal target")
    given = target.get("Input")
    if given is None:
        raise invalid("Input is required for a universal target.")
    if not isinstance(_parsed(given), dict):
        raise invalid("Input of a universal target must be a well-formed JSON object.")


def _check_members(arn: Arn, target: Mapping[str, Any]) -> None:
    """Refuse parameters of another kind of target, and ask for those of this kind."""
    if arn.service != "sqs":
        _no_parameters(target, ("SqsParameters",), "a target that is no queue")
    elif arn.resource.endswith(".fifo") and not _group_id(target):
        raise invalid("SqsParameters.MessageGroupId is required for a FIFO queue.")
    if arn.service == "events" and arn.resource.startswith(_BUS):
        _no_parameters(target, tuple(_BUS_MEMBERS)[1:], "an event bus")
        if target.get("EventBridgeParameters") is None:
            raise invalid("EventBridgeParameters is required for an event bus.")
        _check_detail(target)
    elif arn.service == "events" and arn.resource.startswith(_CUSTOM_BUS):
        _no_parameters(target, ("EventBridgeParameters",), "a custom event bus")
        ways = [name for name in tuple(_BUS_MEMBERS)[1:] if target.get(name) is not None]
        if len(ways) != 1:
            raise invalid(
                "Exactly one of EventBridgePutEventsV2Parameters and"
                " EventBridgePutRawEventsParameters is required for a custom event bus."
            )
        if ways[0] == "EventBridgePutEventsV2Parameters":
            _check_detail(target)
    else:
        _no_parameters(target, tuple(_BUS_MEMBERS), "a target that is no event bus")


def _group_id(target: Mapping[str, Any]) -> str | None:
    return (target.get("SqsParameters") or {}).get("MessageGroupId")


def _check_detail(target: Mapping[str, Any]) -> None:
    given = target.get("Input")
    if given is not None and not isinstance(_parsed(given), dict):
        raise invalid(f"Input of target {target['Arn']} must be a well-formed JSON.")


def _no_parameters(target: Mapping[str, Any], names: tuple[str, ...], kind: str) -> None:
    for name in names:
        if target.get(name) is not None:
            raise invalid(f"{name} is not applicable to {kind}.")


def _parsed(text: str) -> Any:
    """Return what JSON text says, None when it is none (or null, of which nothing can be made)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def run_call(target: Mapping[str, Any], payload: str, caller: Caller, source: str) -> Call:
    """Return the call that delivers a payload to a target that check_target has passed.

    caller: as whom the target is asked, in the schedule's account and region. source: the
    schedule's ARN, which is the resource of an event that it puts.
    """
    arn = parse_arn(target["Arn"])
    assert arn is not None
    api = universal(arn)
    if api is not None:
        asked = {"Service": api[0], "Operation": api[1], "Input": payload}
        return Call("scheduler", "InvokeApi", asked, caller)
    if arn.service == "events":
        return Call("scheduler", "PutOnBus", _put(target, payload, source), caller)
    return target_call(target["Arn"], payload, caller, target.get("SqsParameters"))


def _put(target: Mapping[str, Any], payload: str, source: str) -> dict[str, Any]:
    raw = target.get("EventBridgePutRawEventsParameters")
    names = target.get("EventBridgeParameters") or target.get("EventBridgePutEventsV2Parameters")
    return {
        "BusArn": target["Arn"],
        "Service": "events" if target.get("EventBridgeParameters") else "eventbridgev2",
        "Operation": "PutEvents" if raw is None else "PutRawEvents",
        "Payload": payload,
        "Resource": source,
        **({"Metadata": raw.get("Metadata") or {}} if raw is not None else dict(names or {})),
    }
