"""What waits is bounded: answers that nobody reads, and requests in line behind others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redrive.shell import clients as limits
from redrive.shell.clients import UNFINISHED_SWEEPS_MAX, Clients
from redrive.shell.http import Connection, Respond
from redrive.wire.messages import Request, Response

ANSWER = Response(200, (), b"x" * 1_000)


class Pipe:
    """A transport to a client that reads nothing once `is_stuck`."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unread_bytes = 0
        self.is_stuck = False
        self.is_aborted = False
        self.connection: Connection | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self.is_stuck:
            first = not self.unread_bytes
            self.unread_bytes += len(data)
            if first:
                assert self.connection is not None
                self.connection.pause_writing()

    def read_all(self) -> None:
        """The client reads what there is."""
        self.unread_bytes, self.is_stuck = 0, False
        assert self.connection is not None
        self.connection.resume_writing()

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return "127.0.0.1", 40_000

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


def connect(
    clients: Clients, handler: Callable[[Request, Respond], Any]
) -> tuple[Connection, Pipe]:
    """Return a connection and its other end."""
    pipe = Pipe()
    connection = Connection(handler, lambda _url: 1_048_576, lambda _headers: None, clients)
    pipe.connection = connection
    connection.connection_made(pipe)  # type: ignore[arg-type]
    return connection, pipe


def ask(name: str, body: bytes = b"") -> bytes:
    """Return a request's bytes."""
    head = f"POST /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def at_once(_request: Request, respond: Respond) -> None:
    """Answer every request immediately."""
    respond(ANSWER)


def test_unread_answers_hold_the_line_and_others_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above the bound every further request is a 503; below it all goes on, in order."""
    monkeypatch.setattr(limits, "HELD_BYTES_MAX", 500)
    clients = Clients()
    slow, slow_pipe = connect(clients, at_once)
    other, other_pipe = connect(clients, at_once)
    slow_pipe.is_stuck = True
    slow.data_received(ask("1") + ask("2") + ask("3"))
    assert len(slow_pipe.written) == 1  # the others wait until it reads
    other.data_received(ask("4"))
    assert other_pipe.written[-1].startswith(b"HTTP/1.1 503 ")
    assert b"ServiceUnavailable" in other_pipe.written[-1]
    slow_pipe.read_all()
    assert [data[:12] for data in slow_pipe.written] == [b"HTTP/1.1 200"] * 3
    other.data_received(ask("5"))
    assert other_pipe.written[-1].startswith(b"HTTP/1.1 200 ")
    assert clients.held_bytes == 0


def test_requests_in_line_are_counted_and_given_back() -> None:
    """A pipelined body counts until it is handled, or its client leaves."""
    clients = Clients()
    answers: list[Respond] = []

    class Busy:
        is_waiting = False

        def abandon(self) -> None:
            pass

    def later(_request: Request, respond: Respond) -> Busy:
        answers.append(respond)
        return Busy()

    connection, pipe = connect(clients, later)
    connection.data_received(ask("1", b"a" * 100) + ask("2", b"b" * 200) + ask("3", b"c" * 300))
    assert clients.held_bytes == 500
    answers.pop()(ANSWER)
    assert clients.held_bytes == 300
    connection.connection_lost(None)
    assert clients.held_bytes == 0
    assert pipe.written


def test_who_never_reads_is_let_go() -> None:
    """Unread answers that do not shrink for a minute end the connection; a slow reader stays."""
    clients = Clients()
    connection, pipe = connect(clients, at_once)
    pipe.is_stuck = True
    connection.data_received(ask("1"))
    for _ in range(3 * UNFINISHED_SWEEPS_MAX):
        pipe.unread_bytes -= 1
        clients.sweep()
    assert not pipe.is_aborted
    for _ in range(UNFINISHED_SWEEPS_MAX + 1):
        clients.sweep()
    assert pipe.is_aborted
    connection.connection_lost(None)
    assert clients.held_bytes == 0
