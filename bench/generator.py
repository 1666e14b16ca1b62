"""The load generator: one process, raw sockets, epoll, requests prebuilt, a closed loop.

    job (JSON on stdin) -> connect -> warm up -> measure -> result (JSON on stdout)

Every connection has one request in flight and sends the next as soon as the answer is whole. It
measures its own CPU and that of the server's processes over the same window, so that one can see
that it is not the bottleneck: its CPU per request must stay below the server's.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
from array import array
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time_ns, time_ns
from typing import Any

from bench.processes import cpu_seconds
from bench.requests import (
    DeleteBatchBuilder,
    invoke_request,
    numbered,
    receive_request,
    send_batch_requests,
    send_fifo_requests,
    send_requests,
)
from bench.responses import ResponseReader
from bench.signing import Signer

RECEIVE_BYTES = 16_384
RECONNECTS_MAX = 10_000
STALL_SECONDS_MAX = 60.0
"""No server may leave every connection without an answer for longer than this."""

_FAILED = re.compile(rb'"Failed": ?\[ ?\{')


@dataclass(slots=True)
class Job:
    """What to send and for how long: warm-up requests first, then `count` of them or `seconds`.

    script: "send" | "send-batch" | "fifo-send" | "fifo-send-batch" | "drain" | "invoke". target:
    the queue's URL or the function's name. count is in messages for queues and in invocations for
    functions; None means until the time is over. groups: message groups that FIFO sends go round.
    is_patient: an empty receive says nothing about the queue, whose groups others may hold. key:
    access key and secret with which sends are signed. pids are the server's processes, whose CPU
    is counted.
    """

    port: int
    script: str
    target: str
    connections: int
    warmup: int = 0
    count: int | None = None
    seconds: float = 5.0
    body_bytes: int = 1_024
    variants: int = 512
    groups: int = 100
    is_patient: bool = False
    key: tuple[str, str] | None = None
    pids: list[int] = field(default_factory=list)


class Stall(Exception):
    """The server stopped answering."""


class Connection:
    """One socket, its half-read answer, and what to send next."""

    __slots__ = (
        "_port",
        "label",
        "reader",
        "receive",
        "request",
        "rest",
        "send",
        "sent_ns",
        "socket",
        "taken",
    )

    def __init__(self, port: int) -> None:
        self._port = port
        self.label = ""
        self.request = b""
        self.sent_ns = 0
        self.taken = 0
        self.open()

    def open(self) -> None:
        """Connect; a half-read answer of the connection before is forgotten."""
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.receive = self.socket.recv  # bound once: these two are called for every request
        self.send = self.socket.send
        self.reader = ResponseReader()
        self.rest = b""


class Generator:
    """Runs one job. The only state that grows with the run is one integer per request."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.latencies: dict[str, array[int]] = {}
        self._restart_clocks()
        self.done = 0  # messages or invocations acknowledged in this phase
        self.errors = 0
        self.reconnects = 0
        self.first_error = ""
        self._next = 0
        self._empty = 0
        self._epoll = select.epoll()
        self._connections = [Connection(job.port) for _ in range(job.connections)]
        self._by_fd = {c.socket.fileno(): c for c in self._connections}
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)
        self._prebuild()

    def _prebuild(self) -> None:
        job = self.job
        self._receive = b""
        self._fixed: list[bytes] = []
        self._is_numbered = job.script.startswith("fifo-")
        self._sent = 0  # of numbered requests: two runs on one queue must not number alike
        is_batch = job.script.endswith("-batch")
        if job.script == "send":
            signer = Signer(*job.key) if job.key else None
            self._fixed = send_requests(job.target, job.body_bytes, job.variants, signer)
        elif self._is_numbered:
            variants = job.variants // 8 if is_batch else job.variants
            self._fixed = send_fifo_requests(
                job.target, job.body_bytes, max(1, variants), job.groups, batch=is_batch
            )
            self._sent = time_ns() // 1_000_000 % 10**9 * 1_000
        elif job.script == "send-batch":
            self._fixed = send_batch_requests(job.target, job.body_bytes, max(1, job.variants // 8))
        elif job.script == "invoke":
            self._fixed = [invoke_request(job.target)]
        else:
            assert job.script == "drain", job.script
            self._receive = receive_request(job.target)
            self._delete = DeleteBatchBuilder(job.target)
        self._per_request = 10 if is_batch else 1

    def run(self) -> dict[str, Any]:
        """Warm up, measure, and return the figures of the measured part."""
        if self.job.warmup:
            self._phase(self.job.warmup, 60.0)
        self._restart_clocks()
        server_cpu = cpu_seconds(self.job.pids)
        own_cpu = process_time_ns()
        started = perf_counter_ns()
        self._phase(self.job.count, self.job.seconds)
        wall_s = (perf_counter_ns() - started) / 1e9
        own_s = (process_time_ns() - own_cpu) / 1e9
        server_s = cpu_seconds(self.job.pids) - server_cpu
        counted = sum(map(len, self.latencies.values()))
        requests = max(1, counted)
        return {
            "done": self.done,
            "requests": counted,
            "errors": self.errors,
            "reconnects": self.reconnects,
            "first_error": self.first_error,
            "wall_s": wall_s,
            "per_second": self.done / wall_s,
            "server_cpu_us": server_s * 1e6 / requests,
            "server_cpu_us_each": server_s * 1e6 / max(1, self.done),
            "generator_cpu_us": own_s * 1e6 / requests,
            "latency_ms": {
                label: quantiles(values) for label, values in self.latencies.items() if values
            },
        }

    def _restart_clocks(self) -> None:
        first = "receive" if self.job.script == "drain" else self.job.script
        self.latencies = {first: array("q"), "delete": array("q")}
        self._latency = self.latencies[first].append
        self._delete_latency = self.latencies["delete"].append

    def _phase(self, count: int | None, seconds: float) -> None:
        """Send until `count` is acknowledged or the time is over; let the last answers arrive."""
        self.done = 0
        self._empty = 0
        deadline = perf_counter_ns() + int(seconds * 1e9)
        goal = sys.maxsize if count is None else count
        for connection in self._connections:
            self._begin(connection)
        waiting = len(self._connections)
        by_fd, poll, now_ns = self._by_fd, self._epoll.poll, perf_counter_ns
        book = self._book_fixed if self._fixed else self._book_drain
        while waiting:
            events = poll(STALL_SECONDS_MAX)
            if not events:
                raise Stall(f"no answer for {STALL_SECONDS_MAX:g} s")
            for fd, _event in events:
                connection = by_fd[fd]
                if connection.rest:
                    self._flush(connection)
                    continue
                try:
                    data = connection.receive(RECEIVE_BYTES)
                except ConnectionResetError:
                    data = b""
                if not data:
                    self._reconnect(connection)
                    continue
                answer = connection.reader.feed(data)
                if answer is None:
                    continue
                now = now_ns()
                if not book(connection, answer, now, now >= deadline or self.done >= goal):
                    waiting -= 1

    def _begin(self, connection: Connection) -> None:
        if self._fixed:
            self._next = (self._next + 1) % len(self._fixed)
            request = self._fixed[self._next]
            if self._is_numbered:
                self._sent += 1
                request = numbered(request, self._sent)
            self._send(connection, self.job.script, request)
        else:
            self._send(connection, "receive", self._receive)

    def _book_fixed(
        self, connection: Connection, answer: tuple[int, bytes], now: int, over: bool
    ) -> bool:
        """Book an answer and send the next request; False when this connection rests."""
        self._latency(now - connection.sent_ns)
        self.done += self._per_request
        if answer[0] != 200 or (self._per_request > 1 and _FAILED.search(answer[1])):
            self._fail(connection, answer)
        if over:
            return False
        self._begin(connection)
        return True

    def _book_drain(
        self, connection: Connection, answer: tuple[int, bytes], now: int, over: bool
    ) -> bool:
        """Book a receive or a delete and send what follows; False when this connection rests."""
        status, body = answer
        if connection.label == "receive":
            self._latency(now - connection.sent_ns)
            if status != 200:
                self._fail(connection, answer)
                return False
            return self._received(connection, body, over)
        self._delete_latency(now - connection.sent_ns)
        if status != 200 or _FAILED.search(body):
            self._fail(connection, answer)
            return False
        self.done += connection.taken
        if over:
            return False
        self._begin(connection)
        return True

    def _fail(self, connection: Connection, answer: tuple[int, bytes]) -> None:
        self.errors += 1
        self.first_error = (
            self.first_error or f"{connection.label}: {answer[0]} {answer[1][:300]!r}"
        )

    def _received(self, connection: Connection, body: bytes, over: bool) -> bool:
        handles = receipt_handles(body)
        if not handles:
            # A standard queue may answer empty while others hold the rest: only then is it drained.
            self._empty += 1
            is_drained = not self.job.is_patient and self._empty > 2 * len(self._connections)
            if over or is_drained:
                return False
            self._send(connection, "receive", self._receive)
            return True
        connection.taken = len(handles)
        self._send(connection, "delete", self._delete.build(handles))
        return True

    def _send(self, connection: Connection, label: str, request: bytes) -> None:
        connection.label = label
        connection.request = request
        connection.sent_ns = perf_counter_ns()
        sent = connection.send(request)
        if sent < len(request):
            connection.rest = request[sent:]
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _reconnect(self, connection: Connection) -> None:
        """Open the connection anew and send its request again, as an SDK does.

        Some servers close a connection after so many requests. A server that does nothing else is
        not measured but reported.
        """
        self.reconnects += 1
        if self.reconnects > RECONNECTS_MAX:
            raise Stall("the server closes every connection")
        del self._by_fd[connection.socket.fileno()]
        connection.socket.close()
        connection.open()
        self._by_fd[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket.fileno(), select.EPOLLIN)
        self._send(connection, connection.label, connection.request)

    def _flush(self, connection: Connection) -> None:
        connection.rest = connection.rest[connection.send(connection.rest) :]
        if not connection.rest:
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)


def receipt_handles(body: bytes) -> list[bytes]:
    """Return the receipt handles of a ReceiveMessage answer, as they stand in its JSON.

    A message's own text cannot be mistaken for one: a quote inside a JSON string is escaped.
    Splitting takes a third of the time of a regular expression.
    """
    handles = []
    for part in body.split(b'"ReceiptHandle":')[1:]:
        start = part.index(b'"') + 1
        handles.append(part[start : part.index(b'"', start)])
    return handles


def quantiles(nanoseconds: array[int]) -> dict[str, float]:
    """Return p50, p99 and the maximum, in milliseconds."""
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    return {
        "p50": ordered[round(last * 0.50)] / 1e6,
        "p99": ordered[round(last * 0.99)] / 1e6,
        "max": ordered[last] / 1e6,
        "count": len(ordered),
    }


def main() -> None:
    """Run the job on standard input."""
    job = Job(**json.load(sys.stdin))
    json.dump(Generator(job).run(), sys.stdout)


if __name__ == "__main__":
    main()
