"""The listening socket of one environment, on the machine's own loopback, and its connections.

Its port is an environment's identity: whoever asks there is taken for the environment's runtime or
one of its extensions. A web page must not be able to: what a browser marks as coming from one is
refused, and so is a name of ours that is not a loopback's (docs/adr on the guard has the reasons).
One request of a connection at a time; a bounded read a loop turn; writes never block.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol

from redrive.runtime.api.contract import error_reply
from redrive.runtime.api.requests import (
    CONTINUE,
    Malformed,
    Opening,
    Reply,
    Request,
    RequestReader,
    encode,
)
from redrive.runtime.reactor import Reactor

HOST = "127.0.0.1"
CONNECTIONS_MAX = 64
READ_BYTES = 262_144
DRAINED_READS_MAX = 64
"""Together more than a socket holds, and than an answer may have."""

PENDING_MAX = 65_536
"""Requests sent ahead, or pieces of one; as many as one read can hold."""

BACKLOG = 16
FOREIGN = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")


class Listener(Protocol):
    """Who answers. ticket: the number of a connection, which has one request open at a time."""

    def on_opening(self, ticket: int, opening: Opening) -> None:
        """A request begins whose body comes in pieces."""

    def on_piece(self, ticket: int, data: bytes) -> None:
        """A piece of it."""

    def on_request(self, ticket: int, request: Request) -> None:
        """A request is whole; it waits for its reply."""

    def on_gone(self, ticket: int) -> None:
        """A connection is closed, with whatever it had open."""


class Connection:
    """One client. ticket: its number, which names the one request that it may have open."""

    def __init__(self, ticket: int, sock: socket.socket) -> None:
        self.ticket = ticket
        self.sock = sock
        self.reader = RequestReader()
        self.pending: list[Request | Opening | bytes] = []
        self.is_waiting = False  # its request is open
        self.keeps_alive = True
        self.unsent: list[memoryview] = []
        self.is_writing = False


class ApiServer:
    """Raises OSError when no socket can be had."""

    def __init__(self, reactor: Reactor, listener: Listener) -> None:
        self._reactor = reactor
        self._listener = listener
        self._connections: dict[int, Connection] = {}
        self._count = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind((HOST, 0))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._hosts = frozenset((f"{HOST}:{self.port}", f"localhost:{self.port}"))
        self._is_open = True
        reactor.add_reader(self._socket.fileno(), self._accept)

    def reply(self, ticket: int, reply: Reply) -> None:
        """Answer the open request of a connection, if it is still there."""
        connection = self._connections.get(ticket)
        if connection is None or not connection.is_waiting:
            return
        connection.is_waiting = False
        head, body = encode(reply)
        self._send(connection, head, body)
        if not connection.keeps_alive and not connection.unsent:
            self._drop(connection)
        elif connection.pending:
            now_ms = self._reactor.now_ms()
            self._reactor.call_at(now_ms, lambda: self._go_on(connection))

    def drain(self) -> None:
        """Read what was sent already, by clients that may have ended since."""
        self._accept()
        for connection in list(self._connections.values()):
            for _ in range(DRAINED_READS_MAX):
                if not self._read(connection):
                    break

    def close(self) -> None:
        """Close everything."""
        if self._is_open:
            self._is_open = False
            self._reactor.remove_reader(self._socket.fileno())
            self._socket.close()
            for connection in list(self._connections.values()):
                self._drop(connection)

    def _accept(self) -> None:
        while self._is_open:
            try:
                sock, _ = self._socket.accept()
            except OSError:  # nobody is left, or he has gone again, or there is no descriptor
                return
            if len(self._connections) >= CONNECTIONS_MAX:
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._count += 1
            connection = Connection(self._count, sock)
            self._connections[connection.ticket] = connection
            self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        self._reactor.add_reader(connection.sock.fileno(), lambda: self._is_ready(connection))

    def _is_ready(self, connection: Connection) -> None:
        self._read(connection)

    def _read(self, connection: Connection) -> bool:
        """Take what has come; tell whether there may be more."""
        if connection.ticket not in self._connections:
            return False
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return False
        try:
            connection.pending += connection.reader.feed(data)
        except Malformed as error:
            connection.is_waiting, connection.keeps_alive = True, False
            self.reply(connection.ticket, error_reply(400, "InvalidRequestFormat", str(error)))
            self._drop(connection)
            return False
        if len(connection.pending) > PENDING_MAX:
            self._drop(connection)
            return False
        if connection.reader.wants_continue:
            connection.reader.wants_continue = False
            self._send(connection, CONTINUE, b"")
        self._go_on(connection)
        return True

    def _go_on(self, connection: Connection) -> None:
        """Hand on what a connection has sent, up to a request that waits for its reply."""
        ticket = connection.ticket
        taken = 0
        for item in connection.pending:
            if connection.is_waiting or ticket not in self._connections:
                break
            taken += 1
            if isinstance(item, bytes):
                self._listener.on_piece(ticket, item)
                continue
            why = self._objection(item.headers)
            if why:
                connection.is_waiting, connection.keeps_alive = True, False
                self.reply(ticket, error_reply(403, "Forbidden", why))
            elif isinstance(item, Opening):
                self._listener.on_opening(ticket, item)
            else:
                connection.is_waiting = True
                connection.keeps_alive = item.keeps_alive
                self._listener.on_request(ticket, item)
        del connection.pending[:taken]

    def _objection(self, headers: Mapping[str, str]) -> str:
        if any(name in headers for name in FOREIGN):
            return "The Runtime API does not answer web pages."
        if headers.get("host", "").lower() not in self._hosts:
            return f"The Runtime API is at {HOST}:{self.port}."
        return ""

    def _send(self, connection: Connection, head: bytes, body: bytes) -> None:
        connection.unsent.append(memoryview(head))
        if body:
            connection.unsent.append(memoryview(body))
        self._write(connection)

    def _write(self, connection: Connection) -> None:
        fd = connection.sock.fileno()
        try:
            while connection.unsent:
                sent = connection.sock.sendmsg(connection.unsent[:8])
                while sent:
                    first = connection.unsent[0]
                    if sent < len(first):
                        connection.unsent[0] = first[sent:]
                        break
                    sent -= len(first)
                    connection.unsent.pop(0)
        except BlockingIOError:
            if not connection.is_writing:
                connection.is_writing = True
                self._reactor.add_writer(fd, lambda: self._write(connection))
            return
        except OSError:  # the read side will tell of the end
            connection.unsent.clear()
        if connection.is_writing:
            connection.is_writing = False
            self._reactor.remove_writer(fd)
            if not connection.keeps_alive and not connection.is_waiting:
                self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if self._connections.pop(connection.ticket, None) is None:
            return
        self._reactor.remove_reader(connection.sock.fileno())
        self._reactor.remove_writer(connection.sock.fileno())
        connection.sock.close()
        if self._is_open:
            self._listener.on_gone(connection.ticket)
