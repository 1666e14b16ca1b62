"""All that starts work and all that takes it, together: the real services, store and workers, under
a virtual clock.

    world = World(tmp_path)
    world.queue("dead")
    world.call("events", "PutRule", Name="r", EventPattern=...)
    world.pass_s(60)

Functions are scripts: from an event to an answer, or to None to leave the invocation running.
Other servers are a script too: from a Fetch to a Reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from stand_ins import ACCOUNT, REGION, CountedChance, answering, caller, fetched, package

from redrive.core.arn import queue_arn
from redrive.core.effects import Caller, Fetch, Params, Ran, Reply, Run
from redrive.core.errors import Unavailable
from redrive.core.time import DAY_MS, NEVER, Millis
from redrive.rooms import STATEMENTS, Parts, add_rooms
from redrive.services import functions as functions_package
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.model import GivenUp
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.dispatch import Dispatch
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.courier import Courier
from redrive.services.functions.room import Functions
from redrive.services.identity import operations as identity
from redrive.services.identity.room import open_room
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.metrics import operations as metrics
from redrive.services.metrics.recorder import Recorder
from redrive.services.metrics.room import Metrics
from redrive.services.queues import operations as queues
from redrive.services.queues.mover import Mover
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.stacks import operations as stacks
from redrive.services.stacks.deployer import Deployer
from redrive.services.telemetry import cloudwatch as logs
from redrive.services.telemetry.book import LogBook
from redrive.services.telemetry.room import Telemetry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

CALLER = caller()
T0 = Millis(1_800_000_000_000)  # 2027-01-15T08:00:00Z, a Friday

_SERVICES = Path(functions_package.__file__).parent.parent
SQL = [
    _SERVICES / f"{name}.sql"
    for name in (
        "queues/queues",
        "queues/fifo",
        "functions/functions",
        "delivery/delivery",
        "mappings/mappings",
        "metrics/metrics",
        "identity/identity",
        "stacks/stacks",
        *STATEMENTS,
    )
]


class AwayRegistry(Registry):
    """The registry with a switch for operations whose store is away; it lists what was asked."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        self.away: set[tuple[str, str]] = set()
        self.asked: list[tuple[int, str, str, Params]] = []

    def operate(self, service: str, operation: str, params: Params, context: Any) -> Any:
        self.asked.append((context.now_ms, service, operation, params))
        if (service, operation) in self.away:
            raise Unavailable("the disk is full")
        return super().operate(service, operation, params, context)


