"""Answers that are written piece by piece: a head, then chunks as they come, then an end.

What a client does not read is kept for it, up to a bound; then it is cut off, since nothing can
hold up whoever makes the pieces. An answer that breaks off has no last chunk, so that no client
takes it for whole (RFC 9112, section 8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

UNSENT_BYTES_MAX = 67_108_864
"""Of one answer, bytes that its client has not read yet."""


class Outlet(Protocol):
    """Takes the pieces of one answer; one whose client has gone takes and forgets them."""

    def write(self, piece: bytes) -> None:
        """Send a piece."""
        ...

    def end(self) -> None:
        """Say that the answer is whole."""
        ...

    def cut(self) -> None:
        """Break the answer off."""
        ...


class Opening(NamedTuple):
    """The head of such an answer; `attach` is given where its pieces go."""

    status: int
    headers: tuple[tuple[str, str], ...]
    attach: Callable[[Outlet], None]


class _Transport(Protocol):
    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def abort(self) -> None: ...


class Pieces:
    """An Outlet of a connection.

    count is called after each piece and tells whether too much is held; ended once, after the last.
    is_chunked: else the end of the connection is that of the answer. is_mute: to HEAD nothing but
    the head is said.
    """

    def __init__(
        self,
        transport: _Transport,
        count: Callable[[], bool],
        ended: Callable[[], None],
        is_chunked: bool,
        is_mute: bool,
    ) -> None:
        self._transport = transport
        self._count = count
        self._ended = ended
        self._is_chunked = is_chunked
        self._is_mute = is_mute
        self._is_over = False

    def write(self, piece: bytes) -> None:
        """Send a piece."""
        if self._is_over or self._is_mute or not piece or self._transport.is_closing():
            return
        if self._is_chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        self._transport.write(piece)
        if self._count() or self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self.cut()

    def end(self) -> None:
        """Say that the answer is whole."""
        if self._is_over:
            return
        self._is_over = True
        if self._is_chunked and not self._is_mute and not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")
        self._ended()

    def cut(self) -> None:
        """Break the answer off."""
        if not self._is_over:
            self._is_over = True
            self._transport.abort()


def encode_opening(line: str, opening: Opening, *, is_chunked: bool, closes: bool) -> bytes:
    """Return the bytes of a head that pieces follow; line is its first, with its end."""
    head = line
    for name, value in opening.headers:
        head += f"{name}: {value}\r\n"
    if is_chunked:
        head += "Transfer-Encoding: chunked\r\n"
    if closes:
        head += "Connection: close\r\n"
    return f"{head}\r\n".encode("latin-1")
