"""The functions service with queues to deliver to: on a real store, under a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from functions_rig import ACCOUNT, SQL, T0, Rig
from stand_ins import REGION, CountedChance, caller

from redrive.core.effects import Environment, Ran, Reply, Run
from redrive.core.time import Millis
from redrive.services.delivery import operations as delivery
from redrive.services.delivery.courier import DeliveryCourier
from redrive.services.delivery.model import GivenUp
from redrive.services.delivery.outbox import Outbox
from redrive.services.delivery.room import Deliveries
from redrive.services.dispatch import Dispatch
from redrive.services.functions.code import CodeStore
from redrive.services.functions.courier import CALLER, Courier, Dropped
from redrive.services.functions.model import Target
from redrive.services.functions.operations import register
from redrive.services.functions.room import Functions
from redrive.services.queues import operations as queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import Tx

_SERVICES = SQL.parent.parent
STATEMENTS = [
    SQL,
    *(_SERVICES / f"{name}.sql" for name in ("delivery/delivery", "queues/queues", "queues/fifo")),
]


class DeliveryRig(Rig):
    """One server's worth of functions, deliveries and queues in a directory.

    Nothing is delivered before `deliver`, so that a test can end the process in between.
    """

    def __init__(self, folder: Path, **limits: int) -> None:
        self.now_ms = T0
        self.ends: Callable[[Run], Ran | None] = lambda run: Ran(run.event)
        self.runs: list[Run] = []
        self.held: list[Callable[[Ran], None]] = []
        self.faults: list[BaseException] = []
        self.dropped: list[Dropped] = []
        self.lost: list[GivenUp] = []
        self.counts: list[tuple[str, str | None, float]] = []
        self.warmed: list[tuple[str, int]] = []
        self.ready: Callable[[int], int] = lambda count: count
        self.store = SqliteStore(str(folder / "redrive.db"), load_statements(STATEMENTS))
        chance = CountedChance()
        self.registry = registry = Registry(self.store)
        outbox = Outbox(registry)
        self.room = Functions(
            CodeStore(folder / "code"),
            chance,
            outbox=outbox,
            note=self._count,
            warmer=self._warm,
            **limits,
        )
        register(registry, self.room)
        delivery.register(registry, Deliveries(outbox.tell))
        queues.register(registry, Queues(self.store, chance))
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=self._run,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )

    def _count(self, _tx: Tx, metric: str, target: Target, value: float, _at_ms: Millis) -> None:
        self.counts.append((metric, target.qualifier, value))

    def _warm(self, environment: Environment, count: int) -> int:
        self.warmed.append((environment.version, count))
        return self.ready(count)

    def counted(self, metric: str) -> list[float]:
        """Return what was counted under a name."""
        return [value for name, _qualifier, value in self.counts if name == metric]

    def courier(self) -> None:
        """Let events be delivered from now on."""
        self.dispatch.post(Courier(self.dropped.append))
        self.pass_time(self.now_ms)

    def deliver(self) -> None:
        """Let what is owed be delivered from now on."""
        self.dispatch.post(DeliveryCourier(CALLER, self.lost.append))
        self.pass_time(self.now_ms)

    def sqs(self, operation: str, **params: Any) -> Any:
        """Return the result of an operation on queues."""
        replies: list[Reply] = []
        self.dispatch.enter("sqs", operation, params, caller(), replies.append)
        self.settle()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        return reply.result

    def queue(self, name: str, **attributes: str) -> str:
        """Create a queue and return its ARN."""
        self.sqs("CreateQueue", QueueName=name, Attributes=attributes)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def received(self, name: str) -> list[Any]:
        """Take all messages of a queue."""
        result = self.sqs(
            "ReceiveMessage",
            QueueUrl=f"/{ACCOUNT}/{name}",
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        return list(orjson.loads(orjson.dumps(result.get("Messages") or [])))

    def records(self, name: str) -> list[Any]:
        """Return the bodies of a queue's messages."""
        return [json.loads(message["Body"]) for message in self.received(name)]

    def send(self, payload: bytes = b'{"n":1}', name: str = "orders", **params: str) -> None:
        """Invoke a function asynchronously."""
        given = {"FunctionName": name, "InvocationType": "Event", "Payload": payload, **params}
        assert self.call("Invoke", **given) == {"StatusCode": 202, "Payload": b""}
