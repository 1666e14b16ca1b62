"""What is run in which order. How servers take turns is in bench/turns.py."""

from __future__ import annotations

import contextlib

from bench.disk import measure_sync
from bench.functions import (
    measure_cold,
    measure_idle,
    measure_invoke,
    measure_latency,
    measure_mapping,
    measure_stream,
)
from bench.handlers import CALLER, ECHO
from bench.longpoll import measure_longpoll
from bench.overload import measure_overload
from bench.patterns import RULES, measure_patterns
from bench.queues import BACKLOGS, measure_drain, measure_fifo_drain, measure_send
from bench.servers import Bare, Client, Keyed, Narrow, Redrive, Relaxed, Server
from bench.startup import measure_start, measure_up
from bench.stores import run_stores
from bench.turns import FAILURES, Figures, Options, Results, note, once_each, take_turns

CONNECTIONS = (1, 16, 64)
MOST = CONNECTIONS[-1]
LARGE = 100_000
FIFO_BACKLOG = 5_000
GROUPS = (
    "send",
    "send-batch",
    "drain",
    "fifo",
    "signed",
    "relaxed",
    "longpoll",
    "backlog",
    "reopen",
    "overload",
    "invoke",
    "cold",
    "latency",
    "mapping",
    "stream",
    "idle",
    "start",
    "up",
    "patterns",
)


def run_all(options: Options) -> Results:
    """Run what was asked for and return the medians."""
    results: Results = {}
    if options.wants("send", "relaxed", "longpoll"):
        sync = measure_sync(count=300 if options.quick else 2_000)
        results["sync"] = {"this disk": sync}
    results.update(_alone(options))
    results.update(_together(options))
    results.update(_variants(options))
    if options.wants("backlog", "reopen"):
        try:
            results.update(run_stores(options))
        except FAILURES as error:
            note(f"{Redrive.name} failed at backlog or reopen: {error}\n")
    if options.wants("overload"):
        results["overload"] = once_each(
            "overload", (Narrow,), lambda kind: measure_overload(kind, seconds=options.seconds)
        )
    return results


def _alone(options: Options) -> Results:
    """Run what needs a fresh server each time."""
    results: Results = {}
    rivals = (options.subject, *options.peers)
    if options.wants("start"):
        results["start"] = once_each(
            "start", rivals, lambda kind: measure_start(kind, rounds=2 * options.rounds - 1)
        )
    if options.wants("up"):
        results["up"] = once_each("up", (Redrive,), lambda _: measure_up(rounds=options.rounds))
    if options.wants("cold"):
        # On servers of their own: the first one must find no warm parent.
        results["cold"] = once_each("cold", rivals, lambda kind: _cold(kind, 6 * options.rounds))
        results["cold boto3"] = once_each(
            "cold boto3", (Redrive,), lambda kind: _cold(kind, 6 * options.rounds, CALLER)
        )
    if options.wants("patterns"):
        for rules in RULES:
            results[f"patterns {rules}"] = once_each(
                "patterns", (Redrive,), lambda _, rules=rules: measure_patterns(rules)
            )
    if options.wants("idle"):
        results["idle"] = once_each("idle", (Redrive,), lambda kind: _idle(kind, options))
    return results


def _idle(kind: type[Server], options: Options) -> Figures:
    with kind() as server:
        count = 100 if options.quick else 1_000
        return measure_idle(server, Client(server), "idle", count=count)


def _cold(kind: type[Server], count: int, source: str = ECHO) -> Figures:
    with kind() as server:
        return measure_cold(server, Client(server), "cold", count=count, source=source)


def _together(options: Options) -> Results:
    """Run the workloads for which subject, floor and peers take turns."""
    queues = [name for name in ("send", "send-batch", "drain", "fifo") if options.wants(name)]
    others = ("longpoll", "invoke", "latency", "mapping", "stream")
    functions = [name for name in others if options.wants(name)]
    results: Results = {}
    if not queues and not functions:
        return results
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(kind()) for kind in (options.subject, Bare, *options.peers)]
        for group in queues:
            results.update(_queue_workloads(group, servers, options))
        workers = [server for server in servers if not isinstance(server, Bare)]
        for group in functions:
            if group == "longpoll":
                results.update(_longpolls(workers, options))
            elif group == "stream":
                for size in STREAM_SIZES:
                    results[f"stream {size}"] = _stream_workload(size, workers, options)
            else:
                takers = servers if group == "invoke" else workers
                results[group] = _function_workload(group, takers, options)
    return results


