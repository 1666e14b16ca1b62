"""The worker that reclaims space: a chunk at a time, soon again while there is more."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.limits import REAP_INTERVAL_MS
from redrive.core.time import Millis

_PAUSE_MS = 5
"""Between two chunks, so that requests go first."""


class Reaper:
    """Never in a hurry: nothing that it removes can be received any more."""

    name = "reaper"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_draining = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a chunk to be removed."""
        if self._is_asking or self._is_draining:
            return Step()
        self._is_asking = True
        return Step(calls=(Call("sqs", "Reap", {}, self._caller, "reap"),))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Come again soon if there is more, else after the interval."""
        self._is_asking = False
        has_more = reply.result is not None and reply.result["More"]
        return Step(next_ms=Millis(now_ms + (_PAUSE_MS if has_more else REAP_INTERVAL_MS)))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; what is left waits for the next start."""
        self._is_draining = True
        return Step()
