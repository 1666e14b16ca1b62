"""When the pump settles: together, soon, on time; and what it does when nobody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redrive.core.time import NEVER, Millis
from redrive.shell.loop import DEFERRALS_MAX, GIVE_BACK_S, Pump
from redrive.store.store import StoreFailed


class Loop:
    """Turns of an event loop, made by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Loop:
        self.later.append((delay_s, callback))
        return self

    def cancel(self) -> None:
        """Forget the latest timer."""
        self.later.pop()

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def turns(self) -> int:
        """Turn until nothing is left; return how many turns that took."""
        count = 0
        while self.soon:
            self.turn()
            count += 1
        return count


class Works:
    """What the pump drives: a dispatch and a store that count."""

    def __init__(self) -> None:
        self.entered = 0
        self.settled = 0
        self.advanced = 0
        self.left = 0  # further settlements that are needed
        self.next_ms = NEVER
        self.has_group = False
        self.has_writes = False
        self.sync_due_ms = NEVER
        self.synced: list[int] = []
        self.maintained: list[bool] = []
        self.gives_back = 0
        self.error: StoreFailed | None = None

    @property
    def is_idle(self) -> bool:
        return self.left == 0

    def advance(self) -> None:
        self.advanced += 1

    def settle(self) -> None:
        if self.error is not None:
            raise self.error
        self.settled += 1
        self.has_writes = False
        self.left = max(0, self.left - 1)

    def sync(self, now_ms: Millis) -> None:
        self.synced.append(now_ms)
        self.sync_due_ms = NEVER

    def maintain(self, *, idle: bool = False) -> bool:
        self.maintained.append(idle)
        if idle and self.gives_back:
            self.gives_back -= 1
            return True
        return False


class Rig:
    def __init__(self) -> None:
        self.loop, self.works = Loop(), Works()
        self.failed: list[StoreFailed] = []
        loop: Any = self.loop
        works: Any = self.works
        self.pump = Pump(loop, lambda: Millis(1_000), works, self.failed.append)
        self.pump.dispatch = works

    def enter(self, *, writes: bool = True) -> None:
        self.works.entered += 1
        self.works.has_writes = self.works.has_writes or writes
        self.pump.stir()


@pytest.fixture
def rig() -> Rig:
    """A pump on hand-made turns."""
    return Rig()


def test_requests_of_a_turn_share_a_settlement(rig: Rig) -> None:
    """Many stirs, one settlement; a lone request costs one more look at the sockets."""
    for _ in range(10):
        rig.enter()
    assert rig.loop.turns() == 2
    assert rig.works.settled == 1


def test_a_group_without_a_sync_waits_for_nobody(rig: Rig) -> None:
    """Requests that only read, and what they set off, are settled in the turn that they came in."""
    rig.works.left = 2
    rig.enter(writes=False)
    assert rig.loop.turns() == 1
    assert rig.works.settled == 2


def test_what_needs_a_sync_ends_the_turn(rig: Rig) -> None:
    """Where a settlement leaves something to be written, a look at the sockets comes first."""
    rig.works.left = 3
    settle = rig.works.settle

    def settle_and_write() -> None:
        settle()
        rig.works.has_writes = True

    rig.works.settle = settle_and_write  # type: ignore[method-assign]
    rig.enter(writes=False)
    rig.loop.turn()
    assert rig.works.settled == 1


def test_a_group_grows_for_a_few_turns_only(rig: Rig) -> None:
    """While requests keep coming a group grows, but not beyond its bound."""
    rig.enter()
    turns = 0
    while rig.works.settled == 0:
        rig.works.entered += 1
        rig.loop.turn()
        turns += 1
    assert turns == DEFERRALS_MAX + 1


def test_it_goes_on_until_nothing_is_left(rig: Rig) -> None:
    """What a settlement sets off is settled too."""
    rig.works.left = 3
    rig.pump.stir()
    rig.loop.turns()
    assert rig.works.settled == 3


def test_it_comes_again_when_something_is_due(rig: Rig) -> None:
    """One timer, moved when the next instant moves, none when nothing is due."""
    rig.works.next_ms = Millis(3_500)
    rig.pump.stir()
    rig.loop.turns()
    assert [delay for delay, _ in rig.loop.later] == [2.5]
    rig.works.next_ms = Millis(1_500)
    rig.pump.stir()
    rig.loop.turns()
    assert [delay for delay, _ in rig.loop.later] == [0.5]
    rig.works.next_ms = NEVER
    rig.loop.later.pop()[1]()
    rig.loop.turns()
    assert rig.loop.later == []
    assert rig.works.advanced == 3


def test_space_is_given_back_only_when_nobody_asks(rig: Rig) -> None:
    """A turn that came by the clock is idle; steps follow each other until the store is done."""
    rig.works.gives_back = 2
    rig.enter()
    rig.loop.turns()
    assert rig.works.maintained == [False]
    rig.works.next_ms = Millis(2_000)
    rig.pump.stir()
    rig.loop.turns()
    rig.works.next_ms = NEVER
    rig.loop.later.pop()[1]()
    rig.loop.turns()
    assert rig.works.maintained[-1] is True
    for _ in range(2):
        delay, callback = rig.loop.later.pop()
        assert delay == GIVE_BACK_S
        callback()
        rig.loop.turns()
    assert rig.works.maintained == [False, False, True, True, True]
    assert rig.loop.later == []


def test_a_request_ends_the_idleness(rig: Rig) -> None:
    """Who enters between the timer and its turn is not kept waiting by the store's own work."""
    rig.works.gives_back = 9
    rig.works.next_ms = Millis(2_000)
    rig.pump.stir()
    rig.loop.turns()
    rig.loop.later.pop()[1]()
    rig.enter()
    rig.loop.turns()
    assert rig.works.maintained == [False, False]


def test_an_open_group_is_not_disturbed(rig: Rig) -> None:
    """The store's own work waits for the end of the group."""
    rig.works.has_group = True
    rig.pump.stir()
    rig.loop.turns()
    assert rig.works.maintained == []


def test_a_failed_store_is_told_and_nothing_goes_on(rig: Rig) -> None:
    """After StoreFailed no turn is planned any more."""
    rig.works.error = StoreFailed("gone")
    rig.works.next_ms = Millis(2_000)
    rig.pump.stir()
    rig.loop.turns()
    assert [str(error) for error in rig.failed] == ["gone"]
    assert rig.loop.later == []


def test_a_relaxed_store_is_synced_when_it_is_due(rig: Rig) -> None:
    """At its instant and not before; a timer is set for it."""
    rig.works.sync_due_ms = Millis(1_080)
    rig.pump.stir()
    rig.loop.turns()
    assert rig.works.synced == []
    assert [delay for delay, _ in rig.loop.later] == [0.08]
    rig.works.sync_due_ms = Millis(1_000)
    rig.pump.stir()
    rig.loop.turns()
    assert rig.works.synced == [1_000]


def test_nothing_is_settled_after_the_end(rig: Rig) -> None:
    """A turn that was called for before the store was closed does nothing."""
    rig.pump.stir()
    rig.pump.close()
    rig.loop.turns()
    assert rig.works.settled == 0
