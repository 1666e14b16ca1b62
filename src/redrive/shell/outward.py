"""The way out to other people's servers: what asks them is loaded when the first is asked.

The client takes longer to load than a server may take to start, and most servers ask nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from redrive.core.effects import Fetch, Job, Reply

Done = Callable[[Reply], None]


class _Client(Protocol):
    def __call__(self, fetch: Fetch, done: Done) -> None:
        """Ask, and call back once."""
        ...

    def close(self) -> None:
        """Ask nobody any more."""
        ...


class Outward:
    """Asks other servers and calls back once, from the loop.

    do does a Job beside the loop. is_private: addresses that are not of the public internet may be
    asked too.
    """

    def __init__(
        self, loop: Any, do: Callable[[Job, Done], None], *, is_private: bool = False
    ) -> None:
        self._loop = loop
        self._do = do
        self._is_private = is_private
        self._client: _Client | None = None
        self._waiting: list[tuple[Fetch, Done]] = []
        self._is_closed = False

    def __call__(self, fetch: Fetch, done: Done) -> None:
        """Ask a server."""
        if self._client is not None:
            self._client(fetch, done)
            return
        self._waiting.append((fetch, done))
        if len(self._waiting) == 1:
            self._do(Job(lambda: import_module("redrive.shell.fetching")), self._loaded)

    def _loaded(self, reply: Reply) -> None:
        if self._is_closed:
            return
        waiting, self._waiting = self._waiting, []
        if reply.made is None:
            for _fetch, done in waiting:
                done(Reply(error=reply.error))
            return
        self._client = client = reply.made.Fetching(self._loop, is_private=self._is_private)
        for fetch, done in waiting:
            client(fetch, done)

    def close(self) -> None:
        """Ask nobody any more; who waits is not answered."""
        self._is_closed = True
        if self._client is not None:
            self._client.close()
