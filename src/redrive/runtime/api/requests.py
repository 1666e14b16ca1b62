"""HTTP/1.1 requests of runtimes and extensions, from bytes to values. No sockets.

Keep-alive, chunked bodies and trailers are understood, because the clients differ: Node's, Go's and
Rust's send a length or chunks, and tell an error in the middle of a response in trailers. A
response that says that it streams is given on in pieces as they come: Opening, bytes, Request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import httptools

from redrive.runtime.frames import RESPONSE_BYTES_MAX

HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 64 << 20
"""More than any answer may have: what is above RESPONSE_BYTES_MAX is read and thrown away, so that
its sender hears the refusal; what is above this ends the connection."""

STREAM_BYTES_MAX = 200 << 20
"""AWS: Lambda quotas, "Streamed response size"."""

REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}


class Request(NamedTuple):
    """headers: by lower-case name, with the trailers. is_too_large: the body was thrown away."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    is_too_large: bool
    keeps_alive: bool


class Opening(NamedTuple):
    """What is known of a request whose body is given on in pieces. The Request at its end has no
    body."""

    path: str
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """headers beside the length; their values are text of ours or of the request at hand."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Malformed(Exception):
    """What came is not HTTP, or larger than anything that is allowed."""


def encode(reply: Reply) -> tuple[bytes, bytes]:
    """Return a reply in two pieces, so that a large body is not copied."""
    lines = [f"HTTP/1.1 {reply.status} {REASONS[reply.status]}"]
    lines += [f"{name}: {' '.join(value.splitlines())}" for name, value in reply.headers]
    lines += [f"Content-Length: {len(reply.body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8"), reply.body


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestReader:
    """Cut the bytes of one connection into requests."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._done: list[Request | Opening | bytes] = []
        self._head_bytes = 0
        self._in_body = False
        self.wants_continue = False  # somebody waits for our word before he sends his body
        self._begin()

    def feed(self, data: bytes) -> list[Request | Opening | bytes]:
        """Take bytes; return what they complete, in order. Raises Malformed."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise Malformed("there is nothing to upgrade to") from error
        except (httptools.HttpParserError, httptools.HttpParserCallbackError) as error:
            raise Malformed(str(error)) from error
        if self._size > (STREAM_BYTES_MAX if self._streams else BODY_BYTES_MAX):
            raise Malformed("the body is too large")
        done, self._done = self._done, []
        self._head_bytes = 0 if self._in_body or done else self._head_bytes + len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise Malformed("the head is too large")
        return done

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._streams = False

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()

    def on_url(self, target: bytes) -> None:
        """Its target, perhaps in pieces."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")

    def on_headers_complete(self) -> None:
        """The body is next."""
        self._in_body = True
        self.wants_continue = self._headers.get("expect", "").lower() == "100-continue"
        mode = self._headers.get("lambda-runtime-function-response-mode", "")
        self._streams = mode.lower() == "streaming"
        if self._streams:
            self._done.append(Opening(self._target.decode("latin-1"), self._headers))

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.wants_continue = False
        self._size += len(data)
        if self._streams:
            self._done.append(data)
        elif self._size <= RESPONSE_BYTES_MAX:
            self._pieces.append(data)
        else:
            self._pieces.clear()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self.wants_continue = False
        is_too_large = self._size > RESPONSE_BYTES_MAX and not self._streams
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._target.decode("latin-1"),
            self._headers,
            b"" if is_too_large else b"".join(self._pieces),
            is_too_large,
            self._parser.should_keep_alive(),
        )
        self._done.append(request)
        self._begin()
