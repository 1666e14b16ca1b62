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
from redrive.core.time import Millis
from redrive.services.queues.access import check_access
from redrive.services.queues.addresses import read_address
from redrive.services.queues.fair import FAIRNESS, Fairness
from redrive.services.queues.keys import Cipher
from redrive.services.queues.model import Message, Number, Queue
from redrive.store.store import Store, Tx


class Recent(NamedTuple):
    """A message that was deleted after its first receive: a success without history."""

    seq: int
    queue_arn: str
    receive_ms: int
    deleted_ms: int
    request_id: str | None  # of the invocation that processed it, when a mapping did
    reason: str | None = None  # filtered: by a mapping whose filters it does not match


Buried = Callable[[Tx, Mapping[str, Any]], None]


def _nobody(_tx: Tx, _told: Mapping[str, Any]) -> None:
    pass


class Queues:
    """The room: what outlives an operation without being a row.

    recent is a bounded ring of successes, newest last; it starts empty after a restart. buried
    hears of each burial: AtMs, MessageId, ReceiveCount, Source and DeadLetterQueue (ARNs).

    For metrics, by queue id: spans holds the least and the most bytes of a message sent since the
    last measurement; empty_receives counts those of this process, on top of empty_bases, which
    their counter held when this process first wrote it. Both are memory: an empty receive changes
    no row and is not worth a sync, so that kill -9 loses the count of at most a minute of them.
    """

    def __init__(
        self,
        store: Store,
        chance: Chance,
        buried: Buried = _nobody,
        fairness: Fairness = FAIRNESS,
        cipher: Cipher | None = None,
    ) -> None:
        self.chance = chance
        self.fairness = fairness  # when a tenant is noisy
        self.buried = buried
        self.cipher = cipher  # None: no message is sealed
        self.salt = store.transact(lambda tx: _salt(tx, chance))
        self.recent: deque[Recent] = deque(maxlen=RECENT_MAX)
        self.spans: dict[int, tuple[int, int]] = {}
        self.empty_receives: dict[int, int] = {}
        self.empty_bases: dict[int, int] = {}

    def opened(self, message: Message) -> Message:
        """Return a message whose content and attributes are JSON text."""
        return message if self.cipher is None else self.cipher.opened(message)

    def widen(self, queue: int, size_bytes: int) -> None:
        """Take a message's size into the span of its queue."""
        least, most = self.spans.get(queue, (size_bytes, size_bytes))
        self.spans[queue] = (min(least, size_bytes), max(most, size_bytes))

    def note_empty(self, queue: int) -> None:
        """Count an empty receive; it is written with the next measurement (operations/measures)."""
        self.empty_receives[queue] = self.empty_receives.get(queue, 0) + 1

    def unwritten_empty(self, queue: int, written: int) -> int:
        """Return how many empty receives a queue's counter lacks, which says `written`.

        It follows from the counter itself, so that a write that was undone is made up for.
        """
        counted = self.empty_receives.get(queue, 0)
        if not counted:
            return 0
        return self.empty_bases.setdefault(queue, written) + counted - written


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

    What the URL does not say of region and account is the request's (addresses.py). Another
    account's queue needs a policy that allows the action. AWS: API_AddPermission.
    """
    region, account, name = read_address(url)
    caller = context.caller
    account = account or caller.account
    queue: Queue | None = tx.cached(Queue, "queues.queue", account, region or caller.region, name)
    if queue is None:
        raise does_not_exist()
    if account != caller.account or caller.session is not None:
        check_access(queue, context, action)
    return queue


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
