"""The ledger and all checkers of what starts work, behind the face of a judge (judge.py).

Whether a group that a crash has interrupted was committed is not guessed: each commit of these
worlds carries a mark (events_world.py), which the next process finds or does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redrive.core.effects import Fetch, Run
from redrive.sim.events_checkers import EVENT_CHECKERS, EventChecker
from redrive.sim.events_ledger import Ledger
from redrive.sim.events_words import instance_of
from redrive.sim.evidence import Attempt
from redrive.sim.workload import Request


class EventsAudit(NamedTuple):
    """What is to be seen of the rows. is_kept: the group that a crash interrupted is there.

    bodies: at rest, of all messages, by the name of their queue.
    """

    now_ms: int
    owed: int
    is_kept: bool
    bodies: Mapping[str, Sequence[str]] | None = None


class EventsJudge:
    """Whoever may say that an invariant does not hold."""

    def __init__(self, checkers: Sequence[type[EventChecker]] = EVENT_CHECKERS) -> None:
        self.checkers = [kind() for kind in checkers]
        self.ledger = Ledger(self.checkers)
        for checker in self.checkers:
            checker.ledger = self.ledger
        self._last = EventsAudit(0, 0, is_kept=False)

    def commit(self, group: list[Attempt]) -> None:
        """Hear of a committed group."""
        for attempt in group:
            self.ledger.commit(attempt)

    def audit(self, audit: EventsAudit) -> None:
        """Look at what is owed when the server would sleep."""
        self.ledger.now_ms = max(self.ledger.now_ms, audit.now_ms)
        self._last = audit
        for checker in self.checkers:
            checker.look()

    def resolve(self, group: list[Attempt], audit: EventsAudit) -> EventsJudge:
        """Take an interrupted group if it was committed."""
        if audit.is_kept:
            self.commit(group)
        return self

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """A committed request counts, whether the client has heard of it or not."""

    def restart(self, high_water_ms: int) -> None:
        """Hear of a restart."""
        self.ledger.restarted(high_water_ms)

    def refused(self) -> None:
        """Hear that a group was refused, be it by a crash."""
        self.ledger.fault(is_refused=False)

    def full(self) -> None:
        """Hear that it was refused by a full disk, which puts calls off."""
        self.ledger.fault(is_refused=True)

    def started(self, run: Run) -> None:
        """Hear that a function has begun."""
        name = f"arn:aws:lambda:us-east-1:000000000000:function:{run.environment.function_name}"
        self.ledger.ran.add(f"{name} {instance_of(run.event.decode())}")

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Nothing depends on how it has ended."""

    def fetched(self, fetch: Fetch, outcome: str) -> None:
        """Hear how a server has answered."""
        self.ledger.fetched(fetch, outcome)

    def rest(self) -> None:
        """Hear that nothing is under way."""
        for checker in self.checkers:
            checker.rest(self._last.owed)
            checker.count(self._last.bodies or {})
