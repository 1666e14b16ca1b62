"""Rows of the queues service.

A message's states follow from its row and the instant; none of them is stored:

    delayed    visible_ms > now, receives = 0
    visible    visible_ms <= now
    in flight  visible_ms > now, receives > 0
    expired    sent_ms + the queue's retention <= now (whatever else it is)

    sent ──> delayed ──> visible ──receive──> in flight ──lapse, release──> visible
                            │                    └──delete──> gone
                            └──receive number receives_max + 1──> buried: visible in the DLQ
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.arn import queue_arn
from redrive.core.ids import SEQ_BITS


class Queue(NamedTuple):
    """A queue and its settings."""

    id: int
    account: str
    region: str
    name: str
    heap: int  # which messages are the queue's own
    created_ms: int
    modified_ms: int
    purged_ms: int  # 0: never
    visibility_ms: int
    delay_ms: int
    wait_ms: int
    retention_ms: int
    bytes_max: int
    dlq_arn: str | None
    receives_max: int | None  # set when dlq_arn is
    attributes: str  # JSON object: what was set, as text, by AWS's attribute names
    tags: str  # JSON object
    is_grouped: int = 0  # 1: a standard queue that has met a message group (services/queues/fair)
    is_fifo: int = 0  # 1: the name ends with .fifo

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return queue_arn(self.region, self.account, self.name)

    @property
    def topic(self) -> str:
        """What wakes when a message is sent or returned to the queue."""
        return f"queue:{self.id}"


class Message(NamedTuple):
    """A message as it is received."""

    seq: int
    visible_ms: int
    receives: int
    first_receive_ms: int  # undefined while receives = 0
    receive_ms: int  # the latest receive; undefined while receives = 0
    sender: str
    attributes_md5: str | None
    attributes: bytes | None  # JSON object: name -> MessageAttributeValue
    trace: str | None
    group_id: str | None
    origin: str | None  # ARN of the queue that buried it where it is now
    lineage: int | None
    content: bytes  # JSON text without braces: "MessageId":…,"MD5OfBody":…,"Body":…

    @property
    def sent_ms(self) -> int:
        """When it was sent."""
        return self.seq >> SEQ_BITS

    @property
    def line(self) -> int:
        """The life-line that it is part of."""
        return self.seq if self.lineage is None else self.lineage


class Lease(NamedTuple):
    """What a delete needs to know of a message."""

    seq: int
    receives: int
    first_receive_ms: int
    receive_ms: int
    lineage: int | None


class Expired(NamedTuple):
    """A message to be dropped for its age."""

    seq: int
    receives: int
    lineage: int | None


class Counts(NamedTuple):
    """A queue's counters: messages = what came (sent, …_in) less what went (the rest)."""

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
    sent_bytes: int  # bodies and attributes of what was sent
    delete_calls: int  # handles that were taken, repeats included
    empty_receives: int  # as last written: once a minute
    deduplicated: int  # sends of FIFO queues that were accepted and stored no message


class Hidden(NamedTuple):
    """Messages that cannot be received at this instant."""

    delayed: int
    in_flight: int


class Move(NamedTuple):
    """A message move task.

    RUNNING ──empty source──> COMPLETED      RUNNING ──cancel──> CANCELLING ──> CANCELLED
    RUNNING ──no destination, too old──> FAILED
    """

    n: int
    id: str
    account: str
    region: str
    source_arn: str
    destination_arn: str | None
    rate: int | None
    status: str
    started_ms: int
    moved: int
    to_move: int
    failure: str | None


class Event(NamedTuple):
    """One event of a life-line."""

    at_ms: int
    kind: str
    detail: str  # JSON object


class Number(NamedTuple):
    """A single number."""

    value: int


class Text(NamedTuple):
    """A single text."""

    value: str
