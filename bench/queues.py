"""The queue workloads: send, send in batches, receive and delete.

Each is a few seconds of a closed loop by the generator's process. "drain" empties a queue that was
filled before: ReceiveMessage(10), then DeleteMessageBatch(10) with the handles of that receive.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.servers import ROOT, Bare, Client, Server

BACKLOGS = (2_000, 200_000)
PREFILL_SECONDS_MAX = 240.0


class GeneratorFailed(Exception):
    """The generator stopped with an error, or an answer was not a success."""


def generate(server: Server, **job: Any) -> dict[str, Any]:
    """Run one job in a process of its own and return its figures. Raises GeneratorFailed."""
    spec = {"port": server.port, "pids": server.pids(), **job}
    ran = subprocess.run(
        [sys.executable, "-m", "bench.generator"],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if ran.returncode:
        raise GeneratorFailed(f"{server.name} {job}: {ran.stderr[-1_500:]}")
    figures: dict[str, Any] = json.loads(ran.stdout)
    if figures["errors"]:
        raise GeneratorFailed(
            f"{server.name} {job}: {figures['errors']} errors, {figures['first_error']}"
        )
    return figures


def measure_send(
    server: Server, client: Client, tag: str, *, batch: bool, connections: int, seconds: float
) -> dict[str, Any]:
    """Send 1 KiB messages to a new queue for some seconds."""
    url = client.create_queue(tag) if not isinstance(server, Bare) else f"http://127.0.0.1/0/{tag}"
    return generate(
        server,
        script="send-batch" if batch else "send",
        target=url,
        connections=connections,
        warmup=50 * connections,
        seconds=seconds,
    )


def prefill(server: Server, url: str, count: int) -> bool:
    """Fill a queue with 1 KiB messages in batches; False when the server is too slow for that."""
    filled = generate(
        server,
        script="send-batch",
        target=url,
        connections=16,
        count=count,
        seconds=PREFILL_SECONDS_MAX,
    )
    return bool(filled["done"] >= count)


def measure_drain(
    server: Server, client: Client, tag: str, *, backlog: int, connections: int, seconds: float
) -> dict[str, Any] | None:
    """Receive and delete from a queue that begins with `backlog` messages, all of which are ready.

    At most a tenth of a large backlog is taken, so that it stays large; a small one is taken whole
    but for what the last receives leave. None when the server could not be filled in time.
    """
    count = backlog - 10 * connections if backlog <= 20_000 else backlog // 10
    if isinstance(server, Bare):
        url = f"http://127.0.0.1/0/{tag}"
    else:
        url = client.create_queue(tag, VisibilityTimeout="3600")
        if not prefill(server, url, backlog):
            return None
    try:
        return generate(
            server,
            script="drain",
            target=url,
            connections=connections,
            count=count,
            seconds=seconds,
        )
    finally:
        if not isinstance(server, Bare):
            client.sqs("DeleteQueue", QueueUrl=url)
