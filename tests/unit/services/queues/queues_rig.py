"""The queues service on a real SQLite store, driven by the real dispatch under a virtual clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from stand_ins import ACCOUNT, REGION, CountedChance, caller

from redrive.core.effects import Caller, Params, Reply
from redrive.core.errors import ServiceError
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import Dispatch, Ticket
from redrive.services.queues.mover import Mover
from redrive.services.queues.operations import register
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import Tx

_ROOM = Path(register.__code__.co_filename).parent.parent
SQL = (_ROOM / "queues.sql", _ROOM / "fifo.sql")
OTHER = "111122223333"
ORIGIN = "http://127.0.0.1:4566"
T0 = Millis(1_800_000_000_000)
DAY_MS = 86_400_000


def arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    """A queue's ARN."""
    return f"arn:aws:sqs:{region}:{account}:{name}"


class Rig:
    """One server's worth of the queues service in a directory. `workers` makes time do its work."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self._folder = folder
        self._chance = CountedChance()
        self._open()

    def _open(self) -> None:
        self.store = SqliteStore(str(self._folder / "redrive.db"), load_statements(SQL))
        registry = Registry(self.store)
        self.room = Queues(self.store, self._chance)
        register(registry, self.room)
        self.store.commit(self.now_ms)
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=self._chance,
            run=lambda run, done: None,
            origin=ORIGIN,
            fault=self.faults.append,
        )

    def crash(self) -> None:
        """Let go of everything that was not committed, and start anew on the same files."""
        self.store.close()
        self._open()

    def work(self) -> None:
        """Take the mover and the reaper into service."""
        self.dispatch.post(Mover(caller()))
        self.dispatch.post(Reaper(caller()))
        self.pass_to(self.now_ms)

    # --- calls ---

    def enter(
        self, operation: str, params: Params, who: Caller | None = None, service: str = "sqs"
    ) -> tuple[list[Reply], Ticket]:
        """Enter an operation without settling."""
        replies: list[Reply] = []
        ticket = self.dispatch.enter(service, operation, params, who or caller(), replies.append)
        return replies, ticket

    def start(self, operation: str, who: Caller | None = None, /, **params: Any) -> list[Reply]:
        """Enter an operation and settle; the list holds its reply once there is one."""
        replies, _ticket = self.enter(operation, params, who)
        self.settle()
        return replies

    def call(
        self, operation: str, who: Caller | None = None, /, *, of: str = "sqs", **params: Any
    ) -> Any:
        """Return an operation's result or raise its error."""
        replies, _ticket = self.enter(operation, params, who, of)
        self.settle()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        return reply.result

    def refused(
        self, operation: str, who: Caller | None = None, /, **params: Any
    ) -> tuple[str, str]:
        """Return the code and message of an operation's refusal."""
        (reply,) = self.start(operation, who, **params)
        assert isinstance(reply.error, ServiceError), reply
        return reply.error.code, reply.error.message

    def refused_by_person(
        self, operation: str, who: Caller | None = None, /, **params: Any
    ) -> tuple[str, str]:
        """Do the same for an operation of the command line's."""
        with pytest.raises(ServiceError) as seen:
            self.call(operation, who, of="redrive", **params)
        return seen.value.code, seen.value.message

    # --- time ---

    def settle(self) -> None:
        """Commit and go on until nothing is left to do at this instant; ours must not fail."""
        self.dispatch.settle()
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        if self.faults:
            raise self.faults[0]

    def pass_to(self, until_ms: int) -> None:
        """Let the clock jump from one due instant to the next, up to and including an instant."""
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.dispatch.advance()
            self.settle()
        self.now_ms = Millis(max(self.now_ms, until_ms))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.pass_to(self.now_ms + round(seconds * 1_000))

    # --- shorthand ---

    def create(self, name: str = "q", who: Caller | None = None, /, **attributes: str) -> str:
        """Create a queue; return its URL."""
        params: dict[str, Any] = {"QueueName": name}
        if attributes:
            params["Attributes"] = attributes
        url: str = self.call("CreateQueue", who, **params)["QueueUrl"]
        return url

    def send(self, url: str, body: str = "hello", **params: Any) -> Any:
        """Send a message."""
        return self.call("SendMessage", QueueUrl=url, MessageBody=body, **params)

    def receive(self, url: str, count: int = 10, **params: Any) -> list[dict[str, Any]]:
        """Receive messages as a client sees them."""
        result = self.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=count, **params)
        return shown(result)

    def bodies(self, url: str, count: int = 10, **params: Any) -> list[str]:
        """Receive messages and return their bodies."""
        return [message["Body"] for message in self.receive(url, count, **params)]

    def attributes(self, url: str, *names: str) -> dict[str, str]:
        """Return a queue's attributes."""
        result = self.call("GetQueueAttributes", QueueUrl=url, AttributeNames=names or ["All"])
        found: dict[str, str] = result.get("Attributes", {})
        return found

    def counts(self, url: str) -> tuple[int, int, int]:
        """Return how many messages are visible, in flight and delayed."""
        found = self.attributes(url)
        visible, hidden, delayed = (
            int(found[f"ApproximateNumberOfMessages{kind}"])
            for kind in ("", "NotVisible", "Delayed")
        )
        return visible, hidden, delayed


def shown(result: Any) -> list[dict[str, Any]]:
    """Return a ReceiveMessage result's messages, parsed."""
    if "Messages" not in result:
        return []
    assert result["Messages"], "an empty result has no Messages member"
    messages: list[dict[str, Any]] = orjson.loads(orjson.dumps(result["Messages"]))
    return messages


def redrive(count: int = 2, dlq: str = "dlq") -> str:
    """A redrive policy."""
    return json.dumps({"deadLetterTargetArn": arn(dlq), "maxReceiveCount": count})


def bury(rig: Rig, url: str, *names: str) -> None:
    """Send messages and receive each until it is buried."""
    for name in names:
        rig.send(url, name)
    for _ in range(3):
        while rig.receive(url, VisibilityTimeout=1):
            pass
        rig.wait(1)
    assert sum(rig.counts(url)) == 0


def start_move(rig: Rig, **params: Any) -> str:
    """Start a move task from the queue `dlq`; return its handle."""
    handle: str = rig.call("StartMessageMoveTask", SourceArn=arn("dlq"), **params)["TaskHandle"]
    return handle


def lose_the_group(tx: Tx) -> None:
    """Fail where no savepoint helps."""
    tx.run_alone("queues.keep_failure", ("h", "{}", 0))
    raise KeyError
