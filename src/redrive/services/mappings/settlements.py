"""What has become of batches, until it is written down in the queue. Memory of one mapping."""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.effects import Call, Caller, Params, Reply
from redrive.core.errors import Unavailable
from redrive.core.time import NEVER, Millis
from redrive.services.mappings.rules import back_off_ms

Key = tuple[str, str, int]
"""Names a call: (UUID, kind, number); never reused."""


FILTERED = "filtered"
"""The outcome of messages that are deleted because no filter lets them through."""


class Settlements:
    """Settles each batch once, again and again while the store is unavailable.

    A deletion that comes after the visibility timeout still deletes, unless the message has been
    received again: then it does nothing. So there is no hurry, and no end to trying.
    """

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Params]] = []  # at, attempts so far, what
        self._asked: dict[Key, tuple[int, Params]] = {}

    @property
    def is_empty(self) -> bool:
        """Tell whether all is written down."""
        return not self._due and not self._asked

    @property
    def is_stuck(self) -> bool:
        """Tell whether the store has refused one: more batches would only wait longer."""
        waiting = any(attempts for _at, attempts, _what in self._due)
        return waiting or any(attempts for attempts, _what in self._asked.values())

    @property
    def next_ms(self) -> Millis:
        """Return when the next one is to be tried; NEVER when none waits."""
        return Millis(min((at for at, _attempts, _what in self._due), default=NEVER))

    def add(self, params: Params) -> None:
        """Take the parameters of a SettleBatch."""
        self._due.append((0, 0, params))

    def calls(self, now_ms: Millis, caller: Caller, key: Callable[[str], Key]) -> list[Call]:
        """Return the calls that are due."""
        calls = []
        rest = []
        for at_ms, attempts, params in self._due:
            if at_ms > now_ms:
                rest.append((at_ms, attempts, params))
                continue
            name = key("settle")
            self._asked[name] = attempts, params
            calls.append(Call("sqs", "SettleBatch", params, caller, name))
        self._due = rest
        return calls

    def took(self, key: Key, reply: Reply, now_ms: Millis) -> int:
        """Take an answer; return how many messages it deleted that a function has processed.

        Unavailable means that nothing was written, other errors are final.
        """
        attempts, params = self._asked.pop(key)
        if isinstance(reply.error, Unavailable):
            self._due.append((now_ms + back_off_ms(attempts + 1), attempts + 1, params))
        if reply.result is None or params["Outcome"] == FILTERED:
            return 0
        deleted: int = reply.result["Deleted"]
        return deleted
