"""Function URLs from bytes to bytes: connection, guard, front, dispatch, service, and no loop.

The function is a script that says its pieces when the test wants it to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.services.functions.functions_rig import Rig
from tests.unit.shell.test_overload import Pipe

from redrive.core.effects import Ran, Run
from redrive.shell.clients import Clients
from redrive.shell.front import Front
from redrive.shell.guard import Guard
from redrive.shell.http import Connection
from redrive.wire.endpoint import Endpoint


class Scene:
    """A server with one public streaming function, and one client."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.rig.create()
        self.rig.call(
            "AddPermission",
            FunctionName="orders",
            StatementId="all",
            Action="lambda:*",
            Principal="*",
        )
        made = self.rig.call(
            "CreateFunctionUrlConfig",
            FunctionName="orders",
            AuthType="NONE",
            InvokeMode="RESPONSE_STREAM",
        )
        self.host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
        self.rig.ends = lambda _run: None
        self.front = Front(
            Endpoint(("sqs", "lambda")),
            self.rig.dispatch,
            Guard(frozenset(), frozenset()),
            stir=lambda: None,
            health=lambda: {"status": "ok"},
            resets=None,
        )
        self.connection = Connection(
            self.front.handle, self.front.body_bytes_max, self.front.refusal, Clients()
        )
        self.is_closed = False
        pipe: Any = Pipe()
        pipe.connection = self.connection
        pipe.is_closing = lambda: self.is_closed
        self.pipe = pipe
        self.connection.connection_made(pipe)

    def ask(self, method: str = "GET", target: str = "/", body: bytes = b"", **headers: str) -> Run:
        """Send a request that starts the function; return the run."""
        self.send(method, target, body, **headers)
        return self.rig.runs[-1]

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> None:
        """Send a request."""
        given = {"Host": self.host, "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.connection.data_received(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        self.rig.settle()

    def end(self, ran: Ran) -> None:
        """End the oldest run."""
        self.rig.held.pop(0)(ran)
        self.rig.settle()

    def take(self) -> bytes:
        """Return what the client has got since."""
        found = b"".join(self.pipe.written)
        self.pipe.written.clear()
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A server in a directory of its own."""
    made = Scene(tmp_path)
    yield made
    made.rig.store.close()


STREAMED = Ran(b"", streamed=True)


def say(run: Run, piece: bytes) -> None:
    """Let the function say a piece."""
    assert run.on_chunk is not None
    run.on_chunk(piece)


def test_pieces_reach_the_client_while_the_function_runs(scene: Scene) -> None:
    """Head and piece are there before the end; the connection then takes the next request."""
    run = scene.ask()
    assert scene.take() == b""
    assert run.on_head is not None
    run.on_head("text/plain")
    say(run, b"one")
    head, _, body = scene.take().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain\r\nTransfer-Encoding: chunked" in head
    assert body == b"3\r\none\r\n"
    say(run, b"two")
    assert scene.take() == b"3\r\ntwo\r\n"
    scene.end(STREAMED)
    assert scene.take() == b"0\r\n\r\n"
    scene.ask()
    scene.end(Ran(b'"whole"'))
    assert scene.take().endswith(b'Content-Length: 7\r\n\r\n"whole"')
    assert not scene.pipe.is_aborted


def test_events_of_the_api_reach_the_client_too(scene: Scene) -> None:
    """InvokeWithResponseStream is the same with another form."""
    run = scene.ask(
        "POST",
        "/2021-11-15/functions/orders/response-streaming-invocations",
        b"{}",
        Host="localhost",
    )
    say(run, b"one")
    assert b"PayloadChunk" in scene.take()
    scene.end(STREAMED)
    found = scene.take()
    assert b"InvokeComplete" in found
    assert found.endswith(b"\r\n0\r\n\r\n")


def test_a_function_that_fails_half_way_breaks_off(scene: Scene) -> None:
    """The client does not take half an answer for whole."""
    say(scene.ask(), b"one")
    scene.end(Ran(b"{}", "Unhandled", "timeout", streamed=True))
    assert scene.pipe.is_aborted
    assert not scene.take().endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_costs_nothing(scene: Scene) -> None:
    """The function goes on into the void, and its slot is free again when it ends."""
    run = scene.ask()
    say(run, b"one")
    scene.take()
    scene.is_closed = True
    scene.connection.connection_lost(None)
    say(run, b"two")
    assert scene.take() == b""
    assert scene.rig.dispatch.asked == 1
    scene.end(STREAMED)
    assert scene.take() == b""
    assert scene.rig.dispatch.asked == 0


def test_a_client_that_leaves_before_the_first_piece(scene: Scene) -> None:
    """Nothing is begun for it."""
    run = scene.ask()
    scene.is_closed = True
    scene.connection.connection_lost(None)
    say(run, b"one")
    scene.end(STREAMED)
    assert scene.take() == b""


def test_a_host_of_a_url_names_no_api(scene: Scene) -> None:
    """What is the API's under another host is the function's path here, signed or not."""
    for target, headers in (
        ("/2015-03-31/functions/", {}),
        ("/_redrive/health", {}),
        ("/", {"X-Amz-Target": "AmazonSQS.ListQueues"}),
    ):
        event = json.loads(scene.ask("POST", target, b"{}", **headers).event)
        assert event["rawPath"] == target
        scene.end(Ran(b"1"))
        assert scene.take().endswith(b"\r\n\r\n1")
    runs = len(scene.rig.runs)
    scene.send("GET", "/_redrive/health", Host="localhost")
    assert b'{"status":"ok"}' in scene.take()
    assert len(scene.rig.runs) == runs


def test_nothing_is_begun_while_draining(scene: Scene) -> None:
    """Nor for a target that is no path."""
    scene.send("GET", "http://elsewhere/")
    assert scene.take().startswith(b"HTTP/1.1 400 ")
    scene.front.is_draining = True
    scene.send("GET", "/")
    assert scene.take().startswith(b"HTTP/1.1 503 ")
    assert not scene.rig.runs
