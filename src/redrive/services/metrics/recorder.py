"""The worker that records all queues once a minute, and rolls up what has grown old once an hour.

    wait ──minute over──> measure ──> record ──> (forget retired) ──┬─ more queues ──> measure
      ^                                                             └─> gathered, until there is
      └───── roll up, when due <──────────────────────────────────────  nothing more <──┘

Queues: all state is in rows. Functions and mappings: what `gatherer` has counted in memory, which a
crash takes along.

A crash anywhere in a walk over queues costs nothing, since what is recorded is what the
counters have grown by since they were recorded last. What an earlier process counted and did not
record belongs to the minute in which it wrote last; the gauges of that minute nobody knows any
more, as when the machine slept.
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Params, Reply, Step
from redrive.core.time import HOUR_MS, MINUTE_MS, SECOND_MS, Millis
from redrive.services.metrics.gatherer import Gatherer
from redrive.services.metrics.rules import minute_of

_PAUSE_MS = 5
"""Between two steps of rolling up, so that requests go first."""

_GATHERED_MAX = 500
"""Metrics written in one transaction: some ten milliseconds."""


class Recorder:
    """One call at a time. floor_ms is the latest instant that an earlier process has written."""

    name = "recorder"

    def __init__(self, caller: Caller, floor_ms: Millis, gatherer: Gatherer | None = None) -> None:
        self._caller = caller
        self._gatherer = gatherer
        self._due_ms = Millis(minute_of(floor_ms) + MINUTE_MS)
        self._roll_ms = Millis(0)  # when to roll up next
        self._is_asking = False
        self._is_draining = False
        self._pending: Call | None = None  # what failed and is tried again
        self._at_ms = 0
        self._after = 0
        self._has_gauges = False
        self._measured: Params = {}
        if gatherer is not None:
            gatherer.recorded_ms = 0

    def step(self, now_ms: Millis) -> Step:
        """Go on with what failed, or begin when the minute is over."""
        if self._is_asking or self._is_draining:
            return Step()
        if self._pending is not None:
            return self._ask(self._pending)
        if now_ms < self._due_ms:
            return Step(next_ms=self._due_ms)
        is_late = now_ms >= self._due_ms + MINUTE_MS
        return self._begin(self._due_ms - MINUTE_MS, has_gauges=not is_late)

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on; after a failure of the store, with the same a second later."""
        self._is_asking = False
        if reply.result is None:
            return Step() if self._is_draining else Step(next_ms=Millis(now_ms + SECOND_MS))
        self._pending = None
        if reply_to == "measure":
            return self._record(reply.result)
        if reply_to == "record":
            return self._recorded(now_ms)
        if reply_to == "forget":
            return self._go_on(now_ms)
        if reply_to == "gather":
            return self._gather(now_ms)
        return self._rolled(reply.result, now_ms)

    def drain(self, now_ms: Millis) -> Step:
        """Record what the unfinished minute has so far, and stop."""
        self._is_draining = True
        if self._is_asking or self._pending is not None:
            return Step()
        return self._begin(minute_of(now_ms), has_gauges=False)

    # --- a walk over all queues ---

    def _begin(self, at_ms: int, *, has_gauges: bool) -> Step:
        self._at_ms, self._after, self._has_gauges = at_ms, 0, has_gauges
        return self._measure()

    def _measure(self) -> Step:
        return self._ask(self._call("sqs", "MeasureQueues", {"After": self._after}, "measure"))

    def _record(self, measured: Params) -> Step:
        self._measured = measured
        params = {
            "AtMs": self._at_ms,
            "After": self._after,
            "HasGauges": self._has_gauges,
            "Measured": measured,
        }
        return self._ask(self._call("cloudwatch", "RecordMinute", params, "record"))

    def _recorded(self, now_ms: Millis) -> Step:
        gone = [one["Id"] for one in self._measured["Retired"]]
        if gone:
            return self._ask(self._call("sqs", "ForgetRetired", {"Ids": gone}, "forget"))
        return self._go_on(now_ms)

    def _go_on(self, now_ms: Millis) -> Step:
        if self._measured["More"]:
            self._after = self._measured["UpTo"]
            return self._measure()
        if self._gatherer is not None:
            self._gatherer.sample(now_ms)
        return self._gather(now_ms)

    def _gather(self, now_ms: Millis) -> Step:
        if self._gatherer is not None:
            taken = self._gatherer.take(now_ms, _GATHERED_MAX, is_last=self._is_draining)
            if taken:
                params = {"Points": taken}
                return self._ask(self._call("cloudwatch", "RecordGathered", params, "gather"))
        if self._is_draining:
            return Step()
        if self._gatherer is not None:
            self._gatherer.recorded_ms = self._at_ms + MINUTE_MS if self._has_gauges else 0
        self._due_ms = Millis(minute_of(now_ms) + MINUTE_MS)
        if now_ms >= self._roll_ms:
            return self._ask(self._call("cloudwatch", "RollUp", {"After": 0}, "roll"))
        return Step(next_ms=self._due_ms)

    def _rolled(self, result: Params, now_ms: Millis) -> Step:
        if result["More"] and not self._is_draining:
            self._pending = self._call("cloudwatch", "RollUp", {"After": result["After"]}, "roll")
            return Step(next_ms=Millis(now_ms + _PAUSE_MS))
        soon = now_ms + MINUTE_MS if result["IsFull"] else now_ms - now_ms % HOUR_MS + HOUR_MS
        self._roll_ms = Millis(soon)
        return Step() if self._is_draining else Step(next_ms=self._due_ms)

    # --- calls ---

    def _call(self, service: str, operation: str, params: Params, reply_to: str) -> Call:
        return Call(service, operation, params, self._caller, reply_to)

    def _ask(self, call: Call) -> Step:
        self._is_asking = True
        self._pending = call
        return Step(calls=(call,))
