"""The queue workloads: send, send in batches, receive and delete; on standard and FIFO queues.

Each is a few seconds of a closed loop by the generator's process. "drain" empties a queue that was
filled before: ReceiveMessage(10), then DeleteMessageBatch(10) with the handles of that receive.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench.servers import ROOT, Bare, Client, Server

BACKLOGS = (2_000, 200_000)
PREFILL_SECONDS_MAX = 240.0


class GeneratorFailed(Exception):
    """The generator stopped with an error, or an answer was not a success."""


def generate(server: Server, **job: Any) -> dict[str, Any]:
    """Run one job in a process of its own and return its figures. Raises GeneratorFailed."""
    figures = run_process("bench.generator", server, **job)
    if figures["errors"]:
        raise GeneratorFailed(
            f"{server.name} {job}: {figures['errors']} errors, {figures['first_error']}"
        )
    return figures


def run_process(module: str, server: Server, **job: Any) -> dict[str, Any]:
    """Run a module with a job on its standard input; return the JSON that it prints."""
    ran = subprocess.run(
        [sys.executable, "-m", module],
        input=_spec(server, job),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if ran.returncode:
        raise GeneratorFailed(f"{server.name} {job}: {ran.stderr[-1_500:]}")
    figures: dict[str, Any] = json.loads(ran.stdout)
    return figures


@contextlib.contextmanager
def background(server: Server, **job: Any) -> Iterator[None]:
    """Let a generator run beside what is measured; it is ended at the end, in midst of its work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(_spec(server, {"seconds": 3_600.0, **job}))
        process.stdin.close()
        yield
    finally:
        process.kill()
        process.wait()


def _spec(server: Server, job: dict[str, Any]) -> str:
    return json.dumps({"port": server.port, "pids": server.pids(), **job})


def create_queue(server: Server, tag: str, **attributes: str) -> str:
    """Create a queue and return its URL; the bare server answers to any."""
    if isinstance(server, Bare):
        return f"http://127.0.0.1/0/{tag}"
    return Client(server).create_queue(tag, **attributes)


def measure_send(
    server: Server, tag: str, *, script: str, connections: int, seconds: float
) -> dict[str, Any]:
    """Send 1 KiB messages to a new queue for some seconds. script: as the generator's."""
    fifo = {"FifoQueue": "true"} if script.startswith("fifo-") else {}
    return generate(
        server,
        script=script,
        target=create_queue(server, tag + (".fifo" if fifo else ""), **fifo),
        connections=connections,
        warmup=50 * connections,
        seconds=seconds,
        key=server.key,
    )


def prefill(
    server: Server, url: str, count: int, *, connections: int = 16, script: str = "send-batch"
) -> bool:
    """Fill a queue with 1 KiB messages in batches; False when the server is too slow for that."""
    filled = generate(
        server,
        script=script,
        target=url,
        connections=connections,
        count=count,
        seconds=PREFILL_SECONDS_MAX,
    )
    return bool(filled["done"] >= count)


def measure_drain(
    server: Server, tag: str, *, backlog: int, connections: int, seconds: float
) -> dict[str, Any] | None:
    """Receive and delete from a queue that begins with `backlog` messages, all of which are ready.

    At most a tenth of a large backlog is taken, so that it stays large; a small one is taken whole
    but for what the last receives leave. None when the server could not be filled in time.
    """
    count = backlog - 10 * connections if backlog <= 20_000 else backlog // 10
    return _drain(server, tag, backlog, count, connections, seconds)


def measure_fifo_drain(
    server: Server, tag: str, *, backlog: int, connections: int, seconds: float
) -> dict[str, Any] | None:
    """Do the same on a FIFO queue of a hundred groups, half of what is there.

    While a group's messages are in flight its others are not received, so that the last ones would
    be a queue for the groups that are left.
    """
    return _drain(server, tag, backlog, backlog // 2, connections, seconds, is_fifo=True)


def _drain(
    server: Server,
    tag: str,
    backlog: int,
    count: int,
    connections: int,
    seconds: float,
    *,
    is_fifo: bool = False,
) -> dict[str, Any] | None:
    fifo = {"FifoQueue": "true"} if is_fifo else {}
    name = tag + (".fifo" if is_fifo else "")
    url = create_queue(server, name, VisibilityTimeout="3600", **fifo)
    script = "fifo-send-batch" if is_fifo else "send-batch"
    if not isinstance(server, Bare) and not prefill(server, url, backlog, script=script):
        return None
    try:
        return generate(
            server,
            script="drain",
            target=url,
            connections=connections,
            count=count,
            seconds=seconds,
            is_patient=is_fifo,
        )
    finally:
        if not isinstance(server, Bare):
            Client(server).sqs("DeleteQueue", QueueUrl=url)
