"""HTTP/1.1 responses, parsed as little as a load generator must: status, length, whole body.

Not a general parser: a response carries Content-Length, connections are kept alive, and one
request is in flight on a connection. Anything else is a ResponseError, so that a server cannot look
fast by answering what this would misread.
"""

from __future__ import annotations

import re

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
HEAD_BYTES_MAX = 65_536


class ResponseError(Exception):
    """The server sent something that is not one plain response to one request."""


class ResponseReader:
    """Collects the bytes of one response at a time, however they are cut up."""

    __slots__ = ("_buffer", "_end", "_head_end", "_known")

    def __init__(self) -> None:
        self._buffer = b""
        self._head_end = 0
        self._end = 0
        self._known: tuple[int, int, int, bytes] | None = None

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """Take bytes; return (status, body) when the response is whole, else None.

        The reader is then ready for the next response. Raises ResponseError.
        """
        if self._known and not self._buffer:
            # A server's answers to one operation rarely differ in form: where the length stood in
            # the last one it most likely stands again. That is compared, not trusted.
            length_at, head_end, end, line = self._known
            if (
                len(data) == end
                and data.startswith(line, length_at)
                and data.startswith(b"\r\n\r\n", head_end - 4)
                and data.startswith(b"HTTP/1.1 ")
            ):
                return int(data[9:12]), data[head_end:]
        buffer = self._buffer + data if self._buffer else data
        if not self._end and not self._find_end(buffer):
            self._buffer = buffer
            return None
        if len(buffer) < self._end:
            self._buffer = buffer
            return None
        if len(buffer) > self._end:
            raise ResponseError(f"{len(buffer) - self._end} bytes after the end of a response")
        body = buffer[self._head_end :]
        self._buffer = b""
        self._end = 0
        return int(buffer[9:12]), body

    def _find_end(self, buffer: bytes) -> bool:
        at = buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(buffer) > HEAD_BYTES_MAX:
                raise ResponseError("a response head without an end")
            return False
        if not buffer.startswith(b"HTTP/1.1 "):
            raise ResponseError(f"not HTTP/1.1: {buffer[:40]!r}")
        length = _LENGTH.search(buffer, 0, at + 2)
        if length is None or _CHUNKED.search(buffer, 0, at + 2):
            raise ResponseError("a response without Content-Length")
        self._head_end = at + 4
        self._end = self._head_end + int(length[1])
        self._known = (length.start(), self._head_end, self._end, length[0])
        return True
