"""Requests to `events` as botocore asks them and reads them, and what tests say again and again."""

from __future__ import annotations

import json
from typing import Any

from events_world import ACCOUNT, CALLER, REGION, World
from sdk import SESSION, Sdk, carried_by, wired

from redrive.core.effects import Caller

MODEL = SESSION.get_service_model("events")
OTHER = "111122223333"
NOBODY = f"arn:aws:sqs:{REGION}:{ACCOUNT}:nobody"


def other(account: str = OTHER, region: str = REGION) -> Caller:
    """The root of another account."""
    return Caller(account, region, f"arn:aws:iam::{account}:root", account)


def bus_arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    """A bus's ARN."""
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def entry(source: str = "shop", **members: Any) -> dict[str, Any]:
    """An entry of PutEvents."""
    return {"Source": source, "DetailType": "order", "Detail": '{"id": 1}', **members}


def put(world: World, *entries: dict[str, Any], who: Caller = CALLER) -> Any:
    """Put events; return the answer."""
    return world.call("events", "PutEvents", who, Entries=list(entries) or [entry()])


def rule(world: World, *targets: dict[str, Any], who: Caller = CALLER, **members: Any) -> str:
    """Make a rule for everything from shop, with targets; return its name."""
    given = {"Name": "r", "EventPattern": json.dumps({"source": ["shop"]}), **members}
    world.call("events", "PutRule", who, **given)
    named = {key: given[key] for key in ("EventBusName",) if key in given}
    if targets:
        world.call("events", "PutTargets", who, Rule=given["Name"], Targets=targets, **named)
    return str(given["Name"])


def target(arn: str, name: str = "1", **members: Any) -> dict[str, Any]:
    """A target."""
    return {"Id": name, "Arn": arn, **members}


def attributes(message: dict[str, Any]) -> dict[str, str]:
    """A message's attributes as texts."""
    given = message.get("MessageAttributes") or {}
    return {name: value["StringValue"] for name, value in given.items()}


class Wire(Sdk):
    """botocore around a world; it checks nothing itself."""

    def __init__(self, world: World) -> None:
        super().__init__("events", wired("events", carried_by(world)), validates=False)
