"""When schedules have to fire, reckoned anew: nothing here is shared with core/calendar.

A spec is one of a few forms, of which the workload makes the expression and the judge the instants.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

MINUTE_MS = 60_000
DAY_MS = 86_400_000
ZONES = {"UTC": 0, "Asia/Kolkata": 330}
"""Zones without daylight saving time, and their minutes ahead of UTC."""


class Spec(NamedTuple):
    """kind: at (at_ms), rate (minutes), every (minutes, by cron), daily (minute of the day)."""

    kind: str
    number: int
    zone: str = "UTC"
    window_ms: int = 0

    @property
    def expression(self) -> str:
        """Return it as AWS writes it."""
        if self.kind == "at":
            at = datetime.fromtimestamp(self.number // 1_000, UTC)
            return f"at({at:%Y-%m-%dT%H:%M:%S})"
        if self.kind == "rate":
            return f"rate({self.number} minute{'s' if self.number > 1 else ''})"
        if self.kind == "every":
            return f"cron(0/{self.number} * * * ? *)"
        return f"cron({self.number % 60} {self.number // 60} * * ? *)"

    def next_after(self, at_ms: int, anchor_ms: int) -> int | None:
        """Return the first instant after another."""
        if self.kind == "at":
            return self.number if self.number > at_ms else None
        if self.kind == "rate":
            period_ms = self.number * MINUTE_MS
            return anchor_ms + max(1, (at_ms - anchor_ms) // period_ms + 1) * period_ms
        period_ms = self.number * MINUTE_MS if self.kind == "every" else DAY_MS
        offset_ms = 0
        if self.kind == "daily":
            offset_ms = (self.number - ZONES[self.zone]) * MINUTE_MS
        return (at_ms - offset_ms) // period_ms * period_ms + period_ms + offset_ms


def spec_of(expression: str, zone: str, window_ms: int) -> Spec:
    """Return the spec that an expression was made of."""
    name, _, inner = expression.rstrip(")").partition("(")
    if name == "at":
        at = datetime.fromisoformat(inner).replace(tzinfo=UTC)
        return Spec("at", int(at.timestamp()) * 1_000, zone, window_ms)
    if name == "rate":
        return Spec("rate", int(inner.split()[0]), zone, window_ms)
    minute, hour = inner.split()[:2]
    if minute.startswith("0/"):
        return Spec("every", int(minute[2:]), zone, window_ms)
    return Spec("daily", int(hour) * 60 + int(minute), zone, window_ms)


@dataclass(eq=False)
class Timetable:
    """One schedule's instants, and which have fired. spec: None while it rests.

    after_ms: nothing at or before it fires any more. resting_ms: since when it rests.
    """

    spec: Spec | None
    anchor_ms: int
    after_ms: int
    resting_ms: int | None = None
    last_ms: int | None = None
    is_unsure: bool = False
    """When the latest has fired is not known, only when it was seen."""

    def set(self, spec: Spec | None, now_ms: int) -> None:
        """Begin anew."""
        self.spec = spec
        self.anchor_ms, self.last_ms = now_ms, None
        self.after_ms = now_ms - 1 if spec is not None and spec.kind == "at" else now_ms
        self.resting_ms = now_ms if spec is None else None

    @property
    def next_ms(self) -> int | None:
        """Return the next instant."""
        return None if self.spec is None else self.spec.next_after(self.after_ms, self.anchor_ms)

    def fired(self, second_ms: int, now_ms: int, fault_ms: int) -> str:
        """Take a firing whose instant is told to the second; return what is wrong, or nothing.

        fault_ms: when something last went wrong: what was due before that may have fired without
        having been seen, or have been seen late.
        """
        if self.spec is None:
            assert self.resting_ms is not None
            return "" if second_ms <= self.resting_ms else "fires though it rests"
        instant_ms = self.spec.next_after(second_ms - 1, self.anchor_ms)
        if second_ms <= self.anchor_ms - 1_000:
            return ""  # it was due then, before it was changed
        if instant_ms is None or instant_ms // 1_000 != second_ms // 1_000:
            return "" if second_ms <= self.anchor_ms else "fires at no instant of its own"
        if instant_ms > now_ms:
            return "fires early"
        expected = self.next_ms
        if instant_ms != expected:
            is_known = self.last_ms is not None and instant_ms <= self.last_ms
            is_fault = fault_ms >= min(instant_ms, expected or instant_ms)
            if is_known or not (is_fault or self.is_unsure):
                return f"fires for {instant_ms}, and was to fire for {expected}"
        # It may have fired before the fault, and others after it that were due in between.
        self.is_unsure = fault_ms >= instant_ms
        self.last_ms = instant_ms
        self.after_ms = max(instant_ms, now_ms - self.spec.window_ms)
        return ""
