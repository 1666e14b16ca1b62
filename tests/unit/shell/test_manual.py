"""A pump that sets no alarms, and the advance from one due instant to the next, on turns made by
hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redrive.core.time import NEVER, Millis
from redrive.shell import manual
from redrive.shell.manual import Advance, Advancer, ManualPump
from redrive.shell.sources import ManualClock


class Loop:
    """Turns of an event loop, and timers that somebody rings."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Loop:
        self.later.append((delay_s, callback))
        return self

    def turns(self, most: int = 1_000) -> None:
        """Turn until nothing is left, or so often."""
        for _ in range(most):
            soon, self.soon = self.soon, []
            for callback in soon:
                callback()
            if not self.soon:
                return


class Works:
    """A dispatch and a store: what is due, and what it sets off outside."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.due: list[int] = []
        self.met: list[int] = []
        self.meets: Callable[[int], None] = lambda _at_ms: None
        self.entered = 0
        self.has_group = self.has_writes = False
        self.is_idle = True
        self.sync_due_ms = NEVER
        self.synced: list[int] = []

    @property
    def next_ms(self) -> Millis:
        return Millis(min(self.due, default=NEVER))

    def advance(self) -> None:
        while self.next_ms <= self.clock():
            at_ms = self.next_ms
            self.due.remove(at_ms)
            self.met.append(self.clock())
            self.meets(at_ms)

    def settle(self) -> None:
        """Do nothing: all is settled."""

    def maintain(self, *, idle: bool = False) -> bool:
        return False

    def sync(self, now_ms: Millis) -> None:
        self.synced.append(now_ms)
        self.sync_due_ms = NEVER


class Rig:
    def __init__(self) -> None:
        self.loop, self.clock = Loop(), ManualClock(Millis(1_000), Millis(0))
        self.works = Works(self.clock)
        loop: Any = self.loop
        works: Any = self.works
        self.pump = ManualPump(loop, self.clock, works, lambda _error: None)
        self.pump.dispatch = works
        self.advancer = Advancer(loop, self.clock, self.pump)
        self.ended: list[tuple[Advance, str | None]] = []

    def advance(self, until_ms: int) -> None:
        self.advancer.begin(Millis(until_ms), lambda one, why: self.ended.append((one, why)))
        self.loop.turns()


@pytest.fixture
def rig() -> Rig:
    """A pump and an advancer on hand-made turns."""
    return Rig()


def test_a_clock_never_starts_or_goes_before_its_floor() -> None:
    """The floor is the latest instant that was committed."""
    clock = ManualClock(Millis(5), Millis(7))
    assert clock() == 7
    clock.move(Millis(9))
    assert clock() == 9
    with pytest.raises(AssertionError, match="never goes back"):
        clock.move(Millis(8))


def test_nothing_is_due_until_the_clock_is_moved(rig: Rig) -> None:
    """No timer is set for an instant that may never come."""
    rig.works.due = [2_000]
    rig.pump.stir()
    rig.loop.turns()
    assert (rig.loop.later, rig.works.met) == ([], [])
    rig.works.due.append(1_000)  # what is due at once is met at once
    rig.pump.stir()
    rig.loop.turns()
    assert rig.works.met == [1_000]


def test_due_instants_are_met_one_after_the_other(rig: Rig) -> None:
    """Those of the end too; what they set off at the same instant is no further one."""
    rig.works.due = [5_000, 2_000, 3_000, 9_000]
    rig.works.meets = lambda at_ms: rig.works.due.append(3_000) if at_ms == 2_000 else None
    rig.advance(5_000)
    assert rig.works.met == [2_000, 3_000, 3_000, 5_000]
    ((one, why),) = rig.ended
    assert (one.instants, why, rig.clock()) == (3, None, 5_000)
    rig.advance(8_999)
    assert (rig.works.met[4:], rig.clock()) == ([], 8_999)


def test_time_waits_for_what_runs_outside(rig: Rig) -> None:
    """It goes on when that has been answered, however long it takes."""
    answers: list[Callable[[Any], None]] = []
    work = rig.advancer.outside.counted(lambda _effect, done: answers.append(done))
    rig.works.due = [2_000, 3_000]
    rig.works.meets = lambda at_ms: work("effect", lambda _answer: rig.pump.stir())
    rig.advance(4_000)
    assert (rig.works.met, rig.clock(), rig.ended) == ([2_000], 2_000, [])
    for at_ms in (3_000, 4_000):
        answers.pop()("answer")
        rig.loop.turns()
        assert rig.clock() == at_ms
    assert len(rig.ended) == 1


def test_time_waits_for_environments_that_start(rig: Rig) -> None:
    """Nothing tells of their being ready, so it is looked for in real time."""
    starting = [True]
    rig.advancer.is_starting = lambda: starting[0]
    rig.advance(4_000)
    assert (rig.clock(), len(rig.loop.later)) == (1_000, 1)
    for state in (True, False):
        starting[0] = state
        rig.loop.later.pop()[1]()
        rig.loop.turns()
    assert (rig.clock(), len(rig.ended)) == (4_000, 1)


def test_a_stop_leaves_the_clock_where_it_is(rig: Rig) -> None:
    """And what was due later waits for the next advance."""
    rig.works.due = [2_000, 3_000]
    rig.works.meets = lambda _at_ms: rig.advancer.stop()
    rig.advance(4_000)
    ((one, why),) = rig.ended
    assert (one.is_stopped, why, rig.clock(), rig.works.due) == (True, None, 2_000, [3_000])


def test_steps_without_an_end_are_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due again at the instant at which it is met keeps the clock there."""
    monkeypatch.setattr(manual, "TURNS_MAX", 50)
    rig.works.due = [2_000]
    rig.works.is_idle = False
    rig.advance(4_000)
    ((one, why),) = rig.ended
    assert why is not None
    assert "does not come to rest" in why
    assert "51 steps of the server" in why
    assert (one.instants, rig.clock()) == (0, 1_000)


def test_relaxed_durability_is_synced_in_real_time(rig: Rig) -> None:
    """After as long as it may take, though the clock stands, and not for each instant."""
    rig.works.sync_due_ms = Millis(1_100)
    rig.pump.stir()
    rig.loop.turns()
    ((delay_s, ring),) = rig.loop.later
    assert (delay_s, rig.works.synced) == (0.1, [])
    rig.works.due = [2_000, 3_000]
    rig.advance(3_000)
    assert (len(rig.loop.later), rig.works.synced) == (1, [])
    ring()
    rig.loop.turns()
    assert rig.works.synced == [3_000]
