"""The function workloads: sync invoke, cold start, queue to function, a mapping's throughput."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.handlers import ECHO, NOTHING, RECORDER, create_function
from bench.processes import pss_mb
from bench.queues import generate
from bench.requests import invoke_request
from bench.responses import ResponseReader
from bench.servers import Bare, Client, Server

MAPPINGS = "/2015-03-31/event-source-mappings"
WAIT_SECONDS_MAX = 60.0


def measure_invoke(server: Server, client: Client, tag: str, *, count: int) -> dict[str, Any]:
    """Invoke one warm function synchronously over one kept connection; the floor only answers."""
    if not isinstance(server, Bare):
        create_function(client, tag, ECHO)
    return generate(
        server, script="invoke", target=tag, connections=1, warmup=50, count=count, seconds=60.0
    )


def measure_cold(
    server: Server, client: Client, tag: str, *, count: int, source: str = ECHO
) -> dict[str, Any]:
    """Time the first invocation of new functions, each by the caller's clock.

    `first` is the first of the series: on a fresh server it also pays for the warm parent.
    """
    taken = []
    for n in range(count):
        name = f"{tag}-{n}"
        create_function(client, name, f"# {n}\n{source}")
        taken.append(timed_invoke(server.port, name))
    return {"first_ms": taken[0], "p50_ms": median(taken[1:]), "max_ms": max(taken[1:])}


def measure_idle(server: Server, client: Client, tag: str, *, count: int) -> dict[str, Any]:
    """Warm one environment of each of many functions; return what each costs while it idles.

    Memory is that of all processes below the server, its warm parents too, shared pages shared out.
    """
    before = frozenset(server.pids())
    for n in range(count):
        name = f"{tag}-{n}"
        create_function(client, name, f"# {n}\n{ECHO}")
        timed_invoke(server.port, name)
    processes = [pid for pid in server.pids() if pid != server.pid]
    added = sum(pid not in before for pid in processes)
    return {"functions": count, "processes": added, "mb_each": pss_mb(processes) / count}


def timed_invoke(port: int, function: str) -> float:
    """Invoke over a connection that is open already; return the milliseconds it took."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        request = invoke_request(function)
        reader = ResponseReader()
        began = time.perf_counter_ns()
        connection.sendall(request)
        answer = None
        while answer is None:
            answer = reader.feed(connection.recv(65_536))
        taken_ms = (time.perf_counter_ns() - began) / 1e6
    if answer[0] != 200:
        raise RuntimeError(f"invoke of {function}: {answer}")
    return taken_ms


def measure_latency(server: Server, client: Client, tag: str, *, count: int) -> dict[str, Any]:
    """Send one message at a time; measure from before the send to the handler's first line."""
    file, url = _mapped(server, client, tag, enabled=True)
    taken = []
    for n in range(count + 5):
        sent_ns = time.time_ns()
        client.sqs("SendMessage", QueueUrl=url, MessageBody=f"m{n}")
        handled_ns = _wait_for(file, n + 1)[f"m{n}"]
        taken.append((handled_ns - sent_ns) / 1e6)
    ordered = sorted(taken[5:])  # the first ones pay for the environment
    return {
        "first_ms": taken[0],
        "p50_ms": median(ordered),
        "p99_ms": ordered[round(0.99 * (count - 1))],
    }


def measure_mapping(
    server: Server, client: Client, tag: str, *, messages: int, rounds: int
) -> dict[str, Any]:
    """Enable a mapping (batch size 10) on a full queue; time until the last message is handled.

    The clock starts before the request that enables. The first round starts environments too.
    """
    file, url = _mapped(server, client, tag, enabled=False)
    identity = _mapping_of(client, tag)
    taken: list[float] = []
    doubled = 0
    for done in range(rounds):
        for start in range(0, messages, 10):
            entries = [{"Id": str(n), "MessageBody": f"r{done}m{start + n}"} for n in range(10)]
            client.sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
        began_ns = time.time_ns()
        client.lambda_("PUT", f"{MAPPINGS}/{identity}", Enabled=True)
        handled = _wait_for(file, messages)
        taken.append((max(handled.values()) - began_ns) / 1e9)
        doubled += len(file.read_text().splitlines()) - len(handled)
        client.lambda_("PUT", f"{MAPPINGS}/{identity}", Enabled=False)
        _wait_for_state(client, identity, "Disabled")
        file.write_text("")
    warm = median(taken[1:]) if rounds > 1 else taken[0]
    return {"first_s": taken[0], "s": warm, "per_second": messages / warm, "doubled": doubled}


