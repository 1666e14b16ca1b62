"""What the runtime needs of whoever holds the loop, and the one kind of text that it gives back.

Not an event loop: the shell brings one (uvloop), the tests bring a select() of their own. All
callbacks come from the thread that owns the loop; the executor is made and used from that thread
only, because Linux ties a child's death signal to the thread that started it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from redrive.core.time import Millis


class Handle(Protocol):
    """A call that has been put off."""

    def cancel(self) -> object:
        """Forget the call; harmless when it has happened or was cancelled before."""
        ...


class Reactor(Protocol):
    """Readiness of file descriptors and instants, level-triggered."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever the descriptor can be read, until it is removed."""
        ...

    def remove_reader(self, fd: int, /) -> None:
        """Stop; harmless when the descriptor is not watched."""
        ...

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever the descriptor can be written, until it is removed."""
        ...

    def remove_writer(self, fd: int, /) -> None:
        """Stop; harmless when the descriptor is not watched."""
        ...

    def call_at(self, at_ms: Millis, callback: Callable[[], None], /) -> Handle:
        """Call back once, at or after an instant, from the loop, never from within this call."""
        ...

    def now_ms(self) -> Millis:
        """Return the present instant."""
        ...


class LogChunk(NamedTuple):
    """Whole lines (the last one of an invocation may lack its end) that an environment wrote.

    request_id is empty for what was written during init or between invocations.
    """

    function_name: str
    account: str
    region: str
    stream: str
    request_id: str
    at_ms: Millis
    text: str
