"""The line to a warm Python function: frames over a socket (frames.py).

The child is not trusted: writes never block, reads are cut into pieces, one piece a loop turn, and
whatever is not a frame is told as BROKEN.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from redrive.core.effects import Run
from redrive.core.time import Millis
from redrive.runtime import frames
from redrive.runtime.environment import LiveEnvironment, OnEvent
from redrive.runtime.frames import Frame, FrameReader, Garbage
from redrive.runtime.lifecycle import Event
from redrive.runtime.reactor import Reactor

CHANNEL_BYTES = 16_384
CHANNEL_BYTES_MORE = 131_072
CHANNEL_BYTES_MAX = 4_194_304
"""Read of a channel in one loop turn: the first is enough for most answers; buffers of the second
cost much more to come by, they are for the rest of a large one. The third is more than a socket
holds: what is read at one go when the process has ended."""

EVENTS = {
    frames.READY: Event.READY,
    frames.INIT_ERROR: Event.INIT_ERROR,
    frames.RESPONSE: Event.RESPONSE,
    frames.FAILURE: Event.FAILURE,
    frames.TOO_LARGE: Event.TOO_LARGE,
}


class FramedLine:
    """See `environment.Line`. It has no extensions and waits for nobody."""

    has_company = False
    has_streamed = False

    def __init__(
        self, live: LiveEnvironment, channel: socket.socket, reactor: Reactor, on_event: OnEvent
    ) -> None:
        self._live = live
        self._channel = channel
        self._reactor = reactor
        self._on_event = on_event
        self._reader = FrameReader()
        self._seq = 0
        self._unsent: list[memoryview] = []
        self._is_open = True
        self._is_midway = False  # a frame has come in part
        self._is_writing = False  # the rest of a frame waits for room in the socket
        reactor.add_reader(channel.fileno(), self._is_ready)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Tell the child all that it must know before it imports the handler."""
        self._send(frames.CONFIGURE, config)

    def invoke(self, run: Run, now_ms: Millis, ends_ms: Millis) -> None:
        """Send an invocation."""
        head: dict[str, Any] = {"id": run.request_id, "remaining_ms": ends_ms - now_ms}
        if run.trace:
            head["trace"] = run.trace
        if run.invoked_arn:
            head["arn"] = run.invoked_arn
        if run.client_context:
            head["client"] = run.client_context.decode("utf-8", "replace")
        self._seq += 1
        self._send(frames.INVOKE, head, run.event)

    def shut_down(self, reason: str, at_ms: Millis) -> bool:
        """There is nobody to wait for."""
        return False

    def hear_last_words(self) -> None:
        """Read what is left, which is bounded."""
        left = CHANNEL_BYTES_MAX
        while self._is_open and left > 0 and self._read():
            left -= CHANNEL_BYTES

    def exit_status(self) -> int | None:
        """Its parent knows."""
        return None

    def close(self) -> None:
        """Hear nothing more."""
        if self._is_open:
            self._is_open = False
            self._unsent.clear()
            self._reactor.remove_reader(self._channel.fileno())
            self._reactor.remove_writer(self._channel.fileno())
            self._channel.close()

    def _send(self, kind: bytes, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame, as far as the socket takes it; the rest when it takes more."""
        first, second = frames.encode(kind, self._seq, head, body)
        self._unsent += [memoryview(first), memoryview(second)] if body else [memoryview(first)]
        if len(self._unsent) <= 2:
            self._write()

    def _write(self) -> None:
        if not self._is_open:
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

    def _is_ready(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Take what has come; tell whether anything has."""
        if not self._is_open:
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
                self._on_event(self._live, EVENTS[frame.kind], frame)
            self._is_midway = self._reader.is_midway
        except Garbage:
            self._broken()
        return True

    def _next_frame(self) -> Frame | None:
        """Return a frame that answers what was asked last; none once the channel is closed."""
        if not self._is_open:
            return None
        frame = self._reader.next()
        if frame is not None and frame.seq != self._seq:
            raise Garbage(f"an answer to {frame.seq} in place of {self._seq}")
        return frame

    def _broken(self) -> None:
        self.close()
        self._on_event(self._live, Event.BROKEN, None)
