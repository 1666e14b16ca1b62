"""(service, operation) -> function: the one door through which services, workers and HTTP enter.

An operation is `operation(tx, params, context) -> result | Wait | Ask`, run in one transaction.
Services bind what they need (their rooms) when they register; nobody imports a sibling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from redrive.core.effects import Ask, Context, Params, Result, Wait
from redrive.core.errors import ServiceError
from redrive.store.store import Store, Tx

Operation = Callable[[Tx, Any, Context], Result | Wait | Ask]


class Registry:
    """All operations of all services, public and internal.

    Internal operations have names that no AWS model holds; the wire cannot name them, so that only
    workers reach them.
    """

    def __init__(self, store: Store) -> None:
        self._transact = store.transact
        self._operations: dict[tuple[str, str], Operation] = {}
        self._rest: Callable[[], None] | None = None

    def expect(self, rest: Callable[[], None]) -> None:
        """Have further operations added at the first look for one that is not there."""
        self._rest = rest

    def complete(self) -> None:
        """Have them added now, if they are not."""
        rest, self._rest = self._rest, None
        if rest is not None:
            rest()

    def add(self, service: str, operations: Mapping[str, Operation]) -> None:
        """Register a service's operations by AWS's names. A name may be given once."""
        for name, operation in operations.items():
            key = (service, name)
            assert key not in self._operations, f"{service}.{name} is registered twice"
            self._operations[key] = operation

    def watch(self, service: str, operation: str, around: Callable[[Operation], Operation]) -> None:
        """Put something in the way of an operation that sees what it is asked and answers."""
        key = (service, operation)
        self._operations[key] = around(self._operations[key])

    def has(self, service: str, operation: str) -> bool:
        """Tell whether the operation exists here."""
        if (service, operation) not in self._operations:
            self.complete()
        return (service, operation) in self._operations

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield every (service, operation), in the order of registration."""
        self.complete()
        return iter(self._operations)

    def operate(
        self, service: str, operation: str, params: Params, context: Context
    ) -> Result | Wait | Ask:
        """Run one operation in one transaction of the open commit group.

        Raises ServiceError for the caller's mistakes, Unavailable from the store, AssertionError
        for ours.
        """
        work = self._operations.get((service, operation))
        if work is None and self._rest is not None:
            self.complete()
            work = self._operations.get((service, operation))
        if work is None:
            raise ServiceError(
                "UnknownOperationException",
                f"{service}.{operation} is not implemented by this server.",
                status=404,
            )
        return self._transact(work, params, context)