def measure_stream(
    server: Server, client: Client, tag: str, *, messages: int, batch_size: int
) -> dict[str, Any]:
    """Enable a mapping on a backlog, with a handler that does nothing; time until it is gone.

    The clock starts before the request that enables and stops when no more than the last batch is
    left, visible or in flight: every other deletion is synced, and a batch that is not full waits
    for its window. A tenth as many go before, to start environments.
    """
    create_function(client, tag, NOTHING)
    url = client.create_queue(tag, VisibilityTimeout="60")
    _map(client, tag, url, enabled=False, batch_size=batch_size)
    identity = _mapping_of(client, tag)
    taken_s = 0.0
    for count in (messages // 10, messages):
        generate(server, script="send-batch", target=url, connections=8, count=count)
        began_s = time.perf_counter()
        client.lambda_("PUT", f"{MAPPINGS}/{identity}", Enabled=True)
        _wait_until_left(client, url, batch_size)
        taken_s = time.perf_counter() - began_s
        _wait_until_left(client, url, 0)
        client.lambda_("PUT", f"{MAPPINGS}/{identity}", Enabled=False)
        _wait_for_state(client, identity, "Disabled")
    return {"s": taken_s, "per_second": (messages - batch_size) / taken_s}


def _wait_until_left(client: Client, url: str, most: int) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        got = client.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=names)["Attributes"]
        if sum(int(got[name]) for name in names) <= most:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"more than {most} messages are left: {got}")
        time.sleep(0.01)


def _mapped(server: Server, client: Client, tag: str, *, enabled: bool) -> tuple[Path, str]:
    file = server.folder / f"{tag}.txt"
    file.write_text("")
    create_function(client, tag, RECORDER.format(path=str(file)))
    url = client.create_queue(tag, VisibilityTimeout="60")
    _map(client, tag, url, enabled=enabled, batch_size=10)
    return file, url


def _map(client: Client, tag: str, url: str, *, enabled: bool, batch_size: int) -> None:
    arn = client.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
    created = client.lambda_(
        "POST",
        MAPPINGS,
        FunctionName=tag,
        EventSourceArn=arn["Attributes"]["QueueArn"],
        BatchSize=batch_size,
        MaximumBatchingWindowInSeconds=0 if batch_size <= 10 else 1,
        Enabled=enabled,
    )
    _wait_for_state(client, created["UUID"], "Enabled" if enabled else "Disabled")


def _mapping_of(client: Client, function: str) -> str:
    found = client.lambda_("GET", f"{MAPPINGS}?FunctionName={function}")
    identity: str = found["EventSourceMappings"][0]["UUID"]
    return identity


def _wait_for_state(client: Client, identity: str, state: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while client.lambda_("GET", f"{MAPPINGS}/{identity}").get("State") != state:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the mapping did not become {state}")
        time.sleep(0.005)


def _wait_for(file: Path, count: int) -> dict[str, int]:
    """Wait until `count` messages are handled; return the instant of the first handling of each."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        handled: dict[str, int] = {}
        for line in file.read_text().splitlines():
            body, _, at = line.partition(" ")
            handled.setdefault(body, int(at))
        if len(handled) >= count:
            return handled
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"only {len(handled)} of {count} messages were handled: {json.dumps(handled)[:200]}"
            )
        time.sleep(0.001 if count < 1_000 else 0.02)
