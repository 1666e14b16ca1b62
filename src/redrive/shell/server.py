"""Listen, answer, drain, exit. The composition root says what; this file says how long."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import uvloop

from redrive.shell.clients import SWEEP_S, Clients
from redrive.shell.http import Connection, Exchange, Respond
from redrive.shell.listener import Listener
from redrive.store.store import StoreFailed
from redrive.wire.messages import Request

log = logging.getLogger("redrive")

GARBAGE_OBJECTS = 20_000
"""Objects made and not freed before the collector looks for cycles among them. A group of requests
holds a few thousand until its commit; Python's own 700 has it look during each."""

_LOOK_S = 0.05
"""How often a draining server looks whether it is done; nobody waits for it more precisely."""


class House(Protocol):
    """What runs inside: made by the composition root when the loop and the port are there."""

    def handler(self, request: Request, respond: Respond) -> Exchange | None:
        """Answer one request, now or later."""
        ...

    def body_bytes_max(self, url: bytes) -> int:
        """Return how large the body of a request for this target may be."""
        ...

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request with these headers is refused before its body is read, or None."""
        ...

    def watch(self, connections: Callable[[], int]) -> None:
        """Be told how many connections there are."""
        ...

    def drain(self) -> None:
        """Take no more work; end what only waits."""
        ...

    @property
    def is_drained(self) -> bool:
        """Tell whether nothing is under way any more."""
        ...

    def close(self) -> None:
        """Release processes and files."""
        ...


Build = Callable[[asyncio.AbstractEventLoop, int, Callable[[StoreFailed], None]], House]


class Server:
    """One listening server. `run` returns the exit code of the process.

    is_guest: it runs inside of somebody's program, in any thread, and leaves that program's signals
    and its collector of garbage alone. `listening` hears when it listens, `stop_soon` ends it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        drain_s: float,
        build: Build,
        *,
        is_guest: bool = False,
        listening: Callable[[], None] = lambda: None,
    ) -> None:
        self._is_guest = is_guest
        self._listening = listening
        self._stop_soon: Callable[[], object] = lambda: None
        self._host = host
        self._port = port
        self._drain_s = drain_s
        self._build = build
        self._clients = Clients()
        self._house: House | None = None
        self._done: asyncio.Future[int] | None = None
        self._is_draining = False
        self._drained_at_s = 0.0

    def run(self) -> int:
        """Serve until a signal or a failed store ends it."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(self._serve())

    async def _serve(self) -> int:
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        loop.set_exception_handler(_report)
        # The house is built after the port is ours: its origin, and so every queue URL, names the
        # port.
        listener = Listener(loop, self._connect, self._clients.has_room)
        port = await listener.bind(self._host, self._port)
        self._clients.left = listener.resume
        self._house = self._build(loop, port, self._failed)
        self._house.watch(lambda: len(self._clients.open))
        if self._is_guest:
            self._stop_soon = lambda: loop.call_soon_threadsafe(self._end, 0)
        else:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop, listener)
            gc.freeze()  # what is there now stays until the end: the collector need not look at it
            gc.set_threshold(GARBAGE_OBJECTS, 20, 20)
        listener.start()
        self._sweep(loop)
        log.info("listening on http://%s:%d", self._host, port)
        self._listening()
        try:
            code = await self._done
        finally:
            listener.close()
            self._house.close()
            if self._is_guest:
                await self._let_go()
        log.info("stopped")
        return code

    async def _let_go(self) -> None:
        """Close what clients have open: the end of a process would, a guest's program goes on."""
        for client in list(self._clients.open):
            client.abort()
        while self._clients.open:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the handles themselves are closed a turn later

    def stop_soon(self) -> None:
        """End a guest that listens, from any thread, without a drain."""
        self._stop_soon()

    def _connect(self) -> Connection:
        assert self._house is not None
        house = self._house
        return Connection(house.handler, house.body_bytes_max, house.refusal, self._clients)

    def _connections(self) -> list[Connection]:
        return [client for client in self._clients.open if isinstance(client, Connection)]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clients.sweep()
        loop.call_later(SWEEP_S, self._sweep, loop)

    def _stop(self, listener: Listener) -> None:
        """Drain at the first signal, leave at the second."""
        assert self._house is not None
        loop = asyncio.get_running_loop()
        if self._is_draining:
            log.warning("stopping at once")
            self._end(1)
            return
        self._is_draining = True
        log.info("draining for up to %g s; a second signal stops at once", self._drain_s)
        listener.close()
        self._house.drain()
        for connection in self._connections():
            connection.close()
        self._drained_at_s = loop.time() + self._drain_s
        self._look(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._house is not None
        is_busy = any(connection.is_busy for connection in self._connections())
        if self._house.is_drained and not is_busy:
            self._end(0)
        elif loop.time() >= self._drained_at_s:
            log.warning(
                "the drain took longer than %g s: stopping with work under way", self._drain_s
            )
            self._end(0)
        else:
            loop.call_later(_LOOK_S, self._look, loop)

    def _failed(self, error: StoreFailed) -> None:
        """Answer nothing any more: what the disk holds is unknown until a restart reads it."""
        log.critical(
            "the store failed (%s): nothing more is acknowledged; restart to go on from what is"
            " on disk",
            error,
        )
        self._end(74)  # EX_IOERR of sysexits.h

    def _end(self, code: int) -> None:
        assert self._done is not None
        if not self._done.done():
            self._done.set_result(code)


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a callback raised: a bug of ours that no boundary met."""
    log.error("a bug of ours: %s", context.get("message"), exc_info=context.get("exception"))
