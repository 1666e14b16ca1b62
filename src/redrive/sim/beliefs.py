"""What the oracle believes of queues and messages, and what may have happened to them meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

_DEFAULTS = {
    "VisibilityTimeout": 30,
    "DelaySeconds": 0,
    "ReceiveMessageWaitTimeSeconds": 0,
    "MessageRetentionPeriod": 345_600,
}


class Accepted(NamedTuple):
    """A deduplication id that a FIFO queue has accepted."""

    id: str  # of the message
    number: str | None  # its SequenceNumber; None: of a moved message, which nobody was told
    at_ms: int


class Try(NamedTuple):
    """A receive that may be repeated."""

    handles: tuple[str, ...]
    visible_ms: int
    at_ms: int  # of the first of its tries


@dataclass(slots=True)
class Place:
    """A queue from its creation, or from its latest purge, to the next purge or its deletion."""

    name: str
    visibility_ms: int = 0
    delay_ms: int = 0
    wait_ms: int = 0
    retention_ms: int = 0
    dlq: str | None = None
    receives_max: int | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    is_gone: bool = False
    accepted: dict[tuple[str, str], Accepted] = field(default_factory=dict)  # by scope and id
    tries: dict[str, Try] = field(default_factory=dict)  # by ReceiveRequestAttemptId

    @property
    def is_fifo(self) -> bool:
        """Tell whether messages have an order here."""
        return self.name.endswith(".fifo")

    def set(self, given: Mapping[str, str]) -> None:
        """Take attributes over."""
        self.attributes.update(given)
        number = {n: int(self.attributes.get(n, v)) * 1000 for n, v in _DEFAULTS.items()}
        self.visibility_ms, self.delay_ms = number["VisibilityTimeout"], number["DelaySeconds"]
        self.wait_ms = number["ReceiveMessageWaitTimeSeconds"]
        self.retention_ms = number["MessageRetentionPeriod"]
        policy = self.attributes.get("RedrivePolicy")
        self.dlq = self.receives_max = None
        if policy:
            parsed = orjson.loads(policy)
            self.dlq = parsed["deadLetterTargetArn"].rsplit(":", 1)[-1]
            self.receives_max = int(parsed["maxReceiveCount"])


@dataclass(slots=True)
class Item:
    """A message's whole life under one body.

    doubt: it has met this fate, unless it turns out to have been elsewhere before.
    """

    body: str
    id: str
    place: Place | None  # None: gone for ever
    sent_ms: int
    visible_ms: int
    receives: int = 0
    origin: str | None = None
    fate: str = "live"  # why it is gone: deleted | expired | dropped
    doubt: str | None = None
    group: str | None = None
    number: int | None = None  # SequenceNumber in a FIFO queue; None: not seen since it came there
    dedup: str | None = None

    def leave(self, fate: str) -> None:
        """Be gone."""
        self.place, self.fate, self.doubt = None, fate, None


@dataclass(slots=True)
class Touch:
    """An execution that may have taken messages of a place away, and which ones (by body)."""

    at_ms: int
    place: Place
    retention_ms: int
    receives_max: int | None
    dlq: Place | None
    buriable: set[str] = field(default_factory=set)
    movable: set[str] = field(default_factory=set)
    expirable: set[str] = field(default_factory=set)

    @property
    def taken(self) -> set[str]:
        """Return what may be somewhere else since."""
        return self.buriable | self.movable
