"""The store as services see it: transactions over named statements.

Invariants
1. What `transact` returned is durable once `commit` has returned, and not before.
2. A work that raises changes nothing; the other works of its group stand.
3. Statements are named; their texts live in .sql files beside the service that owns the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from redrive.core.time import Millis

R = TypeVar("R", covariant=True)
T = TypeVar("T")


class Row(Protocol[R]):
    """A NamedTuple class: a frozen row that is made four times faster than a frozen dataclass."""

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> R: ...


class Tx(Protocol):
    """One transaction. Statement names are `service.statement`."""

    def rows(self, row: Any, statement: str, /, **params: Any) -> list[Any]:
        """Return what a statement selects (or RETURNs), each as `row`, a NamedTuple class."""
        ...

    def one(self, row: Any, statement: str, /, **params: Any) -> Any | None:
        """Return the first row, or None."""
        ...

    def cached(self, row: Any, statement: str, /, *values: Any) -> Any | None:
        """Return the first row of a select from one table that is read far oftener than written.

        Values are bound by position. Whatever writes the table makes it read anew.
        """
        ...

    def run(self, statement: str, /, **params: Any) -> int:
        """Run a statement; return how many rows it changed."""
        ...

    def run_alone(self, statement: str, values: tuple[Any, ...], /) -> None:
        """Run the only statement of a work that writes, bound by position."""
        ...

    def run_values(self, statement: str, values: tuple[Any, ...], /) -> None:
        """Run a statement bound by position of first appearance."""
        ...

    def run_many(self, statement: str, sets: Iterable[tuple[Any, ...]], /) -> None:
        """Run a statement once for each tuple, bound by position."""
        ...

    def sequence(self, now_ms: Millis) -> int:
        """Return a number never given before, growing with time: `now_ms << SEQ_BITS | n`."""
        ...

    def tally(self, statement: str, key: int, /, **amounts: int) -> None:
        """Add to a counter row; additions of one commit group are joined and written once."""
        ...

    def tallied(self, statement: str, key: int, /) -> Mapping[str, int]:
        """Return what `tally` has added to a row and nobody has written yet: a reader adds it."""
        ...

    def wake(self, topic: str) -> None:
        """Tell whoever waits on `topic`, after the commit."""
        ...


class Store(Protocol):
    """Where the acknowledged state lives."""

    def transact(self, work: Callable[..., T], *args: Any) -> T:
        """Run work(tx, *args) in the open group; undo it alone when it raises."""
        ...

    @property
    def has_group(self) -> bool:
        """Tell whether works have run since the last commit."""
        ...

    @property
    def has_writes(self) -> bool:
        """Tell whether the open group has something to sync; else its commit costs nothing."""
        ...

    def woken(self) -> tuple[str, ...]:
        """Return the topics that the open group has woken since this was last asked."""
        ...

    def commit(self, now_ms: Millis) -> tuple[str, ...]:
        """Put the open group on stable storage and return the topics that it wakes.

        Raises Unavailable when nothing of the group was committed (the disk is full), and
        StoreFailed when the state of the disk is unknown: then nothing may be acknowledged any
        more.
        """
        ...

    @property
    def sync_due_ms(self) -> Millis:
        """When `sync` is to be called; NEVER when everything that was committed is synced."""
        ...

    def sync(self, now_ms: Millis) -> None:
        """Put everything that was committed on stable storage. Raises StoreFailed."""
        ...

    def maintain(self, *, idle: bool = False) -> bool:
        """Do the store's own work between groups, a few milliseconds at most.

        Returns whether there is more that only an idle store does.
        """
        ...

    def close(self) -> None:
        """Commit nothing, release the files."""
        ...


class StoreFailed(Exception):
    """A sync or a write of the log failed: the process must say so and exit; a restart finds the
    truth.
    """
