"""The front of the server: guard, wire, dispatch, and back. One Exchange a request.

Request ─> guard ─> /_redrive/… or wire.read ─> dispatch.enter ─> commit ─> wire.reply
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from redrive.core.effects import Caller, Params, Reply
from redrive.core.errors import ServiceError, Unavailable
from redrive.services.dispatch import Dispatch, Ticket
from redrive.shell.guard import Guard, function_url
from redrive.shell.http import Exchange, Respond
from redrive.shell.streams import StreamedAnswer
from redrive.shell.urls import URL_PATH, Urls
from redrive.wire.endpoint import NOBODY, Endpoint
from redrive.wire.messages import Fault, Incoming, Request, Response
from redrive.wire.signatures import spelled

OWN_PATHS = "/_redrive/"
METRICS_PATH = "/metrics"
CLOCK_PATH = "/_redrive/clock"
_CLOCK_METHODS = ("GET", "HEAD", "POST")
CERTIFICATE = re.compile(r"/SimpleNotificationService-([0-9a-f]{1,64})\.pem")
"""Where clients fetch what notifications of topics are verified with, whoever they are."""
_OURS = (OWN_PATHS, METRICS_PATH, "/SimpleNotificationService-")


class Gate(Protocol):
    """Judges callers. Both raise ServiceError and Unavailable."""

    def __call__(self, service: str, operation: str, params: Params, caller: Caller, /) -> Caller:
        """Return a caller with what it may do, or refuse the operation."""
        ...

    def bind(self, caller: Caller, /) -> Caller:
        """Return a caller with what it may do, for an operation that judges by itself."""
        ...


class Clock(Protocol):
    """What /_redrive/clock shows and changes; see timekeeping.py."""

    def show(self) -> dict[str, Any]:
        """Return what it is at."""
        ...

    def change(self, body: bytes, answer: Callable[[int, dict[str, Any]], None], /) -> None:
        """Do what a body asks; answer once with a status and what to tell, perhaps later."""
        ...


SMALL_BODY_BYTES_MAX = 16 * 1_048_576
"""A batch of 1 MiB whose every character needs an escape of six is below this."""

_JSON = (("Content-Type", "application/json"),)
_PEM = (("Content-Type", "application/x-pem-file"),)
_PROMETHEUS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)

Figure = tuple[str, str, str, list[tuple[dict[str, str], float]]]
"""A figure of the server for /metrics: name, counter or gauge, help, values with their labels."""


class _Answer:
    """One request on its way through the dispatch."""

    __slots__ = ("_front", "_incoming", "_is_told", "_respond", "request_id", "ticket")

    def __init__(self, front: Front, incoming: Incoming, respond: Respond, request_id: str) -> None:
        self._front = front
        self._incoming = incoming
        self._respond = respond
        self.request_id = request_id
        self.ticket: Ticket | None = None
        self._is_told = False

    def __call__(self, reply: Reply) -> None:
        if self._is_told:
            return
        endpoint = self._front.endpoint
        if reply.error is not None:
            response = endpoint.fault(self._incoming, reply.error, self.request_id)
        else:
            assert reply.result is not None
            response = endpoint.reply(self._incoming, reply.result, self.request_id)
        self._is_told = True
        self._respond(response)

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing has been done yet that the client must hear of."""
        return self.ticket is not None and self.ticket.parked

    def abandon(self) -> None:
        """Stop waiting; what runs already goes on, and its answer finds nobody."""
        if self.ticket is not None:
            self._front.dispatch.cancel(self.ticket)


