"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from redrive.core.lessons.graph import Graph, Thing

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""error: AWS refuses it, or messages are lost or never processed. warning: it works until there is
load, a failure or a slow day. note: good to know."""

SQS_GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
SQS_API = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
LAMBDA_GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
LAMBDA_API = "https://docs.aws.amazon.com/lambda/latest/api/"


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule applies: of which thing, the properties that are to blame, why, what to do.

    place: file and line of a source, where that is to blame and no property.
    """

    thing: Thing
    properties: tuple[str, ...]
    reason: str
    cure: str
    place: tuple[str, int] | None = None


Check = Callable[[Graph], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One lesson. `lesson` says why it matters, for the page of all rules; source: AWS's page."""

    id: str
    level: Level
    title: str
    lesson: str
    source: str
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that one rule has to say. file is empty and line None for what is live."""

    rule: Rule
    name: str
    file: str
    line: int | None
    arn: str
    reason: str
    cure: str


def rule(
    identity: str, level: Level, title: str, *, lesson: str, source: str
) -> Callable[[Check], Rule]:
    """Make a check a rule."""
    return lambda check: Rule(identity, level, title, lesson, source, check)


def seconds(value: float) -> str:
    """Return a number of seconds, and what it is in days or hours where that says more."""
    shown = f"{value:,.0f} s" if value == int(value) else f"{value:,.1f} s"
    for unit, length in (("day", 86_400), ("hour", 3_600)):
        if value >= length and value % length == 0:
            count = int(value // length)
            return f"{shown} ({count} {unit}{'s' if count > 1 else ''})"
    return shown


def plural(count: int, word: str) -> str:
    """Return `1 message`, `2 messages`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
