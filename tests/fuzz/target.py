"""What is shot at: guard, wire and services in this process, or a server behind a socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from redrive.app import OWN_MODELS, STATEMENTS
from redrive.core.effects import Caller, Ran, Run
from redrive.core.mint import Mint
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import Dispatch
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.room import Functions
from redrive.services.identity import operations as identity
from redrive.services.identity.room import Identity
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.mover import Mover
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.shell.front import Front
from redrive.shell.guard import Guard
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request, Response

from .mutations import ACCOUNT, URL, Fuzz
from .speech import heard

SECONDS_MAX = 1.0
"""Of this process's own CPU: what others do on a busy machine is not the server's."""

LONGEST_WAIT_MS = 20_000
RESET_EVERY = 1_000
HEALTH = b"GET /_redrive/health HTTP/1.0\r\nHost: localhost\r\n\r\n"
T0 = Millis(1_800_000_000_000)
METRICS = Path(metrics.__file__).parent.parent / "metrics.sql"
STATEMENTS_ALL = tuple(dict.fromkeys((*STATEMENTS, METRICS)))
SRC = Path(__file__).resolve().parents[2] / "src"
OWNER = Caller(ACCOUNT, "us-east-1", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


class Found(Exception):
    """A request that did harm: what it did, and the request."""


class _Chance:
    def __init__(self, fuzz: Fuzz) -> None:
        self._random = fuzz.random

    def token(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Target:
    """A whole server but for sockets, processes and the real clock."""

    def __init__(self, fuzz: Fuzz, folder: Path) -> None:
        self.fuzz = fuzz
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.statuses: dict[int, int] = {}
        self._shots = 0
        self._open: dict[int, tuple[Millis, Request]] = {}
        self.store = SqliteStore(str(folder / "fuzz.db"), load_statements(STATEMENTS_ALL))
        chance = _Chance(fuzz)
        registry = Registry(self.store)
        queues.register(registry, Queues(self.store, chance))
        functions.register(registry, Functions(CodeStore(folder / "code"), chance))
        mappings.register(registry, Mappings(chance))
        identity.register(registry, Identity(chance, Mint(bytes(32))))
        metrics.register(registry, Metrics())
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=_run,
            origin=URL.rsplit("/", 2)[0],
            fault=self.faults.append,
        )
        self.front = Front(
            Endpoint(("sqs", "lambda", "sts", "iam", "cloudwatch", "redrive"), OWN_MODELS),
            self.dispatch,
            Guard(frozenset(), frozenset()),
            stir=lambda: None,
            health=lambda: {"status": "ok"},
            resets=None,
        )
        self.dispatch.post(Mover(OWNER))
        self.dispatch.post(Reaper(OWNER))
        self._begin()

    def _begin(self) -> None:
        """Empty the account and make the queues that requests name."""
        for service in ("mappings", "lambda", "sqs"):
            self.dispatch.enter(service, "ResetAccount", {}, OWNER, lambda reply: None)
        for name in ("dlq", "q", "q2"):
            params = {"QueueName": name}
            self.dispatch.enter("sqs", "CreateQueue", params, OWNER, lambda reply: None)
        self._settle()

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
        try:
            self.front.handle(request, respond)
            self._settle()
            self._pass_time(self.fuzz.random.choice((0, 0, 0, 0, 0, 1, 1_000, 5_000, 61_000)))
        except Found:
            raise
        except Exception as error:
            raise Found(f"raised {traceback.format_exc()}\n{request}") from error
        if self.faults:
            text = "".join(traceback.format_exception(self.faults[0]))
            raise Found(f"a bug of ours: {text}\n{request}")
        if time.process_time() - began > SECONDS_MAX:
            raise Found(f"took {time.process_time() - began:.1f} s\n{request}")

    def finish(self) -> None:
        """Let all waits end; every request must have been answered once by then."""
        self._pass_time(LONGEST_WAIT_MS)
        if self._open:
            raise Found(f"never answered: {next(iter(self._open.values()))}")
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
