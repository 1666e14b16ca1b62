"""The worker that keeps environments warm for provisioned concurrency.

look ── some are not ready ──> LOOK_SOON_MS ──> look
     ── all are ready ───────> LOOK_MS ───────> look, since environments die and aliases move
     ── none are wanted ─────> until the topic is woken
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Reply, Step
from redrive.core.time import SECOND_MS, Millis
from redrive.services.functions.courier import CALLER
from redrive.services.functions.operations.provisioned import PROVISIONED_TOPIC

LOOK_SOON_MS = 1 * SECOND_MS
LOOK_MS = 10 * SECOND_MS


class Provisioner:
    """Looks at its start, when it is woken, and as long as anything is to be kept warm."""

    name = "lambda:provisioner"

    def __init__(self) -> None:
        self._due_ms: Millis | None = None
        self._looking = False
        self._look_again = False
        self._draining = False

    def step(self, now_ms: Millis) -> Step:
        """Look, unless a look is under way; then look once more after it."""
        del now_ms
        if self._draining:
            return Step()
        if self._looking:
            self._look_again = True
            return self._wait()
        self._looking, self._look_again, self._due_ms = True, False, None
        return self._wait(Call("lambda", "KeepWarm", {}, CALLER, reply_to="look"))

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Plan the next look."""
        del reply_to
        self._looking = False
        if self._look_again:
            return self.step(now_ms)
        if reply.result is None or reply.result["Missing"]:
            self._due_ms = Millis(now_ms + LOOK_SOON_MS)
        elif reply.result["Kept"]:
            self._due_ms = Millis(now_ms + LOOK_MS)
        return self._wait()

    def drain(self, now_ms: Millis) -> Step:
        """Start nothing more."""
        del now_ms
        self._draining = True
        return Step()

    def _wait(self, *calls: Call) -> Step:
        if self._draining:
            return Step()
        return Step(calls, self._due_ms, (PROVISIONED_TOPIC,))
