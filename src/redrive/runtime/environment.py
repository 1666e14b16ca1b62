"""The server's side of one environment: its channel, its log pipe, its process and where it stands.

Not the rules (lifecycle.py), not the choice (pool.py): only the mechanics, each of them bounded.
The child is not trusted: writes never block, reads are cut into pieces, one piece a loop turn, and
whatever is not a frame is told as BROKEN.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime import frames
from redrive.runtime.frames import Frame, FrameReader, Garbage
from redrive.runtime.lifecycle import Event, State
from redrive.runtime.logs import Journal
from redrive.runtime.parents import ParentKey
from redrive.runtime.process import ChildProcess
from redrive.runtime.reactor import Handle, LogChunk, Reactor

CHANNEL_BYTES = 16_384
CHANNEL_BYTES_MORE = 131_072
CHANNEL_BYTES_MAX = 4_194_304
"""Read of a channel in one loop turn: the first is enough for most answers; buffers of the second
cost much more to come by, they are for the rest of a large one. The third is more than a socket
holds: what is read at one go when the process has ended."""

LOG_BYTES = 65_536
"""Read of a log pipe in one loop turn; also what a pipe holds, so that one such read empties it."""

FLOOD_PAUSE_MS = 10
"""How long the pipe of a flooded log rests between two reads: its writer blocks meanwhile."""

INHERITED_KB_MAX = 36 * 1024
"""What a process has in common with its parent counts as at most this much: about what AWS reports
for a bare Python function. Packages imported ahead that the handler does not use must not count."""

EVENTS = {
    frames.READY: Event.READY,
    frames.INIT_ERROR: Event.INIT_ERROR,
    frames.RESPONSE: Event.RESPONSE,
    frames.FAILURE: Event.FAILURE,
    frames.TOO_LARGE: Event.TOO_LARGE,
}

OnEvent = Callable[["LiveEnvironment", Event, Frame | None], None]


class LiveEnvironment:
    """One environment from its first thought to its last."""

    def __init__(
        self,
        number: int,
        environment: Environment,
        key: ParentKey,
        stream: str,
        *,
        reactor: Reactor,
        channel: socket.socket,
        log_fd: int,
        kept_max: int,
        on_event: OnEvent,
        on_log: Callable[[LogChunk], None],
    ) -> None:
        self.number = number
        self.environment = environment
        self.key = key
        self.stream = stream
        self.state = State.FORKING
        self.request_id = ""
        self.seq = 0
        self.has_ended = False  # the process is known to be gone
        self.started_ms = reactor.now_ms()
        self.init_ms: float | None = None  # told with the first invocation, then None
        self.init_body = b""
        self.peak_kb = 0
        self.excess_kb = 0
        self.journal = Journal(kept_max)
        self._reactor = reactor
        self._channel = channel
        self._log_fd = log_fd
        self._on_event = on_event
        self._on_log = on_log
        self._reader = FrameReader()
        self._unsent: list[memoryview] = []
        self._child: ChildProcess | None = None
        self._timer: Handle | None = None
        self._pause: Handle | None = None
        self._channel_open = True
        self._is_midway = False  # a frame has come in part
        self._is_writing = False  # the rest of a frame waits for room in the socket
        self._log_open = True
        reactor.add_reader(channel.fileno(), self._channel_is_ready)
        reactor.add_reader(log_fd, self._read_log)

    def forked(self, pid: int) -> None:
        """Take note of the process."""
        self._child = ChildProcess(pid)
        inherited = self._child.memory_kb(0)
        self.excess_kb = max(0, inherited - INHERITED_KB_MAX)

    def send(self, kind: bytes, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame, as far as the socket takes it; the rest when it takes more."""
        first, second = frames.encode(kind, self.seq, head, body)
        self._unsent += [memoryview(first), memoryview(second)] if body else [memoryview(first)]
        if len(self._unsent) <= 2:
            self._write()

    def set_deadline(self, at_ms: int | None) -> None:
        """Tell DEADLINE at an instant, instead of at the one before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            self._timer = self._reactor.call_at(Millis(at_ms), self._overdue)

    def kill(self, with_group: bool) -> None:
        """Kill the process; its group too when its parent cannot be counted on for that."""
        if self._child is not None:
            self._child.kill()
            if with_group:
                self._child.kill_group()
        self._close_channel()

    def used_mb(self) -> int:
        """Return the most memory that it has used so far."""
        return max(0, self.peak_kb - self.excess_kb) // 1024

    def measure(self, said_kb: int | None = None) -> bool:
        """Look at its memory, or hear what it says of it; tell whether that is over its limit."""
        if self._child is None:  # what it has in common with its parent is not known
            return False
        limit_kb = self.environment.memory_mb * 1024 + self.excess_kb
        if said_kb is None:
            said_kb = self._child.memory_kb(limit_kb)
        self.peak_kb = max(self.peak_kb, said_kb)
        return said_kb > limit_kb

    def open_log(self, request_id: str, line: str) -> None:
        """Begin an invocation's log with a line."""
        self._tell(self.journal.flush())
        self.request_id = request_id
        self.journal.begin()
        self._tell(self.journal.note(line))

    def note(self, line: str) -> None:
        """Add a line of the platform's."""
        self._tell(self.journal.note(line))

    def close_log(self, line: str) -> bytes:
        """End an invocation's log with a line and return its tail."""
        self._tell(self.journal.note(line))
        tail = self.journal.tail()
        self.request_id = ""
        self._resume_log()
        return tail

    def drain_log(self) -> None:
        """Read what is in the pipe now, but not what a flooding child adds meanwhile."""
        left = LOG_BYTES
        while self._log_open and left > 0:
            data = self._read_pipe(left)
            if not data:
                return
            left -= len(data)
            self._tell(self.journal.write(data))

    def hear_last_words(self) -> None:
        """Read what a process that has ended left in its channel: its answer may be there, unread.

        Its parent's word of its end comes by another way and may overtake it.
        """
        self.has_ended = True
        left = CHANNEL_BYTES_MAX
        while self._channel_open and left > 0 and self._read_channel():
            left -= CHANNEL_BYTES

    def close(self) -> None:
        """Let go of everything; the process is somebody else's affair by now."""
        self.set_deadline(None)
        self.drain_log()
        self._tell(self.journal.flush())
        self._close_channel()
        self._close_log()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _tell(self, text: str) -> None:
        if text:
            place = self.environment
            self._on_log(
                LogChunk(
                    place.function_name,
                    place.account,
                    place.region,
                    self.stream,
                    self.request_id,
                    self._reactor.now_ms(),
                    text,
                )
            )

    def _overdue(self) -> None:
        self._timer = None
        self._on_event(self, Event.DEADLINE, None)

    def _write(self) -> None:
        if not self._channel_open:
            return
        try:
            while self._unsent:
                sent = self._channel.sendmsg(self._unsent[:2])
                self._sent(sent)
        except BlockingIOError:
            if not self._is_writing:
                self._is_writing = True
                self._reactor.add_writer(self._channel.fileno(), self._write)
            return
        except OSError:  # the read side will tell of the end
            self._unsent.clear()
        if self._is_writing:
            self._is_writing = False
            self._reactor.remove_writer(self._channel.fileno())

    def _sent(self, count: int) -> None:
        while count:
            first = self._unsent[0]
            if count < len(first):
                self._unsent[0] = first[count:]
                return
            count -= len(first)
            self._unsent.pop(0)

    def _channel_is_ready(self) -> None:
        self._read_channel()

    def _read_channel(self) -> bool:
        """Take what has come; tell whether anything has."""
        if not self._channel_open:
            return False
        try:
            data = self._channel.recv(CHANNEL_BYTES_MORE if self._is_midway else CHANNEL_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._broken()
            return False
        self._reader.feed(data)
        try:
            for frame in iter(self._next_frame, None):
                self._on_event(self, EVENTS[frame.kind], frame)
            self._is_midway = self._reader.is_midway
        except Garbage:
            self._broken()
        return True

    def _next_frame(self) -> Frame | None:
        """Return a frame that answers what was asked last; none once the channel is closed."""
        if not self._channel_open:
            return None
        frame = self._reader.next()
        if frame is not None and frame.seq != self.seq:
            raise Garbage(f"an answer to {frame.seq} in place of {self.seq}")
        return frame

    def _broken(self) -> None:
        self._close_channel()
        self._on_event(self, Event.BROKEN, None)

    def _read_pipe(self, size: int) -> bytes:
        """Return what is there, or nothing; close our end when nobody holds the other."""
        try:
            data = os.read(self._log_fd, size)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._close_log()
        return data

    def _read_log(self) -> None:
        if not self._log_open:
            return
        data = self._read_pipe(LOG_BYTES)
        self._tell(self.journal.write(data))
        if self.journal.is_flooded and self._log_open and self._pause is None:
            self._reactor.remove_reader(self._log_fd)
            at_ms = Millis(self._reactor.now_ms() + FLOOD_PAUSE_MS)
            self._pause = self._reactor.call_at(at_ms, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._log_open:
            self._reactor.add_reader(self._log_fd, self._read_log)
            self._read_log()

    def _resume_log(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
            if self._log_open:
                self._reactor.add_reader(self._log_fd, self._read_log)

    def _close_channel(self) -> None:
        if self._channel_open:
            self._channel_open = False
            self._unsent.clear()
            self._reactor.remove_reader(self._channel.fileno())
            self._reactor.remove_writer(self._channel.fileno())
            self._channel.close()

    def _close_log(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._log_open:
            self._log_open = False
            self._reactor.remove_reader(self._log_fd)
            os.close(self._log_fd)
