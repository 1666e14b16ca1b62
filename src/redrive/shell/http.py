"""HTTP/1.1 over asyncio: bytes to Requests, Responses to bytes. Decides nothing about their
content.

One request of a connection is answered at a time, in order; what a client pipelines waits here, and
reading pauses when it is more than a little. Sizes are bounded before anything is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from redrive.wire.messages import Request, Response

HEADER_BYTES_MAX = 65_536
PIPELINE_MAX = 16

_STATUS_LINES = {
    200: "HTTP/1.1 200 OK\r\n",
    201: "HTTP/1.1 201 Created\r\n",
    202: "HTTP/1.1 202 Accepted\r\n",
    204: "HTTP/1.1 204 No Content\r\n",
    400: "HTTP/1.1 400 Bad Request\r\n",
    403: "HTTP/1.1 403 Forbidden\r\n",
    404: "HTTP/1.1 404 Not Found\r\n",
    405: "HTTP/1.1 405 Method Not Allowed\r\n",
    409: "HTTP/1.1 409 Conflict\r\n",
    412: "HTTP/1.1 412 Precondition Failed\r\n",
    413: "HTTP/1.1 413 Payload Too Large\r\n",
    429: "HTTP/1.1 429 Too Many Requests\r\n",
    431: "HTTP/1.1 431 Request Header Fields Too Large\r\n",
    500: "HTTP/1.1 500 Internal Server Error\r\n",
    503: "HTTP/1.1 503 Service Unavailable\r\n",
}
_NAMES: dict[bytes, str] = {}
_NAMES_MAX = 512


class Exchange(Protocol):
    """A request under way."""

    def abandon(self) -> None:
        """The client has gone: nobody reads the answer."""
        ...


Respond = Callable[[Response], None]
Handler = Callable[[Request, Respond], Exchange | None]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(
        self,
        handler: Handler,
        body_bytes_max: Callable[[bytes], int],
        connections: set[Connection],
    ) -> None:
        self._handler = handler
        self._body_bytes_max = body_bytes_max
        self._connections = connections
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._exchange: Exchange | None = None
        self._is_busy = False
        self._is_closing = False
        self._keeps_alive = True
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_max = 0

    # --- transport ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport  # type: ignore[assignment]
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what is under way."""
        self._connections.discard(self)
        self._transport = None
        self._waiting.clear()
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None

    def data_received(self, data: bytes) -> None:
        """Parse; every complete request is handled or put in line."""
        if self._is_closing:
            return
        try:
            self._parser.feed_data(data)
        except _TooLarge as error:
            self._refuse(error.status, error.reason)
        except httptools.HttpParserUpgrade:
            self._refuse(400, b"protocol upgrades are not supported")
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _TooLarge):
                self._refuse(cause.status, cause.reason)
            else:
                self._refuse(400, b"malformed HTTP request")

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        if self._transport is not None and len(self._waiting) < PIPELINE_MAX:
            self._transport.resume_reading()

    @property
    def is_busy(self) -> bool:
        """Tell whether a request of this connection is under way."""
        return self._is_busy

    def close(self) -> None:
        """Close as soon as what is under way has been answered."""
        self._is_closing = True
        if not self._is_busy and self._transport is not None:
            self._transport.close()

    # --- what the parser calls ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
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
            raise _TooLarge(431, b"the request's header is too large")

    def on_headers_complete(self) -> None:
        """Judge the announced size, and let a client that asks first go on."""
        self._body_max = self._body_bytes_max(self._url)
        length = self._headers.get("content-length")
        if length is not None and length.isdigit() and int(length[:18]) > self._body_max:
            raise _TooLarge(413, b"the request's body is too large")
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._body_max:
            raise _TooLarge(413, b"the request's body is too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Handle the request, or put it in line behind the one under way."""
        parts = self._body
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            parts[0] if len(parts) == 1 else b"".join(parts),
        )
        keeps_alive = self._parser.should_keep_alive()
        if self._is_busy:
            self._waiting.append((request, keeps_alive))
            if len(self._waiting) >= PIPELINE_MAX and self._transport is not None:
                self._transport.pause_reading()
        else:
            self._handle(request, keeps_alive)

    # --- answering ------------------------------------------------------------------------------

    def _handle(self, request: Request, keeps_alive: bool) -> None:
        self._is_busy = True
        self._keeps_alive = keeps_alive
        self._exchange = self._handler(request, self._respond)

    def _respond(self, response: Response) -> None:
        self._is_busy = False
        self._exchange = None
        transport = self._transport
        if transport is None:
            return
        closes = self._is_closing or not self._keeps_alive
        transport.write(encode(response, closes=closes))
        if closes:
            self._is_closing = True
            transport.close()
            return
        if self._waiting:
            if len(self._waiting) == PIPELINE_MAX:
                transport.resume_reading()
            self._handle(*self._waiting.popleft())

    def _refuse(self, status: int, reason: bytes) -> None:
        """Answer bytes that never became a request, and close."""
        self._is_closing = True
        if self._transport is not None:
            body = b'{"__type":"%b","message":"%b"}' % (_CODES[status], reason)
            kind = (("Content-Type", "application/x-amz-json-1.0"),)
            self._transport.write(encode(Response(status, kind, body), closes=True))
            self._transport.close()


_CODES = {
    400: b"SerializationException",
    413: b"RequestEntityTooLargeException",
    431: b"RequestHeaderSectionTooLarge",
}


class _TooLarge(Exception):
    def __init__(self, status: int, reason: bytes) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def encode(response: Response, *, closes: bool) -> bytes:
    """Return a response's bytes."""
    status, headers, body = response
    head = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n"
    for name, value in headers:
        head += f"{name}: {value}\r\n"
    if status != 204:
        head += f"Content-Length: {len(body)}\r\n"
    if closes:
        head += "Connection: close\r\n"
    return f"{head}\r\n".encode("latin-1") + body
