"""Accept connections while there is room for one more; the rest wait in the system's own queue.

The event loop's listener accepts until the process is out of files, and then closes the next client
without a word. Here whoever is accepted is answered, if only with a 503; nobody is accepted for
whom there would be no file.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

BACKLOG = 1_024
ACCEPTS_MAX = 64
"""Connections accepted in one turn of the loop: the others are served in between."""

PAUSE_S = 0.05
"""Before accepting is tried again after the system refused a file."""


class Listener:
    """Listening sockets of one host and port.

    connect makes the protocol of a connection; has_room tells, given how many have been accepted
    and are not yet known to be connected, whether one more may be accepted. After a pause for lack
    of room, `resume` goes on; one that has arrived resumes by itself.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[], asyncio.Protocol],
        has_room: Callable[[int], bool],
    ) -> None:
        self._loop = loop
        self._connect = connect
        self._has_room = has_room
        self._sockets: list[socket.socket] = []
        self._arriving: set[asyncio.Task[object]] = set()
        self._is_accepting = False
        self._is_open = False

    async def bind(self, host: str, port: int) -> int:
        """Listen on every address of the host; return the port. Raises OSError."""
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _name, address in dict.fromkeys(found):
            listening = socket.socket(family, kind, protocol)
            self._sockets.append(listening)
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((address[0], port, *address[2:]))
            listening.listen(BACKLOG)
            port = listening.getsockname()[1]  # the others take the one that the first was given
        return port

    def start(self) -> None:
        """Begin to accept."""
        self._is_open = True
        self.resume()

    def resume(self) -> None:
        """Accept again, after there was no room."""
        if self._is_open and not self._is_accepting:
            self._is_accepting = True
            for listening in self._sockets:
                self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept nobody any more."""
        self._is_open = False
        self._pause()
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    def _pause(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            for listening in self._sockets:
                self._loop.remove_reader(listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_MAX):
            if not self._has_room(len(self._arriving)):
                self._pause()
                return
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file or no memory is left: those who wait go on waiting
                self._pause()
                self._loop.call_later(PAUSE_S, self.resume)
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arriving = self._loop.create_task(
                self._loop.connect_accepted_socket(self._connect, accepted)
            )
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arrived)

    def _arrived(self, arriving: asyncio.Task[object]) -> None:
        """Count it no longer: it may have been counted twice, and have left no room by that."""
        self._arriving.discard(arriving)
        self.resume()
