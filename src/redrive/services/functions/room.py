"""The functions service's wiring: what its operations need besides tables. Frozen; made by the app.

Concurrency is counted in memory: the counts die with the process, and so do the invocations.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from redrive.core.effects import Call, Chance, Environment
from redrive.core.time import Millis
from redrive.services.functions.code import CodeStore
from redrive.services.functions.model import Function, Target
from redrive.services.functions.rules import ACCOUNT_CONCURRENCY, UNRESERVED_FLOOR
from redrive.services.ports import Heard, Outbox
from redrive.store.store import Tx

K = TypeVar("K")


class Slot(NamedTuple):
    """One running invocation: which counts it is part of."""

    arn: str
    pool: (
        tuple[str, str] | None
    )  # account and region, when it took its place from the unreserved pool
    code: tuple[str, ...]  # hashes of the function's package and of its layers
    provisioned: str | None  # the version's ARN, when it took its place from what is kept warm


class Running:
    """The invocations that run now. Each taken slot is released exactly once."""

    def __init__(self) -> None:
        self._functions: Counter[str] = Counter()
        self._pools: Counter[tuple[str, str]] = Counter()
        self._code: Counter[str] = Counter()
        self._provisioned: Counter[str] = Counter()  # by version
        self._warm: Counter[str] = Counter()  # the same by function

    def of_function(self, arn: str) -> int:
        """Count a function's invocations."""
        return self._functions[arn]

    def on_demand(self, arn: str) -> int:
        """Count a function's invocations outside of what is kept warm for its versions."""
        return self._functions[arn] - self._warm[arn]

    def of_pool(self, account: str, region: str) -> int:
        """Count the invocations of an account's functions that have no reservation."""
        return self._pools[account, region]

    def of_provisioned(self, version_arn: str) -> int:
        """Count a version's invocations in environments that are kept warm for it."""
        return self._provisioned[version_arn]

    def code(self) -> Iterator[str]:
        """Name the code that runs."""
        return iter(self._code)

    def take(self, function: Function, *, provisioned: bool = False) -> Slot:
        """Count one more invocation; a provisioned one takes nothing from the unreserved pool."""
        place = (function.account, function.region)
        pool = place if function.reserved is None and not provisioned else None
        version = function.version_arn if provisioned else None
        slot = Slot(function.arn, pool, code_of(function), version)
        self._functions[slot.arn] += 1
        for code_hash in slot.code:
            self._code[code_hash] += 1
        if slot.pool is not None:
            self._pools[slot.pool] += 1
        if slot.provisioned is not None:
            self._provisioned[slot.provisioned] += 1
            self._warm[slot.arn] += 1
        return slot

    def release(self, slot: Slot) -> None:
        """Count one invocation less."""
        _decrement(self._functions, slot.arn)
        for code_hash in slot.code:
            _decrement(self._code, code_hash)
        if slot.pool is not None:
            _decrement(self._pools, slot.pool)
        if slot.provisioned is not None:
            _decrement(self._provisioned, slot.provisioned)
            _decrement(self._warm, slot.arn)


def code_of(function: Function) -> tuple[str, ...]:
    """Return the hashes of a function's package and of its layers."""
    if function.layers == "[]":
        return (function.code_hash,)
    return (function.code_hash, *(each["hash"] for each in json.loads(function.layers)))


def _decrement(counts: Counter[K], key: K) -> None:
    assert counts[key] > 0, f"{key} is released more often than it was taken"
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


class Note(Protocol):
    """Counts for CloudWatch, in the transaction in which the counted thing happens.

    metric is AWS's name: AsyncEventsReceived, AsyncEventAge (in ms), AsyncEventsDropped,
    DeadLetterErrors, DestinationDeliveryFailures. target has the qualifier of the invocation.
    """

    def __call__(self, tx: Tx, metric: str, target: Target, value: float, at_ms: Millis) -> None:
        """Count."""
        ...


class _NoOutbox:
    def offers(self, _service: str, _operation: str) -> bool:
        return False

    def listen(self, _purpose: str, _heard: Heard) -> None:
        """Nothing is ever settled."""

    def put(self, tx: Tx, call: Call, now_ms: Millis, *, target: str, **_terms: Any) -> None:
        del tx, now_ms
        raise AssertionError(f"nothing delivers {call.operation} to {target}")


def _uncounted(tx: Tx, metric: str, target: Target, value: float, at_ms: Millis) -> None:
    """Count nothing."""
    del tx, metric, target, value, at_ms


def _runs(_runtime: str) -> str:
    """Take every runtime for one that can be run, where nobody knows better."""
    return ""


def _always_warm(_environment: Environment, count: int) -> int:
    """Keep nothing warm, where there is nothing that could be cold."""
    return count


@dataclass(frozen=True, slots=True)
class Functions:
    """What the operations are bound to.

    concurrency and unreserved_floor hold for each account and region. warmer keeps so many
    environments of a kind from now on (0: no longer any) and returns how many of them are ready.
    warm holds how many were, by the ARN of the version, at the last look. trouble says why this
    machine cannot run a runtime; an empty text when it can.
    """

    code: CodeStore
    chance: Chance
    concurrency: int = ACCOUNT_CONCURRENCY
    unreserved_floor: int = UNRESERVED_FLOOR
    running: Running = field(default_factory=Running)
    outbox: Outbox = field(default_factory=_NoOutbox)
    note: Note = _uncounted
    warmer: Callable[[Environment, int], int] = _always_warm
    trouble: Callable[[str], str] = _runs
    warm: dict[str, tuple[Environment, int]] = field(default_factory=dict)
