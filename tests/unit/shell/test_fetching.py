"""Asking other people's servers: real ones on this machine, and addresses that may not be asked."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import pytest

from redrive.core.effects import Fetch, Fetched, Job, Reply
from redrive.core.errors import ServiceError
from redrive.services.dispatch import perform
from redrive.shell.fetching import Fetching
from redrive.shell.outward import Outward

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request_of(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Read a request: its first line, its headers, its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return head[0], headers, body


def saying(answer: bytes, heard: list[Any] | None = None) -> Talk:
    """A server that answers the same to every connection, and closes it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        if heard is not None:
            heard.append(request)
        writer.write(answer)
        await writer.drain()

    return talk


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A server that reads and says nothing until its client has gone."""
    await reader.read()


class Talker:
    """A server on a free port of this machine, as long as the block lasts."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.connections = 0
        self.url = ""

    async def __aenter__(self) -> Talker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def ask(fetching: Any, fetch: Fetch) -> Reply:
    """Ask, and wait for the answer."""
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    fetching(fetch, answered.set_result)
    return await answered


def asked(fetch: Callable[[Talker], Fetch], talk: Talk, **options: Any) -> Reply:
    """Ask a server once, with private addresses allowed."""

    async def run() -> Reply:
        async with Talker(talk) as talker:
            fetching = Fetching(asyncio.get_running_loop(), is_private=True, **options)
            try:
                return await ask(fetching, fetch(talker))
            finally:
                fetching.close()

    return asyncio.run(run())


def code_of(reply: Reply) -> str:
    """Return the code of a reply's error."""
    assert isinstance(reply.error, ServiceError), reply
    return reply.error.code


def get(talker: Talker) -> Fetch:
    """A plain request."""
    return Fetch("GET", talker.url, timeout_ms=5_000)


def test_a_request_and_its_response() -> None:
    """Method, path, query, headers and body arrive as given, and nothing is added but framing; of
    the response come status, headers by lower-case names, and the body.
    """
    heard: list[Any] = []
    answer = b"HTTP/1.1 418 Teapot\r\nX-One: 1\r\nX-One: 2\r\nContent-Length: 3\r\n\r\nyes"
    reply = asked(
        lambda talker: Fetch(
            "PATCH",
            f"{talker.url}/a%2Fb/%C3%A4?q=%20x&r=+",
            (("X-Two", "b"), ("X-Two", "a"), ("Content-Length", "999"), ("Host", "other")),
            b'{"a":1}',
        ),
        saying(answer, heard),
    )
    assert reply.fetched == Fetched(
        418, (("x-one", "1"), ("x-one", "2"), ("content-length", "3")), b"yes"
    )
    ((line, headers, body),) = heard
    assert line == "PATCH /a%2Fb/%C3%A4?q=%20x&r=+ HTTP/1.1"
    assert body == b'{"a":1}'
    assert set(headers) == {"host", "x-two", "content-length"}
    assert headers["host"].startswith("127.0.0.1:")


def test_a_redirect_is_an_answer() -> None:
    """It is not followed: where it leads to has not been judged."""
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    reply = asked(get, saying(answer))
    assert reply.fetched is not None
    assert (reply.fetched.status, reply.fetched.headers[0]) == (
        302,
        ("location", "http://127.0.0.1:1/"),
    )


def test_a_server_that_says_nothing() -> None:
    """It costs the time of the request and no more."""
    reply = asked(lambda talker: Fetch("GET", talker.url, timeout_ms=30), silent)
    assert code_of(reply) == "FetchTimeout"


def test_a_body_that_never_ends() -> None:
    """The time is that of the whole response."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await reader.read()

    reply = asked(lambda talker: Fetch("GET", talker.url, timeout_ms=50), talk)
    assert code_of(reply) == "FetchTimeout"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_an_answer_that_is_none(answer: bytes) -> None:
    """What breaks off, lies about its length or speaks something else has failed."""
    assert code_of(asked(get, saying(answer))) == "FetchFailed"


def test_more_than_the_length_says() -> None:
    """What follows the announced body is no part of it."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n"
    reply = asked(get, saying(answer))
    assert reply.fetched is not None
    assert reply.fetched.body == b"ok"


