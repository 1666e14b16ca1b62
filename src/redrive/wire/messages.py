"""What enters and leaves the wire: requests and responses as values. No sockets, no parsing.

Header names of a Request are lower-cased by whoever makes it; those of a Response are written as
AWS writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from redrive.core.effects import Caller, Params, Result
from redrive.core.errors import ServiceError


class Request(NamedTuple):
    """One HTTP request, whole."""

    method: str
    target: str  # the raw path and query, still percent-encoded
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    peer: str = ""  # the address that it came from


class Response(NamedTuple):
    """One HTTP response, whole. Content-Length is the shell's to add."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Route(NamedTuple):
    """One operation of one service in one protocol, compiled.

    events: writes some events of an answer that is a stream of them; None for other answers.
    """

    service: str
    operation: str
    protocol: str
    parse: Callable[[Request], Params]
    serialize: Callable[[Result, str], Response]
    events: Callable[[Iterable[Result]], bytes] | None = None


class Incoming(NamedTuple):
    """What the wire understood of a request."""

    service: str
    operation: str
    params: Params
    caller: Caller
    route: Route


class Fault(Exception):
    """A request that cannot become an operation: AWS's error, and how far we had understood it.

    service and operation are None when the fault came before they were known; protocol says in
    which form the caller expects to read `error`.
    """

    def __init__(
        self,
        error: ServiceError,
        *,
        protocol: str,
        service: str | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.protocol = protocol
        self.service = service
        self.operation = operation
