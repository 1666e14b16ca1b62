"""What the tests of schedules have in common."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from events_world import ACCOUNT, REGION, World

ROLE = f"arn:aws:iam::{ACCOUNT}:role/schedules"
OFF = {"Mode": "OFF"}
_OF_TARGET = ("Input", "DeadLetterConfig", "RetryPolicy", "SqsParameters", "EventBridgeParameters")
SDK = "arn:aws:scheduler:::aws-sdk:"


def target(arn: str, **members: Any) -> dict[str, Any]:
    """A Target with a role."""
    return {"Arn": arn, "RoleArn": ROLE, **members}


def create(world: World, name: str, expression: str, arn: str, **members: Any) -> str:
    """Create a schedule; members of a Target go there. Return its ARN."""
    of_target = (
        "Input",
        "DeadLetterConfig",
        "RetryPolicy",
        "SqsParameters",
        "EventBridgeParameters",
    )
    inner = {key: members.pop(key) for key in of_target if key in members}
    params = {
        "Name": name,
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": OFF,
        "Target": target(arn, **inner),
        **members,
    }
    return str(world.call("scheduler", "CreateSchedule", **params)["ScheduleArn"])


def arn_of(name: str, group: str = "default") -> str:
    """The ARN of a schedule."""
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


def times(bodies: list[str]) -> list[str]:
    """The scheduled times that default notifications tell."""
    return [json.loads(body)["time"] for body in bodies]


def ms(text: str) -> int:
    """An instant in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
