"""How soon a parked long poll hears of a message: by the sender's clock, in one process.

    one connection          another
    ReceiveMessage, 20 s ─>
                            SendMessage ─>
                            <─ its reply            │ this long, and 0 when
    <─ the message                                  │ it came first
    DeleteMessage

Run as a process (`python -m bench.longpoll`), with a job on standard input, like the generator.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from array import array
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from bench.generator import quantiles, receipt_handles
from bench.queues import GeneratorFailed, background, create_queue, run_process
from bench.requests import DeleteBatchBuilder, receive_request, send_requests
from bench.responses import ResponseReader
from bench.servers import Client, Server

REST_S = 0.01
"""Between asking for a message and sending one: much longer than a request takes to be parked."""

SECONDS_MAX = 60.0
"""A peer that looks at its queues ten times a second gets fewer rounds instead of minutes."""

STALL_SECONDS_MAX = 30.0
LOAD_CONNECTIONS = 16

Answer = tuple[int, int, bytes]
"""Arrival in nanoseconds, status, body."""


@dataclass(slots=True)
class Job:
    """How many rounds, on which queue."""

    port: int
    target: str
    rounds: int
    pids: list[int] = field(default_factory=list)


class Pair:
    """The connection that waits and the one that sends."""

    def __init__(self, port: int) -> None:
        self._epoll = select.epoll()
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        self._readers = [ResponseReader(), ResponseReader()]
        for connection in self._sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._epoll.register(connection.fileno(), select.EPOLLIN)
        self._places = {found.fileno(): at for at, found in enumerate(self._sockets)}

    def ask(self, place: int, request: bytes) -> None:
        """Send a request on one of the two."""
        self._sockets[place].sendall(request)

    def answers(self, count: int) -> dict[int, Answer]:
        """Wait for this many answers, each on a connection of its own; return them by place.

        What one look at the sockets finds arrived at the same instant, as far as can be told.
        """
        found: dict[int, Answer] = {}
        while len(found) < count:
            events = self._epoll.poll(STALL_SECONDS_MAX)
            at_ns = perf_counter_ns()
            if not events:
                raise RuntimeError(f"no answer for {STALL_SECONDS_MAX:g} s")
            for number, _event in events:
                place = self._places[number]
                data = self._sockets[place].recv(65_536)
                if not data:
                    raise RuntimeError("the server closed a connection")
                answer = self._readers[place].feed(data)
                if answer is not None:
                    found[place] = (at_ns, *answer)
        for _at_ns, status, body in found.values():
            if status != 200:
                raise RuntimeError(f"{status} {body[:300]!r}")
        return found


WAITER, SENDER = 0, 1


def run(job: Job) -> dict[str, Any]:
    """Do the rounds and return the figures."""
    pair = Pair(job.port)
    wait = receive_request(job.target, limit=1, wait_s=20)
    sends = send_requests(job.target, 1_024, 64)
    delete = DeleteBatchBuilder(job.target)
    lags, sending = array("q"), array("q")
    early = 0
    deadline = time.monotonic() + SECONDS_MAX
    for turn in range(job.rounds):
        if time.monotonic() > deadline:
            break
        pair.ask(WAITER, wait)
        time.sleep(REST_S)
        began = perf_counter_ns()
        pair.ask(SENDER, sends[turn % len(sends)])
        answers = pair.answers(2)
        sent, heard = answers[SENDER], answers[WAITER]
        identity: str = json.loads(sent[2])["MessageId"]
        handles = receipt_handles(heard[2])
        if len(handles) != 1 or identity.encode() not in heard[2]:
            raise RuntimeError(f"sent {identity}, and the long poll heard {heard[2][:300]!r}")
        lag = heard[0] - sent[0]
        early += lag < 0
        lags.append(max(0, lag))
        sending.append(sent[0] - began)
        pair.ask(SENDER, delete.build(handles))
        pair.answers(1)
    return {"lag_ms": quantiles(lags), "send_ms": quantiles(sending), "early": early}


def measure_longpoll(server: Server, tag: str, *, rounds: int, is_loaded: bool) -> dict[str, Any]:
    """Measure on a queue of its own, alone or while others send to another queue as they can."""
    url = create_queue(server, tag)
    if not is_loaded:
        return run_process("bench.longpoll", server, target=url, rounds=rounds)
    other = create_queue(server, f"{tag}-load")
    began = time.perf_counter()
    with background(server, script="send", target=other, connections=LOAD_CONNECTIONS):
        figures = run_process("bench.longpoll", server, target=url, rounds=rounds)
        taken_s = time.perf_counter() - began
    name = "ApproximateNumberOfMessages"
    client = Client(server)
    found = client.sqs("GetQueueAttributes", QueueUrl=other, AttributeNames=[name])
    client.sqs("DeleteQueue", QueueUrl=other)
    sent = int(found["Attributes"][name])
    if not sent:
        raise GeneratorFailed("nothing was sent beside the long polls")
    return {**figures, "load_per_second": sent / taken_s}


def main() -> None:
    """Run the job on standard input."""
    json.dump(run(Job(**json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
