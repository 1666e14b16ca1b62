"""What is shot at: guard, wire and services in this process, or a server behind a socket."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redrive.app import OWN_MODELS, STATEMENTS
from redrive.catalogue import RESETS, SERVICES
from redrive.core.effects import Caller, Fetch, Fetched, Ran, Reply, Run, Worker
from redrive.core.mint import Mint
from redrive.core.time import NEVER, Millis
from redrive.rooms import Parts, add_rooms
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.dispatch import Dispatch
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.courier import Courier
from redrive.services.functions.room import Functions
from redrive.services.identity import operations as identity
from redrive.services.identity.room import Identity
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.mover import Mover
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.telemetry import cloudwatch as logs
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.room import Telemetry
from redrive.shell.front import Front
from redrive.shell.guard import Guard
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.wire.bindings import content_type_of
from redrive.wire.endpoint import Endpoint
from redrive.wire.faults import Error
from redrive.wire.messages import Fault, Incoming, Request, Response

from .mutations import ACCOUNT, URL, Fuzz
from .scene import SCENE
from .seeds import COMMON, forget_arns, is_modelled
from .speech import heard, is_error

SECONDS_MAX = 5.0
"""Of this process's own CPU: what others do on a busy machine is not the server's, but a collection
of all the garbage of a large process of tests is, and may take a second."""

ENDLESS_S = 20.0
"""Of its CPU again: then a request is given up, and where it was is shown."""

LONGEST_WAIT_MS = 20_000
RESET_EVERY = 1_000
HEALTH = b"GET /_redrive/health HTTP/1.0\r\nHost: localhost\r\n\r\n"
T0 = Millis(1_800_000_000_000)
METRICS = Path(metrics.__file__).parent.parent / "metrics.sql"
STATEMENTS_ALL = tuple(dict.fromkeys((*STATEMENTS, METRICS)))
SRC = Path(__file__).resolve().parents[2] / "src"
OWNER = Caller(ACCOUNT, "us-east-1", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


_SERVED = ("sqs", "lambda", "sts", "iam", "cloudwatch", "logs", "redrive", *SERVICES)


class Found(Exception):
    """A request that did harm: what it did, and the request."""


class _Chance:
    def __init__(self, fuzz: Fuzz) -> None:
        self._random = fuzz.random

    def token(self, count: int) -> bytes:
        return self._random.randbytes(count)


class _Endpoint(Endpoint):
    """The endpoint, which judges the errors that it tells."""

    def fault(self, where: Incoming | Fault | None, error: Error, request_id: str) -> Response:
        """Tell an error. Raises Found for one that its operation's model does not know."""
        response = super().fault(where, error, request_id)
        if isinstance(where, Incoming) and where.service in (*SERVICES, "cloudwatch"):
            code = getattr(error, "code", "")
            known = is_modelled(where.service, where.operation, code)
            if not known and code not in COMMON.get(where.service, ()):
                raise Found(f"{where.service} {where.operation} has no error {error!r}")
        if where is not None:
            protocol = where.route.protocol if isinstance(where, Incoming) else where.protocol
            model = None if where.service is None else self.model(where.service)
            wanted = content_type_of(protocol, model)
            kind = dict(response.headers)["Content-Type"]
            if kind != wanted or (response.body and not is_error(protocol, response)):
                raise Found(f"not an error of {protocol}: {response}")
        return response


def _endless(*_signal: object) -> None:
    raise Found(f"does not end: {''.join(traceback.format_stack())}")


