"""What the clients were told, and what must therefore be true of a queue whatever happened since.

    send      attempted -> acknowledged (the id is known) | unknown (seen later, or never)
    message   present -> deleting (a delete is under way, or its handle may have been stale)
                      -> deleted  (acknowledged, with the current handle)

A handle is current for certain when the delete was acknowledged before the lease, counted from
before the receive was sent, can have ended. Only then must the message never come back.

What is checked as it comes in, and why it can be:
1. a body arrives unchanged, under one id, and that of its acknowledged send;
2. a message that was deleted for certain is never received by a request that began afterwards;
3. receive counts of one message differ, and grow from one finished receive to the next that begins;
4. nobody receives a message that somebody holds a lease on;
5. of a FIFO queue's group, nobody receives a message while an earlier one is left.
After a restart: `check_counters`. When the queue has been emptied: `settle`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

TOLERANCE_S = 0.010
"""The server's clock counts whole milliseconds and is not the one that the clients read."""


GROUPS = 3
"""Message groups that a client sends to, in turn."""


class Receipt(NamedTuple):
    """One acknowledged receive of one message, by the client's clock."""

    began: float
    known: float
    ordinal: int  # ApproximateReceiveCount
    lease_s: float


@dataclass(slots=True)
class Story:
    """All that is known of one message id."""

    body: str
    receipts: list[Receipt] = field(default_factory=list)
    is_murky: bool = False  # its lease was changed: nobody can tell any more when it ends
    is_deleting: bool = False
    deleted_at: float | None = None


