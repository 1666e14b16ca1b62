"""The queues service on a store in a directory, with its workers, under a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from redrive.core.effects import Caller, Reply
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import Dispatch
from redrive.services.queues.mover import Mover
from redrive.services.queues.operations import register
from redrive.services.queues.reaper import Reaper
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

_ROOM = Path(register.__code__.co_filename).parent.parent
_SQL = (_ROOM / "queues.sql", _ROOM / "fifo.sql")
_CALLER = Caller("000000000000", "us-east-1", "arn:aws:iam::000000000000:root", "000000000000")
T0 = Millis(1_800_000_000_000)


class CountedChance:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, count: int) -> bytes:
        """Return the next number."""
        self._count += 1
        return self._count.to_bytes(count, "big")


class House:
    """One process's worth of the service."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "redrive.db"
        self.store = SqliteStore(str(self.path), load_statements(_SQL))
        self.now_ms = Millis(max(T0, self.store.high_water_ms))
        chance = CountedChance()
        registry = Registry(self.store)
        register(registry, Queues(self.store, chance))
        self.store.commit(self.now_ms)
        self._faults: list[BaseException] = []
        self.dispatch = Dispatch(
            registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=lambda run, done: None,
            origin="http://scale",
            fault=self._faults.append,
        )

    def close(self) -> None:
        """Stop in order."""
        self.store.close()

    def work(self) -> None:
        """Take the workers into service."""
        self.dispatch.post(Mover(_CALLER))
        self.dispatch.post(Reaper(_CALLER))

    def enter(self, operation: str, /, **params: Any) -> list[Reply]:
        """Enter an operation; its reply is in the list after the next `settle`."""
        replies: list[Reply] = []
        self.dispatch.enter("sqs", operation, params, _CALLER, replies.append)
        return replies

    def settle(self) -> None:
        """Commit what was entered, and let the store do its own work."""
        self.dispatch.settle()
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        self.store.maintain()
        if self._faults:
            raise self._faults[0]

    def call(self, operation: str, /, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        replies = self.enter(operation, **params)
        self.settle()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        return reply.result

    def create(self, name: str = "q", **attributes: str) -> str:
        """Create a queue; return its URL."""
        url: str = self.call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def send(self, url: str, count: int, body: str, **params: Any) -> None:
        """Send so many messages, ten at a time and thirty-two tens a commit."""
        entries = [{"Id": str(n), "MessageBody": body, **params} for n in range(10)]
        for batch in range(count // 10):
            self.enter("SendMessageBatch", QueueUrl=url, Entries=entries)
            if batch % 32 == 31:
                self.now_ms = Millis(self.now_ms + 5)
                self.settle()
        self.settle()

    def receive(self, url: str, **params: Any) -> list[dict[str, Any]]:
        """Receive up to ten messages."""
        result = self.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, **params)
        found: list[dict[str, Any]] = orjson.loads(orjson.dumps(result)).get("Messages", [])
        return found

    def drain(self, url: str, count: int) -> int:
        """Receive and delete up to so many messages; return how many there were."""
        seen = 0
        while seen < count:
            got = self.receive(url)
            if not got:
                break
            seen += len(got)
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(got)
            ]
            self.enter("DeleteMessageBatch", QueueUrl=url, Entries=entries)
            self.now_ms = Millis(self.now_ms + 1)
        self.settle()
        return seen

    def pass_to(self, until_ms: int) -> None:
        """Let the clock jump from one due instant to the next, up to an instant."""
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.dispatch.advance()
            self.settle()
        self.now_ms = Millis(max(self.now_ms, until_ms))

    def rest(self, seconds: float) -> None:
        """Let time pass with nobody asking, and the store give back what it can."""
        self.pass_to(self.now_ms + round(seconds * 1_000))
        while self.store.maintain(idle=True):
            pass

    @property
    def file_bytes(self) -> int:
        """How large the database is on disk."""
        return self.path.stat().st_size
