"""What a target of a rule may say. Pure.

AWS: API_Target; texts as users tell them, where none was captured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from redrive.core.arn import Arn, parse_arn
from redrive.services.buses.dead_letters import check_dead_letter
from redrive.services.buses.inputs import check_input
from redrive.services.buses.labels import refuse_unsupported
from redrive.services.buses.model import BusKey
from redrive.services.buses.refusals import invalid, invalid_parameter
from redrive.services.targets import TargetError, target_operation

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_INPUTS = ("Input", "InputPath", "InputTransformer")


class Offers(Protocol):
    """Knows what is delivered here: the outbox."""

    def offers(self, service: str, operation: str) -> bool:
        """Tell whether this server has an operation to deliver to."""
        ...


def check_target(body: Mapping[str, Any], outbox: Offers, bus: BusKey) -> None:
    """Refuse a target that AWS would refuse, or that nothing can be delivered to."""
    refuse_unsupported(body)
    arn = _checked_arn(body["Arn"], outbox)
    check_input(body)
    name = body["Id"]
    role = body.get("RoleArn")
    if role is not None and _ROLE.fullmatch(role) is None:
        raise invalid_parameter("RoleArn", "Provided Arn is not in correct format.")
    if arn.service == "sqs" and arn.resource.endswith(".fifo"):
        if not (body.get("SqsParameters") or {}).get("MessageGroupId"):
            raise invalid(f"Parameter(s) MessageGroupId must be specified for target: {name}.")
    elif body.get("SqsParameters") and arn.service != "sqs":
        raise invalid(f"Parameter(s) SqsParameters not valid for target: {name}.")
    is_http = arn.service == "events" and arn.resource.startswith("api-destination/")
    if body.get("HttpParameters") and not is_http:
        raise invalid(f"Parameter(s) HttpParameters not valid for target: {name}.")
    if arn.service == "events" and arn.resource.startswith("event-bus/"):
        _check_bus(body, arn, bus)
    check_dead_letter(body.get("DeadLetterConfig"))


def _checked_arn(named: str, outbox: Offers) -> Arn:
    arn = parse_arn(named)
    if arn is None or not arn.region or not arn.account:
        raise invalid_parameter(named, "Provided Arn is not in correct format.")
    try:
        service, operation = target_operation(arn)
    except TargetError as error:
        raise invalid_parameter(named, f"{error}.") from error
    if not outbox.offers(service, operation):
        raise invalid_parameter(named, f"This server does not deliver to {arn.service}.")
    return arn


def _check_bus(body: Mapping[str, Any], arn: Arn, bus: BusKey) -> None:
    """AWS: API_PutTargets: an event is forwarded as it is; it goes to another region as a role."""
    name = body["Id"]
    if (arn.account, arn.region, arn.resource) == (bus.account, bus.region, f"event-bus/{bus.bus}"):
        raise invalid_parameter(str(arn), "An event bus can't be a target of its own rules.")
    if any(body.get(member) is not None for member in _INPUTS):
        raise invalid(
            "Input, InputPath, and InputTransformer are not available for target "
            f"{name}: it is an event bus."
        )
    if arn.region != bus.region and not body.get("RoleArn"):
        raise invalid(f"RoleArn is required for target {arn}.")
