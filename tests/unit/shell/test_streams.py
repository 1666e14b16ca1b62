"""Answers in pieces on a connection: chunks, HTTP/1.0, HEAD, slow and vanished clients, order."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.shell.test_overload import Pipe, connect

from redrive.core.effects import Reply
from redrive.core.errors import ServiceError
from redrive.shell import clients as limits
from redrive.shell import pieces
from redrive.shell.clients import UNFINISHED_SWEEPS_MAX, Clients
from redrive.shell.http import Connection, Respond
from redrive.shell.pieces import Opening, Outlet
from redrive.shell.streams import StreamedAnswer
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request, Response

HEAD = b"HTTP/1.1 200 OK\r\na: b\r\nTransfer-Encoding: chunked\r\n\r\n"


class Scene:
    """A connection whose first request is answered in pieces, and later ones at once."""

    is_waiting = False

    def __init__(self) -> None:
        self.clients = Clients()
        self.outlets: list[Outlet] = []
        self.seen: list[str] = []
        self.is_abandoned = False
        self.connection: Connection
        self.pipe: Pipe
        self.connection, self.pipe = connect(self.clients, self._handle)
        self.is_closed = False
        pipe: Any = self.pipe
        pipe.is_closing = lambda: self.is_closed
        pipe.close = self._close
        pipe.write_eof = lambda: None

    def _close(self) -> None:
        self.is_closed = True

    def _handle(self, request: Request, respond: Respond) -> Any:
        self.seen.append(request.target)
        if len(self.seen) > 1:
            respond(Response(200, (), b"later"))
            return None
        respond(Opening(200, (("a", "b"),), self.outlets.append))
        return self

    def abandon(self) -> None:
        """The client has gone."""
        self.is_abandoned = True

    def ask(self, method: str = "GET", version: str = "1.1", target: str = "/1") -> None:
        """Send a request."""
        line = f"{method} {target} HTTP/{version}\r\nHost: localhost\r\n\r\n"
        self.connection.data_received(line.encode())

    @property
    def outlet(self) -> Outlet:
        """Where the pieces go."""
        (outlet,) = self.outlets
        return outlet

    def take(self) -> bytes:
        """Return what was written since."""
        found = b"".join(self.pipe.written)
        self.pipe.written.clear()
        return found


def test_pieces_are_chunks_and_the_connection_goes_on() -> None:
    """The next request of the connection waits for the end, and is then answered."""
    scene = Scene()
    scene.ask()
    assert scene.take() == HEAD
    scene.ask(target="/2")
    scene.outlet.write(b"hello")
    scene.outlet.write(b"")
    assert scene.take() == b"5\r\nhello\r\n"
    scene.outlet.write(b"x" * 300)
    assert scene.take() == b"12c\r\n" + b"x" * 300 + b"\r\n"
    assert (scene.seen, scene.connection.is_busy) == (["/1"], True)
    scene.outlet.end()
    assert scene.seen == ["/1", "/2"]
    assert scene.take() == b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlater"
    scene.outlet.end()
    scene.outlet.cut()
    scene.outlet.write(b"late")
    assert (scene.take(), scene.pipe.is_aborted, scene.is_closed) == (b"", False, False)


def test_an_older_client_reads_to_the_end_of_the_connection() -> None:
    """HTTP/1.0 has no chunks."""
    scene = Scene()
    scene.ask(version="1.0")
    scene.outlet.write(b"hello")
    assert scene.take() == b"HTTP/1.1 200 OK\r\na: b\r\nConnection: close\r\n\r\nhello"
    assert not scene.is_closed
    scene.outlet.end()
    assert (scene.take(), scene.is_closed) == (b"", True)


def test_head_hears_the_head() -> None:
    """And nothing of the pieces; the connection stays."""
    scene = Scene()
    scene.ask("HEAD")
    scene.outlet.write(b"hello")
    scene.outlet.end()
    assert (scene.take(), scene.is_closed) == (HEAD, False)


def test_what_breaks_off_has_no_last_chunk() -> None:
    """The client sees that it is not whole."""
    scene = Scene()
    scene.ask()
    scene.outlet.write(b"hello")
    scene.outlet.cut()
    assert scene.take() == HEAD + b"5\r\nhello\r\n"
    assert scene.pipe.is_aborted


def test_a_server_that_drains_ends_the_answer_first() -> None:
    """The connection closes after the last chunk."""
    scene = Scene()
    scene.ask()
    scene.connection.close()
    assert not scene.is_closed
    scene.outlet.write(b"hello")
    scene.outlet.end()
    assert scene.take().endswith(b"5\r\nhello\r\n0\r\n\r\n")
    assert scene.is_closed


def test_a_client_that_has_gone() -> None:
    """Whoever makes the pieces is told, and may go on making them."""
    scene = Scene()
    scene.ask()
    scene.connection.connection_lost(None)
    assert scene.is_abandoned
    scene.is_closed = True
    scene.take()
    scene.outlet.write(b"hello")
    scene.outlet.end()
    assert scene.take() == b""


def test_what_is_not_read_is_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer may be so far behind; what it holds counts for all, until it is read."""
    monkeypatch.setattr(pieces, "UNSENT_BYTES_MAX", 10_000)
    scene = Scene()
    scene.ask()
    scene.pipe.is_stuck = True
    for _ in range(9):
        scene.outlet.write(b"x" * 1_000)
    assert scene.clients.held_bytes == scene.pipe.unread_bytes > 9_000
    assert not scene.pipe.is_aborted
    scene.pipe.read_all()
    assert scene.clients.held_bytes == 0
    scene.pipe.is_stuck = True
    for _ in range(10):
        scene.outlet.write(b"x" * 1_000)
    assert scene.pipe.is_aborted
    scene.connection.connection_lost(None)
    assert scene.clients.held_bytes == 0


