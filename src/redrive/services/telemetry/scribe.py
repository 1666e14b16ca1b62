"""The worker that writes logs in batches and wakes readers: at most every FLUSH_MS, however much
comes.

    quiet ──stirred──> gathering ──FLUSH_MS──> writes, wakes readers ──nothing pending──> quiet
                            ^                        │
                            └─────── more pending ───┘
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Reply, Step
from redrive.core.time import Millis
from redrive.services.telemetry.model import NEWS_TOPIC, STIR_TOPIC
from redrive.services.telemetry.room import Telemetry
from redrive.services.telemetry.rules import FLUSH_AGAIN_MS, FLUSH_MS, REAP_INTERVAL_MS


class Scribe:
    """Makes no calls: it works on the room, which is not part of the store.

    flush_ms, again_ms: how long to gather; 0 writes at the instant at which it is stirred.
    """

    name = "telemetry:scribe"

    def __init__(
        self, room: Telemetry, flush_ms: int = FLUSH_MS, again_ms: int = FLUSH_AGAIN_MS
    ) -> None:
        self._room = room
        self._flush_ms = flush_ms
        self._again_ms = again_ms
        self._write_ms: Millis | None = None
        self._reap_ms = Millis(0)

    def step(self, now_ms: Millis) -> Step:
        """Write and wake when it is time; else plan for it."""
        if self._write_ms is None:
            self._write_ms = Millis(now_ms + self._flush_ms)
            self._room.is_stirred = True
        elif now_ms >= self._write_ms:
            self._write(now_ms)
        if now_ms >= self._reap_ms:
            more = self._room.book.reap(now_ms)
            self._reap_ms = Millis(now_ms + (FLUSH_AGAIN_MS if more else REAP_INTERVAL_MS))
        return self._wait()

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take no answer: nothing was asked."""
        raise AssertionError(f"the scribe makes no calls: {reply_to} {reply} {now_ms}")

    def drain(self, now_ms: Millis) -> Step:
        """Write what is pending; go on, since functions that finish still write."""
        self._room.flush_all(now_ms)
        return self._wait()

    def _write(self, now_ms: Millis) -> None:
        room = self._room
        room.flush(now_ms)
        more = room.has_pending
        self._write_ms = Millis(now_ms + self._again_ms) if more else None
        room.is_stirred = more
        room.wake(NEWS_TOPIC)

    def _wait(self) -> Step:
        due = self._reap_ms if self._write_ms is None else min(self._reap_ms, self._write_ms)
        return Step(next_ms=due, topics=(STIR_TOPIC,))
