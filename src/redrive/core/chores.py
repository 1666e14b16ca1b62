"""A worker that asks one operation for one piece of work after another, and sleeps when that says
so. All state is in rows, so that a crash costs nothing.

    asleep ── due, or woken ──> asking ── answered ──> asleep until the answer's NextMs
       ^                           │
       └── FAULT_PAUSE_MS, when ───┘   (woken meanwhile: it asks once more at once)
           the store failed

The operation takes {} and answers {"NextMs": int | None}: when to be asked again; None or NEVER
when a wake of the topic will tell.
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Result, Step
from redrive.core.rounds import FAULT_PAUSE_MS
from redrive.core.time import NEVER, Millis


class Chore:
    """One call at a time. topics: what wakes it."""

    def __init__(
        self, name: str, caller: Caller, *, service: str, operation: str, topics: tuple[str, ...]
    ) -> None:
        self.name = name
        self._call = Call(service, operation, {}, caller)
        self._topics = topics
        self._is_asking = False
        self._is_woken = False
        self._is_draining = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a piece of work, unless one is under way; then ask once more after it."""
        del now_ms
        if self._is_draining:
            return Step()
        if self._is_asking:
            self._is_woken = True
            return Step(topics=self._topics)
        self._is_asking, self._is_woken = True, False
        return Step((self._call,), topics=self._topics)

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on, or sleep."""
        del reply_to
        self._is_asking = False
        if self._is_draining:
            return Step()
        if self._is_woken and reply.result is not None:
            return self.step(now_ms)
        next_ms = self.next_ms(reply.result, now_ms)
        if next_ms is not None:
            next_ms = None if next_ms >= NEVER else Millis(next_ms)
        return Step(next_ms=next_ms, topics=self._topics)

    def next_ms(self, told: Result | None, now_ms: Millis) -> int | None:
        """Return when to ask again. told: None when the store failed."""
        if told is None:
            return now_ms + FAULT_PAUSE_MS
        following: int | None = told["NextMs"]
        return following

    def drain(self, now_ms: Millis) -> Step:
        """Begin nothing more; what is left waits for the next start."""
        del now_ms
        self._is_draining = True
        return Step()
