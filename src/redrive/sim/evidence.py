"""What the judges see: attempts in the order of their execution, replies, and the rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Ask, Caller, Context, Params, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.queues.fair import Hold, Tenant
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.store.store import Store, Tx

AUDIT_STATEMENTS = load_statements([Path(__file__).with_name("audit.sql")])
ACCOUNT = "000000000000"
REGION = "us-east-1"
CALLER = Caller(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant


def arn_of(name: str) -> str:
    """Return the ARN of one of the simulator's queues."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def name_in(params: Params) -> str:
    """Return the name of the queue that a request is about."""
    text = params.get("QueueUrl") or params.get("QueueArn") or params.get("QueueName") or ""
    return str(text).rsplit("/", 1)[-1].rsplit(":", 1)[-1]


class Attempt(NamedTuple):
    """One execution of an operation: a result, a wait, an error, or (with none of them) an Ask."""

    service: str
    operation: str
    params: Params
    now_ms: Millis
    arrived_ms: Millis
    result: Mapping[str, Any] | None
    waits: bool
    error: str | None
    request_id: str = ""
    caller: Caller | None = None


class WatchedRegistry(Registry):
    """The registry, with a record of what was executed since the last commit, in order."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.group: list[Attempt] = []

    def operate(
        self, service: str, operation: str, params: Params, context: Context
    ) -> Result | Wait | Ask:
        """Run an operation and write down how it ended."""
        result: Result | None = None
        waits = False
        error: str | None = "interrupted"
        try:
            outcome = super().operate(service, operation, params, context)
            error = None
            if isinstance(outcome, Wait):
                waits = True
            elif not isinstance(outcome, Ask):
                result = plain(outcome)
            return outcome
        except ServiceError as refusal:
            error = refusal.code  # the savepoint has undone whatever was written
            raise
        finally:
            self.group.append(
                Attempt(
                    service,
                    _AS_CLIENTS.get(operation, operation),
                    params,
                    context.now_ms,
                    context.arrived_ms,
                    result,
                    waits,
                    error,
                    context.request_id,
                    context.caller,
                )
            )


_AS_CLIENTS = {"ReceiveRecords": "ReceiveMessage"}
"""What a mapping's poller asks for in a way of its own, by the name under which it is judged."""


def born_ms(identity: str) -> int:
    """Return the instant in a MessageId, a UUIDv7: an older one answers a duplicate."""
    return int(identity[:8] + identity[9:13], 16)


def plain(result: Result) -> Mapping[str, Any]:
    """Return a result as the wire would: ready JSON fragments become values, records messages."""
    if "Records" in result:
        return {"Messages": [_message(orjson.loads(record.text)) for record in result["Records"]]}
    if "Messages" not in result:
        return result
    parsed: dict[str, Any] = orjson.loads(orjson.dumps(result))
    return parsed


def _message(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "MessageId": record["messageId"],
        "ReceiptHandle": record["receiptHandle"],
        "Body": record["body"],
        "MD5OfBody": record["md5OfBody"],
        "Attributes": record["attributes"],
        "MessageAttributes": {
            name: {f"{field[0].upper()}{field[1:]}": text for field, text in value.items()}
            for name, value in record["messageAttributes"].items()
        },
    }


class QueueRow(NamedTuple):
    """A queue as stored."""

    id: int
    name: str
    heap: int
    visibility_ms: int
    delay_ms: int
    wait_ms: int
    retention_ms: int
    dlq_arn: str | None
    receives_max: int | None


class CountRow(NamedTuple):
    """A queue's counters as stored."""

    queue: int
    messages: int
    touched: int
    sent: int
    received: int
    deleted: int
    expired: int
    purged: int
    buried_in: int
    buried_out: int
    moved_in: int
    moved_out: int


class MessageRow(NamedTuple):
    """A message as stored; `id` and `body` are read out of its content."""

    seq: int
    heap: int
    visible_ms: int
    receives: int
    receive_ms: int
    origin: str | None
    lineage: int | None
    content: str
    group_id: str | None
    sequence: int | None  # on FIFO queues
    dedup_id: str | None

    @property
    def id(self) -> str:
        """The MessageId."""
        return self.content[13:49]

    @property
    def body(self) -> str:
        """The body: the simulator's are words without escapes, no two alike."""
        return self.content[self.content.index('"Body":"') + 8 : -1]


class LaneRow(NamedTuple):
    """Where a message is: its heap's number, or minus that, in the lane of noisy tenants."""

    seq: int
    heap: int
    group_id: str | None


class MoveRow(NamedTuple):
    """A move task as stored."""

    id: str
    source_arn: str
    destination_arn: str | None
    rate: int | None
    status: str
    started_ms: int
    moved: int


class Poll(NamedTuple):
    """A client's receive that has not been answered.

    as_of_ms: what was visible then must have ended it; 0 while the server may pause.
    """

    queue: str
    ends_ms: int
    as_of_ms: int


class Audit(NamedTuple):
    """The rows between two commit groups, and who waits."""

    now_ms: Millis
    queues: list[QueueRow]
    counts: list[CountRow]
    messages: list[MessageRow]
    moves: list[MoveRow]
    polls: list[Poll]
    lanes: list[LaneRow]
    tenants: list[Tenant]
    holds: list[Hold]


def read_audit(store: SqliteStore, now_ms: Millis, polls: list[Poll]) -> Audit:
    """Read all rows in a transaction of their own, which changes nothing."""

    def read(tx: Tx) -> Audit:
        return Audit(
            now_ms,
            tx.rows(QueueRow, "audit.queues"),
            tx.rows(CountRow, "audit.counts"),
            tx.rows(MessageRow, "audit.messages"),
            tx.rows(MoveRow, "audit.moves"),
            polls,
            tx.rows(LaneRow, "audit.lanes"),
            tx.rows(Tenant, "audit.tenants"),
            tx.rows(Hold, "audit.holds"),
        )

    audit: Audit = store.transact(read)
    store.commit(now_ms)
    return audit