def test_together_they_may_not_hold_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is not read is cut when the server holds too much."""
    monkeypatch.setattr(limits, "HELD_BYTES_MAX", 5_000)
    scene = Scene()
    scene.ask()
    scene.pipe.is_stuck = True
    while not scene.pipe.is_aborted:
        scene.outlet.write(b"x" * 1_000)
        assert scene.pipe.unread_bytes < 7_000


def test_who_never_reads_pieces_is_let_go() -> None:
    """A minute without a byte read or made ends it."""
    scene = Scene()
    scene.ask()
    scene.pipe.is_stuck = True
    scene.outlet.write(b"x")
    for _ in range(UNFINISHED_SWEEPS_MAX + 1):
        scene.clients.sweep()
    assert scene.pipe.is_aborted


def test_a_slow_function_is_waited_for() -> None:
    """Nothing to read for hours is no reason to close."""
    scene = Scene()
    scene.ask()
    for _ in range(10 * UNFINISHED_SWEEPS_MAX):
        scene.clients.sweep()
    assert not scene.pipe.is_aborted


# --- event streams --------------------------------------------------------------------------------

ENDPOINT = Endpoint(("lambda",))
INVOKE = Request(
    "POST", "/2021-11-15/functions/f/response-streaming-invocations", {"host": "localhost"}, b"{}"
)
RESULT = {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
TYPE = ("Content-Type", "application/vnd.amazon.eventstream")


class Client:
    """What a connection is to an answer."""

    def __init__(self) -> None:
        self.responses: list[Any] = []
        self.written = b""
        self.end_of: str | None = None

    def __call__(self, response: Response | Opening) -> None:
        self.responses.append(response)
        if isinstance(response, Opening):
            response.attach(self)

    def write(self, piece: bytes) -> None:
        self.written += piece

    def end(self) -> None:
        self.end_of = "whole"

    def cut(self) -> None:
        self.end_of = "cut"


def answer() -> tuple[StreamedAnswer, Client]:
    """An InvokeWithResponseStream under way."""
    client = Client()
    dispatch: Any = None
    return StreamedAnswer(ENDPOINT, dispatch, ENDPOINT.read(INVOKE), client, "r-1"), client


def chunk(text: bytes) -> Any:
    """A PayloadChunk event."""
    return {"PayloadChunk": {"Payload": text}}


COMPLETE = {"InvokeComplete": {}}


def test_events_leave_as_they_come() -> None:
    """Head first, then each event; the same bytes as of an answer that is whole."""
    given, client = answer()
    given.begin(RESULT)
    (opening,) = client.responses
    assert (opening.status, client.written) == (200, b"")
    assert TYPE in opening.headers
    assert ("X-Amz-Executed-Version", "$LATEST") in opening.headers
    given.write(chunk(b"one"))
    assert b"one" in client.written
    given(Reply({**RESULT, "EventStream": [COMPLETE]}))
    whole, other = answer()
    whole(Reply({**RESULT, "EventStream": [chunk(b"one"), COMPLETE]}))
    assert client.end_of == "whole"
    assert client.written == other.responses[0].body
    assert other.responses[0].headers == opening.headers


def test_an_error_before_any_event_is_an_ordinary_one() -> None:
    """After an event, the stream is cut."""
    given, client = answer()
    error = ServiceError("ResourceNotFoundException", "none", status=404)
    given(Reply(error=error))
    assert client.responses[0].status == 404
    given, client = answer()
    given.begin(RESULT)
    given.write(chunk(b"one"))
    given(Reply(error=error))
    assert client.end_of == "cut"