def _variants(options: Options) -> Results:
    """Run Redrive beside itself with another setting; the bare server beside both."""
    results: Results = {}
    if options.wants("signed"):
        with Redrive() as plain, Keyed() as keyed, Bare() as bare:
            results["signed @64"] = _send_workload("send", [plain, keyed, bare], options, MOST)
    if options.wants("relaxed"):
        try:
            with Redrive() as plain, Relaxed() as relaxed:
                for connections in (1, MOST):
                    found = _send_workload("send", [plain, relaxed], options, connections)
                    results[f"relaxed @{connections}"] = found
        except FAILURES as error:
            note(f"{Relaxed.name} failed to start: {error}\n")
    return results


def _queue_workloads(group: str, servers: list[Server], options: Options) -> Results:
    results: Results = {}
    if group == "fifo":
        results[f"fifo-send @{MOST}"] = _send_workload("fifo-send", servers, options, MOST)
        results[f"fifo-drain @{MOST}"] = _fifo_drain_workload(servers, options)
        return results
    for connections in CONNECTIONS:
        if group != "drain":
            found = _send_workload(group, servers, options, connections)
            results[f"{group} @{connections}"] = found
            continue
        for backlog in BACKLOGS:
            # Filling the large backlog takes a while, so that is done for the most connections.
            if backlog < LARGE or connections == MOST:
                found = _drain_workload(servers, options, connections, backlog)
                results[f"drain {backlog} @{connections}"] = found
    return results


def _send_workload(
    script: str, servers: list[Server], options: Options, connections: int
) -> dict[str, Figures]:
    def measure(server: Server, turn: int) -> Figures:
        return measure_send(
            server,
            f"{script}-{connections}-{turn}",
            script=script,
            connections=connections,
            seconds=options.seconds,
        )

    return take_turns(f"{script}, {connections} connections", servers, options.rounds, measure)


def _drain_workload(
    servers: list[Server], options: Options, connections: int, backlog: int
) -> dict[str, Figures]:
    def measure(server: Server, turn: int) -> Figures | None:
        return measure_drain(
            server,
            f"drain-{backlog}-{connections}-{turn}",
            backlog=backlog,
            connections=connections,
            seconds=options.seconds * 2,
        )

    # A small backlog is gone in a blink, so it is taken more often.
    rounds = (options.rounds + 1) // 2 if backlog >= LARGE else options.rounds + 2
    return take_turns(f"drain {backlog:,}, {connections} connections", servers, rounds, measure)


def _fifo_drain_workload(servers: list[Server], options: Options) -> dict[str, Figures]:
    def measure(server: Server, turn: int) -> Figures | None:
        return measure_fifo_drain(
            server,
            f"fifo-drain-{turn}",
            backlog=FIFO_BACKLOG,
            connections=MOST,
            seconds=options.seconds * 2,
        )

    # For information only, and filling a peer's queue takes it a minute.
    rounds = (options.rounds + 1) // 2
    return take_turns("FIFO drain", servers, rounds, measure)


def _longpolls(servers: list[Server], options: Options) -> Results:
    rounds = 300 if options.quick else 2_000

    def alone(server: Server, _turn: int) -> Figures:
        return measure_longpoll(server, "longpoll", rounds=rounds, is_loaded=False)

    def loaded(server: Server, _turn: int) -> Figures:
        return measure_longpoll(server, "longpoll-loaded", rounds=rounds, is_loaded=True)

    return {
        "longpoll": take_turns("longpoll", servers, 1, alone),
        "longpoll loaded": take_turns("longpoll, loaded", servers, 1, loaded),
    }


def _function_workload(group: str, servers: list[Server], options: Options) -> dict[str, Figures]:
    count = 300 if options.quick else 2_000

    def measure(server: Server, turn: int) -> Figures:
        client = Client(server)
        tag = f"{group}-{turn}"
        if group == "invoke":
            return measure_invoke(server, client, tag, count=count)
        if group == "latency":
            return measure_latency(server, client, tag, count=count // 10)
        return measure_mapping(server, client, tag, messages=500, rounds=3 if options.quick else 6)

    return take_turns(group, servers, options.rounds, measure)


STREAM_SIZES = (10, 100)


def _stream_workload(size: int, servers: list[Server], options: Options) -> dict[str, Figures]:
    messages = 10_000 if options.quick else 50_000

    def measure(server: Server, turn: int) -> Figures:
        tag = f"stream-{size}-{turn}"
        return measure_stream(server, Client(server), tag, messages=messages, batch_size=size)

    return take_turns(f"stream {size}", servers, options.rounds, measure)