def test_a_body_that_is_huge() -> None:
    """No more is read than may be held; the server may go on sending for as long as it likes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    reply = asked(lambda talker: Fetch("GET", talker.url, body_bytes_max=100_000), talk)
    assert reply.fetched is not None
    assert len(reply.fetched.body) == 100_000


def test_a_body_that_would_grow() -> None:
    """What is compressed stays so: a small body cannot become a huge one."""
    body = gzip.compress(b"0" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = asked(get, saying(head.encode() + body))
    assert reply.fetched is not None
    assert reply.fetched.body == body


def test_nobody_listens() -> None:
    """A port without a server has failed."""
    assert code_of(asked(lambda _talker: Fetch("GET", "http://127.0.0.1:1/"), silent)) == (
        "FetchFailed"
    )


def test_a_name_that_nobody_knows() -> None:
    """A name without an address has failed."""

    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    reply = asked(lambda _talker: Fetch("GET", "http://nobody.test/"), silent, resolve=unknown)
    assert code_of(reply) == "FetchFailed"


@pytest.mark.parametrize(
    "url",
    ["", "ftp://1.1.1.1/", "//x", "http://", "http://a:b@1.1.1.1/", "http://[::1", "file:///etc"],
)
def test_a_url_that_cannot_be_asked(url: str) -> None:
    """It is refused before anything is opened."""
    assert code_of(asked(lambda _talker: Fetch("GET", url), silent)) == "FetchRefused"


@pytest.mark.parametrize("header", [("X", "a\r\nY: b"), ("X\r\nY", "a")])
def test_a_header_that_would_be_two(header: tuple[str, str]) -> None:
    """A header cannot smuggle in another."""
    heard: list[Any] = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    reply = asked(lambda talker: Fetch("GET", talker.url, (header,)), saying(answer, heard))
    assert code_of(reply) == "FetchRefused"
    assert heard == []


# --- addresses that may not be asked -------------------------------------------------------------


def guarded(
    fetch: Callable[[Talker], Fetch], resolve: Callable[[str, int], Awaitable[list[str]]] | None
) -> tuple[Reply, int]:
    """Ask with private addresses refused; return the reply and how many connections came."""

    async def run() -> tuple[Reply, int]:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        async with Talker(saying(answer)) as talker:
            fetching = Fetching(asyncio.get_running_loop(), resolve=resolve)
            try:
                return await ask(fetching, fetch(talker)), talker.connections
            finally:
                fetching.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_not_asked(host: str) -> None:
    """However it is written."""
    reply, connections = guarded(lambda talker: Fetch("GET", f"http://{host}:{talker.port}"), None)
    assert (code_of(reply), connections) == ("FetchRefused", 0)


@pytest.mark.parametrize(
    "addresses",
    [["169.254.169.254"], ["fd00:ec2::254"], ["1.1.1.1", "10.0.0.1"], ["64:ff9b::a00:1"]],
)
def test_a_name_of_something_inside(addresses: list[str]) -> None:
    """A name that has an address inside is refused, whatever else it has, and it is said why."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return addresses

    reply, _ = guarded(lambda _talker: Fetch("GET", "http://inside.test/"), resolve)
    assert code_of(reply) == "FetchRefused"
    assert "http_private" in str(reply.error)


def test_a_name_that_changes_its_address() -> None:
    """A name is resolved once for a connection: what it means afterwards is asked by nobody."""
    answers = [["1.1.1.1"], ["127.0.0.1"]]
    asked_for: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked_for.append(host)
        return answers[len(asked_for) - 1]

    async def run() -> tuple[Reply, int]:
        async with Talker(silent) as talker:
            fetching = Fetching(asyncio.get_running_loop(), resolve=resolve)
            try:
                url = f"http://rebinding.test:{talker.port}/"
                return await ask(fetching, Fetch("GET", url)), talker.connections
            finally:
                fetching.close()

    opened: list[str] = []
    original = Fetching._open

    def watched(self: Fetching, info: Any) -> Any:
        opened.append(info[4][0])
        raise ConnectionRefusedError("no network here")

    Fetching._open = watched  # type: ignore[method-assign]
    try:
        reply, connections = asyncio.run(run())
    finally:
        Fetching._open = original  # type: ignore[method-assign]
    assert (code_of(reply), connections) == ("FetchFailed", 0)
    assert (asked_for, opened) == (["rebinding.test"], ["1.1.1.1"])


