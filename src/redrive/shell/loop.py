"""The event loop's side of things: when to settle, when to wake, and the reactor that processes
use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redrive.core.effects import Job, Reply
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.dispatch import Dispatch, perform
from redrive.store.store import Store, StoreFailed

DEFERRALS_MAX = 8
"""How many turns of the loop a group may grow before it is committed. A turn without a new request
ends the growth at once, so a lone client pays one empty poll, about five microseconds."""

SETTLES_MAX = 4
"""How many groups that only read are settled in one turn: an answer that asks for a run, a run that
is asked for. They cost no sync, and each turn of the loop is a look at all sockets."""

GIVE_BACK_S = 0.05
"""Between two steps of giving space back while nobody asks for anything."""


class LoopReactor:
    """Readiness of file descriptors and instants for the runtime, on the running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], Millis]) -> None:
        self._loop = loop
        self._clock = clock

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever the descriptor can be read."""
        self._loop.add_reader(fd, callback)

    def remove_reader(self, fd: int, /) -> None:
        """Stop."""
        self._loop.remove_reader(fd)

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever the descriptor can be written."""
        self._loop.add_writer(fd, callback)

    def remove_writer(self, fd: int, /) -> None:
        """Stop."""
        self._loop.remove_writer(fd)

    def call_at(self, at_ms: Millis, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """Call back at an instant of the clock."""
        delay_ms = max(0, at_ms - self._clock())
        return self._loop.call_later(delay_ms / SECOND_MS, callback)

    def now_ms(self) -> Millis:
        """Return the present instant."""
        return self._clock()


class Jobs:
    """Does jobs in one thread of their own, in order: SQLite and all state stay with the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")

    def __call__(self, job: Job, done: Callable[[Reply], None]) -> None:
        """Do a job; `done` is called by the loop."""
        future = self._loop.run_in_executor(self._thread, perform, job)
        future.add_done_callback(lambda ended: done(ended.result()))

    def close(self) -> None:
        """Begin no other job; one under way ends with the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Pump:
    """Settles the dispatch once for each turn of the loop that stirred it, and when time is due.

    Requests that arrive in one turn share one commit: asyncio runs what was called soon after all
    sockets that were ready have been read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], Millis],
        store: Store,
        failed: Callable[[StoreFailed], None],
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._store = store
        self._failed = failed
        self._is_scheduled = False
        self._is_idle = False  # this turn came by the clock, and nobody has entered since
        self._entered = 0
        self._deferrals = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = NEVER
        self.dispatch: Dispatch | None = None
        self._is_closed = False

    def close(self) -> None:
        """Settle nothing any more: the store is about to be closed."""
        self._is_closed = True

    def stir(self) -> None:
        """Settle at the end of this turn."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        dispatch = self.dispatch
        assert dispatch is not None
        if self._is_closed:
            return
        has_grown = dispatch.entered != self._entered
        if has_grown and self._deferrals < DEFERRALS_MAX and self._store.has_writes:
            # One more look at the sockets: what arrives meanwhile shares the sync.
            self._entered = dispatch.entered
            self._deferrals += 1
            self._is_idle = False
            self._loop.call_soon(self._turn)
            return
        is_idle, self._is_idle = self._is_idle and not has_grown, False
        self._is_scheduled = False
        self._deferrals = 0
        self._entered = dispatch.entered
        try:
            dispatch.advance()
            for _ in range(SETTLES_MAX):
                dispatch.settle()
                if dispatch.is_idle or self._store.has_writes:
                    break  # nothing is left, or what is left needs a sync, and company for it
            if self._store.sync_due_ms != NEVER and not self._store.has_group:
                self._sync()
            if not self._store.has_group and self._store.maintain(idle=is_idle):
                self._loop.call_later(GIVE_BACK_S, self._stir_idle)
        except StoreFailed as error:
            self._failed(error)
            return
        if not dispatch.is_idle:
            self.stir()
        self._plan(dispatch)

    def _plan(self, dispatch: Dispatch) -> None:
        """See to it that there is a turn when time brings something."""
        next_ms = min(dispatch.next_ms, self._store.sync_due_ms)
        if next_ms != self._timer_ms:
            self._timer_ms = next_ms
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if next_ms != NEVER:
                delay_ms = max(0, next_ms - self._clock())
                self._timer = self._loop.call_later(delay_ms / SECOND_MS, self._due)

    def _sync(self) -> None:
        now_ms = self._clock()
        if now_ms >= self._store.sync_due_ms:
            self._store.sync(now_ms)

    def _due(self) -> None:
        self._timer_ms = NEVER
        self._timer = None
        self._stir_idle()

    def _stir_idle(self) -> None:
        self._is_idle = not self._is_scheduled
        self.stir()
