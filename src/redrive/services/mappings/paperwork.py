"""What the poller writes into a mapping's row: that a transition has ended, and what is wrong.

Both are retried while the store is unavailable; both follow the pump, which knows the truth.
"""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.effects import Call, Reply
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.rules import TRANSITIONS
from redrive.services.mappings.settlements import Key

_AGAIN_MS = SECOND_MS


class Paperwork:
    """The row of one mapping, seen from its pump.

    problems: by what they are about ("queue", "function"), in AWS's words; the first is shown.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.problems: dict[str, str] = {}
        self._advanced: int | None = None  # the version whose transition has ended
        self._advancing: int | None = None
        self._told = mapping.problem
        self._telling: tuple[str | None] | None = None
        self._not_before_ms = Millis(0)

    @property
    def is_idle(self) -> bool:
        """Tell whether no note is under way."""
        return self._advancing is None and self._telling is None

    def needs_advance(self, mapping: Mapping) -> bool:
        """Tell whether the mapping's transition is still on."""
        return mapping.state in TRANSITIONS and self._advanced != mapping.version

    def next_ms(self, now_ms: Millis) -> Millis:
        """Return when a refused note is to be tried again; NEVER when there is none."""
        return self._not_before_ms if self._not_before_ms > now_ms else NEVER

    def calls(
        self, mapping: Mapping, now_ms: Millis, key: Callable[[str], Key], *, may_advance: bool
    ) -> list[Call]:
        """Return the notes that are due."""
        calls: list[Call] = []
        if now_ms < self._not_before_ms:
            return calls
        if may_advance and self._advancing is None and self.needs_advance(mapping):
            self._advancing = mapping.version
            params = {"UUID": mapping.uuid, "Version": mapping.version}
            calls.append(Call("mappings", "AdvanceMapping", params, mapping.caller, key("advance")))
        problem = next(iter(self.problems.values()), None)
        if problem != self._told and self._telling is None:
            self._telling = (problem,)
            told = {"UUID": mapping.uuid, "Problem": problem}
            calls.append(Call("mappings", "ReportProblem", told, mapping.caller, key("problem")))
        return calls

    def took(self, kind: str, reply: Reply, now_ms: Millis) -> None:
        """Take the answer to one of the calls."""
        if reply.result is None:
            self._not_before_ms = Millis(now_ms + _AGAIN_MS)
        if kind == "advance":
            if reply.result is not None:
                self._advanced = self._advancing
            self._advancing = None
            return
        assert self._telling is not None
        if reply.result is not None:
            self._told = self._telling[0]
        self._telling = None
