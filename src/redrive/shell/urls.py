"""The front part that serves function URLs. What comes here reaches ServeFunctionUrl and no other
operation, whatever its path or headers say.

    http://<url id>.lambda-url.<region>.localhost:<port>/...   a host of its own for each URL
    http://localhost:<port>/_redrive/url/<url id>/...          for clients that cannot resolve it

A page that is served under a path shares the API's origin, and the guard would take it for ours. So
an answer there tells browsers to sandbox it: its origin is then none, which the guard refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redrive.core.effects import Caller, Reply
from redrive.core.errors import ServiceError, Unavailable
from redrive.services.dispatch import Dispatch, Ticket
from redrive.services.functions.url_events import HttpRequest, HttpResponse, Signer
from redrive.shell.http import Exchange, Respond
from redrive.shell.pieces import Opening, Outlet
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request, Response

URL_PATH = "/_redrive/url/"

_SANDBOX = (
    ("Content-Security-Policy", "sandbox allow-forms allow-modals allow-popups allow-scripts"),
)
_CALLER = Caller("000000000000", "us-east-1", "lambda.amazonaws.com", "lambda")
"""Lambda itself, on behalf of whoever sent the request."""


class Urls:
    """Answers requests to function URLs. bind looks up what the session of a role may do."""

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: Dispatch,
        stir: Callable[[], None],
        bind: Callable[[Caller], Caller] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._bind = bind
        self._dispatch = dispatch
        self._stir = stir

    def visit(
        self,
        request: Request,
        place: tuple[str, str] | None,
        is_draining: bool,
        respond: Respond,
        request_id: str,
    ) -> Exchange | None:
        """Answer one request. place: the URL id and region of its host; None: it is in the path."""
        path, _, query = request.target.partition("?")
        region = None
        if place is not None:
            url_id, region = place
        else:
            url_id, _, rest = path.removeprefix(URL_PATH).partition("/")
            path = f"/{rest}"
        if is_draining or not path.startswith("/"):
            respond(_plain(503 if is_draining else 400, request_id))
            return None
        params = {
            "UrlId": url_id,
            "Region": region,
            "Request": HttpRequest(
                request.method, path, query, request.headers, request.body, request.peer
            ),
            "Signer": self._signer(request),
        }
        answer = _Answer(self._dispatch, respond, request_id, () if place else _SANDBOX)
        answer.ticket = self._dispatch.enter(
            "lambda", "ServeFunctionUrl", {**params, "Sink": answer}, _CALLER, answer, request_id
        )
        self._stir()
        return answer

    def _signer(self, request: Request) -> Signer | ServiceError | None:
        """Return who signed a request; whether that matters is the URL's to say."""
        try:
            signed = self._endpoint.signed(request)
        except ServiceError as error:
            return error
        if signed is None:
            return None
        caller = signed.caller
        if self._bind is not None:
            try:
                caller = self._bind(caller)
            except ServiceError as error:
                return error
            except Unavailable as error:
                return ServiceError("ServiceUnavailable", str(error), status=503)
        return Signer(signed.access_key, signed.service, caller, self._endpoint.is_verifying)


class _Answer:
    """One request to a URL: the Sink of its operation, and its Exchange."""

    def __init__(
        self,
        dispatch: Dispatch,
        respond: Respond,
        request_id: str,
        added: tuple[tuple[str, str], ...],
    ) -> None:
        self._dispatch = dispatch
        self._respond = respond
        self._request_id = request_id
        self._added = added
        self._outlet: Outlet | None = None
        self.ticket: Ticket | None = None

    def begin(self, head: Any) -> None:
        """Send the head of an answer that comes in pieces."""
        self._respond(Opening(head.status, (*head.headers, *self._added), self._attach))

    def write(self, piece: Any) -> None:
        """Send a piece."""
        if self._outlet is not None:
            self._outlet.write(piece)

    def __call__(self, reply: Reply) -> None:
        """Send the answer, or the end of one that came in pieces."""
        if reply.result is None:
            if self._outlet is not None:
                self._outlet.cut()
            else:
                is_ours = isinstance(reply.error, AssertionError)
                self._respond(_plain(500 if is_ours else 503, self._request_id))
            return
        response: HttpResponse | None = reply.result["Response"]
        if response is not None:
            headers = (*response.headers, *self._added)
            self._respond(Response(response.status, headers, response.body))
        elif self._outlet is not None:
            if reply.result["IsWhole"]:
                self._outlet.end()
            else:
                self._outlet.cut()

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing has been done yet that the client must hear of."""
        return self.ticket is not None and self.ticket.parked

    def abandon(self) -> None:
        """Let the function go on with nobody listening."""
        self._outlet = None
        if self.ticket is not None:
            self._dispatch.cancel(self.ticket)

    def _attach(self, outlet: Outlet) -> None:
        self._outlet = outlet


_PLAIN = {
    400: b'{"Message":"Bad Request"}',
    500: b'{"Message":"Internal Server Error"}',
    503: b'{"Message":"Service Unavailable"}',
}


def _plain(status: int, request_id: str) -> Response:
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", "application/json"))
    return Response(status, headers, _PLAIN[status])
