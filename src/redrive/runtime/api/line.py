"""The line to an environment whose runtime is a program: its API over HTTP, and its supervisor.

What the contract tells becomes events of the life cycle; what the supervisor tells (bootstrap/
supervisor.py) is how the processes ended. Neither is trusted.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redrive.core.effects import Run
from redrive.core.time import SECOND_MS, Millis
from redrive.runtime import frames
from redrive.runtime.answers import EXTENSION_CRASH, INVALID_ENTRYPOINT
from redrive.runtime.api.contract import Contract, Happened, News, error_body
from redrive.runtime.api.requests import Opening, Request
from redrive.runtime.api.server import ApiServer
from redrive.runtime.environment import LiveEnvironment, OnEvent
from redrive.runtime.frames import Frame
from redrive.runtime.lifecycle import Event, exit_reason
from redrive.runtime.parents import LENGTH, take_messages
from redrive.runtime.reactor import Reactor

WORDS_BYTES = 65_536
LEAVE_MS = 300
LEAVE_INTERNAL_MS = 500
"""What a runtime has after SIGTERM. AWS: Lambda Extensions API, "Shutdown phase": 300 ms beside
external extensions, 500 ms with internal ones only, none without any."""

EVENTS = {
    Happened.READY: (Event.READY, frames.READY),
    Happened.NEXT: (Event.NEXT, None),
    Happened.RESPONSE: (Event.REPLIED, frames.RESPONSE),
    Happened.FAILURE: (Event.REPLIED_FAILURE, frames.FAILURE),
    Happened.TOO_LARGE: (Event.REPLIED_TOO_LARGE, frames.TOO_LARGE),
    Happened.INIT_ERROR: (Event.INIT_ERROR, frames.INIT_ERROR),
}


@dataclass(slots=True)
class Stream:
    """A response that is under way. pieces and size: of one that is not given on as it comes."""

    ticket: int
    content_type: str
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


class ApiLine:
    """See `environment.Line`."""

    def __init__(
        self,
        live: LiveEnvironment,
        channel: socket.socket,
        extensions: Sequence[str],
        reactor: Reactor,
        on_event: OnEvent,
    ) -> None:
        """extensions: their names. Raises OSError when no listening socket can be had."""
        self.has_company = False
        self.has_streamed = False
        self._live = live
        self._channel = channel
        self._reactor = reactor
        self._on_event = on_event
        self._contract = Contract(live.environment, live.fitting.stream, extensions)
        self._server = ApiServer(reactor, self)
        self._stream: Stream | None = None
        self._run: Run | None = None
        self._buffer = bytearray()
        self._unsent = b""
        self._status: int | None = None
        self._begun_ms = reactor.now_ms()
        self._is_open = True
        reactor.add_reader(channel.fileno(), self._read)

    @property
    def address(self) -> str:
        """Return what AWS_LAMBDA_RUNTIME_API says."""
        return f"127.0.0.1:{self._server.port}"

    def configure(self, config: Mapping[str, Any]) -> None:
        """Tell the supervisor what to start."""
        self._send(config)

    def invoke(self, run: Run, now_ms: Millis, ends_ms: Millis) -> None:
        """Answer the runtime's request for the next invocation."""
        self._begun_ms = now_ms
        self._run = run
        self.has_streamed = False
        self._contract.invoke(run, ends_ms)
        self._flush()

    def shut_down(self, reason: str, at_ms: Millis) -> bool:
        """Tell extensions of the end, and the runtime where the end is a quiet one."""
        if not self._is_open or not self._contract.extensions:
            return False
        told = self._contract.shut_down(reason, at_ms)
        is_quiet = reason == "spindown"
        if not told and not is_quiet:
            return False
        after_ms = (LEAVE_MS if told else LEAVE_INTERNAL_MS) if is_quiet else 0
        self._send({"stop": after_ms / SECOND_MS, "spare": told})
        self._flush()
        return True

    def hear_last_words(self) -> None:
        """Read what is left."""
        if self._is_open:
            self._server.drain()
            self._read()

    def exit_status(self) -> int | None:
        """Return how the runtime ended, if that is known."""
        return self._status

    def close(self) -> None:
        """Hear nothing more."""
        if self._is_open:
            self._is_open = False
            self._server.close()
            self._reactor.remove_reader(self._channel.fileno())
            self._reactor.remove_writer(self._channel.fileno())
            self._channel.close()

    # The API.

    def on_opening(self, ticket: int, opening: Opening) -> None:
        """See `server.Listener`."""
        if self._contract.may_answer(opening.path):
            kind = opening.headers.get("content-type", "application/octet-stream")
            self._stream = Stream(ticket, kind)

    def on_piece(self, ticket: int, data: bytes) -> None:
        """See `server.Listener`."""
        stream, run = self._stream, self._run
        if stream is None or stream.ticket != ticket or run is None:
            return
        if run.on_chunk is None:
            stream.size += len(data)
            if stream.size <= frames.RESPONSE_BYTES_MAX:
                stream.pieces.append(data)
            return
        if not self.has_streamed:
            self.has_streamed = True
            if run.on_head is not None:
                run.on_head(stream.content_type)
        run.on_chunk(data)

    def on_request(self, ticket: int, request: Request) -> None:
        """See `server.Listener`."""
        stream = self._stream
        if stream is not None and stream.ticket == ticket:
            self._stream = None
            is_too_large = stream.size > frames.RESPONSE_BYTES_MAX
            request = request._replace(body=b"".join(stream.pieces), is_too_large=is_too_large)
        self._contract.take(ticket, request)
        self._flush()

    def on_gone(self, ticket: int) -> None:
        """See `server.Listener`."""
        self._contract.forget(ticket)
        if self._stream is not None and self._stream.ticket == ticket:
            self._stream = None
            self._contract.cut_short()
            self._flush()

    def _flush(self) -> None:
        """Send the replies that are due, then tell the news: the news may end everything."""
        contract = self._contract
        self.has_company = bool(contract.extensions)
        while contract.replies:
            self._server.reply(*contract.replies.pop(0))
        while contract.news:
            self._tell(contract.news.pop(0))

    def _tell(self, news: News) -> None:
        if not self._is_open:
            return
        if news.what is Happened.REGISTERED:
            self._send({"start": True})
        elif news.what is Happened.BROKEN:
            self._give_up(news.body)
        else:
            event, kind = EVENTS[news.what]
            self._on_event(self._live, event, self._frame(kind, news.body) if kind else None)

    def _frame(self, kind: bytes, body: bytes = b"") -> Frame:
        begun_ms = self._begun_ms if kind != frames.READY else self._live.started_ms
        elapsed_us = (self._reactor.now_ms() - begun_ms) * 1000
        memory_kb = self._live.peak_seen_kb()
        return Frame(kind, 0, min(elapsed_us, 2**32 - 1), memory_kb, body)

    def _give_up(self, body: bytes) -> None:
        """End the environment for an extension's sake: that is the answer, if one is owed."""
        if self._contract.is_first:
            self._on_event(self._live, Event.INIT_ERROR, self._frame(frames.INIT_ERROR, body))
            return
        if self._contract.runtime == "running":
            frame = self._frame(frames.FAILURE, body)
            self._on_event(self._live, Event.REPLIED_FAILURE, frame)
        self._on_event(self._live, Event.BROKEN, None)

    # The supervisor.

    def _send(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message).encode()
        self._unsent += LENGTH.pack(len(text)) + text
        self._write()

    def _write(self) -> None:
        if not self._is_open:
            return
        fd = self._channel.fileno()
        try:
            while self._unsent:
                self._unsent = self._unsent[self._channel.send(self._unsent) :]
        except BlockingIOError:
            self._reactor.add_writer(fd, self._write)
            return
        except OSError:  # the read side will tell of the end
            self._unsent = b""
        self._reactor.remove_writer(fd)

    def _read(self) -> None:
        if not self._is_open:
            return
        try:
            data = self._channel.recv(WORDS_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        try:
            for message in take_messages(self._buffer):
                self._hear(message)
        except (ValueError, KeyError, TypeError):
            data = b""
        if not data and self._is_open:
            self._server.drain()
            self.close()
            self._on_event(self._live, Event.BROKEN, None)

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Act on one message. Raises KeyError, TypeError or ValueError when it makes no sense."""
        if not self._is_open:
            return
        if "failed" in message:
            body = error_body(INVALID_ENTRYPOINT, f"Error: {message['failed']}")
            self._live.log.note(f"{message['failed']}\n")
            self._on_event(self._live, Event.INIT_ERROR, self._frame(frames.INIT_ERROR, body))
            return
        name, status = str(message["ended"]), int(message["status"])
        self._server.drain()
        if name:
            reason = exit_reason(status).replace("Runtime", f"Extension {name}", 1)
            if not self._live.is_leaving:
                self._give_up(error_body(EXTENSION_CRASH, f"Error: {reason}"))
            return
        self._status = status
        self._on_event(self._live, Event.ENDED, None)