class Ledger:
    """Shared by all client threads; every method is atomic."""

    def __init__(self, *, is_fifo: bool = False) -> None:
        self.is_fifo = is_fifo
        self.violations: list[str] = []
        self.acknowledged = 0
        self.sends = self.receives = self.deletes = 0
        self.on_acknowledged: Callable[[int], None] = lambda count: None
        self._lock = Lock()
        self._stories: dict[str, Story] = {}
        self._unknown: set[str] = set()  # bodies whose send nobody has confirmed
        self._never: set[str] = (
            set()
        )  # bodies whose send was refused, or lost before it was answered
        self._id_of: dict[str, str] = {}
        self._groups: dict[str, dict[int, str]] = {}  # group -> number of the send -> id

    def attempt_send(self, bodies: Iterable[str]) -> None:
        """Book bodies before they are sent."""
        with self._lock:
            self._unknown.update(bodies)

    def book_send(self, body: str, answer: Mapping[str, Any]) -> None:
        """Book an acknowledged send of one message (or of one entry of a batch)."""
        with self._lock:
            if answer["MD5OfMessageBody"] != _md5(body):
                self._violate(f"send of {body!r}: wrong MD5OfMessageBody")
            self.sends += 1
            self._meet(answer["MessageId"], body)
            self._acknowledge()

    def unsure(self) -> list[str]:
        """Return the bodies whose send nobody has confirmed, in the order of their sending."""
        with self._lock:
            return sorted(self._unknown, key=place_of)

    def book_refusal(self, body: str) -> None:
        """Book that the server said it could not: then it must not have happened either."""
        with self._lock:
            self._unknown.discard(body)
            self._never.add(body)

    def book_receive(self, began: float, lease_s: float, messages: list[dict[str, Any]]) -> None:
        """Book an acknowledged receive that was sent at `began`."""
        known = monotonic()
        with self._lock:
            for message in messages:
                self.receives += 1
                story = self._meet(message["MessageId"], message["Body"])
                if message["MD5OfBody"] != _md5(message["Body"]):
                    self._violate(f"{message['MessageId']}: the body does not have its MD5")
                count = int(message["Attributes"]["ApproximateReceiveCount"])
                self._check_receive(
                    message["MessageId"], story, Receipt(began, known, count, lease_s)
                )
            if self.is_fifo:
                self._check_order(messages)
            self._acknowledge()

    def _check_receive(self, identity: str, story: Story, receipt: Receipt) -> None:
        if story.deleted_at is not None and story.deleted_at < receipt.began:
            self._violate(f"{identity} was deleted and came back")
        for earlier in story.receipts:
            if receipt.ordinal == earlier.ordinal:
                self._violate(f"{identity}: two receives counted {receipt.ordinal}")
            elif earlier.known < receipt.began and receipt.ordinal < earlier.ordinal:
                self._violate(f"{identity}: count {receipt.ordinal} after {earlier.ordinal}")
            lease_ends = earlier.began + earlier.lease_s - TOLERANCE_S
            if earlier.known < receipt.began and receipt.known < lease_ends and not story.is_murky:
                self._violate(f"{identity} was received twice within one lease")
        story.receipts.append(receipt)

    def _check_order(self, messages: list[dict[str, Any]]) -> None:
        """Look for earlier messages of a group that are neither deleted nor in front."""
        in_front: set[str] = set()
        for message in messages:
            group, place = place_of(message["Body"])
            for earlier, identity in self._groups[group].items():
                is_left = not self._stories[identity].is_deleting
                if earlier < place and is_left and identity not in in_front:
                    self._violate(f"{message['Body']!r} came before {identity}, {earlier}")
            in_front.add(message["MessageId"])

    def attempt_change(self, identity: str) -> None:
        """Book a ChangeMessageVisibility before it is sent; its effect may happen or not."""
        with self._lock:
            self._stories[identity].is_murky = True

    def book_change(self) -> None:
        """Book an acknowledged ChangeMessageVisibility."""
        with self._lock:
            self._acknowledge()

    def attempt_delete(self, identities: Iterable[str]) -> None:
        """Book deletes before they are sent."""
        with self._lock:
            for identity in identities:
                self._stories[identity].is_deleting = True

    def book_delete(self, identity: str, count: int) -> None:
        """Book an acknowledged delete with the handle of the receive that counted `count`."""
        known = monotonic()
        with self._lock:
            self.deletes += 1
            story = self._stories[identity]
            mine = next(receipt for receipt in story.receipts if receipt.ordinal == count)
            is_current = known < mine.began + mine.lease_s - TOLERANCE_S
            if is_current and not story.is_murky and story.deleted_at is None:
                story.deleted_at = known
            self._acknowledge()

    def book_failure(self, text: str) -> None:
        """Book an answer that no client should get."""
        with self._lock:
            self._violate(text)

    def bounds(self) -> tuple[int, int]:
        """Return how many messages the queue must hold, at least and at most."""
        with self._lock:
            left = [story for story in self._stories.values() if story.deleted_at is None]
            sure = sum(not story.is_deleting for story in left)
            return sure, len(left) + len(self._unknown)

    def check_counters(self, held: int, when: str) -> None:
        """Compare a queue's counters with what was acknowledged, while nobody works on it."""
        least, most = self.bounds()
        if not least <= held <= most:
            with self._lock:
                self._violate(f"{when}: counters say {held}, it must be {least} to {most}")

    def settle(self, drained: set[str]) -> None:
        """Judge what is missing after the queue was emptied, and forget what is over.

        `drained` holds the ids that were received and deleted since nobody else works on the queue.
        """
        with self._lock:
            for identity, story in self._stories.items():
                if story.deleted_at is None and not story.is_deleting and identity not in drained:
                    self._violate(f"{identity} ({story.body!r}) was acknowledged and is lost")
                if story.deleted_at is None:
                    story.deleted_at = monotonic()
                story.is_deleting = True
            self._groups.clear()
            # A send that nobody confirmed and no drain found did not happen; it must not later.
            self._never |= self._unknown
            self._unknown.clear()

    def _meet(self, identity: str, body: str) -> Story:
        story = self._stories.get(identity)
        if story is not None:
            if story.body != body:
                self._violate(f"{identity} held {story.body!r} and now holds {body!r}")
            return story
        if body in self._never:
            self._violate(f"{body!r} was missing once and has appeared")
        elif body in self._id_of:
            self._violate(f"{body!r} is there twice: {self._id_of[body]} and {identity}")
        elif body not in self._unknown:
            self._violate(f"{body!r} was never sent")
        self._unknown.discard(body)
        self._id_of[body] = identity
        story = self._stories[identity] = Story(body)
        if self.is_fifo:
            group, place = place_of(body)
            self._groups.setdefault(group, {})[place] = identity
        return story

    def _violate(self, text: str) -> None:
        self.violations.append(text)

    def _acknowledge(self) -> None:
        self.acknowledged += 1
        self.on_acknowledged(self.acknowledged)


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def place_of(body: str) -> tuple[str, int]:
    """Return the group of one of load's bodies and its place in it, as `life3-2-17 …` says."""
    sender, _, number = body.split()[0].rpartition("-")
    return f"{sender}-{int(number) % GROUPS}", int(number)
