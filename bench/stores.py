"""A large store: its rate beside a small one's, and how soon it answers after a stop or a crash.

Two servers, so that the small one's file is small too. Each turn takes the same number of messages
from both and fills them up again, unmeasured.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.queues import GeneratorFailed, background, create_queue, generate
from bench.requests import receive_request
from bench.responses import ResponseReader
from bench.servers import READY_SECONDS_MAX, Client, Redrive, Server
from bench.turns import Figures, Options, Results, note, take_turns

SMALL = 10_000
TAKEN = 5_000
CONNECTIONS = 64
FILL_SECONDS_MAX = 1_800.0
LOAD_SECONDS = 1.0
"""How long messages are sent before the kill, so that the log holds commits at that moment."""


def run_stores(options: Options) -> Results:
    """Run `backlog` and `reopen`, or one of them, on the same large store."""
    results: Results = {}
    with contextlib.ExitStack() as stack:
        large = stack.enter_context(Redrive())
        urls = {large: _filled(large, options.large)}
        if options.wants("backlog"):
            small = stack.enter_context(Redrive())
            urls[small] = _filled(small, SMALL)
            for server, count in ((small, SMALL), (large, options.large)):
                server.name = backlog_name(count)
            os.sync()  # what was filled is written back now, and not while others are measured
            results["backlog"] = take_turns(
                "backlog",
                (small, large),
                3 if options.quick else 15,
                lambda server, _turn: _take(server, urls[server]),
            )
            large.name = Redrive.name
        if options.wants("reopen"):
            figures = _reopened(large, urls[large], options)
            results["reopen"] = {Redrive.name: {**figures, "messages": options.large}}
    return results


def backlog_name(count: int) -> str:
    """Return under which name a backlog's figures stand."""
    return f"redrive, {count:,}"


def _filled(server: Server, count: int) -> str:
    url = create_queue(server, "backlog", VisibilityTimeout="3600")
    note(f"filling a store with {count:,} messages")
    _fill(server, url, count)
    return url


def _fill(server: Server, url: str, count: int) -> None:
    """Send at least `count` messages; what the last requests bring is on top."""
    filled = generate(
        server,
        script="send-batch",
        target=url,
        connections=CONNECTIONS,
        count=count,
        seconds=FILL_SECONDS_MAX,
    )
    if filled["done"] < count:
        raise GeneratorFailed(f"only {filled['done']:,} of {count:,} messages were taken")


def _take(server: Server, url: str) -> Figures:
    """Receive and delete some thousands, then send as many."""
    figures = generate(
        server, script="drain", target=url, connections=CONNECTIONS, count=TAKEN, seconds=60.0
    )
    _fill(server, url, max(1, figures["done"] - 10 * CONNECTIONS))
    return figures


# --- opening again -------------------------------------------------------------------------------


def _reopened(server: Server, url: str, options: Options) -> Figures:
    """Time the first ReceiveMessage after a stop, a kill, and a kill with a cold file.

    The kill comes while messages are sent in batches. A cold file is one of which the kernel keeps
    nothing in memory, as after a start of the machine.
    """
    ends: dict[str, tuple[Callable[[], None], bool]] = {
        "stopped": (server.halt, False),
        "killed": (lambda: _kill_loaded(server), False),
        "cold": (lambda: _kill_loaded(server), True),
    }
    taken: dict[str, list[float]] = {name: [] for name in ends}
    stopping = []
    for turn in range(options.rounds):
        for name, (end, is_cold) in ends.items():
            note(f"reopen, {name} · turn {turn + 1} of {options.rounds}")
            began = time.perf_counter()
            end()
            if name == "stopped":
                stopping.append(time.perf_counter() - began)
            if is_cold:
                _cool(server)
            taken[name].append(_first_receive_s(server, url))
    size = sum(file.stat().st_size for file in (server.folder / "data").glob("redrive.db*"))
    return {
        **{f"{name}_s": median(found) for name, found in taken.items()},
        **{f"{name}_max_s": max(found) for name, found in taken.items()},
        "stopping_s": median(stopping),
        "file_mb": size / 1_048_576,
    }


def _kill_loaded(server: Server) -> None:
    url = create_queue(server, "loaded")
    with background(server, script="send-batch", target=url, connections=16):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not _depth(server, url):
            if time.monotonic() > deadline:
                raise GeneratorFailed("nothing was sent before the kill")
            time.sleep(0.01)
        time.sleep(LOAD_SECONDS)
        server.kill()


def _depth(server: Server, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    found = Client(server).sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=[name])
    return int(found["Attributes"][name])


def _cool(server: Server) -> None:
    """Have the kernel forget the files of the store; what is not written yet is written first."""
    for file in (server.folder / "data").glob("redrive.db*"):
        number = os.open(file, os.O_RDONLY)
        try:
            os.fsync(number)
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(number)


def _first_receive_s(server: Server, url: str) -> float:
    """Start the process; return the seconds until a ReceiveMessage is answered with a message."""
    request = receive_request(url, limit=1)
    began = time.perf_counter()
    server.spawn()
    while True:
        try:
            status, body = _exchange(server.port, request)
            break
        except OSError:
            server.check_alive(began)
            time.sleep(0.001)
    taken_s = time.perf_counter() - began
    if status != 200 or b'"ReceiptHandle"' not in body:
        raise RuntimeError(f"the first receive after opening: {status} {body[:300]!r}")
    return taken_s


def _exchange(port: int, request: bytes) -> tuple[int, bytes]:
    """Ask once on a connection of its own. Raises OSError when nobody listens or it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=READY_SECONDS_MAX) as connection:
        connection.sendall(request)
        reader: Any = ResponseReader()
        while (data := connection.recv(65_536)) != b"":
            answer: tuple[int, bytes] | None = reader.feed(data)
            if answer is not None:
                return answer
    raise ConnectionError("closed without an answer")
