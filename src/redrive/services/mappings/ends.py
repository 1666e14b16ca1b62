"""What a mapping knows of its two ends: the queue's visibility timeout and the function's timeout.

They are asked for again while messages flow, since both may be changed behind the mapping's
back. AWS takes up to 60 seconds for a queue's changed attributes as well.
"""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.effects import Call, Reply
from redrive.core.time import MINUTE_MS, SECOND_MS, Millis
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.operations.lookup import (
    ask_function,
    ask_queue,
    read_visibility_ms,
)
from redrive.services.mappings.rules import effective_visibility_ms
from redrive.services.mappings.settlements import Key

KNOWN_MS = MINUTE_MS
"""How long an answer counts as fresh."""


class Ends:
    """The two ends of one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self._visibility_ms = mapping.visibility_ms
        self._timeout_ms = mapping.timeout_ms
        self._at_ms = Millis(mapping.known_ms)
        self._is_wanted = False
        self._asked = 0  # questions under way

    @property
    def is_asking(self) -> bool:
        """Tell whether a question is under way."""
        return self._asked > 0

    def learn(self, mapping: Mapping) -> None:
        """Take what a changed mapping knows, when that is newer."""
        if mapping.known_ms > self._at_ms:
            self._visibility_ms, self._timeout_ms = mapping.visibility_ms, mapping.timeout_ms
            self._at_ms = Millis(mapping.known_ms)

    def want(self) -> None:
        """Say that the facts are needed."""
        self._is_wanted = True

    def calls(self, mapping: Mapping, now_ms: Millis, key: Callable[[str], Key]) -> list[Call]:
        """Return the questions, when the facts are needed and no longer fresh."""
        if not self._is_wanted or now_ms < self._at_ms + KNOWN_MS:
            return []
        self._is_wanted, self._at_ms = False, now_ms
        asks = [("queue", ask_queue(mapping.queue_arn, mapping.caller))]
        if mapping.consumer == "lambda":
            asks.append(("function", ask_function(mapping.function_arn, mapping.caller)))
        self._asked += len(asks)
        return [
            Call(ask.service, ask.operation, ask.params, ask.caller, key(kind))
            for kind, ask in asks
        ]

    def took(self, kind: str, reply: Reply) -> None:
        """Take an answer; without one, what was known stands until the next question."""
        self._asked -= 1
        if reply.result is None:
            return
        if kind == "queue":
            self._visibility_ms = read_visibility_ms(reply.result)
        else:
            self._timeout_ms = reply.result["timeout_ms"]

    def asked_visibility_s(self, window_ms: int) -> int | None:
        """Return the visibility timeout that a receive must ask for; None: the queue's own."""
        asked_ms = effective_visibility_ms(window_ms, self._timeout_ms, self._visibility_ms)
        return None if asked_ms is None else asked_ms // SECOND_MS

    def lease_ms(self, asked_s: int | None) -> int:
        """Return how long messages are ours after a receive that asked for this."""
        return self._visibility_ms if asked_s is None else asked_s * SECOND_MS
