"""Whose time it is: the machine's, or somebody's who moves a clock by hand. What the composition
root needs of either, and what /_redrive/clock answers.

    GET  /_redrive/clock                                the clock's kind, its instant, what is next
    POST /_redrive/clock {"advance": "6h"}              answers when all has come to rest
                         {"to": "2026-12-01T00:00Z"}
                         {"stop": true}                 ends the one that is under way

There is one advance at a time, another is refused with 409 meanwhile. It goes on when its client
has gone; a stop, or the end of the server, ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import orjson

from redrive.core.spans import CLOCK_LAST_MS, parse_instant, parse_span
from redrive.core.time import NEVER, Millis, iso
from redrive.runtime.reactor import LogChunk
from redrive.services.dispatch import Dispatch
from redrive.services.telemetry.rules import FLUSH_AGAIN_MS, FLUSH_MS
from redrive.shell.http import Exchange, Respond
from redrive.shell.loop import Pump
from redrive.shell.manual import Advance, Advancer, ManualPump
from redrive.shell.patience import Patience
from redrive.shell.sources import ManualClock, SystemClock, wall_ms
from redrive.store.store import Store, StoreFailed
from redrive.wire.messages import Request

E = TypeVar("E")
R = TypeVar("R")
Work = Callable[[E, Callable[[R], None]], None]
TakeLog = Callable[[LogChunk], None]
Handle = Callable[[Request, Respond], Exchange | None]
Answer = Callable[[int, dict[str, Any]], None]


class Time(Protocol):
    """One of the two. pump is to be given its dispatch, then `wire` is called.

    clock is what everything goes by; machine is what processes go by, which take real time. flush:
    how long news of functions may gather before they are written, and until more is.
    """

    clock: Callable[[], Millis]
    machine: Callable[[], Millis]
    pump: Pump
    flush: tuple[int, int]

    def counted(self, work: Work[E, R]) -> Work[E, R]:
        """Return what carries out an effect, made known to whoever waits for all to be at rest."""
        ...

    def dated(self, take: TakeLog) -> TakeLog:
        """Return what takes the logs of functions, with the clock's instants."""
        ...

    def wire(self, is_starting: Callable[[], bool], handle: Handle) -> Handle:
        """Take what the rest of the server has become, and return what answers requests."""
        ...

    def show(self) -> dict[str, Any]:
        """Return what GET /_redrive/clock tells."""
        ...

    def change(self, body: bytes, answer: Answer) -> None:
        """Do what POST /_redrive/clock asks; answer once, perhaps later."""
        ...

    def drain(self) -> None:
        """Move nothing any more."""
        ...


class SystemTime:
    """The machine's."""

    flush = (FLUSH_MS, FLUSH_AGAIN_MS)

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        store: Store,
        failed: Callable[[StoreFailed], None],
        floor_ms: Millis,
    ) -> None:
        self.clock: Callable[[], Millis] = SystemClock(floor_ms)
        self.machine: Callable[[], Millis] = self.clock
        self.pump = Pump(loop, self.clock, store, failed)

    def counted(self, work: Work[E, R]) -> Work[E, R]:
        """See `Time`."""
        return work

    def dated(self, take: TakeLog) -> TakeLog:
        """See `Time`."""
        return take

    def wire(self, is_starting: Callable[[], bool], handle: Handle) -> Handle:
        """See `Time`."""
        return handle

    def show(self) -> dict[str, Any]:
        """See `Time`."""
        assert self.pump.dispatch is not None
        return _shown("system", self.clock(), self.pump.dispatch)

    def change(self, body: bytes, answer: Answer) -> None:
        """Refuse: nobody moves the machine's clock."""
        message = "the clock is the machine's: start the server with --clock manual to move it"
        answer(409, {"message": message})

    def drain(self) -> None:
        """See `Time`."""


