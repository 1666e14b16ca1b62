"""Composition root one: the server. Store, clock, services, workers, listener; nothing is decided
here.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import redrive
from redrive.catalogue import RESETS, SERVICES
from redrive.catalogue import STATEMENTS as ROOM_STATEMENTS
from redrive.config import Config, ConfigError, load_keys
from redrive.core.effects import Caller, Ran, Run, Worker
from redrive.core.keys import Keyring
from redrive.core.time import SECOND_MS
from redrive.runtime.executor import Executor
from redrive.runtime.offered import offer_sdk
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.model import GivenUp
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.dispatch import Dispatch
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.courier import Courier, Dropped
from redrive.services.functions.provisioner import Provisioner
from redrive.services.functions.room import Functions
from redrive.services.functions.sweeper import Sweeper
from redrive.services.identity import operations as identity
from redrive.services.identity.gate import Gate
from redrive.services.identity.room import open_room
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.lambdas import LambdaTally, MappingTally
from redrive.services.metrics.recorder import Recorder
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.keys import open_cipher
from redrive.services.queues.mover import Mover
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.telemetry import cloudwatch as logs
from redrive.services.telemetry import operations as telemetry_operations
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.room import Telemetry
from redrive.services.telemetry.scribe import Scribe
from redrive.services.telemetry.watch import (
    deployment_note,
    note_buried,
    watched_runs,
    watched_settling,
)
from redrive.shell.front import Figure, Front
from redrive.shell.guard import Guard
from redrive.shell.http import Exchange, Respond
from redrive.shell.lock import DataLock
from redrive.shell.loop import Jobs, LoopReactor, Pump
from redrive.shell.outward import Outward
from redrive.shell.server import Server
from redrive.shell.sources import SystemChance, wall_ms
from redrive.shell.timekeeping import ManualTime, SystemTime, Time
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import StoreFailed
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request
from redrive.wire.signatures import Verifier
from redrive.wire.sigv4 import Lent

log = logging.getLogger("redrive")
_VERSION = redrive.__version__

Began = Callable[[str, Callable[[], None]], None]

_SERVICES = Path(__file__).parent / "services"
STATEMENTS = tuple(
    _SERVICES / f"{name}.sql"
    for name in (
        "queues/queues",
        "queues/fifo",
        "functions/functions",
        "delivery/delivery",
        "mappings/mappings",
        "stacks/stacks",
        "metrics/metrics",
        "identity/identity",
        *ROOM_STATEMENTS,
    )
)
OWN_MODELS = {"redrive": _SERVICES / "redrive.json"}
_RESETS = ("mappings", "lambda", "delivery", "sqs", "stacks", "cloudwatch", "logs", "iam", *RESETS)
_REST_S = 0.5
"""After which the rest is loaded that nobody has asked for: by then the server listens, and whoever
waited for that has been answered."""
_SELF = Caller("000000000000", "us-east-1", "arn:aws:iam::000000000000:root", "000000000000")
"""As whom the server's own workers ask; what they do belongs to no account."""


