"""Rows of the alarms service, and the states of an alarm.

                    ┌──────────────── figures missing ───────────────┐
                    v                                                │
    put ──> INSUFFICIENT_DATA ── not breaching ──> OK <── breaching ──> ALARM
                    └───────────────────── breaching ────────────────^

Metric alarms change in `evaluating` (a figure is read), composite ones in `compounding` (a child
has changed), both in SetAlarmState; always through `changing.change_state`.

Invariants
1. A change of state, its line of history, what it owes to actions and the composite alarms that it
   concerns are written by one transaction.
2. Actions are owed only when the state's value changes, and not while they are suppressed.
3. A metric alarm always has a due_ms; a composite alarm has one only while there is something to
   decide about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

import orjson

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
STATES: tuple[State, ...] = ("OK", "ALARM", "INSUFFICIENT_DATA")

METRIC = "MetricAlarm"
COMPOSITE = "CompositeAlarm"
"""Kinds, as AlarmTypes and histories name them."""

TOPIC = "alarms:due"
"""Woken when an alarm has become due sooner than it was."""


class AlarmRow(NamedTuple):
    """An alarm as it is stored."""

    id: int
    account: str
    region: str
    name: str
    kind: str
    config: str  # JSON: what was put, by AWS's names, with defaults; without Tags and AlarmName
    actions_enabled: int
    configured_ms: int
    state: State
    reason: str
    reason_data: str
    updated_ms: int  # when state or reason were last written
    transitioned_ms: int  # when the state last became another
    trouble: str  # EvaluationState, or nothing
    due_ms: int | None  # when it is to be looked at
    warm_ms: int | None  # when the warm-up ends; None: there is none, or it is over
    acted: State  # composite: the state of which its actions were told last
    suppressed_by: str  # composite: "", Alarm, WaitPeriod or ExtensionPeriod
    released_ms: int | None  # when a WaitPeriod or an ExtensionPeriod ends
    tags: str  # JSON: key -> value


class Alarm:
    """A row with its configuration read."""

    def __init__(self, row: AlarmRow) -> None:
        self.row = row
        self.id = row.id
        self.name = row.name
        self.state = row.state

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Return what was put."""
        config: Mapping[str, Any] = orjson.loads(self.row.config)
        return config

    @property
    def arn(self) -> str:
        """Return its ARN."""
        return alarm_arn(self.row.account, self.row.region, self.row.name)

    @property
    def is_composite(self) -> bool:
        """Tell whether its state comes from other alarms."""
        return self.row.kind == COMPOSITE


class Child(NamedTuple):
    """The state of an alarm, for those that depend on it."""

    name: str
    state: State
    transitioned_ms: int


class History(NamedTuple):
    """A line of an alarm's history."""

    id: int
    name: str
    kind: str
    at_ms: int
    type: str
    summary: str
    data: str


class Dashboard(NamedTuple):
    """A dashboard. They belong to no region."""

    account: str
    name: str
    body: str
    modified_ms: int
    tags: str  # JSON: key -> value


class Number(NamedTuple):
    """A single number."""

    value: int


class Name(NamedTuple):
    """A single name."""

    name: str


def alarm_arn(account: str, region: str, name: str) -> str:
    """Return arn:aws:cloudwatch:<region>:<account>:alarm:<name>."""
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"


def dashboard_arn(account: str, name: str) -> str:
    """Return arn:aws:cloudwatch::<account>:dashboard/<name>."""
    return f"arn:aws:cloudwatch::{account}:dashboard/{name}"