class World:
    """One server's worth of services in a directory; `crash` ends it and starts another there."""

    is_judging = False  # authorisation is on

    def __init__(self, folder: Path, now_ms: Millis = T0) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.now_ms = now_ms
        self.scripts: dict[str, Callable[[Any], Ran | None]] = {}
        self.runs: list[Run] = []
        self.held: list[Callable[[Ran], None]] = []
        self.fetches: list[Fetch] = []
        self.server: Callable[[Fetch], Reply | None] = fetched()
        self.held_fetches: list[Callable[[Reply], None]] = []
        self.given_up: list[GivenUp] = []
        self.faults: list[BaseException] = []
        self._start()

    def _start(self) -> None:
        # Without syncs: a crash here is the end of a process, and what it wrote is there.
        self.store = SqliteStore(
            str(self.folder / "redrive.db"), load_statements(SQL), sync_every_ms=DAY_MS
        )
        self.now_ms = max(self.now_ms, self.store.high_water_ms)
        chance = CountedChance()
        self.registry = registry = AwayRegistry(self.store)
        self.outbox = outbox = Outbox(registry)
        queues.register(registry, Queues(self.store, chance))
        functions.register(
            registry, Functions(CodeStore(self.folder / "code"), chance, outbox=outbox)
        )
        delivery.register(registry, Deliveries(outbox.tell, self.is_judging))
        mappings.register(registry, Mappings(chance))
        self.metrics = Metrics()
        metrics.register(registry, self.metrics)
        stacks.register(registry)
        identity.register(registry, open_room(self.store, chance, None))
        self.telemetry = Telemetry(LogBook(str(self.folder / "telemetry.db")), self.now_ms)
        logs.register(registry, self.telemetry)
        count = self.metrics.gatherer.count
        workers = add_rooms(Parts(registry, chance, outbox, CALLER, count))
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=self._run,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
            fetch=self._fetch,
        )
        self.telemetry.wake = self.dispatch.wake
        for worker in (
            Mover(CALLER),
            Reaper(CALLER),
            Recorder(CALLER, self.store.high_water_ms, self.metrics.gatherer),
            Courier(lambda _dropped: None),
            DeliveryCourier(CALLER, self.given_up.append),
            Poller(CALLER, chance),
            Deployer(CALLER, lambda *_told: None),
            *workers,
        ):
            self.dispatch.post(worker)
        self.settle()

    def crash(self) -> None:
        """End the process where it stands: what was committed is there for the next one."""
        self.held.clear()
        self.held_fetches.clear()
        self.close()
        self._start()

    def close(self) -> None:
        """Release the files."""
        self.telemetry.book.close()
        self.store.close()

    def _run(self, run: Run, ended: Callable[[Ran], None]) -> None:
        self.runs.append(run)
        script = self.scripts.get(run.environment.function_name, answering(None))
        ran = script(json.loads(run.event))
        if ran is None:
            self.held.append(ended)
        else:
            ended(ran)

    def _fetch(self, fetch: Fetch, done: Callable[[Reply], None]) -> None:
        self.fetches.append(fetch)
        reply = self.server(fetch)
        if reply is None:
            self.held_fetches.append(done)
        else:
            done(reply)

    # --- time ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do all that is to be done at this instant; ours must not fail."""
        while not self.dispatch.is_idle or self.dispatch.next_ms <= self.now_ms:
            self.dispatch.advance()
            self.dispatch.settle()
            if self.faults:
                raise self.faults[0]

    def pass_s(self, seconds: float) -> None:
        """Let the clock jump from one due instant to the next, for some seconds."""
        self.pass_until(self.now_ms + int(seconds * 1000))

    def pass_until(self, until_ms: int) -> None:
        """Do the same until an instant."""
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.settle()
        self.now_ms = Millis(until_ms)

    # --- requests --------------------------------------------------------------------------------

    def call(self, service: str, operation: str, who: Caller = CALLER, /, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        reply = self.reply(service, operation, who, **params)
        if reply.error is not None:
            raise reply.error
        return reply.result

    def reply(self, service: str, operation: str, who: Caller = CALLER, /, **params: Any) -> Reply:
        """Return an operation's reply; all that it sets off at this instant has happened."""
        replies: list[Reply] = []
        self.dispatch.enter(service, operation, params, who, replies.append)
        while not replies:
            self.dispatch.settle()
        self.settle()
        return replies[0]

    def queue(self, name: str, **attributes: Any) -> str:
        """Create a queue; return its ARN."""
        given = {key: str(value) for key, value in attributes.items()}
        if name.endswith(".fifo"):
            given["FifoQueue"] = "true"
        self.call("sqs", "CreateQueue", QueueName=name, Attributes=given)
        return queue_arn(REGION, ACCOUNT, name)

    def function(self, name: str = "worker", **members: Any) -> str:
        """Create a function; return its ARN."""
        params = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/worker",
            "Handler": "app.handler",
            "Code": {"ZipFile": package()},
            **members,
        }
        return str(self.call("lambda", "CreateFunction", **params)["FunctionArn"])

    # --- what to see -----------------------------------------------------------------------------

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Receive and delete all messages of a queue that can be received."""
        url = f"/{ACCOUNT}/{queue}"
        found: list[dict[str, Any]] = []
        while True:
            told = self.call(
                "sqs",
                "ReceiveMessage",
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=0,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            received = orjson.loads(orjson.dumps(told)).get("Messages") or []
            for message in received:
                handle = message["ReceiptHandle"]
                self.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
            if not received:
                return found
            found += received

    def bodies(self, queue: str) -> list[str]:
        """Do the same; return the bodies."""
        return [message["Body"] for message in self.messages(queue)]

    def events(self, function: str = "worker") -> list[Any]:
        """Return the events that a function was given, in order."""
        return [
            json.loads(run.event) for run in self.runs if run.environment.function_name == function
        ]