class App:
    """All parts of a running server, wired. It is a `shell.server.House`."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        port: int,
        failed: Callable[[StoreFailed], None],
        keyring: Keyring | None,
    ) -> None:
        self._data = Path(config.data).absolute()
        self.origin = f"http://{_bracketed(config.public_host)}:{port}"
        self.local_url = f"http://{_bracketed(config.local_host)}:{port}"
        self._failed = failed
        self._is_keyed = keyring is not None
        self._faults = 0
        self._invocations = 0
        self._connections: Callable[[], int] = lambda: 0
        self._revisions: dict[str, str] = {}
        chance = SystemChance()
        self._durability = _durability(config)
        self._store = SqliteStore(
            str(self._data / "redrive.db"),
            load_statements(STATEMENTS),
            sync_every_ms=config.sync_ms if config.durability == "relaxed" else 0,
        )
        self._time = time = _keep_time(config, loop, self._store, failed)
        self._clock = clock = time.clock
        self._started_ms = clock()
        self._telemetry = Telemetry(LogBook(str(self._data / "telemetry.db")), clock())
        self._metrics = Metrics()
        self._lambda_tally = LambdaTally(self._metrics.gatherer)
        self._jobs = Jobs(loop)
        self._outward = Outward(loop, self._jobs, is_private=config.http_private)
        self._pump = pump = time.pump
        self._registry = self._register(chance, config, keyring)
        self._dispatch = pump.dispatch = Dispatch(
            self._registry,
            self._store,
            clock=clock,
            chance=chance,
            run=time.counted(self._watched_run()),
            origin=self.origin,
            stirred=pump.stir,
            fault=self._fault,
            failed=failed,
            job=time.counted(self._jobs),
            fetch=time.counted(self._outward),
        )
        self._telemetry.wake = self._dispatch.wake
        self._executor = self._employ(config, LoopReactor(loop, time.machine), keyring)
        self._front = self._open(config, keyring, pump)
        self._handle = time.wire(lambda: self._executor.is_starting, self._front.handle)
        for worker in self._workers(chance):
            self._dispatch.post(worker)
        self._rest = loop.call_later(_REST_S, self._registry.complete)

    def _employ(self, config: Config, reactor: LoopReactor, keyring: Keyring | None) -> Executor:
        """Make what runs functions. Raises ConfigError where they cannot be confined as asked."""
        try:
            return Executor(
                reactor,
                endpoint_url=self.local_url,
                work_dir=self._data / "run",
                on_log=self._time.dated(self._telemetry.append),
                environments_max=config.environments_max,
                extra_site_path=offer_sdk(self._data / "sdk"),
                lend=None if keyring is None else keyring.lend,
                sandbox=config.sandbox,
                node_sdk_path=Path(config.node_sdk).absolute() if config.node_sdk else None,
            )
        except ValueError as error:
            self._store.close()
            raise ConfigError(str(error)) from None

    def _open(self, config: Config, keyring: Keyring | None, pump: Pump) -> Front:
        """Make the front: who is let in, and as whom."""
        is_judging = config.authorisation == "on"
        lent = Lent(self._identity.mint, wall_ms)
        endpoint = Endpoint(
            ("sqs", "lambda", "sts", "cloudwatch", "logs", "iam", "redrive", *SERVICES),
            OWN_MODELS,
            None if keyring is None else Verifier(keyring, wall_ms, lent),
            is_judging=is_judging,
            lent=lent,
        )
        guard = Guard(
            frozenset((*config.allowed_hosts, _bracketed(config.local_host))),
            frozenset(config.allowed_origins),
        )
        return Front(
            endpoint,
            self._dispatch,
            guard,
            stir=pump.stir,
            health=self.health,
            resets=_RESETS if config.allow_reset else None,
            gate=Gate(self._store, self._clock, self._failed) if is_judging else None,
            figures=self.figures,
            shows_all=keyring is None,
            time=self._time,
        )

    def _register(self, chance: SystemChance, config: Config, keyring: Keyring | None) -> Registry:
        """Make the rooms and add their operations; what the rooms write is committed."""
        registry = Registry(self._store)
        telemetry = self._telemetry
        buried = partial(note_buried, telemetry)
        key_file = Path(config.encryption_key_file or self._data / "redrive.key")
        try:
            cipher = open_cipher(self._store, chance, key_file, seals=config.encryption == "on")
        except StoreFailed:
            self._store.close()
            raise
        room = Queues(self._store, chance, buried, config.fairness, cipher)
        queues.register(registry, room)
        outbox = Outbox(registry)
        delivery.register(registry, Deliveries(outbox.tell, config.authorisation == "on"))
        self._add_functions(registry, chance, outbox)
        mappings.register(registry, Mappings(chance))
        registry.expect(partial(self._add_rest, registry, chance, outbox, config.http_private))
        metrics.register(registry, self._metrics)
        self._metrics.families.append(self._lambda_tally.families)
        self._identity = open_room(self._store, chance, keyring)
        identity.register(registry, self._identity)
        telemetry_operations.register(registry, telemetry)
        logs.register(registry, telemetry)
        registry.watch("sqs", "SettleBatch", lambda op: watched_settling(op, telemetry))
        for name in ("Invoke", "InvokeAsync", "InvokeWithResponseStream"):
            if registry.has("lambda", name):
                registry.watch("lambda", name, self._lambda_tally.watched_invoke)
        self._store.commit(self._clock())
        return registry

    def _add_rest(
        self, registry: Registry, chance: SystemChance, outbox: Outbox, is_private: bool
    ) -> None:
        """Add what takes as long to load as all else: what starts the work, and stacks.

        The courier begins only now, since the rooms hear how what they owe is settled.
        """
        rooms = import_module("redrive.rooms")
        count = self._metrics.count
        parts = rooms.Parts(registry, chance, outbox, _SELF, count, http_private=is_private)
        workers = (*rooms.add_rooms(parts), DeliveryCourier(_SELF, self._given_up))
        stacks = import_module("redrive.services.stacks.operations")
        deployer = import_module("redrive.services.stacks.deployer")
        stacks.register(registry)
        note = deployment_note(self._telemetry)
        for worker in (*workers, deployer.Deployer(_SELF, note)):
            self._dispatch.post(worker)

    def _add_functions(self, registry: Registry, chance: SystemChance, outbox: Outbox) -> None:
        """Add the functions, which leave what they owe in the outbox."""
        room = Functions(
            CodeStore(self._data / "code"),
            chance,
            outbox=outbox,
            note=self._lambda_tally.note,
            warmer=lambda environment, count: self._executor.keep(environment, count),
            trouble=self._trouble,
        )
        functions.register(registry, room)
        self._lambda_tally.unreserved = room.running.of_pool

    def _workers(self, chance: SystemChance) -> tuple[Worker, ...]:
        return (
            Mover(_SELF),
            Reaper(_SELF),
            Recorder(_SELF, self._store.high_water_ms, self._metrics.gatherer),
            Courier(self._dropped),
            Provisioner(),
            Sweeper(),
            Poller(_SELF, chance, MappingTally(self._metrics.gatherer)),
            Scribe(self._telemetry, *self._time.flush),
        )

    def _watched_run(self) -> Callable[[Run, Callable[[Ran], None]], None]:
        run = watched_runs(self._run, self._telemetry, self._clock)
        return self._lambda_tally.watched_runs(run, self._clock)

    def _run(self, run: Run, done: Callable[[Ran], None]) -> None:
        environment = run.environment
        self._invocations += 1
        if self._revisions.get(environment.function_arn) != environment.revision:
            self._revisions[environment.function_arn] = environment.revision
            self._executor.retire(environment.function_arn, environment.revision)
        self._executor.run(run, done)

    def _trouble(self, runtime: str) -> str:
        choice = self._executor.interpreter(runtime)
        return choice.note if choice.interpreter is None else ""

    def _dropped(self, dropped: Dropped) -> None:
        log.warning(
            "an asynchronous event was given up",
            extra={
                "function": dropped.function_arn,
                "request_id": dropped.request_id,
                "reason": dropped.reason,
            },
        )

    def _given_up(self, lost: GivenUp) -> None:
        log.warning(
            "a delivery was given up",
            extra={
                "purpose": lost.purpose,
                "source": lost.source,
                "target": lost.target,
                "reason": lost.reason,
                "dead_letter_queue": lost.queue or "none: it is lost",
            },
        )

    def _fault(self, error: BaseException) -> None:
        self._faults += 1
        log.error("a bug of ours: %r", error, exc_info=error)

    def health(self) -> dict[str, Any]:
        """Return what runs, for /_redrive/health."""
        return {
            "status": "ok",
            "version": redrive.__version__,
            "pid": os.getpid(),
            "data": str(self._data),
            "durability": self._durability,
            "uptime_ms": self._clock() - self._started_ms,
            "clock": self._time.show(),
            "services": list(self._front.endpoint.services),
            "waiting": self._dispatch.waiting,
            "running": self._dispatch.asked,
            "faults": self._faults,
            # Names of functions are not for everybody who has no key.
            **({} if self._is_keyed else {"functions": self._executor.describe()}),
        }

    def figures(self) -> list[Figure]:
        """Return what the server itself is at, for /metrics."""
        dispatch, store = self._dispatch, self._store

        def one(name: str, kind: str, text: str, value: float) -> Figure:
            return (f"redrive_{name}", kind, text, [({}, value)])

        uptime_s = (self._clock() - self._started_ms) / SECOND_MS
        return [
            ("redrive_info", "gauge", "The version that runs.", [({"version": _VERSION}, 1)]),
            one("uptime_seconds", "gauge", "Since the server was started.", uptime_s),
            one("connections", "gauge", "Connections of clients.", self._connections()),
            one("operations_total", "counter", "Operations begun, ours too.", dispatch.entered),
            one("operations_waiting", "gauge", "Long polls that wait.", dispatch.waiting),
            one("operations_running", "gauge", "Under way elsewhere.", dispatch.asked),
            one("invocations_total", "counter", "Runs of functions begun.", self._invocations),
            one("commits_total", "counter", "Groups written with one sync.", store.commits),
            one("log_pages", "gauge", "Pages in the log of the store.", store.log_pages),
            one("faults_total", "counter", "Bugs of ours that were met.", self._faults),
        ]

    def watch(self, connections: Callable[[], int]) -> None:
        """Be told how many connections there are."""
        self._connections = connections

    def handler(self, request: Request, respond: Respond) -> Exchange | None:
        """Answer one request."""
        return self._handle(request, respond)

    def body_bytes_max(self, url: bytes) -> int:
        """Return how large a request's body may be."""
        return self._front.body_bytes_max(url)

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request is refused before its body is read, or None."""
        return self._front.refusal(headers)

    def drain(self) -> None:
        """Take no more work."""
        self._front.is_draining = True
        self._rest.cancel()
        self._time.drain()
        self._dispatch.drain()

    @property
    def is_drained(self) -> bool:
        """Tell whether nothing is under way."""
        return self._dispatch.is_at_rest

    def close(self) -> None:
        """End the processes, release the files."""
        self._rest.cancel()
        self._pump.close()
        self._executor.close()
        self._outward.close()
        self._jobs.close()
        self._telemetry.flush_all(self._clock())
        self._telemetry.book.close()
        self._store.close()


def _keep_time(
    config: Config,
    loop: asyncio.AbstractEventLoop,
    store: SqliteStore,
    failed: Callable[[StoreFailed], None],
) -> Time:
    floor_ms = store.high_water_ms
    if config.clock == "manual":
        return ManualTime(loop, store, failed, floor_ms, config.clock_start_ms)
    return SystemTime(loop, store, failed, floor_ms)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _durability(config: Config) -> str:
    if config.durability == "full":
        return "full: each reply waits until what it says is on stable storage"
    return (
        f"RELAXED: replies do not wait for stable storage; a loss of power takes up to"
        f" {config.sync_ms} ms of acknowledged work, the end of this process alone takes none"
    )


def serve(config: Config, began: Began | None = None) -> int:
    """Run a server until it is told to stop; return the exit code.

    With began it is a guest in somebody's program and thread: began hears where it listens, and
    what stops it at once, which may be called from any thread.
    Raises ConfigError for a file of keys that cannot be used, DataLocked, OSError.
    """
    keys = load_keys(config)
    keyring = Keyring(keys.values(), SystemChance().token(32)) if keys else None
    lock = DataLock(Path(config.data))
    url = ""

    def build(
        loop: asyncio.AbstractEventLoop, port: int, failed: Callable[[StoreFailed], None]
    ) -> App:
        nonlocal url
        app = App(config, loop, port, failed, keyring)
        url = app.local_url
        if config.durability != "full" and began is None:
            log.warning("durability is %s", _durability(config))
        lock.say(f"redrive {redrive.__version__}, process {os.getpid()}, {url}")
        return app

    def listening() -> None:
        if began is not None:
            began(url, server.stop_soon)

    is_guest = began is not None
    server = Server(
        config.host, config.port, config.drain_s, build, is_guest=is_guest, listening=listening
    )
    try:
        return server.run()
    finally:
        lock.release()
