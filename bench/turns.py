"""How workloads take turns: A B A B and not A A B B, and the medians of the turns.

On a shared machine the minutes differ more than the servers, and ratios only mean something between
neighbours in time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.queues import GeneratorFailed
from bench.servers import Redrive, Server

Figures = dict[str, Any]
Results = dict[str, dict[str, Figures]]
"""workload -> server -> figures."""

FAILURES = (GeneratorFailed, RuntimeError, OSError)


@dataclass(frozen=True, slots=True)
class Options:
    """How much to run. `peers` are server classes; `only` is empty for everything."""

    peers: tuple[type[Server], ...]
    subject: type[Server] = Redrive
    quick: bool = False
    only: frozenset[str] = frozenset()

    def wants(self, *groups: str) -> bool:
        """Tell whether one of these groups of workloads is to be run."""
        return not self.only or not self.only.isdisjoint(groups)

    @property
    def rounds(self) -> int:
        """Turns of each workload."""
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        """Length of one measured loop."""
        return 1.0 if self.quick else 2.0

    @property
    def large(self) -> int:
        """Messages of the large store; a quick run has no time to fill it."""
        return 200_000 if self.quick else 1_000_000


def take_turns(
    title: str,
    servers: Sequence[Server],
    rounds: int,
    measure: Callable[[Server, int], Figures | None],
) -> dict[str, Figures]:
    """Measure each server once a turn; return the medians by server's name.

    A server that cannot do a workload loses its place in it, and costs the others nothing.
    """
    found: dict[str, list[Figures]] = {}
    dropped: set[str] = set()
    for turn in range(rounds):
        for server in servers:
            if server.name in dropped:
                continue
            note(f"{title} · turn {turn + 1} of {rounds} · {server.name}")
            try:
                figures = measure(server, turn)
            except FAILURES as error:
                note(f"{server.name} failed at {title}: {error}\n")
                figures = None
            if figures is None:
                dropped.add(server.name)
            else:
                found.setdefault(server.name, []).append(figures)
    return {
        name: {**medians(turns), "turns_per_second": [turn.get("per_second") for turn in turns]}
        for name, turns in found.items()
    }


def once_each(
    title: str,
    kinds: Sequence[type[Server]],
    measure: Callable[[type[Server]], Figures | None],
) -> dict[str, Figures]:
    """Measure each kind of server once, on servers of its own."""
    found = {}
    for kind in kinds:
        note(f"{title} · {kind.name}")
        try:
            figures = measure(kind)
        except FAILURES as error:
            note(f"{kind.name} failed at {title}: {error}\n")
            continue
        if figures is not None:
            found[kind.name] = figures
    return found


def medians(turns: list[Any]) -> Any:
    """Return the medians of figures of one shape, member by member."""
    first = turns[0]
    if isinstance(first, dict):
        keys = [key for key in first if all(key in turn for turn in turns)]
        return {key: medians([turn[key] for turn in turns]) for key in keys}
    return first if isinstance(first, str) else median(turns)


def note(text: str) -> None:
    """Say what is under way, on a terminal; what ends a line is said elsewhere too."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    elif text.endswith("\n"):
        sys.stderr.write(text)
