"""The worker of replays and of what archives have kept long enough: asks for the next chunk."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.buses.operations.archives import ARCHIVES_TOPIC


class Replayer:
    """One call at a time; all state is in the rows, so a crash costs nothing."""

    name = "replayer"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_draining = False
        self._ask_again = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a chunk, unless one is being made; then ask once more after it."""
        del now_ms
        if self._is_draining:
            return Step()
        if self._is_asking:
            self._ask_again = True
            return Step(topics=(ARCHIVES_TOPIC,))
        self._is_asking, self._ask_again = True, False
        call = Call("events", "TendArchives", {}, self._caller, "tend")
        return Step(calls=(call,), topics=(ARCHIVES_TOPIC,))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on when there is more; after a failure of the store, a second later."""
        del reply_to
        self._is_asking = False
        if self._is_draining:
            return Step()
        if reply.result is None:
            return Step(next_ms=Millis(now_ms + SECOND_MS), topics=(ARCHIVES_TOPIC,))
        if self._ask_again:
            return self.step(now_ms)
        next_ms: Millis = reply.result["NextMs"]
        return Step(next_ms=None if next_ms >= NEVER else next_ms, topics=(ARCHIVES_TOPIC,))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; what is left waits for the next start."""
        del now_ms
        self._is_draining = True
        return Step()
