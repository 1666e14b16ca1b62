"""The oracle and all checkers behind one face, and the question whether a commit happened.

A crash in the middle of a commit leaves the group unknown: all of it or nothing. The judge tries
both on copies of itself; the rows after the restart must agree with one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from redrive.core.effects import Run
from redrive.sim.checkers import CHECKERS, Checker
from redrive.sim.evidence import Attempt, Audit, Violation
from redrive.sim.fairness import FAIR_CHECKERS
from redrive.sim.fifo_checkers import FIFO_CHECKERS
from redrive.sim.mapping_checkers import MAPPING_CHECKERS
from redrive.sim.oracle import Oracle
from redrive.sim.workload import Request

ALL_CHECKERS = (*CHECKERS, *MAPPING_CHECKERS, *FAIR_CHECKERS, *FIFO_CHECKERS)


class Judge:
    """Whoever may say that an invariant does not hold."""

    def __init__(
        self, checkers: Sequence[type[Checker]] = ALL_CHECKERS, *, oracle: bool = True
    ) -> None:
        self.oracle = Oracle() if oracle else None
        self.checkers = [kind() for kind in checkers]

    def commit(self, group: list[Attempt]) -> None:
        """Hear of a committed group."""
        if self.oracle is not None:
            self.oracle.commit(group)
        for checker in self.checkers:
            for attempt in group:
                checker.commit(attempt)

    def audit(self, audit: Audit) -> None:
        """Look at the rows."""
        for checker in self.checkers:
            checker.audit(audit)
        if self.oracle is not None:
            self.oracle.compare(audit)

    def resolve(self, group: list[Attempt], audit: Audit) -> Judge:
        """Return the judge who knows whether an interrupted group was committed."""
        if not group:
            self.audit(audit)
            return self
        without = copy.deepcopy(self)
        try:
            without.audit(audit)
        except Violation:
            with_group = copy.deepcopy(self)
            with_group.commit(group)
            with_group.audit(audit)
            return with_group
        return without

    def reply(self, request: Request, result: Mapping[str, Any]) -> None:
        """Hear of a success that left the server."""
        for checker in self.checkers:
            checker.reply(request, result)

    def restart(self, high_water_ms: int) -> None:
        """Hear of a restart."""
        for checker in self.checkers:
            checker.restart(high_water_ms)

    def refused(self) -> None:
        """Hear that a group was refused."""
        for checker in self.checkers:
            checker.refused()

    def started(self, run: Run) -> None:
        """Hear that a function has begun."""
        for checker in self.checkers:
            checker.started(run)

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Hear that a function has ended."""
        for checker in self.checkers:
            checker.ended(run, failed)

    def rest(self) -> None:
        """Hear that nothing is under way."""
        for checker in self.checkers:
            checker.rest()
