"""A recorded world that loses its power at every write and sync, as often as chance knows ways.

The world is the simulator's: shipped services, dispatch, workers and store, judged by the oracle
at every commit. Before each write, cut, sync and deletion of its disk the images that a loss of
power there may leave are taken; once the commit is over they are opened. Each must hold exactly the
rows of the last acknowledged commit, or those of the one that was under way: so nothing that was
acknowledged is missing, nothing deleted is back, and no group is there in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from redrive.sim import world
from redrive.sim.chance import Dice
from redrive.sim.evidence import Violation
from redrive.store import sqlite

from .images import FATES, Image, images
from .inspector import Inspector, State, difference, state_of

STEPS = 60
"""Steps of a world: with their setup about 100 commits."""

CHECKPOINT_PAGES, VACUUM_PAGES = 24, 2
"""Small, so that the log is moved and pages are given back many times within a world."""

_DEEDS = ("write", "truncate", "sync", "delete")
_BODY_BYTES = 5_000


class Left(NamedTuple):
    """An image, and the number of the last commit that was acknowledged when it was taken."""

    acknowledged: int
    moment: int
    fate: str
    image: Image


@dataclass(slots=True)
class Findings:
    """What a campaign has seen."""

    worlds: int = 0
    commits: int = 0
    moments: int = 0
    deeds: Counter[tuple[str, str]] = field(default_factory=Counter)  # before which, to what


class RecordedWorld(world.World):
    """A world whose disk is looked at; faults happen to its images only."""

    def __init__(self, seed: int, inspector: Inspector, findings: Findings) -> None:
        self._inspector = inspector
        self._findings = findings
        self._power = Dice(seed, "power")
        sight = inspector.look({})
        self._states = [State(sight.rows, sight.clock_ms, inspector.read({}))]
        self._left: list[Left] = []
        super().__init__(seed, f"recorded-{seed}", has_faults=False)
        entry = self.workload._entry

        def long_entry(*arguments: Any) -> dict[str, Any]:
            made = entry(*arguments)
            if self._power.chance(0.15):
                made["MessageBody"] += "x" * self._power.between(1, _BODY_BYTES)
            return made

        self.workload._entry = long_entry  # type: ignore[method-assign]

    def _start(self) -> None:
        self._disk.watch = self._watch
        super()._start()

    def _watch(self, kind: str, name: str) -> None:
        if kind not in _DEEDS:
            return
        self._findings.deeds[kind, name.rpartition(".")[2]] += 1
        if kind == "sync":
            self._take(FATES)
        else:
            self._take((self._power.pick(FATES),) if self._power.chance(0.2) else ())

    def _take(self, fates: tuple[str, ...]) -> None:
        self._findings.moments += 1
        number = len(self._states) - 1
        for fate, image in images(self._disk, self._power, fates):
            if fate != "none" or fates:
                self._left.append(Left(number, self._findings.moments, fate, image))

    def _committed(self) -> None:
        super()._committed()
        self._findings.commits += 1
        state = state_of(self.sqlite)
        if state.rows != self._states[-1].rows and state.clock_ms < self.clock():
            raise Violation("clock", f"seed {self.seed}: {state.clock_ms} at {self.clock()}")
        self._states.append(state)
        self._judge()
        self._take(FATES)

    def _judge(self) -> None:
        """Open what was left until now."""
        for left in self._left:
            sight = self._inspector.look(left.image)
            allowed = self._states[left.acknowledged :][:2]
            if sight.problem:
                raise self._violation(left, sight.problem)
            if not any(sight[:2] == state[:2] for state in allowed):
                found = self._inspector.read(left.image)
                told = f"clock {sight.clock_ms} {difference(found, allowed[0].dump)}"
                raise self._violation(left, f"beside what was acknowledged it\n    {told}")
        self._left.clear()

    def _violation(self, left: Left, text: str) -> Violation:
        where = f"seed {self.seed}, moment {left.moment}, after commit {left.acknowledged}"
        return Violation("power loss", f"{where}, {left.fate}: {text}")

    def play(self, steps: int) -> str:
        """Play so many steps, some with the store's idle work, and look at what is left."""
        for request in self.workload.setup():
            self.request(request)
            self._turn()
        for _ in range(steps):
            self.step()
            if self._power.chance(0.3):
                self.store.maintain(idle=True)
            if self._power.chance(0.03):
                self.restart()
        self._judge()
        return ""


def lose_power(seed: int, inspector: Inspector, findings: Findings, steps: int = STEPS) -> None:
    """Play a world and judge all that it may leave. Raises Violation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "CHECKPOINT_PAGES", CHECKPOINT_PAGES)
        patch.setattr(sqlite, "VACUUM_PAGES", VACUUM_PAGES)
        played = RecordedWorld(seed, inspector, findings)
        try:
            played.play(steps)
        finally:
            played.close()
    findings.worlds += 1


def campaign(seeds: Iterator[int], states: int) -> tuple[Inspector, Findings]:
    """Lose power in one world after the other until so many distinct images have been opened."""
    inspector, findings = Inspector(world._STATEMENTS), Findings()
    for seed in seeds:
        lose_power(seed, inspector, findings)
        if inspector.seen >= states:
            break
    return inspector, findings