class Target:
    """A whole server but for sockets, processes and the real clock."""

    def __init__(self, fuzz: Fuzz, folder: Path) -> None:
        self.fuzz = fuzz
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.statuses: dict[int, int] = {}
        self._shots = 0
        self._open: dict[int, tuple[Millis, Request]] = {}
        signal.signal(signal.SIGPROF, _endless)
        self.store = SqliteStore(str(folder / "fuzz.db"), load_statements(STATEMENTS_ALL))
        chance = _Chance(fuzz)
        registry, workers = self._register(chance, folder)
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=_run,
            origin=URL.rsplit("/", 2)[0],
            fault=self.faults.append,
            fetch=self._fetch,
        )
        self.front = Front(
            _Endpoint(_SERVED, OWN_MODELS),
            self.dispatch,
            Guard(frozenset(), frozenset()),
            stir=lambda: None,
            health=lambda: {"status": "ok"},
            resets=None,
        )
        for worker in workers:
            self.dispatch.post(worker)
        self._begin()

    def _register(self, chance: _Chance, folder: Path) -> tuple[Registry, tuple[Worker, ...]]:
        registry = Registry(self.store)
        outbox = Outbox(registry)
        gathered = Metrics()
        queues.register(registry, Queues(self.store, chance))
        code = CodeStore(folder / "code")
        functions.register(registry, Functions(code, chance, outbox=outbox))
        delivery.register(registry, Deliveries(outbox.tell))
        mappings.register(registry, Mappings(chance))
        identity.register(registry, Identity(chance, Mint(bytes(32))))
        metrics.register(registry, gathered)
        self.telemetry = Telemetry(LogBook(str(folder / "telemetry.db")), self.now_ms)
        logs.register(registry, self.telemetry)
        count = gathered.gatherer.count
        parts = Parts(registry, chance, outbox, OWNER, count, http_private=True)
        return registry, (
            Mover(OWNER),
            Reaper(OWNER),
            Courier(lambda dropped: None),
            Poller(OWNER, chance),
            DeliveryCourier(OWNER, lambda lost: None),
            *add_rooms(parts),
        )

    def _fetch(self, fetch: Fetch, done: Callable[[Reply], None]) -> None:
        """Answer for all other servers; what they are told can be used."""
        with contextlib.suppress(ValueError):
            self.fuzz.learn(json.loads(fetch.body or b""))
        chance = self.fuzz.random.random()
        status = 200 if chance < 0.7 else self.fuzz.random.choice((301, 404, 429, 500))
        done(Reply(fetched=Fetched(status, (), b'{"access_token":"x","expires_in":60}')))

    def _begin(self) -> None:
        """Empty the account and make the queues that requests name."""
        for service in ("mappings", "lambda", "sqs", "delivery", "cloudwatch", "logs", *RESETS):
            self.dispatch.enter(service, "ResetAccount", {}, OWNER, lambda reply: None)
        for name in ("dlq", "q", "q2"):
            params = {"QueueName": name}
            self.dispatch.enter("sqs", "CreateQueue", params, OWNER, lambda reply: None)
        self._settle()
        forget_arns(self.fuzz.known)
        for service, operation, params in SCENE:
            self._make(service, operation, self.fuzz.seeds.filled(params))

    def _make(self, service: str, operation: str, params: Any) -> None:
        """Make what requests are about; it has to be possible."""
        told: list[Reply] = []
        given = {n: v * 1_000 if n.endswith("Time") else v for n, v in params.items()}
        self.dispatch.enter(service, operation, given, OWNER, told.append)
        self._settle()
        if told[0].result is None:
            raise Found(f"{service} {operation} {params}: {told[0].error!r}")
        self.fuzz.learn(told[0].result)
        self._pass_time(200)  # some are only then ready

    def shoot(self) -> None:
        """Send one request, and let some time pass. Raises Found."""
        self._shots += 1
        if self._shots % RESET_EVERY == 0:
            self._begin()
        request, number = self.fuzz.request(), self._shots
        self._open[number] = (self.now_ms, request)

        def respond(response: Response) -> None:
            self._judge(number, request, response)

        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, ENDLESS_S)
        try:
            self.front.handle(request, respond)
            self.dispatch.settle()
            while number in self._open and not self.dispatch.is_idle:
                self.dispatch.settle()
            took = time.process_time() - began
            # What goes on is no request's: a pipe from a queue to itself goes round for long.
            self._settle()
            self._pass_time(self.fuzz.random.choice((0, 0, 0, 0, 0, 1, 1_000, 5_000, 61_000)))
        except Found:
            raise
        except Exception as error:
            raise Found(f"raised {traceback.format_exc()}\n{request}") from error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if self.faults:
            text = "".join(traceback.format_exception(self.faults[0]))
            raise Found(f"a bug of ours: {text}\n{request}")
        if took > SECONDS_MAX:
            raise Found(f"took {took:.1f} s\n{request}")

    def finish(self) -> None:
        """Let all waits end; every request must have been answered once by then."""
        self._pass_time(LONGEST_WAIT_MS)
        if self._open:
            raise Found(f"never answered: {next(iter(self._open.values()))}")
        self.telemetry.book.close()
        self.store.close()

    def _judge(self, number: int, request: Request, response: Response) -> None:
        if self._open.pop(number, None) is None:
            raise Found(f"answered twice: {response}\n{request}")
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        if not 200 <= response.status < 500:
            raise Found(f"{response}\n{request}")
        self.fuzz.learn(heard(dict(response.headers).get("Content-Type", ""), response.body))

    def _settle(self) -> None:
        self.dispatch.settle()
        while not self.dispatch.is_idle:
            self.dispatch.settle()

    def _pass_time(self, ms: int) -> None:
        until_ms = self.now_ms + ms
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.dispatch.advance()
            self._settle()
        self.now_ms = Millis(until_ms)


def _run(run: Run, done: Any) -> None:
    done(Ran(run.event))


class LiveTarget:
    """A server's process; requests are bytes."""

    def __init__(self, fuzz: Fuzz, folder: Path) -> None:
        self.fuzz = fuzz
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "redrive", "serve", "--port", "0", "--data", str(folder)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(SRC)},
                stdout=log,
                stderr=log,
            )
        found = None
        while found is None and self._process.poll() is None:
            found = re.search(rb"http://127\.0\.0\.1:(\d+)", self._log.read_bytes())
        if found is None:
            raise Found(self._log.read_text())
        self._port = int(found[1])

    def shoot(self) -> None:
        """Send bytes, hang up half-way, read what comes, ask for the server's health."""
        data = self.fuzz.raw()
        try:
            self._answers(data)
            health = self._answers(HEALTH)
        except TimeoutError:
            raise Found(f"no end of {data!r}") from None
        except ConnectionRefusedError:
            raise Found(f"the server has died: {self._tail()}\n{data!r}") from None
        if b'"faults":0' not in health:
            raise Found(f"a bug of ours: {self._tail()}\n{data!r}")

    def _tail(self) -> str:
        return self._log.read_text()[-5_000:]

    def _answers(self, data: bytes) -> bytes:
        whole = b""
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as wire:
            try:
                wire.sendall(data)
                wire.shutdown(socket.SHUT_WR)
                while piece := wire.recv(65_536):
                    whole += piece
            except (ConnectionResetError, BrokenPipeError):
                pass
        for status in re.findall(rb"^HTTP/1\.1 (\d+)", whole, re.MULTILINE):
            if status.startswith(b"5"):
                raise Found(f"{whole!r}\n{data!r}")
        return whole

    def finish(self) -> None:
        """Stop the server; it has to be able to."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        if code != 0 or "a bug of ours" in self._log.read_text():
            raise Found(f"exit {code}: {self._tail()}")

    def close(self) -> None:
        """End the process however it is."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
