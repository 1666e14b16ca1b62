"""HTTP of runtimes, as bytes."""

from __future__ import annotations

import pytest

from redrive.runtime.api.requests import (
    Malformed,
    Opening,
    Reply,
    Request,
    RequestReader,
    encode,
)

PLAIN = b"POST /a?b HTTP/1.1\r\nHost: h\r\nX-Y: 1\r\nContent-Length: 3\r\n\r\nabc"
CHUNKS = (
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nde\r\n1\r\nf\r\n0\r\nLate: yes\r\n\r\n"
)
LAST = b"GET /d HTTP/1.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_requests_are_cut_as_they_come(step: int) -> None:
    """Lengths, chunks and trailers are understood, however the bytes arrive."""
    reader, seen = RequestReader(), []
    stream = PLAIN + CHUNKS + LAST
    for at in range(0, len(stream), step):
        seen += reader.feed(stream[at : at + step])
    first, second, third = seen
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert isinstance(third, Request)
    assert (first.method, first.path, first.body) == ("POST", "/a?b", b"abc")
    assert first.headers == {"host": "h", "x-y": "1", "content-length": "3"}
    assert (second.body, second.headers["late"]) == (b"def", "yes")
    assert (third.method, third.body, third.keeps_alive) == ("GET", b"", False)
    assert first.keeps_alive


def test_stream_is_given_on_in_pieces() -> None:
    """A body that streams comes in pieces between its opening and its end."""
    reader = RequestReader()
    head = b"POST /s HTTP/1.1\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
    seen = reader.feed(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    assert isinstance(seen[0], Opening)
    assert seen[1:] == [b"one"]
    assert reader.feed(b"3\r\ntwo\r\n") == [b"two"]
    for _ in range(7):
        assert len(b"".join(reader.feed(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"))) == 1 << 20
    (end,) = reader.feed(b"0\r\n\r\n")
    assert isinstance(end, Request)
    assert (end.path, end.body, end.is_too_large) == ("/s", b"", False)


def test_expectation() -> None:
    """Who waits for our word is seen once his head is complete, and no longer with his body."""
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.wants_continue
    assert len(reader.feed(b"ab")) == 1
    assert not reader.wants_continue


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000,
        b"GET /" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    """What is not HTTP, or has no end, is refused."""
    reader = RequestReader()
    with pytest.raises(Malformed):
        for at in range(0, len(data), 1000):
            reader.feed(data[at : at + 1000])


def test_large_bodies_are_thrown_away() -> None:
    """A body above the limit is not held, but its end is seen; one without an end is refused."""
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 6291557\r\n\r\n")
    (request,) = reader.feed(b"x" * 6_291_557)
    assert isinstance(request, Request)
    assert (request.is_too_large, request.body) == (True, b"")
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
    with pytest.raises(Malformed):
        for _ in range(70):
            reader.feed(b"x" * (1 << 20))


def test_reply() -> None:
    """A reply has its length; a value with line ends cannot add headers."""
    head, body = encode(Reply(202, (("A", "b\r\nC: d"),), b"xy"))
    assert head == b"HTTP/1.1 202 Accepted\r\nA: b C: d\r\nContent-Length: 2\r\n\r\n"
    assert body == b"xy"
