"""How long starting takes, and how much memory an idle server holds."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import family, rss_mb
from bench.servers import PACKAGES, ROOT, SCRATCH, STOP_SECONDS_MAX, Server, free_port

UP_SECONDS_MAX = 120.0
IDLE_SECONDS = 1.0
EXAMPLE = ROOT / "examples" / "orders"
READY_LINE = "AWS_ENDPOINT_URL="
"""`redrive up` prints the line to paste once everything in the template can be used."""


def measure_start(kind: type[Server], *, rounds: int) -> dict[str, Any]:
    """Start a server on nothing several times; healthy after, and its memory when left alone."""
    healthy, memory = [], []
    for _ in range(rounds):
        with kind() as server:
            healthy.append(server.healthy_ms)
            time.sleep(IDLE_SECONDS)  # what it does after its first answer shall be counted too
            memory.append(rss_mb(server.pids()))
    return {"healthy_ms": median(healthy), "idle_mb": median(memory)}


def measure_up(*, rounds: int) -> dict[str, Any] | None:
    """Run `redrive up` on a copy of the example until it prints what to paste; None without it.

    The first run installs the function's requirements, which depends on the network; the others
    find them in the cache, and they are what is reported.
    """
    if not any(EXAMPLE.glob("template.*")):
        return None
    SCRATCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="up-", dir=SCRATCH))
    try:
        shutil.copytree(EXAMPLE, folder / "app", ignore=shutil.ignore_patterns(".redrive"))
        taken = [_time_up(folder) for _ in range(rounds + 1)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"first_s": taken[0], "up_s": median(taken[1:])}


def _time_up(folder: Path) -> float:
    port = str(free_port())
    data = str(folder / "data")  # kept between the runs, as a person's is
    command = [sys.executable, "-m", "redrive", "up", "--port", port, "--data", data]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder / "app",
        env={**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: queue.Queue[tuple[float, str]] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    said = []
    try:
        while True:
            at, line = lines.get(timeout=UP_SECONDS_MAX)
            said.append(line)
            if READY_LINE in line:
                return at - began
            if not line:
                raise RuntimeError("`redrive up` ended:\n" + "".join(said)[-2_000:])
    finally:
        _stop(process)


def _read(process: subprocess.Popen[str], lines: queue.Queue[tuple[float, str]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put((time.perf_counter(), line))
    lines.put((time.perf_counter(), ""))


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        for pid in family(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()
