"""Kill after kill on one data directory: load, SIGKILL, restart, check; all drawn from one seed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Timer
from time import perf_counter
from typing import NamedTuple

from .ledger import Ledger
from .load import CLIENTS, LEASE_S, drain, held, start_load
from .server import Client, CrashServer

ACKNOWLEDGED_MAX = 900
"""A life ends after at most so many acknowledged requests; early deaths are the likeliest."""

LIFE_SECONDS_MAX = 20.0
DRAIN_EVERY = 5
FIFO_CLIENTS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign has seen."""

    seed: int
    kills: int
    acknowledged: int
    sends: int
    receives: int
    deletes: int
    violations: tuple[str, ...]

    def __str__(self) -> str:
        if self.violations:
            shown = "\n  ".join(self.violations[:20])
            return f"seed {self.seed}: {len(self.violations)} violations\n  {shown}"
        return (
            f"seed {self.seed}: {self.kills} kills, {self.acknowledged:,} requests acknowledged "
            f"({self.sends:,} messages sent, {self.receives:,} received, {self.deletes:,} deleted)"
        )


def run_campaign(seed: int, folder: Path, kills: int, server: CrashServer | None = None) -> Outcome:
    """Kill the server `kills` times on one data directory and say what was found.

    Stops at the first life after which something is wrong. The server is left stopped, its files in
    place.
    """
    random = Random(seed)
    server = server or CrashServer(folder)
    done = 0
    try:
        server.start()
        lanes = _create(server.client())
        while done < kills and not any(lane.ledger.violations for lane in lanes):
            _live_and_die(server, lanes, random, f"life{done}")
            done += 1
            server.start()
            client = server.client()
            is_end = done == kills or any(lane.ledger.violations for lane in lanes)
            for url, ledger in lanes:
                ledger.check_counters(held(client, url), f"after kill {done}")
                if done % DRAIN_EVERY == 0 or is_end:
                    ledger.settle(drain(client, url, ledger))
    finally:
        server.kill()
    ledgers = [lane.ledger for lane in lanes]
    return Outcome(
        seed=seed,
        kills=done,
        acknowledged=sum(ledger.acknowledged for ledger in ledgers),
        sends=sum(ledger.sends for ledger in ledgers),
        receives=sum(ledger.receives for ledger in ledgers),
        deletes=sum(ledger.deletes for ledger in ledgers),
        violations=tuple(text for ledger in ledgers for text in ledger.violations),
    )


class Lane(NamedTuple):
    """A queue and what its clients were told."""

    url: str
    ledger: Ledger


def _create(client: Client) -> list[Lane]:
    """Make a standard queue, half of whose messages name a group, and a FIFO queue."""
    lease = {"VisibilityTimeout": str(LEASE_S)}
    made = client.call("CreateQueue", QueueName="orders", Attributes=lease)
    fifo = {**lease, "FifoQueue": "true"}
    ordered = client.call("CreateQueue", QueueName="ordered.fifo", Attributes=fifo)
    return [Lane(made["QueueUrl"], Ledger()), Lane(ordered["QueueUrl"], Ledger(is_fifo=True))]


def _live_and_die(server: CrashServer, lanes: list[Lane], random: Random, name: str) -> None:
    """Load the server and SIGKILL it a moment after a random number of acknowledged requests.

    The moment is busy waiting of up to 3 ms in the thread that booked: between two replies lie a
    read, a commit and a sync, and each should be hit.
    """
    before = sum(lane.ledger.acknowledged for lane in lanes)
    goal = before + 1 + int(ACKNOWLEDGED_MAX * random.random() ** 2)
    moment_s = random.random() * 0.003
    is_dead = Event()
    assert server.process is not None
    pid = server.process.pid

    def watch(_count: int) -> None:
        if sum(lane.ledger.acknowledged for lane in lanes) < goal or is_dead.is_set():
            return
        is_dead.set()
        until = perf_counter() + moment_s
        while perf_counter() < until:
            pass
        os.kill(pid, signal.SIGKILL)

    # A server that answers nobody shall not hang the run.
    fuse = Timer(LIFE_SECONDS_MAX, os.kill, (pid, signal.SIGABRT))
    fuse.start()
    threads = []
    for url, ledger in lanes:
        ledger.on_acknowledged = watch
        clients = FIFO_CLIENTS if ledger.is_fifo else CLIENTS
        threads += start_load(server, url, ledger, random, name, clients)
    for thread in threads:
        thread.join()
    fuse.cancel()
    for lane in lanes:
        lane.ledger.on_acknowledged = lambda count: None
    code = server.wait_for_exit()
    if code != -signal.SIGKILL:
        lanes[0].ledger.book_failure(f"the server ended by itself in {name}: exit code {code}")
