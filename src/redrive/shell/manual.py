"""A clock in somebody's hands: a pump that sets no alarms, and the advance from one due instant to
the next.

    standing ── advance ──> coming to rest ── at rest ──> moved to the next due instant, or to the
       ^                         ^                         end ──┐
       │                         └───────────────────────────────┘
       └── at rest at the end, stopped, or never at rest <── coming to rest

At rest means: nothing is to be settled, nothing is due, and nothing that was asked for runs outside
of the dispatch (a function, a job, a request to another server). What waits for an instant or for a
topic is at rest: the long polls of clients and of mappings. A call that waits for its answer is
either of these, or waits for something that is.

Invariants
1. Time goes on only from rest to rest: what falls due at one instant, and all that it sets off, has
   happened before the next one comes.
2. What runs outside takes real time and no time of the clock.
3. Others are served between two turns, at whatever instant the clock shows.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from redrive.core.effects import Run
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.dispatch import Dispatch
from redrive.shell.loop import Pump
from redrive.shell.sources import ManualClock
from redrive.store.store import Store, StoreFailed

E = TypeVar("E")
R = TypeVar("R")

RUNS_MAX = 20_000
"""Runs of one function at one instant, after which it is told that the clock does not come to rest:
a minute or so. As many may be honest work, a backlog that was sent at once: then one asks again."""

TURNS_MAX = 100_000
"""Turns in a row at one instant in which nothing runs outside, after which the same is told."""

LOOK_S = 0.01
"""Between two looks whether environments that are kept ready have started: nothing tells of it."""


class ManualPump(Pump):
    """Settles what is stirred, and hears of nobody when time brings something.

    turned is called after each turn with whether all is settled and nothing is due. Syncs of
    relaxed durability keep real time: they are the disk's, not the clock's.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: ManualClock,
        store: Store,
        failed: Callable[[StoreFailed], None],
    ) -> None:
        super().__init__(loop, clock, store, failed)
        self.turned: Callable[[bool], None] = lambda _is_settled: None
        self._sync_timer: asyncio.TimerHandle | None = None
        self._is_sync_due = False

    def _plan(self, dispatch: Dispatch) -> None:
        if dispatch.next_ms <= self._clock():
            self.stir()
        due_ms = self._store.sync_due_ms
        if due_ms != NEVER and self._sync_timer is None:
            delay_ms = max(1, due_ms - self._clock())
            self._sync_timer = self._loop.call_later(delay_ms / SECOND_MS, self._sync_soon)
        self.turned(not self._is_scheduled)

    def _sync_soon(self) -> None:
        self._sync_timer = None
        self._is_sync_due = True
        self.stir()

    def _sync(self) -> None:
        if self._is_sync_due:
            self._is_sync_due = False
            self._store.sync(self._clock())


class Outside:
    """Counts what is under way outside of the dispatch."""

    def __init__(self) -> None:
        self.under_way = 0
        self.begun: Callable[[Run], None] = lambda _run: None

    def counted(
        self, work: Callable[[E, Callable[[R], None]], None]
    ) -> Callable[[E, Callable[[R], None]], None]:
        """Return what carries out an effect, counted from its beginning to its answer."""

        def carry_out(effect: E, done: Callable[[R], None]) -> None:
            def ended(answer: R) -> None:
                self.under_way -= 1
                done(answer)

            self.under_way += 1
            if isinstance(effect, Run):
                self.begun(effect)
            work(effect, ended)

        return carry_out


@dataclass(slots=True)
class Advance:
    """One that is under way. done hears once how it ended: None, or why it did not come to rest.

    runs: of functions, by name, since the end of the advance before this one, so that those count
    which a request has set off a moment before it.
    """

    begun_ms: Millis
    until_ms: Millis
    done: Callable[[Advance, str | None], None]
    runs: Counter[str]
    instants: int = 0  # due ones that were met
    runs_here: Counter[str] = field(default_factory=Counter)  # at the present instant
    turns_here: int = 0  # in a row, with nothing outside
    is_stopped: bool = False


class Advancer:
    """Moves the clock. is_starting tells whether environments start that nobody waits for."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: ManualClock, pump: ManualPump
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._pump = pump
        self.outside = Outside()
        self.outside.begun = self._begun
        self.is_starting: Callable[[], bool] = lambda: False
        self.advance: Advance | None = None
        self._runs: Counter[str] = Counter()
        self._look: asyncio.TimerHandle | None = None
        pump.turned = self._turned

    def begin(self, until_ms: Millis, done: Callable[[Advance, str | None], None]) -> None:
        """Advance to an instant; there must be no other advance under way."""
        assert self.advance is None
        self.advance = Advance(self._clock(), until_ms, done, self._runs)
        self._pump.stir()

    def stop(self) -> None:
        """End an advance where it is; what is under way at this instant goes on by itself."""
        if self.advance is not None:
            self.advance.is_stopped = True
            self._end(self.advance, None)

    def _begun(self, run: Run) -> None:
        name = run.environment.function_name
        self._runs[name] += 1
        if self.advance is not None:
            self.advance.runs_here[name] += 1

    def _turned(self, is_settled: bool) -> None:
        """Go on once all is at rest."""
        advance = self.advance
        if advance is None:
            return
        busiest = max(advance.runs_here.values(), default=0)
        if busiest > RUNS_MAX or advance.turns_here > TURNS_MAX:
            self._end(advance, _restless(advance))
        elif self.outside.under_way:
            advance.turns_here = 0  # its end stirs the pump
        elif not is_settled:
            advance.turns_here += 1
        elif self.is_starting():
            if self._look is None:
                self._look = self._loop.call_later(LOOK_S, self._look_again)
        elif self._clock() >= advance.until_ms:
            self._end(advance, None)
        else:
            self._move(advance)

    def _move(self, advance: Advance) -> None:
        dispatch = self._pump.dispatch
        assert dispatch is not None
        next_ms = dispatch.next_ms
        if next_ms <= advance.until_ms:
            advance.instants += 1
        self._clock.move(min(next_ms, advance.until_ms))
        advance.runs_here.clear()
        advance.turns_here = 0
        self._pump.stir()

    def _look_again(self) -> None:
        self._look = None
        self._pump.stir()

    def _end(self, advance: Advance, why: str | None) -> None:
        self.advance = None
        self._runs = Counter()
        advance.done(advance, why)


def _restless(advance: Advance) -> str:
    """Say what keeps the clock from coming to rest."""
    most = ", ".join(
        f"{name} ran {count} times" for name, count in advance.runs_here.most_common(3)
    )
    return (
        "the clock does not come to rest: at this instant one thing sets off the next without end"
        f" ({most or f'{advance.turns_here} steps of the server'}). A function that sends to the"
        " queue that it is fed from does this. If it is only a large backlog, advance again: what"
        " has been done is done"
    )
