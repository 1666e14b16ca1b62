"""The worker that deletes what is left of a schedule group, a chunk at a time."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.time import SECOND_MS, Millis
from redrive.services.schedules.operations.groups import SWEEP_TOPIC


class GroupSweeper:
    """One call at a time; all state is in the rows, so a crash costs nothing."""

    name = "scheduler:sweeper"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_draining = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a chunk, unless one is being deleted."""
        if self._is_draining:
            return Step()
        if self._is_asking:
            return Step(topics=(SWEEP_TOPIC,))
        self._is_asking = True
        call = Call("scheduler", "SweepGroups", {}, self._caller, "sweep")
        return Step((call,), topics=(SWEEP_TOPIC,))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on until nothing is left; after a failure of the store, a second later."""
        self._is_asking = False
        if self._is_draining:
            return Step()
        if reply.result is None:
            return Step(next_ms=Millis(now_ms + SECOND_MS), topics=(SWEEP_TOPIC,))
        return self.step(now_ms) if reply.result["More"] else Step(topics=(SWEEP_TOPIC,))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; what is left waits for the next start."""
        self._is_draining = True
        return Step()
