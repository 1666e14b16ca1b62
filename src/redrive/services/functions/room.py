"""The functions service's wiring: what its operations need besides tables. Frozen; made by the app.

Concurrency is counted in memory: the counts die with the process, and so do the invocations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from redrive.core.effects import Chance
from redrive.services.functions.code import CodeStore
from redrive.services.functions.model import Function
from redrive.services.functions.rules import ACCOUNT_CONCURRENCY, UNRESERVED_FLOOR

K = TypeVar("K")


class Slot(NamedTuple):
    """One running invocation: which counts it is part of."""

    arn: str
    pool: (
        tuple[str, str] | None
    )  # account and region, when it took its place from the unreserved pool
    code_hash: str


class Running:
    """The invocations that run now. Each taken slot is released exactly once."""

    def __init__(self) -> None:
        self._functions: Counter[str] = Counter()
        self._pools: Counter[tuple[str, str]] = Counter()
        self._code: Counter[str] = Counter()

    def of_function(self, arn: str) -> int:
        """Count a function's invocations."""
        return self._functions[arn]

    def of_pool(self, account: str, region: str) -> int:
        """Count the invocations of an account's functions that have no reservation."""
        return self._pools[account, region]

    def code(self) -> Iterator[str]:
        """Name the code that runs."""
        return iter(self._code)

    def take(self, function: Function) -> Slot:
        """Count one more invocation."""
        pool = (function.account, function.region) if function.reserved is None else None
        slot = Slot(function.arn, pool, function.code_hash)
        self._functions[slot.arn] += 1
        self._code[slot.code_hash] += 1
        if pool is not None:
            self._pools[pool] += 1
        return slot

    def release(self, slot: Slot) -> None:
        """Count one invocation less."""
        _decrement(self._functions, slot.arn)
        _decrement(self._code, slot.code_hash)
        if slot.pool is not None:
            _decrement(self._pools, slot.pool)


def _decrement(counts: Counter[K], key: K) -> None:
    assert counts[key] > 0, f"{key} is released more often than it was taken"
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


@dataclass(frozen=True, slots=True)
class Functions:
    """What the operations are bound to.

    concurrency and unreserved_floor hold for each account and region.
    """

    code: CodeStore
    chance: Chance
    concurrency: int = ACCOUNT_CONCURRENCY
    unreserved_floor: int = UNRESERVED_FLOOR
    running: Running = field(default_factory=Running)
