"""All connections of a server together: how many, how much they hold, how long they may dawdle.

What one client may do is bounded in `http`; what all of them may do is bounded here, so that
neither many idle sockets nor many half-sent bodies keep others out or fill the memory. No clock:
`sweep` is called at a steady pace, and counts.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Protocol

BODIES_BYTES_MAX = 268_435_456
"""Bodies on their way in, all connections together: three of the largest packages at a time."""

HELD_BYTES_MAX = 268_435_456
"""Pipelined bodies in line and answers that nobody reads, all connections together. Beyond it every
further request is answered with a 503, which SDKs try again."""

SWEEP_S = 5.0
UNFINISHED_SWEEPS_MAX = 12
"""A request that is not complete after a minute is not waited for, however it trickles in."""

IDLE_SWEEPS_MAX = 36
"""A connection without a request is closed after three minutes; SDKs open another by themselves."""

_OTHER_FILES = 256
"""Descriptors kept for the store, function processes and what else is open."""

_REFUSED_MAX = 128
"""Of these, descriptors for clients beyond the limit while they are told so."""

_CONNECTIONS_MAX = 10_000


class Client(Protocol):
    """A connection as the sweep sees it."""

    idle_sweeps: int

    @property
    def progress(self) -> tuple[int, bool, bool]:
        """A number that changes as things go on; whether the client lets us wait, with half a
        request or with answers that it does not read; whether we let it wait.
        """
        ...

    def abort(self) -> None:
        """Close without an answer."""
        ...


class Clients:
    """The connections that are open."""

    def __init__(self) -> None:
        self.open: set[Client] = set()
        self.body_bytes = 0
        self.held_bytes = 0
        self._seen: dict[Client, int] = {}
        self._most = max(1, min(_raise_file_limit() - _OTHER_FILES, _CONNECTIONS_MAX))
        self.left: Callable[[], None] = lambda: None  # there may be room again

    @property
    def is_full(self) -> bool:
        """Tell whether one too many is here: it is refused."""
        return len(self.open) > self._most

    def has_room(self, arriving: int) -> bool:
        """Tell whether one more may be accepted, if only to be refused."""
        return len(self.open) + arriving < self._most + _REFUSED_MAX

    @property
    def is_strained(self) -> bool:
        """Tell whether so much is held that nothing more may be begun."""
        return self.held_bytes > HELD_BYTES_MAX

    def enter(self, client: Client) -> None:
        """Count a new connection."""
        self.open.add(client)

    def leave(self, client: Client) -> None:
        """Forget a closed one."""
        self.open.discard(client)
        self._seen.pop(client, None)
        self.left()

    def sweep(self) -> None:
        """Close the connections that have been idle, or unfinished, for too many sweeps."""
        for client in list(self.open):
            mark, is_unfinished, is_busy = client.progress
            if is_busy or self._seen.get(client) != mark:
                self._seen[client] = mark
                client.idle_sweeps = 0
                continue
            client.idle_sweeps += 1
            limit = UNFINISHED_SWEEPS_MAX if is_unfinished else IDLE_SWEEPS_MAX
            if client.idle_sweeps >= limit:
                client.abort()


def _raise_file_limit() -> int:
    """Let this process open as many files as the system allows it to; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1_048_576
