"""An operation's answer as a stream of events, each sent as it comes.

enter ──> the first piece: the head, chunked ──> events ──> the result: the last events, the end
  └─────> a result or an error before any piece: an ordinary response
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Reply
from redrive.services.dispatch import Dispatch, Ticket
from redrive.shell.http import Respond
from redrive.shell.pieces import Opening, Outlet
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Incoming


class StreamedAnswer:
    """One request whose answer is an event stream: the Sink of its operation, and its Exchange."""

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: Dispatch,
        incoming: Incoming,
        respond: Respond,
        request_id: str,
    ) -> None:
        self._endpoint = endpoint
        self._dispatch = dispatch
        self._incoming = incoming
        self._respond = respond
        self._request_id = request_id
        self._outlet: Outlet | None = None
        self._is_begun = False
        self.ticket: Ticket | None = None

    def begin(self, head: Any) -> None:
        """Send the head: the operation's result but for the events."""
        self._is_begun = True
        response = self._endpoint.reply(self._incoming, head, self._request_id)
        self._respond(Opening(response.status, response.headers, self._attach))

    def write(self, piece: Any) -> None:
        """Send an event."""
        if self._outlet is not None:
            assert self._incoming.route.events is not None
            self._outlet.write(self._incoming.route.events((piece,)))

    def __call__(self, reply: Reply) -> None:
        """Send what is left to say. A stream that an error ends is broken off."""
        endpoint, incoming = self._endpoint, self._incoming
        if not self._is_begun:
            if reply.error is not None:
                self._respond(endpoint.fault(incoming, reply.error, self._request_id))
            else:
                assert reply.result is not None
                self._respond(endpoint.reply(incoming, reply.result, self._request_id))
        elif self._outlet is not None:
            if reply.result is None:
                self._outlet.cut()
            else:
                whole = endpoint.reply(incoming, reply.result, self._request_id)
                self._outlet.write(whole.body)
                self._outlet.end()

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing has been done yet that the client must hear of."""
        return self.ticket is not None and self.ticket.parked

    def abandon(self) -> None:
        """Let the function go on with nobody listening."""
        self._outlet = None
        self._is_begun = True
        if self.ticket is not None:
            self._dispatch.cancel(self.ticket)

    def _attach(self, outlet: Outlet) -> None:
        self._outlet = outlet
