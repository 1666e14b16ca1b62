"""Ask other people's servers over HTTP: the effect Fetch on the event loop.

Whoever may set an endpoint decides where this machine connects to. So the name of an endpoint is
resolved once, each of its addresses is judged (core/addresses.py), and the connection goes to an
address that was judged: a name that means another address a moment later gains nothing. Redirects
are not followed, no proxy of the environment is used, cookies are not kept.

Invariants
1. Unless private addresses are allowed, no socket is made for an address that lies inside.
2. A request is asked once, ends within its time, and holds no more of its answer than it may.
3. No more than CONNECTIONS_MAX connections are open, HOST_CONNECTIONS_MAX to one host.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from redrive.core.addresses import why_inside
from redrive.core.effects import Fetch, Fetched, Reply
from redrive.core.errors import ServiceError

CONNECTIONS_MAX = 500
HOST_CONNECTIONS_MAX = 50
"""As many calls as are under way to one target."""
IDLE_S = 15.0
"""How long a connection that is not used is kept for the next request."""
CHUNK_BYTES = 65_536

_OURS = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers that say how the request is framed: they are made here, whoever gives them."""
_UNADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the client would add by itself."""

Done = Callable[[Reply], None]
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Inside(OSError):
    """An address that may not be asked; the text says why."""


class Fetching:
    """Asks servers, each once. resolve: the addresses of a name; by default the system's."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        is_private: bool = False,
        resolve: Resolve | None = None,
    ) -> None:
        self._loop = loop
        self._is_private = is_private
        self._resolve = resolve or self._system_resolve
        self._session: asyncio.Future[aiohttp.ClientSession] = loop.create_future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keeper = loop.create_task(self._keep())

    def __call__(self, fetch: Fetch, done: Done) -> None:
        """Ask a server; `done` is called once, by the loop."""
        task = self._loop.create_task(self._ask(fetch))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._end(ended, done))

    def close(self) -> None:
        """Break off what is under way, which is not answered any more, and all connections."""
        for task in (*self._tasks, self._keeper):
            task.cancel()

    def _end(self, task: asyncio.Task[Reply], done: Done) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        done(task.result() if error is None else Reply(error=AssertionError(repr(error))))

    async def _keep(self) -> None:
        """Keep the connections until the end: they are closed by the loop that opened them."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX,
                limit_per_host=HOST_CONNECTIONS_MAX,
                keepalive_timeout=IDLE_S,
                use_dns_cache=False,
                resolver=_Judge(self._resolve, self._check),
                socket_factory=self._open,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_UNADDED,
        ) as session:
            self._session.set_result(session)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def _ask(self, fetch: Fetch) -> Reply:
        try:
            url = self._parse(fetch.url)
            session = await asyncio.shield(self._session)
            async with session.request(
                fetch.method,
                url,
                headers=[each for each in fetch.headers if each[0].lower() not in _OURS],
                data=fetch.body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=fetch.timeout_ms / 1_000),
            ) as response:
                body = await _read(response, fetch.body_bytes_max)
        except TimeoutError:
            return _failed("FetchTimeout", f"{fetch.url} did not answer in {fetch.timeout_ms} ms.")
        except (aiohttp.InvalidURL, ValueError) as error:
            return _failed("FetchRefused", f"{fetch.url} cannot be asked: {error}")
        except (aiohttp.ClientError, OSError) as error:
            inside = _inside(error)
            if inside is not None:
                return _failed("FetchRefused", f"{fetch.url} may not be asked: {inside}")
            return _failed("FetchFailed", f"{fetch.url} cannot be reached: {error}")
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        return Reply(fetched=Fetched(response.status, headers, body))

    def _parse(self, text: str) -> URL:
        """Return where to ask. Raises ValueError, Inside."""
        url = URL(text, encoded=True)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("it is no URL of HTTP")
        if url.user is not None or url.password is not None:
            raise ValueError("it holds credentials")
        with suppress(ValueError):
            self._check(str(ip_address(url.host)))
        return url

    def _check(self, address: str) -> None:
        """Refuse an address that lies inside. Raises Inside."""
        why = None if self._is_private else why_inside(address)
        if why is not None:
            raise Inside(f"its address is {why}; http_private = true allows such addresses")

    def _open(self, info: Any) -> socket.socket:
        """Make the socket of a connection: none without its address having been judged."""
        family, kind, protocol, _name, address = info
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)

    async def _system_resolve(self, host: str, port: int) -> list[str]:
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_rest, address in found]


class _Judge(AbstractResolver):
    """Resolves a name, and refuses one that has an address inside: none of them is chosen."""

    def __init__(self, resolve: Resolve, check: Callable[[str], None]) -> None:
        self._resolve = resolve
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises OSError."""
        del family
        addresses = await self._resolve(host, port)
        for address in addresses:
            self._check(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the beginning of a body; what is beyond is not read, and its connection is not used
    again.
    """
    pieces: list[bytes] = []
    left = most
    while left > 0:
        piece = await response.content.read(min(left, CHUNK_BYTES))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        left -= len(piece)
    response.close()
    return b"".join(pieces)


def _failed(code: str, text: str) -> Reply:
    return Reply(error=ServiceError(code, text))


def _inside(error: BaseException | None) -> Inside | None:
    """Return the refusal that an error of the client stems from."""
    while error is not None and not isinstance(error, Inside):
        error = error.__cause__ or error.__context__
    return error
