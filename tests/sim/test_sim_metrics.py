"""Metrics under the simulator's faults: the points of a queue add up to what was recorded of it,
and what was recorded is never ahead of its counters; at rest it is all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from redrive.core.time import MINUTE_MS, NEVER
from redrive.services.metrics.model import Mark, Minute
from redrive.services.metrics.operations import record as recording
from redrive.services.metrics.rules import FIVE_MS, join_all, read_sets, record, sets_of
from redrive.sim.evidence import Violation
from redrive.sim.world import World
from redrive.store.store import Tx

HOUR_MS = 60 * MINUTE_MS
COUNTERS = ("sent", "received", "delete_calls", "empty_receives", "sent_bytes")
SEEDS = (*range(40, 52), 1000)  # the last one: a deleted queue whose first walk a kill had cut


class Counted(NamedTuple):
    """A queue and its counters, as stored."""

    id: int
    name: str
    account: str
    region: str
    messages: int
    sent: int
    received: int
    delete_calls: int
    empty_receives: int
    sent_bytes: int
    deduplicated: int
    buried_out: int
    expired: int


class Roll(NamedTuple):
    """A rolled up period."""

    at_ms: int
    sets: str


class Ledger:
    """The latest mark of every queue that ever was, and what all points of its series say."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}

    def check(self, tx: Tx) -> None:
        """Raise Violation when they do not fit."""
        marks = {mark.queue: mark for mark in tx.rows(Mark, "metrics.marks", after=0, up_to=NEVER)}
        for mark in marks.values():
            before = self._marks.get(mark.queue)
            if before is not None and min(self._grown(before, mark)) < 0:
                raise Violation("metrics", f"{mark} went back from {before}")
        counted = {row.id: row for row in tx.rows(Counted, "queues.count_all")}
        for queue in marks.keys() & counted.keys():
            if min(self._grown(marks[queue], counted[queue])) < 0:
                raise Violation("metrics", f"{marks[queue]} is ahead of {counted[queue]}")
        if marks.items() <= self._marks.items():
            return
        self._marks |= marks
        for series in {mark.series for mark in marks.values()}:
            self._check_series(tx, series)

    def at_rest(self, tx: Tx) -> None:
        """Raise Violation when something that was counted is not recorded."""
        self.check(tx)
        for row in tx.rows(Counted, "queues.count_all"):
            if any(self._grown(self._marks[row.id], row)):
                raise Violation("metrics", f"{self._marks[row.id]} is behind {row}")

    @staticmethod
    def _grown(one: Any, other: Any) -> list[int]:
        return [getattr(other, name) - getattr(one, name) for name in COUNTERS]

    def _check_series(self, tx: Tx, series: int) -> None:
        found = [
            sets_of(minute)
            for minute in tx.rows(
                Minute, "metrics.minutes", series=series, before_ms=NEVER, limit=-1
            )
        ]
        for period_ms in (FIVE_MS, HOUR_MS):
            span = {"start_ms": 0, "end_ms": NEVER, "limit": -1}
            rolls = tx.rows(Roll, "metrics.rolls", series=series, period_ms=period_ms, **span)
            found += [read_sets(roll.sets) for roll in rolls]
        joined = join_all(found)
        marks = [mark for mark in self._marks.values() if mark.series == series]
        for name in COUNTERS:
            column = "size" if name == "sent_bytes" else name
            told = joined[column].total if column in joined else 0
            recorded = sum(getattr(mark, name) for mark in marks)
            if told != recorded:
                raise Violation("metrics", f"{name}: points tell {told}, recorded {recorded}")


class Watched(World):
    """A world whose metrics are judged after every turn."""

    ledger: Ledger | None = None

    def _turn(self) -> None:
        super()._turn()
        if self.ledger is None:
            self.ledger = Ledger()
        self._look(self.ledger.check)

    def _look(self, look: Any) -> None:
        if not self.store.has_group:
            self.sqlite.transact(look)
            self.sqlite.commit(self.clock())

    def rest(self) -> None:
        """Let two minutes be recorded, and look whether all is."""
        self.pass_until(self.clock() + 2 * MINUTE_MS)
        assert self.ledger is not None
        self._look(self.ledger.at_rest)


def play(seed: int, steps: int = 120) -> None:
    """Play a seed with all faults to its rest."""
    world = Watched(seed, f"metrics-{seed}")
    try:
        world.play(steps)
        world.rest()
    finally:
        world.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_points_add_up_through_crashes(seed: int) -> None:
    """Kills, power cuts, full disks, jumps of the clock, deleted queues."""
    play(seed)


def doubled(*arguments: Any, **named: Any) -> Any:
    """Write a minute and forget to move the mark, now and then."""
    recorded = record(*arguments, **named)
    if recorded.minute is not None and recorded.minute.sent > 1:
        return recorded._replace(mark=None)
    return recorded


def late(*arguments: Any, **named: Any) -> Any:
    """Move the mark and lose the minute, now and then."""
    recorded = record(*arguments, **named)
    if recorded.minute is not None and recorded.minute.received:
        return recorded._replace(minute=None)
    return recorded


@pytest.mark.parametrize("error", [doubled, late])
def test_planted_errors_are_found(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    """The judge can fail."""
    monkeypatch.setattr(recording, "record", error)
    for seed in SEEDS:
        try:
            play(seed)
        except Violation as violation:
            assert violation.invariant == "metrics"
            return
    pytest.fail("no seed found it")
