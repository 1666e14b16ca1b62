"""Kill after kill on one data directory: load, SIGKILL, restart, check; all drawn from one seed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Timer
from time import perf_counter

from .ledger import Ledger
from .load import LEASE_S, drain, held, start_load
from .server import CrashServer

ACKNOWLEDGED_MAX = 900
"""A life ends after at most so many acknowledged requests; early deaths are the likeliest."""

LIFE_SECONDS_MAX = 20.0
DRAIN_EVERY = 5


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
    ledger = Ledger()
    server = server or CrashServer(folder)
    done = 0
    try:
        server.start()
        client = server.client()
        attributes = {"VisibilityTimeout": str(LEASE_S)}
        url = client.call("CreateQueue", QueueName="orders", Attributes=attributes)["QueueUrl"]
        while done < kills and not ledger.violations:
            _live_and_die(server, url, ledger, random, f"life{done}")
            done += 1
            server.start()
            client = server.client()
            ledger.check_counters(held(client, url), f"after kill {done}")
            if done % DRAIN_EVERY == 0 or done == kills or ledger.violations:
                ledger.settle(drain(client, url, ledger))
    finally:
        server.kill()
    return Outcome(
        seed=seed,
        kills=done,
        acknowledged=ledger.acknowledged,
        sends=ledger.sends,
        receives=ledger.receives,
        deletes=ledger.deletes,
        violations=tuple(ledger.violations),
    )


def _live_and_die(server: CrashServer, url: str, ledger: Ledger, random: Random, name: str) -> None:
    """Load the server and SIGKILL it a moment after a random number of acknowledged requests.

    The moment is busy waiting of up to 3 ms in the thread that booked: between two replies lie a
    read, a commit and a sync, and each should be hit.
    """
    goal = ledger.acknowledged + 1 + int(ACKNOWLEDGED_MAX * random.random() ** 2)
    moment_s = random.random() * 0.003
    assert server.process is not None
    pid = server.process.pid

    def watch(count: int) -> None:
        if count != goal:
            return
        until = perf_counter() + moment_s
        while perf_counter() < until:
            pass
        os.kill(pid, signal.SIGKILL)

    # A server that answers nobody shall not hang the run.
    fuse = Timer(LIFE_SECONDS_MAX, os.kill, (pid, signal.SIGABRT))
    fuse.start()
    ledger.on_acknowledged = watch
    for thread in start_load(server, url, ledger, random, name):
        thread.join()
    fuse.cancel()
    ledger.on_acknowledged = lambda count: None
    code = server.wait_for_exit()
    if code != -signal.SIGKILL:
        ledger.book_failure(f"the server ended by itself in {name}: exit code {code}")
