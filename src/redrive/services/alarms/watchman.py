"""The worker that evaluates alarms: a chunk of those that are due, until none is; then it sleeps.

    asleep ── due, or woken ──> asking for a chunk ── more are due ──> (a pause) ──> asking …
       ^                              └── none is ──┐
       └──────── lines of history that are too old, once an hour <──┘

All state is in rows: a crash at any instant costs an evaluation that is made again.
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.time import HOUR_MS, SECOND_MS, Millis
from redrive.services.alarms.model import TOPIC

CHUNK = 50
"""Alarms of one transaction: some five milliseconds."""

PAUSE_MS = 5
"""Between two chunks, so that requests go first."""


class Watchman:
    """One call at a time."""

    name = "alarms:watchman"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_woken = False
        self._is_draining = False
        self._next_ms: int | None = 0
        self._reap_ms = 0

    def step(self, now_ms: Millis) -> Step:
        """Look at what is due; woken while a chunk is under way, look once more after it."""
        if self._is_draining:
            return Step()
        if self._is_asking:
            self._is_woken = True
            return Step(topics=(TOPIC,))
        self._is_asking, self._is_woken = True, False
        return self._ask("Watch", {"Limit": CHUNK})

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the end of a chunk, or of a step of letting go."""
        self._is_asking = False
        if self._is_draining:
            return Step()
        if reply.result is None:  # the disk is full
            return self._sleep(now_ms + SECOND_MS)
        if reply_to == "ForgetHistory":
            if not reply.result["More"]:
                self._reap_ms = now_ms - now_ms % HOUR_MS + HOUR_MS
        else:
            self._next_ms = reply.result["NextMs"]
        if self._is_woken:
            return self.step(now_ms)
        if self._next_ms is not None and self._next_ms <= now_ms:
            return self._sleep(now_ms + PAUSE_MS)
        if now_ms >= self._reap_ms:
            self._is_asking = True
            return self._ask("ForgetHistory", {})
        return self._sleep(self._next_ms)

    def drain(self, now_ms: Millis) -> Step:
        """Begin nothing more."""
        del now_ms
        self._is_draining = True
        return Step()

    def _ask(self, operation: str, params: dict[str, Any]) -> Step:
        call = Call("alarms", operation, params, self._caller, reply_to=operation)
        return Step((call,), topics=(TOPIC,))

    def _sleep(self, until_ms: int | None) -> Step:
        return Step((), None if until_ms is None else Millis(until_ms), (TOPIC,))
