"""The worker that removes code which nothing refers to any more, in two looks.

    look ── unused packages ──> condemned ── GRACE_MS, still unused ──> removed

A worker's calls are committed before the next look, so a package whose last row vanished in a
transaction that did not survive is never removed.
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Reply, Step
from redrive.core.time import MINUTE_MS, Millis
from redrive.services.functions.courier import CALLER
from redrive.services.functions.operations.packages import CODE_TOPIC

GRACE_MS = 1 * MINUTE_MS
"""Longer than any commit takes; also spares the unpacking when a function is deleted and deployed
again."""


class Sweeper:
    """Looks at its start, a minute after functions changed, and while something is unused."""

    name = "lambda:sweeper"

    def __init__(self) -> None:
        self._condemned: tuple[str, ...] = ()
        self._due_ms: Millis | None = None
        self._started = False
        self._looking = False

    def step(self, now_ms: Millis) -> Step:
        """Look when it is time; a change of functions makes it time after GRACE_MS."""
        if self._due_ms is None:
            self._due_ms = Millis(now_ms + GRACE_MS if self._started else now_ms)
        if self._looking or self._due_ms > now_ms:
            return self._wait()
        self._started = self._looking = True
        self._due_ms = None
        call = Call("lambda", "SweepCode", {"Condemned": self._condemned}, CALLER, reply_to="sweep")
        return Step((call,), None, (CODE_TOPIC,))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Condemn what was unused; it goes at the next look."""
        del reply_to
        self._looking = False
        if reply.result is not None:
            self._condemned = tuple(reply.result["Unused"])
        if self._condemned or reply.result is None:
            self._due_ms = Millis(now_ms + GRACE_MS)
        return self._wait()

    def _wait(self) -> Step:
        return Step((), self._due_ms, (CODE_TOPIC,))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; unused code goes after the next start."""
        del now_ms
        self._looking = True  # a look that never ends
        return Step()
