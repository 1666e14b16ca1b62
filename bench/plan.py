"""What is run in which order: every workload on every server, turn by turn, medians of the turns.

A B A B and not A A B B: on a shared machine the minutes differ more than the servers, and ratios
only mean something between neighbours in time.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.functions import measure_cold, measure_invoke, measure_latency, measure_mapping
from bench.queues import BACKLOGS, GeneratorFailed, measure_drain, measure_send
from bench.servers import Bare, Client, Redrive, Server
from bench.startup import measure_start, measure_up

Figures = dict[str, Any]
Results = dict[str, dict[str, Figures]]
"""workload -> server -> figures."""

CONNECTIONS = (1, 16, 64)
LARGE = 100_000
GROUPS = ("send", "send-batch", "drain", "invoke", "cold", "latency", "mapping", "start", "up")


@dataclass(frozen=True, slots=True)
class Options:
    """How much to run. `peers` are server classes; `only` is empty for everything."""

    peers: tuple[type[Server], ...]
    subject: type[Server] = Redrive
    quick: bool = False
    only: frozenset[str] = frozenset()

    def wants(self, group: str) -> bool:
        """Tell whether a group of workloads is to be run."""
        return not self.only or group in self.only

    @property
    def rounds(self) -> int:
        """Turns of each workload."""
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        """Length of one measured loop."""
        return 1.0 if self.quick else 2.0


def run_all(options: Options) -> Results:
    """Run what was asked for and return the medians."""
    results: Results = {}
    rivals = (options.subject, *options.peers)
    if options.wants("start"):
        results["start"] = _once_each(
            "start", rivals, lambda kind: measure_start(kind, rounds=2 * options.rounds - 1)
        )
    if options.wants("up"):
        results["up"] = _once_each("up", (Redrive,), lambda _: measure_up(rounds=options.rounds))
    if options.wants("cold"):
        # On servers of their own: the first one must find no warm parent.
        results["cold"] = _once_each("cold", rivals, lambda kind: _cold(kind, 6 * options.rounds))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(kind()) for kind in (options.subject, Bare, *options.peers)]
        for group in ("send", "send-batch", "drain"):
            if options.wants(group):
                results.update(_queue_workloads(group, servers, options))
        workers = [server for server in servers if not isinstance(server, Bare)]
        for group in ("invoke", "latency", "mapping"):
            if options.wants(group):
                results[group] = _function_workload(group, workers, options)
    return results


def _cold(kind: type[Server], count: int) -> Figures:
    with kind() as server:
        return measure_cold(server, Client(server.port), "cold", count=count)


def _once_each(
    title: str, kinds: tuple[type[Server], ...], measure: Callable[[type[Server]], Figures | None]
) -> dict[str, Figures]:
    found = {}
    for kind in kinds:
        _note(f"{title} · {kind.name}")
        try:
            figures = measure(kind)
        except (RuntimeError, OSError) as error:
            _note(f"{kind.name} failed at {title}: {error}\n")
            continue
        if figures is not None:
            found[kind.name] = figures
    return found


def _queue_workloads(group: str, servers: list[Server], options: Options) -> Results:
    results: Results = {}
    for connections in CONNECTIONS:
        if group != "drain":
            results[f"{group} @{connections}"] = _send_workload(
                group, servers, options, connections
            )
            continue
        for backlog in BACKLOGS:
            # Filling the large backlog takes a while, so a quick run does it once.
            if backlog < LARGE or connections == CONNECTIONS[-1] or not options.quick:
                results[f"drain {backlog} @{connections}"] = _drain_workload(
                    servers, options, connections, backlog
                )
    return results


def _send_workload(
    group: str, servers: list[Server], options: Options, connections: int
) -> dict[str, Figures]:
    def measure(server: Server, turn: int) -> Figures:
        return measure_send(
            server,
            Client(server.port),
            f"{group}-{connections}-{turn}",
            batch=group == "send-batch",
            connections=connections,
            seconds=options.seconds,
        )

    return _turns(f"{group}, {connections} connections", servers, options.rounds, measure)


def _drain_workload(
    servers: list[Server], options: Options, connections: int, backlog: int
) -> dict[str, Figures]:
    def measure(server: Server, turn: int) -> Figures | None:
        return measure_drain(
            server,
            Client(server.port),
            f"drain-{backlog}-{connections}-{turn}",
            backlog=backlog,
            connections=connections,
            seconds=options.seconds * 2,
        )

    # A small backlog is gone in a blink, so it is taken more often.
    rounds = (options.rounds + 1) // 2 if backlog >= LARGE else options.rounds + 2
    return _turns(f"drain {backlog:,}, {connections} connections", servers, rounds, measure)


def _function_workload(group: str, servers: list[Server], options: Options) -> dict[str, Figures]:
    count = 300 if options.quick else 2_000

    def measure(server: Server, turn: int) -> Figures:
        client = Client(server.port)
        tag = f"{group}-{turn}"
        if group == "invoke":
            return measure_invoke(server, client, tag, count=count)
        if group == "latency":
            return measure_latency(server, client, tag, count=count // 10)
        return measure_mapping(server, client, tag, messages=500, rounds=3 if options.quick else 6)

    return _turns(group, servers, options.rounds, measure)


def _turns(
    title: str,
    servers: list[Server],
    rounds: int,
    measure: Callable[[Server, int], Figures | None],
) -> dict[str, Figures]:
    found: dict[str, list[Figures]] = {}
    dropped: set[str] = set()
    for turn in range(rounds):
        for server in servers:
            if server.name in dropped:
                continue
            _note(f"{title} · turn {turn + 1} of {rounds} · {server.name}")
            try:
                figures = measure(server, turn)
            except (GeneratorFailed, RuntimeError, OSError) as error:
                # A peer that cannot do a workload must not cost the figures of the others.
                _note(f"{server.name} failed at {title}: {error}\n")
                figures = None
            if figures is None:
                dropped.add(server.name)
            else:
                found.setdefault(server.name, []).append(figures)
    return {
        name: {**_medians(turns), "turns_per_second": [turn.get("per_second") for turn in turns]}
        for name, turns in found.items()
    }


def _medians(turns: list[Any]) -> Any:
    first = turns[0]
    if isinstance(first, dict):
        keys = [key for key in first if all(key in turn for turn in turns)]
        return {key: _medians([turn[key] for turn in turns]) for key in keys}
    return first if isinstance(first, str) else median(turns)


def _note(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    elif text.endswith("\n"):
        sys.stderr.write(text)
