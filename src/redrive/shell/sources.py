"""The two things that rules may not reach for: the clock and chance. Each is read here and nowhere
else.
"""

from __future__ import annotations

import os
import time

from redrive.core.time import Millis

_REFILL_BYTES = 4_096


def wall_ms() -> Millis:
    """Return what the wall clock says, which may be earlier than what it said before.

    Only the age of signatures is judged by it: theirs is a wall clock too.
    """
    return Millis(time.time_ns() // 1_000_000)


class SystemClock:
    """Wall-clock milliseconds that never go back, across restarts too.

    floor_ms is the latest instant at which anything was committed. A jump forward is taken as it
    is: what is due then is due. While the wall clock stands behind, time goes on from the latest
    instant, so that waits and leases end.
    """

    def __init__(self, floor_ms: Millis) -> None:
        self._last_ms = floor_ms
        self._ahead: tuple[int, int] | None = (
            None  # (instant, steady clock) when the wall fell back
        )

    def __call__(self) -> Millis:
        """Return the present instant."""
        now_ms = time.time_ns() // 1_000_000
        if now_ms > self._last_ms:
            self._last_ms = Millis(now_ms)
            self._ahead = None
        elif now_ms < self._last_ms:
            steady_ms = time.monotonic_ns() // 1_000_000
            if self._ahead is None:
                self._ahead = (self._last_ms, steady_ms)
            self._last_ms = Millis(self._ahead[0] + steady_ms - self._ahead[1])
        return self._last_ms


class ManualClock:
    """Stands still until it is moved, and never goes back, across restarts too."""

    def __init__(self, start_ms: Millis, floor_ms: Millis) -> None:
        """floor_ms: as SystemClock's; an earlier start becomes it."""
        self._now_ms = max(start_ms, floor_ms)

    def __call__(self) -> Millis:
        """Return the present instant."""
        return self._now_ms

    def move(self, to_ms: Millis) -> None:
        """Let it be later."""
        assert to_ms >= self._now_ms, "a clock never goes back"
        self._now_ms = to_ms


class SystemChance:
    """Random bytes of the operating system, taken in larger pieces to save system calls."""

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def token(self, count: int) -> bytes:
        """Return `count` random bytes."""
        if self._used + count > len(self._pool):
            self._pool = os.urandom(max(_REFILL_BYTES, count))
            self._used = 0
        self._used += count
        return self._pool[self._used - count : self._used]
