"""The reading end of what an environment writes: bounded reads, a journal, chunks for the log.

A flooded log rests between two reads, so that its writer blocks and nobody else waits.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.logs import Journal
from redrive.runtime.reactor import Handle, LogChunk, Reactor

LOG_BYTES = 65_536
"""Read of a log pipe in one loop turn; also what a pipe holds, so that one such read empties it."""

FLOOD_PAUSE_MS = 10
"""How long the pipe of a flooded log rests between two reads: its writer blocks meanwhile."""


class LogPipe:
    """One environment's log. request_id: of the invocation that it belongs to now, or empty."""

    def __init__(
        self,
        environment: Environment,
        stream: str,
        fd: int,
        kept_max: int,
        reactor: Reactor,
        on_log: Callable[[LogChunk], None],
    ) -> None:
        self.request_id = ""
        self._environment = environment
        self._stream = stream
        self._fd = fd
        self._journal = Journal(kept_max)
        self._reactor = reactor
        self._on_log = on_log
        self._pause: Handle | None = None
        self._is_open = True
        reactor.add_reader(fd, self._read)

    def begin(self, request_id: str, line: str) -> None:
        """Begin an invocation's log with a line."""
        self._tell(self._journal.flush())
        self.request_id = request_id
        self._journal.begin()
        self._tell(self._journal.note(line))

    def note(self, line: str) -> None:
        """Add a line of the platform's."""
        self._tell(self._journal.note(line))

    def end(self, line: str) -> bytes:
        """End an invocation's log with a line and return its tail."""
        self._tell(self._journal.note(line))
        tail = self._journal.tail()
        self.request_id = ""
        self._resume()
        return tail

    def drain(self) -> None:
        """Read what is in the pipe now, but not what a flooding child adds meanwhile."""
        left = LOG_BYTES
        while self._is_open and left > 0:
            data = self._read_pipe(left)
            if not data:
                return
            left -= len(data)
            self._tell(self._journal.write(data))

    def close(self) -> None:
        """Read the rest, give it on, and let go."""
        self.drain()
        self._tell(self._journal.flush())
        self._close()

    def _tell(self, text: str) -> None:
        if text:
            place = self._environment
            self._on_log(
                LogChunk(
                    place.function_name,
                    place.account,
                    place.region,
                    self._stream,
                    self.request_id,
                    self._reactor.now_ms(),
                    text,
                )
            )

    def _read_pipe(self, size: int) -> bytes:
        """Return what is there, or nothing; close our end when nobody holds the other."""
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._close()
        return data

    def _read(self) -> None:
        if not self._is_open:
            return
        data = self._read_pipe(LOG_BYTES)
        self._tell(self._journal.write(data))
        if self._journal.is_flooded and self._is_open and self._pause is None:
            self._reactor.remove_reader(self._fd)
            at_ms = Millis(self._reactor.now_ms() + FLOOD_PAUSE_MS)
            self._pause = self._reactor.call_at(at_ms, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._is_open:
            self._reactor.add_reader(self._fd, self._read)
            self._read()

    def _resume(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
            if self._is_open:
                self._reactor.add_reader(self._fd, self._read)

    def _close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._is_open:
            self._is_open = False
            self._reactor.remove_reader(self._fd)
            os.close(self._fd)