def test_no_socket_for_an_address_inside() -> None:
    """Where a socket is made, its address is judged once more."""

    async def run() -> None:
        fetching = Fetching(asyncio.get_running_loop())
        with pytest.raises(OSError, match="loopback"):
            fetching._open((2, 1, 6, "", ("127.0.0.1", 80)))
        fetching.close()

    asyncio.run(run())


# --- many, and the end ---------------------------------------------------------------------------


def test_connections_are_used_again() -> None:
    """One after another, requests to one server take one connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def run() -> int:
        async with Talker(talk) as talker:
            fetching = Fetching(asyncio.get_running_loop(), is_private=True)
            for _ in range(5):
                assert (await ask(fetching, get(talker))).fetched is not None
            fetching.close()
            return talker.connections

    assert asyncio.run(run()) == 1


def test_connections_to_one_host_are_bounded() -> None:
    """More than fifty requests wait for a place; a server that hangs holds up no other."""

    async def run() -> tuple[int, int]:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        arrived = asyncio.Event()
        hanging = Talker(silent)

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if hanging.connections == 50:
                arrived.set()
            await silent(reader, writer)

        hanging._talk = hang
        async with hanging, Talker(saying(answer)) as other:
            fetching = Fetching(asyncio.get_running_loop(), is_private=True)
            for _ in range(70):
                fetching(get(hanging), lambda _reply: None)
            await arrived.wait()
            for _ in range(3):
                assert (await ask(fetching, get(other))).fetched is not None
            fetching.close()
            return hanging.connections, other.connections

    assert asyncio.run(run()) == (50, 3)


def test_the_end_answers_nobody() -> None:
    """What is under way at the end is broken off, without a word and without a warning."""
    replies: list[Reply] = []

    async def run() -> None:
        arrived = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await silent(reader, writer)

        async with Talker(hang) as talker:
            fetching = Fetching(asyncio.get_running_loop(), is_private=True)
            fetching(get(talker), replies.append)
            await arrived.wait()
            fetching.close()

    asyncio.run(run())
    assert replies == []


# --- loaded when it is needed --------------------------------------------------------------------


def test_the_client_is_loaded_at_the_first_request() -> None:
    """Requests that come while it is being loaded are asked in their order."""

    async def run() -> None:
        jobs: list[tuple[Job, Callable[[Reply], None]]] = []
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        async with Talker(saying(answer)) as talker:
            outward = Outward(
                asyncio.get_running_loop(),
                lambda job, done: jobs.append((job, done)),
                is_private=True,
            )
            assert jobs == []
            waiting = [asyncio.ensure_future(ask(outward, get(talker))) for _ in range(2)]
            await asyncio.sleep(0)
            ((job, done),) = jobs
            done(perform(job))
            assert [reply.fetched is not None for reply in await asyncio.gather(*waiting)] == [
                True,
                True,
            ]
            assert (await ask(outward, get(talker))).fetched is not None
            assert len(jobs) == 1
            outward.close()

    asyncio.run(run())


def test_a_client_that_cannot_be_loaded() -> None:
    """Who asks is told so; the next request tries again."""

    async def run() -> None:
        def fail(job: Job, done: Callable[[Reply], None]) -> None:
            done(Reply(error=AssertionError("no such module")))

        outward = Outward(asyncio.get_running_loop(), fail)
        for _ in range(2):
            reply = await ask(outward, Fetch("GET", "http://x.test/"))
            assert isinstance(reply.error, AssertionError)
        outward.close()

    asyncio.run(run())
    assert import_module("redrive.shell.fetching").Fetching is Fetching
