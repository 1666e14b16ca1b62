"""What tests of archives and replays say again and again, around a world with a rule of the default
bus that sends everything of the source x to the queue q, and with a second bus.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, T0, World

from redrive.core.errors import ServiceError
from redrive.core.time import SECOND_MS, Millis

BEGIN = f"arn:aws:events:{REGION}:{ACCOUNT}:"
DEFAULT = f"{BEGIN}event-bus/default"
OTHER = f"{BEGIN}event-bus/other"
ARCHIVE = f"{BEGIN}archive/all"


def furnished(world: World) -> World:
    """Return the world with that rule and that bus."""
    world.call("events", "CreateEventBus", Name="other")
    add_rule(world, "rule", '{"source": ["x"]}', world.queue("q"))
    return world


def add_rule(world: World, name: str, pattern: str, target: str, bus: str = "default") -> str:
    """Make a rule with one target; return its ARN."""
    made = world.call("events", "PutRule", Name=name, EventPattern=pattern, EventBusName=bus)
    targets = [{"Id": "1", "Arn": target}]
    world.call("events", "PutTargets", Rule=name, Targets=targets, EventBusName=bus)
    return str(made["RuleArn"])


def archive(world: World, name: str = "all", bus: str = DEFAULT, **members: Any) -> None:
    """Make an archive."""
    world.call("events", "CreateArchive", ArchiveName=name, EventSourceArn=bus, **members)


def put(world: World, *numbers: int, source: str = "x", **members: Any) -> None:
    """Put events that are known by their numbers."""
    for number in numbers:
        entry = {"Source": source, "DetailType": "d", "Detail": json.dumps({"n": number})}
        told = world.call("events", "PutEvents", Entries=[{**entry, **members}])
        assert told["FailedEntryCount"] == 0


def jump(world: World, by_ms: int) -> None:
    """Let time pass at once, as over a sleep of the machine."""
    world.now_ms = Millis(world.now_ms + by_ms)
    world.settle()


def described(world: World, name: str = "all") -> Any:
    """Describe an archive."""
    return world.call("events", "DescribeArchive", ArchiveName=name)


def start(world: World, name: str = "again", **members: Any) -> Any:
    """Begin a replay of all that is archived until now, unless something else is said."""
    given = {
        "EventSourceArn": ARCHIVE,
        "EventStartTime": T0,
        "EventEndTime": world.now_ms + SECOND_MS,
        "Destination": {"Arn": DEFAULT},
    }
    return world.call("events", "StartReplay", ReplayName=name, **{**given, **members})


def replay(world: World, name: str = "again") -> Any:
    """Describe a replay."""
    return world.call("events", "DescribeReplay", ReplayName=name)


def numbers(world: World, queue: str = "q") -> list[int]:
    """Take the events out of a queue; return their numbers in order."""
    return sorted(json.loads(body)["detail"]["n"] for body in world.bodies(queue))


def refused(world: World, operation: str, **params: Any) -> tuple[str, str]:
    """Ask for what is refused; return the error's code and text."""
    with pytest.raises(ServiceError) as refusal:
        world.call("events", operation, **params)
    assert refusal.value.status == 400
    return refusal.value.code, refusal.value.message
