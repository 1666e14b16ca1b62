"""The queues service over the shipped store on a memory disk: one process, without a loop.

A group is what the loop would commit together: operations, then one commit. What they answer counts
only when the commit has returned.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Context, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services import queues as queues_package
from redrive.services.queues import operations
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.sim.chance import Dice
from redrive.sim.evidence import CALLER, arn_of, plain
from redrive.sim.vfs import Disk, File, MemoryVfs
from redrive.sim.workload import url_of
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

from .inspector import PATH

STATEMENTS = load_statements(sorted(Path(str(queues_package.__file__)).parent.glob("*.sql")))
START_MS = 1_800_000_000_000
_numbers = count()


class Machine:
    """One life of a process on a disk."""

    def __init__(self, disk: Disk) -> None:
        """Start. Raises StoreFailed."""
        name = f"machine-{next(_numbers)}"
        self.disk = disk
        self.vfs = MemoryVfs(name, disk, lambda: 0)
        try:
            self.store = SqliteStore(PATH, STATEMENTS, vfs=name)
        except BaseException:
            self.vfs.unregister()
            raise
        self._dice = Dice(0, "start")
        self._registry = Registry(self.store)
        try:
            operations.register(self._registry, Queues(self.store, self))
            self.store.commit(Millis(0))
        except BaseException:
            self.kill()
            raise

    def token(self, length: int) -> bytes:
        """Return chance, as `core.effects.Chance` has it."""
        return self._dice.token(length)

    def operate(self, operation: str, params: dict[str, Any], now_ms: int) -> Any:
        """Run an operation in the open group; return its result, or the code of its refusal.

        What it draws depends on the instant alone. Raises Unavailable, StoreFailed.
        """
        self._dice = Dice(now_ms, operation)
        now = Millis(now_ms)
        context = Context(CALLER, now, now, "a-request", "http://sim")
        try:
            outcome = self._registry.operate("sqs", operation, params, context)
        except ServiceError as error:
            return error.code
        assert not isinstance(outcome, Wait)
        return plain(outcome)  # type: ignore[arg-type]

    def call(self, operation: str, now_ms: int, **params: Any) -> Any:
        """Run an operation and commit it."""
        answer = self.operate(operation, params, now_ms)
        self.store.commit(Millis(now_ms))
        return answer

    def stop(self) -> None:
        """End the process in order: what the log holds is moved, and the log removed."""
        self.store.close()
        self.vfs.unregister()

    def kill(self) -> None:
        """End the process; the disk is as it was at that moment."""
        self.disk.is_off = True
        self.store.close()
        self.vfs.unregister()


class _Builder:
    """Makes the state that runs begin with, an operation a second."""

    def __init__(self) -> None:
        self.machine = Machine(Disk())
        self.now_ms = START_MS

    def call(self, operation: str, queue: str = "", **params: Any) -> Any:
        self.now_ms += 1_000
        where = {"QueueUrl": url_of(queue)} if queue else {}
        answer = self.machine.call(operation, self.now_ms, **where, **params)
        assert not isinstance(answer, str), answer
        return answer

    def send(self, queue: str, *bodies: str) -> None:
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        self.call("SendMessageBatch", queue, Entries=entries)

    def receive(self, queue: str, lease_s: int) -> list[str]:
        limits = {"MaxNumberOfMessages": 10, "VisibilityTimeout": lease_s}
        messages = self.call("ReceiveMessage", queue, **limits).get("Messages", [])
        return [message["ReceiptHandle"] for message in messages]


class Base(NamedTuple):
    """What a run begins with."""

    disk: Disk
    handles: tuple[str, ...]  # of messages that are held
    now_ms: int


def build(*, stops: bool = True) -> Base:
    """Return a disk with messages in every state, synced.

    main buries into dead what was received twice: two lie there, one is to follow. side is to be
    deleted with what it holds; a message of it has expired, and purged ones wait for the reaper. A
    move task empties grave into main. The process has stopped in order; with stops=False it was
    killed, and its last commits are in the log alone.
    """
    base = _Builder()
    base.call("CreateQueue", QueueName="dead")
    policy = orjson.dumps({"deadLetterTargetArn": arn_of("dead"), "maxReceiveCount": 2}).decode()
    base.call("CreateQueue", QueueName="main", Attributes={"RedrivePolicy": policy})
    to_grave = {"deadLetterTargetArn": arn_of("grave"), "maxReceiveCount": 9}
    settings = {"MessageRetentionPeriod": "60", "RedrivePolicy": orjson.dumps(to_grave).decode()}
    base.call("CreateQueue", QueueName="grave")
    base.call("CreateQueue", QueueName="side", Attributes=settings)
    base.send("grave", "to be moved", "to be moved too")
    base.send("side", "purged", "purged too")
    base.call("PurgeQueue", "side")
    base.send("side", "expires")
    base.send("main", "buried", "buried too")
    for _ in range(3):
        base.receive("main", 0)
    base.send("main", "held", "held too")
    handles = tuple(base.receive("main", 600))
    base.send("main", "to be buried")
    for _ in range(2):
        base.receive("main", 0)
    base.machine.stop()
    base.machine = Machine(base.machine.disk)
    base.now_ms += 100_000
    base.send("main", "visible", "visible too")
    base.send("side", "to be deleted")
    ends = {"SourceArn": arn_of("grave"), "DestinationArn": arn_of("main")}
    base.call("StartMessageMoveTask", **ends, MaxNumberOfMessagesPerSecond=1)
    (base.machine.stop if stops else base.machine.kill)()
    contents = {name: File(bytes(file.live)) for name, file in base.machine.disk.files.items()}
    return Base(Disk(contents), handles, base.now_ms)
