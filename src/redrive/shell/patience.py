"""Long polls of clients beside a clock that stands still: they end in real time as well.

A client that waits 20 seconds for a message means its own seconds: it would give up its connection
otherwise. A function that waits for one keeps the clock from going on, so that nothing else would
end its wait. So each wait of a client ends at its instant or after as long in real time, whichever
comes first, with the answer that it would have had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from redrive.core.time import SECOND_MS
from redrive.services.dispatch import Dispatch, Ticket
from redrive.shell.http import Exchange

WAITS = {
    "ReceiveMessage": "WaitTimeSeconds",
    "ReadEvents": "WaitSeconds",
    "ReadLogs": "WaitSeconds",
}
"""The operations by which clients wait, and the parameter that says for how many seconds."""


class _Asked(Protocol):
    """An exchange that has entered the dispatch."""

    ticket: Ticket | None


class Patience:
    """Ends waits in real time."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, dispatch: Dispatch, stir: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._dispatch = dispatch
        self._stir = stir

    def watch(self, exchange: Exchange | None) -> None:
        """Take what the front made of a request."""
        if exchange is None or not exchange.is_waiting:
            return
        asked = cast(_Asked, exchange)
        ticket = asked.ticket
        name = None if ticket is None else WAITS.get(ticket.operation)
        if ticket is None or name is None:
            return
        wait_s = ticket.params.get(name)
        if wait_s is None:  # the queue's own, or until the next message is due, if that is sooner
            wait_s = (ticket.at_ms - ticket.arrived_ms) / SECOND_MS
        self._loop.call_later(wait_s, self._end, asked, ticket, name)

    def _end(self, asked: _Asked, ticket: Ticket, name: str) -> None:
        """Ask once more, without waiting, in the place of one that waits still."""
        if not ticket.parked:
            return
        self._dispatch.cancel(ticket)
        asked.ticket = self._dispatch.enter(
            ticket.service,
            ticket.operation,
            {**ticket.params, name: 0},
            ticket.caller,
            ticket.answer,
            ticket.request_id,
        )
        self._stir()
