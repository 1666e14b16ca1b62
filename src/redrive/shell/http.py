"""HTTP/1.1 over asyncio: bytes to Requests, Responses to bytes. Decides nothing about their
content.

One request of a connection is answered at a time, in order; what a client pipelines waits here, and
reading pauses when it is more than a little. Sizes are bounded before anything is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httptools
import orjson

from redrive.shell.clients import BODIES_BYTES_MAX, Clients
from redrive.shell.pieces import Opening, Pieces, encode_opening
from redrive.wire.messages import Request, Response

HEADER_BYTES_MAX = 65_536
PIPELINE_MAX = 16
PIPELINE_BYTES_MAX = 1_048_576
"""Bodies that wait in line on one connection before reading pauses."""

UNJUDGED_BYTES_MAX = 65_536
"""A body up to this size is read before its sender is judged, so that the connection goes on."""

LINGER_S = 2.0
"""How long a refused client is listened to: closing on bytes that nobody has read would reset the
connection, and the refusal with it."""

_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}
_NAMES: dict[bytes, str] = {}
_NAMES_MAX = 512


class Exchange(Protocol):
    """A request under way."""

    def abandon(self) -> None:
        """The client has gone: nobody reads the answer."""
        ...

    @property
    def is_waiting(self) -> bool:
        """Tell whether nothing has been done yet that the client must hear of."""
        ...


Respond = Callable[[Response | Opening], None]
Handler = Callable[[Request, Respond], Exchange | None]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(
        self,
        handler: Handler,
        body_bytes_max: Callable[[bytes], int],
        refusal: Callable[[Mapping[str, str]], str | None],
        clients: Clients,
    ) -> None:
        self._handler = handler
        self._body_bytes_max = body_bytes_max
        self._refusal_of = refusal
        self._clients = clients
        self.idle_sweeps = 0
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._waiting_bytes = 0
        self._exchange: Exchange | None = None
        self._is_busy = False
        self._is_closing = False  # after the answer to what is under way
        self._is_over = False  # nothing more is read; what is in line is answered
        self._refusal: bytes | None = None  # the last thing to say
        self._keeps_alive = True
        self._is_head = False
        self._is_going_on = False
        self._unsent_bytes = 0  # as counted when the client stopped reading its answers
        self._begun = self._completed = 0
        self._unseen_bytes = 0
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: bytes | bytearray = b""
        self._body_bytes = 0
        self._body_max = 0

    def _drop_body(self) -> None:
        self._clients.body_bytes -= self._body_bytes
        self._body = b""
        self._body_bytes = 0

    # --- transport ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._clients.enter(self)
        if self._clients.is_full:
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what is under way."""
        self._clients.leave(self)
        self._drop_body()
        self._transport = None
        self._clients.held_bytes -= self._waiting_bytes + self._unsent_bytes
        self._waiting_bytes = self._unsent_bytes = 0
        self._waiting.clear()
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None

    def data_received(self, data: bytes) -> None:
        """Parse; every complete request is handled or put in line."""
        if self._is_closing or self._is_over:
            return
        before = self._begun, self._header_bytes + self._body_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # RFC 9110 section 7.8: Upgrade may be ignored. The request itself has been handled;
            # what follows may be in the other protocol.
            self.close()
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _Refused):
                self._refuse(cause.status, cause.reason)
            elif isinstance(error, httptools.HttpParserCallbackError) and cause is not None:
                raise cause from None  # a bug of ours, not of the client's
            else:
                self._refuse(400, "malformed HTTP request")
        else:
            self._count_unseen(len(data), before)

    def _count_unseen(self, count: int, before: tuple[int, int]) -> None:
        """Bound what the parser keeps to itself: a header or a chunk's extension without an end."""
        if before != (self._begun, self._header_bytes + self._body_bytes):
            self._unseen_bytes = 0
            return
        self._unseen_bytes += count
        if self._unseen_bytes > HEADER_BYTES_MAX:
            self._refuse(431, "the request's header is too large")

    def eof_received(self) -> bool:
        """Answer a client that has only stopped sending; one whose request waits counts as gone."""
        if not self._is_busy or (self._exchange is not None and self._exchange.is_waiting):
            return False
        self._is_over = True
        return True

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._unsent_bytes = self._transport.get_write_buffer_size()
            self._clients.held_bytes += self._unsent_bytes

    def resume_writing(self) -> None:
        """Go on with what is in line, and read again."""
        self._clients.held_bytes -= self._unsent_bytes
        self._unsent_bytes = 0
        if self._transport is not None:
            if not self._is_busy:
                self._go_on(self._transport)
            if not self._is_crowded and not self._is_over:
                self._transport.resume_reading()

    @property
    def _is_crowded(self) -> bool:
        return len(self._waiting) >= PIPELINE_MAX or self._waiting_bytes >= PIPELINE_BYTES_MAX

    @property
    def progress(self) -> tuple[int, bool, bool]:
        """A number that changes as things go on; whether the client lets us wait; whether we it."""
        is_unread = self._unsent_bytes > 0
        transport = self._transport
        left = transport.get_write_buffer_size() if is_unread and transport is not None else 0
        is_unfinished = self._begun > self._completed or is_unread
        return (self._begun << 40) - left, is_unfinished, self.is_busy and not is_unread

    @property
    def is_busy(self) -> bool:
        """Tell whether a request is under way, or an answer is not yet with the system."""
        transport = self._transport
        return self._is_busy or (transport is not None and transport.get_write_buffer_size() > 0)

    def close(self) -> None:
        """Close as soon as what is under way has been answered."""
        self._is_closing = True
        if not self._is_busy and self._transport is not None:
            self._transport.close()

    # --- what the parser calls ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._begun += 1
        self._reset()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._url += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; of a repeated one the values are joined, as RFC 9110 section 5.2 says."""
        self._count_header(len(name) + len(value))
        key = _NAMES.get(name)
        if key is None:
            key = name.lower().decode("latin-1")
            if len(_NAMES) < _NAMES_MAX:
                _NAMES[name] = key
        text = value.decode("latin-1")
        if key in self._headers:
            if key == "host":  # two hosts are one too many to judge by
                text = ","
            text = f"{self._headers[key]},{text}"
        self._headers[key] = text

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > HEADER_BYTES_MAX:
            raise _Refused(431, "the request's header is too large")

    def on_headers_complete(self) -> None:
        """Judge the size, and before much is kept the sender; then ask for the rest."""
        self._body_max = self._body_bytes_max(self._url)
        length = self._headers.get("content-length", "")
        announced = int(length[:18]) if length.isdigit() else 0
        if announced > self._body_max:
            raise _Refused(413, "the request's body is too large")
        if announced > UNJUDGED_BYTES_MAX or "transfer-encoding" in self._headers:
            refusal = self._refusal_of(self._headers)
            if refusal is not None:
                raise _Refused(403, refusal)
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        self._clients.body_bytes += len(body)
        if self._body_bytes > self._body_max:
            raise _Refused(413, "the request's body is too large")
        if self._clients.body_bytes > BODIES_BYTES_MAX:
            raise _Refused(503, "too many large requests at a time")
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body + body)

    def on_message_complete(self) -> None:
        """Handle the request, or put it in line behind the one under way."""
        body = self._body
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            body if type(body) is bytes else bytes(body),
            self._peer,
        )
        self._completed += 1
        self._drop_body()
        keeps_alive = self._parser.should_keep_alive()
        if self._is_busy or self._waiting or self._unsent_bytes:
            self._waiting.append((request, keeps_alive))
            self._waiting_bytes += len(request.body)
            self._clients.held_bytes += len(request.body)
            if self._is_crowded and self._transport is not None:
                self._transport.pause_reading()
        else:
            self._handle(request, keeps_alive)

    # --- answering ------------------------------------------------------------------------------

    def _handle(self, request: Request, keeps_alive: bool) -> None:
        self._is_busy = True
        self._keeps_alive = keeps_alive
        self._is_head = request.method == "HEAD"
        if self._clients.is_strained:
            self._respond(_STRAINED)
            return
        exchange = self._handler(request, self._respond)
        if exchange is None:
            return  # answered; another request may be under way already
        self._exchange = exchange
        if self._is_over and self._refusal is None and exchange.is_waiting:
            exchange.abandon()
            self.abort()

    def abort(self) -> None:
        """Close without an answer."""
        if self._transport is not None:
            self._transport.abort()

    def _respond(self, response: Response | Opening) -> None:
        if isinstance(response, Opening):
            self._open(response)
            return
        self._is_busy = False
        self._exchange = None
        transport = self._transport
        if transport is None:
            return
        is_last = self._is_over and not self._waiting and self._refusal is None
        closes = self._is_closing or is_last or not self._keeps_alive
        transport.write(encode(response, closes=closes, is_head=self._is_head))
        if closes:
            self._is_closing = True
            transport.close()
        elif self._waiting or self._refusal is not None:
            self._go_on(transport)

    def _open(self, opening: Opening) -> None:
        """Begin an answer that comes in pieces; the request stays under way until its end."""
        transport = self._transport
        if transport is None:
            return
        is_chunked = self._parser.get_http_version() == "1.1"
        self._keeps_alive = self._keeps_alive and is_chunked
        closes = self._is_closing or not self._keeps_alive
        line = _STATUS_LINES.get(opening.status) or f"HTTP/1.1 {opening.status} Status\r\n"
        transport.write(encode_opening(line, opening, is_chunked=is_chunked, closes=closes))
        opening.attach(
            Pieces(transport, self._count_unsent, self._ended, is_chunked, self._is_head)
        )

    def _count_unsent(self) -> bool:
        """Count what a piece has added to what the client does not read; tell whether it is too
        much, for it or for all.
        """
        if not self._unsent_bytes or self._transport is None:
            return False
        unsent = self._transport.get_write_buffer_size()
        self._clients.held_bytes += unsent - self._unsent_bytes
        self._unsent_bytes = unsent
        return self._clients.is_strained

    def _ended(self) -> None:
        """Go on after an answer that came in pieces, as after a whole one."""
        self._is_busy = False
        self._exchange = None
        transport = self._transport
        if transport is None:
            return
        is_last = self._is_over and not self._waiting and self._refusal is None
        if self._is_closing or is_last or not self._keeps_alive:
            self._is_closing = True
            transport.close()
        elif self._waiting or self._refusal is not None:
            self._go_on(transport)

    def _go_on(self, transport: asyncio.Transport) -> None:
        """Handle what is in line: in a loop, since thousands of requests may be refused at once."""
        if self._is_going_on:
            return
        self._is_going_on = True
        while (
            self._waiting
            and not self._is_busy
            and not self._is_closing
            and not self._unsent_bytes  # else a pipeline of receives would fill the memory
        ):
            was_crowded = self._is_crowded
            request, keeps_alive = self._waiting.popleft()
            self._waiting_bytes -= len(request.body)
            self._clients.held_bytes -= len(request.body)
            if (
                was_crowded
                and not self._is_crowded
                and not self._is_over
                and not self._unsent_bytes
            ):
                transport.resume_reading()
            self._handle(request, keeps_alive)
        self._is_going_on = False
        is_done = not self._is_busy and not self._waiting
        if self._refusal is not None and is_done and not self._is_closing:
            self._part(self._refusal)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer bytes that never became a request, after all that did, and close."""
        self._drop_body()
        body = orjson.dumps({"__type": _CODES[status], "message": reason})
        kind = (("Content-Type", "application/x-amz-json-1.0"),)
        self._is_over = True
        self._refusal = encode(Response(status, kind, body), closes=True)
        if not self._is_busy and not self._waiting:
            self._part(self._refusal)

    def _part(self, last: bytes) -> None:
        """Say the last thing, and let it arrive before closing."""
        transport = self._transport
        if transport is not None:
            transport.write(last)
            transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, transport.close)


_CODES = {
    400: "SerializationException",
    403: "AccessDeniedException",
    413: "RequestEntityTooLargeException",
    431: "RequestHeaderSectionTooLarge",
    503: "ServiceUnavailable",
}


_STRAINED = Response(
    503,
    (("Content-Type", "application/x-amz-json-1.0"),),
    orjson.dumps({"__type": "ServiceUnavailable", "message": "too much waits to be read or done"}),
)


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def encode(response: Response, *, closes: bool, is_head: bool = False) -> bytes:
    """Return a response's bytes; the answer to HEAD has no body."""
    status, headers, body = response
    head = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n"
    for name, value in headers:
        head += f"{name}: {value}\r\n"
    if status != 204:
        head += f"Content-Length: {len(body)}\r\n"
    if closes:
        head += "Connection: close\r\n"
    return f"{head}\r\n".encode("latin-1") + (b"" if is_head else body)
