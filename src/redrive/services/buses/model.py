"""Rows of the buses service, and the names by which its resources are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT = "default"
"""The bus that every account has in every region, whether a row says something of it or not."""

DUE_TOPIC = "events:due"
"""Woken when a rule's schedule is made, changed or enabled: event_rules.due_ms is new."""

Event = Mapping[str, Any]
"""An event as its targets see it: version, id, detail-type, source, account, time, region,
resources, detail (and replay-name), in this order; detail is a JSON object as Python values."""


class BusKey(NamedTuple):
    """Which bus."""

    account: str
    region: str
    bus: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:event-bus/{self.bus}"

    def rule_arn(self, rule: str) -> str:
        """Return the ARN of one of its rules: the default bus is not named in it."""
        path = rule if self.bus == DEFAULT else f"{self.bus}/{rule}"
        return f"arn:aws:events:{self.region}:{self.account}:rule/{path}"


class Bus(NamedTuple):
    """One row of `buses`."""

    account: str
    region: str
    name: str
    description: str | None
    kms_key: str | None
    dead_letter: str | None  # ARN of a queue
    log_config: str | None  # JSON object
    policy: str | None  # JSON object: the policy document
    tags: str  # JSON object
    created_ms: int
    modified_ms: int

    @property
    def key(self) -> BusKey:
        """Which bus it is."""
        return BusKey(self.account, self.region, self.name)


class EventRule(NamedTuple):
    """One row of `event_rules`."""

    account: str
    region: str
    bus: str
    name: str
    pattern: str | None  # JSON text, as it was given
    schedule: str | None  # rate(…) or cron(…)
    state: str  # ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
    description: str | None
    role: str | None
    managed_by: str | None
    created_by: str  # account
    tags: str  # JSON object
    due_ms: int | None  # when a schedule that is enabled fires next
    created_ms: int

    @property
    def key(self) -> BusKey:
        """Its bus."""
        return BusKey(self.account, self.region, self.bus)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.key.rule_arn(self.name)


class Target(NamedTuple):
    """One row of `event_targets`, without its key."""

    id: str
    arn: str
    place: int  # order among the targets of the rule
    body: str  # JSON object: the Target, as it was given


class PatternRow(NamedTuple):
    """A rule that can match."""

    name: str
    pattern: str


class Generation(NamedTuple):
    """The state that the rules of a bus are in: a number never given twice."""

    generation: int


class Name(NamedTuple):
    """A name alone."""

    name: str


class Count(NamedTuple):
    """How many rows there are."""

    rows: int


class DueRule(NamedTuple):
    """A rule whose schedule is due, as core/rounds has due rows. All are of one target."""

    id: tuple[str, ...]  # account, region, bus, name
    target: str = "rules"


class Instant(NamedTuple):
    """When the next schedule falls due; None when there is none."""

    at_ms: int | None