class ManualTime:
    """Somebody's, who moves it by POST /_redrive/clock."""

    flush = (0, 0)  # at the same instant, since the next one may never come

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        store: Store,
        failed: Callable[[StoreFailed], None],
        floor_ms: Millis,
        start_ms: Millis | None,
    ) -> None:
        """start_ms: None for the machine's present instant."""
        self._loop = loop
        self.machine: Callable[[], Millis] = SystemClock(Millis(0))
        clock = ManualClock(wall_ms() if start_ms is None else start_ms, floor_ms)
        self.clock: Callable[[], Millis] = clock
        pump = ManualPump(loop, clock, store, failed)
        self.pump: Pump = pump
        self._advancer = Advancer(loop, clock, pump)
        self._is_draining = False

    def counted(self, work: Work[E, R]) -> Work[E, R]:
        """See `Time`."""
        return self._advancer.outside.counted(work)

    def dated(self, take: TakeLog) -> TakeLog:
        """See `Time`."""
        return lambda chunk: take(chunk._replace(at_ms=self.clock()))

    def wire(self, is_starting: Callable[[], bool], handle: Handle) -> Handle:
        """See `Time`."""
        self._advancer.is_starting = is_starting
        patience = Patience(self._loop, self._dispatch, self.pump.stir)

        def handle_watched(request: Request, respond: Respond) -> Exchange | None:
            exchange = handle(request, respond)
            patience.watch(exchange)
            return exchange

        return handle_watched

    @property
    def _dispatch(self) -> Dispatch:
        assert self.pump.dispatch is not None
        return self.pump.dispatch

    def show(self) -> dict[str, Any]:
        """See `Time`."""
        shown = _shown("manual", self.clock(), self._dispatch)
        advance = self._advancer.advance
        if advance is not None:
            shown["advancing"] = {"until": iso(advance.until_ms), **_figures(advance)}
        return shown

    def change(self, body: bytes, answer: Answer) -> None:
        """Advance, or stop an advance."""
        try:
            until_ms = self._until(body)
        except ValueError as error:
            answer(400, {"message": str(error)})
            return
        if until_ms is None:
            self._advancer.stop()
            answer(200, self.show())
            return
        under_way = self._advancer.advance
        if under_way is not None or self._is_draining:
            answer(*_refusal(under_way))
            return
        self._advancer.begin(until_ms, lambda advance, why: self._tell(advance, why, answer))

    def _until(self, body: bytes) -> Millis | None:
        """Return the instant to advance to; None: stop. Raises ValueError, which says what is
        wrong.
        """
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            asked = None
        if not isinstance(asked, dict) or len(asked) != 1:
            raise ValueError(_USAGE)
        ((what, given),) = asked.items()
        now_ms = self.clock()
        if what == "stop" and given is True:
            return None
        if what == "advance":
            until_ms = Millis(now_ms + parse_span(given))
        elif what == "to":
            until_ms = parse_instant(given)
        else:
            raise ValueError(_USAGE)
        if until_ms < now_ms:
            raise ValueError(f"{iso(until_ms)} has passed: the clock shows {iso(now_ms)}")
        if until_ms > CLOCK_LAST_MS:
            raise ValueError("the clock ends with the year 2199")
        return until_ms

    def _tell(self, advance: Advance, why: str | None, answer: Answer) -> None:
        told = {"now": iso(self.clock()), **_figures(advance)}
        if advance.is_stopped:
            told["stopped"] = True
        if why is not None:
            told["message"] = why
        answer(200 if why is None else 409, told)

    def drain(self) -> None:
        """See `Time`."""
        self._is_draining = True
        self._advancer.stop()


_USAGE = (
    'say {"advance": "6h"}, {"to": "2026-12-01T00:00Z"} or {"stop": true}, as JSON, and nothing'
    " else"
)


def _refusal(under_way: Advance | None) -> tuple[int, dict[str, Any]]:
    if under_way is None:
        return 503, {"message": "the server is shutting down"}
    message = (
        f"the clock is being advanced to {iso(under_way.until_ms)}: wait for it, or stop it with"
        ' {"stop": true}'
    )
    return 409, {"message": message}


def _figures(advance: Advance) -> dict[str, Any]:
    """Return what an advance has met and done: due instants, and runs of functions since the one
    before it.
    """
    return {
        "instants": advance.instants,
        "invocations": advance.runs.total(),
        "functions": dict(sorted(advance.runs.items())),
    }


def _shown(kind: str, now_ms: Millis, dispatch: Dispatch) -> dict[str, Any]:
    next_ms = dispatch.next_ms
    return {
        "clock": kind,
        "now": iso(now_ms),
        "next": None if next_ms == NEVER else iso(max(now_ms, next_ms)),
    }