class Front:
    """Answers requests.

    health returns what /_redrive/health shows; resets names the services that have a ResetAccount
    operation, or is None when resetting is not allowed. gate judges callers; None: authorisation is
    off. figures returns what /metrics tells of the server; shows_all: it tells of the queues of all
    accounts, since nobody is kept out, and not only of the caller's. time is what /_redrive/clock
    shows and changes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: Dispatch,
        guard: Guard,
        *,
        stir: Callable[[], None],
        health: Callable[[], dict[str, Any]],
        resets: tuple[str, ...] | None,
        gate: Gate | None = None,
        figures: Callable[[], list[Figure]] = list,
        shows_all: bool = True,
        time: Clock | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.dispatch = dispatch
        self._guard = guard
        self._stir = stir
        self._health = health
        self._resets = resets
        self._gate = gate
        self._figures = figures
        self._shows_all = shows_all
        self._time = time
        self.is_draining = False
        self._urls = Urls(endpoint, dispatch, stir, None if gate is None else gate.bind)

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request is refused before its body is read, or None."""
        return None if function_url(headers) is not None else self._guard.refusal(headers)

    def body_bytes_max(self, url: bytes) -> int:
        """Return how large a body may be: function packages come through Lambda's paths only."""
        return self.endpoint.body_bytes_max if url.startswith(b"/20") else SMALL_BODY_BYTES_MAX

    def handle(self, request: Request, respond: Respond) -> Exchange | None:
        """Answer a request now or later, through `respond`, once."""
        request_id = self.dispatch.request_id()
        refusal = self._guard.refusal(request.headers)
        if refusal is not None:
            place = function_url(request.headers)
            if place is not None:
                return self._urls.visit(request, place, self.is_draining, respond, request_id)
            respond(_plain(403, {"__type": "AccessDeniedException", "message": refusal}))
            return None
        if request.target.startswith(_OURS):
            return self._own(request, respond)
        try:
            incoming = self.endpoint.read(request)
        except Fault as fault:
            respond(self.endpoint.fault(fault, fault.error, request_id))
            return None
        if self.is_draining:
            error = Unavailable("the server is shutting down")
            respond(self.endpoint.fault(incoming, error, request_id))
            return None
        if self._gate is not None:
            admitted = self._admit(incoming, respond, request_id)
            if admitted is None:
                return None
            incoming = admitted
        if incoming.route.events is not None:
            return self._stream(incoming, respond, request_id)
        answer = _Answer(self, incoming, respond, request_id)
        answer.ticket = self.dispatch.enter(
            incoming.service,
            incoming.operation,
            incoming.params,
            incoming.caller,
            answer,
            request_id,
        )
        self._stir()
        return answer

    def _admit(self, incoming: Incoming, respond: Respond, request_id: str) -> Incoming | None:
        """Return a request with who asks, as the gate has it, or refuse."""
        assert self._gate is not None
        service, operation, params, caller, route = incoming
        try:
            caller = self._gate(service, operation, params, caller)
        except (ServiceError, Unavailable) as refused:
            error: ServiceError | Unavailable = refused
            if isinstance(error, ServiceError):
                error = spelled(error, route.protocol)
            respond(self.endpoint.fault(incoming, error, request_id))
            self._stir()  # the gate may have begun a group
            return None
        return Incoming(service, operation, params, caller, route)

    def _stream(self, incoming: Incoming, respond: Respond, request_id: str) -> Exchange:
        """Let an operation answer in pieces."""
        answer = StreamedAnswer(self.endpoint, self.dispatch, incoming, respond, request_id)
        answer.ticket = self.dispatch.enter(
            incoming.service,
            incoming.operation,
            {**incoming.params, "Sink": answer},
            incoming.caller,
            answer,
            request_id,
        )
        self._stir()
        return answer

    # --- /_redrive/ -----------------------------------------------------------------------------

    def _own(self, request: Request, respond: Respond) -> Exchange | None:
        path = request.target.split("?", 1)[0]
        if path.startswith(URL_PATH):
            request_id = self.dispatch.request_id()
            return self._urls.visit(request, None, self.is_draining, respond, request_id)
        if path == "/_redrive/health" and request.method in ("GET", "HEAD"):
            respond(_plain(200, self._health()))
        elif path == CLOCK_PATH and self._time is not None and request.method in _CLOCK_METHODS:
            self._clock(request, self._time, respond)
        elif path == METRICS_PATH and request.method in ("GET", "HEAD"):
            self._scrape(request, respond)
        elif (found := CERTIFICATE.fullmatch(path)) and request.method in ("GET", "HEAD"):
            self._certificate(found[1], respond)
        elif path == "/_redrive/reset" and request.method == "POST":
            self._reset(request, respond)
        else:
            respond(_plain(404, {"message": f"{request.method} {path[:200]} is not served here"}))
        return None

    def _clock(self, request: Request, clock: Clock, respond: Respond) -> None:
        """Show the clock, or have it moved."""
        if request.method != "POST":
            respond(_plain(200, clock.show()))
        elif self._let_in(request, "AdvanceClock", respond) is not None:
            clock.change(request.body, lambda status, told: respond(_plain(status, told)))

    def _certificate(self, key_id: str, respond: Respond) -> None:
        """Answer with a certificate."""

        def done(reply: Reply) -> None:
            if reply.result is not None:
                respond(Response(200, _PEM, reply.result["Certificate"]))
            else:
                status = 404 if isinstance(reply.error, ServiceError) else 503
                respond(_plain(status, {"message": "there is no such certificate"}))

        self.dispatch.enter("sns", "GetSigningCertificate", {"Id": key_id}, NOBODY, done)
        self._stir()

    def _reset(self, request: Request, respond: Respond) -> None:
        """Empty the caller's account, one service after the other."""
        if self._resets is None:
            respond(_plain(403, {"message": "start the server with --allow-reset to allow this"}))
            return
        caller = self._let_in(request, "ResetAccount", respond)
        if caller is not None:
            self._reset_next(list(self._resets), caller, respond)

    def _let_in(self, request: Request, operation: str, respond: Respond) -> Caller | None:
        """Return who asks, or refuse: with keys, a request must be signed by one."""
        try:
            caller = self.endpoint.caller(request)
            if self._gate is not None:
                caller = self._gate("redrive", operation, {}, caller)
        except Fault as fault:
            respond(_plain(403, {"message": fault.error.message}))
            return None
        except ServiceError as error:
            respond(_plain(403, {"message": error.message}))
            self._stir()  # the gate may have begun a group
            return None
        except Unavailable as error:
            respond(_plain(503, {"message": str(error)}))
            self._stir()
            return None
        return caller

    def _scrape(self, request: Request, respond: Respond) -> None:
        """Answer with all figures, in Prometheus' format."""
        caller = self._let_in(request, "Scrape", respond)
        if caller is None:
            return

        def done(reply: Reply) -> None:
            if reply.result is not None:
                respond(Response(200, _PROMETHEUS, reply.result["Text"]))
            else:
                status = 500 if isinstance(reply.error, AssertionError) else 503
                respond(_plain(status, {"message": "the figures cannot be read at the moment"}))

        account = None if self._shows_all else caller.account
        params = {"Figures": self._figures(), "Account": account}
        self.dispatch.enter("cloudwatch", "Scrape", params, caller, done)
        self._stir()

    def _reset_next(self, services: list[str], caller: Caller, respond: Respond) -> None:
        if not services:
            respond(_plain(200, {"account": caller.account}))
            return
        service = services.pop(0)

        def done(reply: Reply) -> None:
            if isinstance(reply.error, ServiceError):
                respond(_plain(500, {"message": reply.error.message}))
            elif reply.error is not None:
                respond(_plain(503, {"message": str(reply.error)}))
            else:
                self._reset_next(services, caller, respond)

        self.dispatch.enter(service, "ResetAccount", {}, caller, done)
        self._stir()


def _plain(status: int, body: dict[str, Any]) -> Response:
    return Response(status, _JSON, orjson.dumps(body))
