"""What the operations of the queues service share: the salt of its ids, access to queues, life-
lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.arn import parse_arn
from redrive.core.effects import Chance, Context
from redrive.core.errors import ServiceError
from redrive.core.limits import RECENT_MAX
from redrive.core.policies import is_allowed
from redrive.core.time import Millis
from redrive.services.queues.model import Number, Queue
from redrive.store.store import Store, Tx


class Recent(NamedTuple):
    """A message that was deleted after its first receive: a success without history."""

    seq: int
    queue_arn: str
    receive_ms: int
    deleted_ms: int
    request_id: str | None  # of the invocation that processed it, when a mapping did


Buried = Callable[[Tx, Mapping[str, Any]], None]


def _nobody(_tx: Tx, _told: Mapping[str, Any]) -> None:
    pass


class Queues:
    """The room: what outlives an operation without being a row.

    recent is a bounded ring of successes, newest last; it starts empty after a restart. buried
    hears of each burial: AtMs, MessageId, ReceiveCount, Source and DeadLetterQueue (ARNs).
    """

    def __init__(self, store: Store, chance: Chance, buried: Buried = _nobody) -> None:
        self.chance = chance
        self.buried = buried
        self.salt = store.transact(lambda tx: _salt(tx, chance))
        self.recent: deque[Recent] = deque(maxlen=RECENT_MAX)


def _salt(tx: Tx, chance: Chance) -> int:
    row = tx.one(Number, "queues.salt")
    if row is not None:
        return int(row.value)
    salt = int.from_bytes(chance.token(6))
    tx.run("queues.keep_salt", salt=salt)
    return salt


def does_not_exist() -> ServiceError:
    """Return AWS's error for a queue that is not there."""
    return ServiceError("QueueDoesNotExist", "The specified queue does not exist.")


def find(tx: Tx, url: str, context: Context, action: str) -> Queue:
    """Return the queue that a URL names, or refuse.

    The last two segments of the path are account and name, whatever host the client believes in;
    the region is the request's. Another account's queue needs a policy that allows the action. AWS:
    SQS Developer Guide, "Queue and message identifiers"; API_AddPermission.
    """
    parts = url.rstrip("/").rsplit("/", 2)
    if len(parts) == 3 and len(parts[1]) == 12 and parts[1].isdigit():
        account, name = parts[1], parts[2]
    else:  # a bare name, as some tools send
        account, name = context.caller.account, parts[-1]
    queue: Queue | None = tx.cached(Queue, "queues.queue", account, context.caller.region, name)
    if queue is None:
        raise does_not_exist()
    if account != context.caller.account and not _policy_allows(queue, context, action):
        raise ServiceError(
            "AccessDenied",
            f"User: {context.caller.principal} is not authorized to perform: sqs:{action.lower()}"
            f" on resource: {queue.arn} because no resource-based policy allows the"
            f" sqs:{action.lower()} action",
            status=403,
        )
    return queue


def _policy_allows(queue: Queue, context: Context, action: str) -> bool:
    policy = orjson.loads(queue.attributes).get("Policy")
    return bool(policy) and is_allowed(
        orjson.loads(policy),
        principal=context.caller.principal,
        action=f"sqs:{action}",
        resource=queue.arn,
    )


def find_by_arn(tx: Tx, arn: str) -> Queue | None:
    """Return the queue of an ARN, or None. Who may use it is the caller's question."""
    parts = parse_arn(arn)
    if parts is None or parts.service != "sqs":
        return None
    queue: Queue | None = tx.cached(
        Queue, "queues.queue", parts.account, parts.region, parts.resource
    )
    return queue


def queue_url(queue: Queue, origin: str) -> str:
    """Return a queue's URL as clients reach it: <origin>/<account>/<name>."""
    return f"{origin}/{queue.account}/{queue.name}"


def note(tx: Tx, line: int, at_ms: Millis | int, kind: str, **detail: Any) -> None:
    """Add an event to a life-line."""
    tx.run(
        "queues.note", lineage=line, at_ms=at_ms, kind=kind, detail=orjson.dumps(detail).decode()
    )
