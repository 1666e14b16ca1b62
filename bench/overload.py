"""More than a server will take: what it answers then, what it holds in memory, and how it is later.

The server may open few files, so that a thousand clients are too many. What each of the four crowds
asks for would need gigabytes if it were all kept.
"""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any
from urllib.request import urlopen

from bench.crowd import Job
from bench.processes import forget_peak, peak_mb, rss_mb
from bench.queues import create_queue, generate, run_process
from bench.requests import order_text, receive_request, send_requests, sqs_request
from bench.servers import Client, Narrow, Server
from bench.turns import Figures, note

CROWD = 1_000
FEW = 200
"""Fewer than the connections that are allowed: here it is the bytes that are too many."""

PIPELINED = 16
LARGE_BYTES = 900 * 1_024
ANSWER_MESSAGES, ANSWER_MESSAGE_BYTES = 10, 100 * 1_024
SECONDS_MAX = 60.0
REST_S = 4.0
"""After a crowd has left, before memory is looked at again: refused clients are listened to for a
while."""


def measure_overload(kind: type[Server] = Narrow, *, seconds: float) -> Figures:
    """Let the crowds in one after the other. Rates are of SendMessage at 16 connections."""
    with kind() as server:
        before = _send_rate(server, "before", seconds)
        crowds: dict[str, Figures] = {}
        for name, job in _crowds(server).items():
            note(f"overload · {name}")
            crowds[name] = _let_in(server, job)
        return {
            "crowds": crowds,
            "per_second_before": before,
            "per_second_after": _send_rate(server, "after", seconds),
            "faults": _faults(server),
            "retryable": retryable_share(crowds),
            "peak_mb": max(crowd["peak_mb"] for crowd in crowds.values()),
        }


def retryable_share(crowds: dict[str, Figures]) -> float | None:
    """Return how many of the clients that were not served got a 503, as a share.

    SDKs retry a 503 by themselves. None when everybody was served.
    """
    kinds = [pair for crowd in crowds.values() for pair in crowd["clients"].items()]
    refused = sum(count for kind, count in kinds if kind != "200")
    told = sum(count for kind, count in kinds if kind.startswith("503"))
    return told / refused if refused else None


def _send_rate(server: Server, tag: str, seconds: float) -> float:
    """Send as usual, three times; any answer but a 200 is an error."""
    url = create_queue(server, tag)
    job = {"script": "send", "target": url, "connections": 16, "warmup": 800, "seconds": seconds}
    return float(median(generate(server, **job)["per_second"] for _ in range(3)))


def _faults(server: Server) -> int:
    """Return how many bugs of its own the server has counted."""
    with urlopen(f"http://127.0.0.1:{server.port}{server.health}") as answer:
        return int(json.load(answer)["faults"])


def _let_in(server: Server, job: dict[str, Any]) -> Figures:
    pids = server.pids()
    before = rss_mb(pids)
    forget_peak(pids)
    counts = run_process("bench.crowd", server, **job)
    peak = peak_mb(pids)
    time.sleep(REST_S)
    return {**counts, "before_mb": before, "peak_mb": peak, "after_mb": rss_mb(pids)}


def _crowds(server: Server) -> dict[str, dict[str, Any]]:
    empty = create_queue(server, "empty")
    taken = create_queue(server, "taken")
    wait = _text(receive_request(empty, wait_s=3))
    return {
        f"{CROWD:,} connections, a send each": _job(CROWD, [(_small(taken), 1)]),
        f"{CROWD:,} connections, 2 long polls each": _job(CROWD, [(wait, 2)]),
        f"{FEW} long polls, {PIPELINED} sends of 900 KiB behind each": _job(
            FEW, [(wait, 1), (_padded(taken), PIPELINED)]
        ),
        f"{FEW} slow readers, {PIPELINED} answers of 1 MB each": _job(
            FEW, [(_large_answer(server), PIPELINED)], silent_s=3.0, is_slow=True
        ),
    }


def _job(clients: int, parts: list[tuple[str, int]], **more: Any) -> dict[str, Any]:
    job = Job(port=0, clients=clients, parts=parts, seconds=SECONDS_MAX, **more)
    return {
        "clients": job.clients,
        "parts": job.parts,
        "seconds": job.seconds,
        "silent_s": job.silent_s,
        "is_slow": job.is_slow,
    }


def _text(request: bytes) -> str:
    return request.decode("latin-1")


def _small(url: str) -> str:
    return _text(send_requests(url, 1_024, 1)[0])


def _padded(url: str) -> str:
    """Return a SendMessage that is large on its way in only: the rest of its body is blanks."""
    message = json.dumps({"QueueUrl": url, "MessageBody": order_text(0, 1_024)})
    return _text(sqs_request("SendMessage", message.ljust(LARGE_BYTES).encode()))


def _large_answer(server: Server) -> str:
    """Fill a queue; return a receive that takes all of it and leaves it visible."""
    url = create_queue(server, "large")
    client = Client(server)
    for n in range(ANSWER_MESSAGES):
        body = order_text(n, ANSWER_MESSAGE_BYTES)
        client.sqs("SendMessage", QueueUrl=url, MessageBody=body)
    client.close()
    return _text(receive_request(url, VisibilityTimeout=0))
