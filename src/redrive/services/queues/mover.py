"""The worker of message move tasks: asks for the next chunk when it is due."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Call, Caller, Reply, Step
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.queues.operations.moves import MOVES_TOPIC


class Mover:
    """One call at a time; all state is in the task rows, so a crash costs nothing."""

    name = "mover"

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._is_asking = False
        self._is_draining = False

    def step(self, now_ms: Millis) -> Step:
        """Ask for a chunk, unless one is being moved."""
        if self._is_asking or self._is_draining:
            return Step(topics=(MOVES_TOPIC,))
        self._is_asking = True
        return Step(
            calls=(Call("sqs", "AdvanceMoves", {}, self._caller, "advance"),),
            topics=(MOVES_TOPIC,),
        )

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Go on at the pace of the tasks; after a failure of the store, a second later."""
        self._is_asking = False
        if reply.result is None:
            return Step(next_ms=Millis(now_ms + SECOND_MS), topics=(MOVES_TOPIC,))
        next_ms: Millis = reply.result["NextMs"]
        return Step(next_ms=None if next_ms == NEVER else next_ms, topics=(MOVES_TOPIC,))

    def drain(self, now_ms: Millis) -> Step:
        """Stop; what is left waits for the next start."""
        self._is_draining = True
        return Step()
