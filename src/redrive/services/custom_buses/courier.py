"""The workers of custom event buses: one delivers, one tends."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Result, Step
from redrive.core.rounds import FAULT_PAUSE_MS, Rounds
from redrive.core.time import Millis

DUE = "custom_buses:due"
TEND = "custom_buses:tend"

BATCHES_MAX = 50
"""Of one subscriber under way at a time, so that a dead target delays no other."""


def _settled(_told: Result) -> None:
    """Hear nothing: what has become of an attempt is counted where it is written."""


class Deliverer(Rounds):
    """Reads on for subscribers and delivers their batches."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(
            "custom_buses:deliverer",
            caller,
            service="eventbridgev2",
            look="DueBatches",
            attempt="DeliverBatch",
            topic=DUE,
            runs_max=BATCHES_MAX,
            settled=_settled,
        )


class Tender:
    """Asks for one piece of work after another, then waits for what falls due."""

    name = "custom_buses:tender"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_draining = False
        self._again = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a piece of work; once more after the one that is under way."""
        del now_ms
        if self._is_draining:
            return Step()
        if self._is_asking:
            self._again = True
            return Step(topics=(TEND,))
        self._is_asking, self._again = True, False
        call = Call("eventbridgev2", "TendBuses", {}, self._caller, "tend")
        return Step(calls=(call,), topics=(TEND,))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on, or wait."""
        del reply_to
        self._is_asking = False
        if self._is_draining:
            return Step()
        if reply.result is None:
            return Step(next_ms=Millis(now_ms + FAULT_PAUSE_MS), topics=(TEND,))
        next_ms = reply.result["NextMs"]
        if self._again:
            return self.step(now_ms)
        return Step(next_ms=None if next_ms is None else Millis(next_ms), topics=(TEND,))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; what is left waits for the next start."""
        del now_ms
        self._is_draining = True
        return Step()
