"""Rows of custom event buses.

A bus:    CREATING -> ACTIVE <-> UPDATING, all -> DELETING -> gone; operations/tending.py moves it.
A batch:  open ──window over, or full──> due ──attempt──┬─ taken ──> gone
                                          ^             ├─ again ──> due later
                                          └─────────────┘  over ───> owed to the on-failure queue
"""

from __future__ import annotations

from typing import NamedTuple


class Bus(NamedTuple):
    """One row of `custom_buses`."""

    account: str
    region: str
    name: str
    number: int
    arn: str
    description: str | None
    kms_key: str | None
    retention_days: int
    state: str
    created_ms: int
    modified_ms: int
    tags: str
    token_hash: str | None
    policy: str | None
    policy_revision: str | None


class Kept(NamedTuple):
    """What the reaper knows of a bus."""

    number: int
    retention_days: int


class Event(NamedTuple):
    """One row of `custom_events`. seq >> 20 is when it was taken, in milliseconds."""

    seq: int
    event_id: str
    lane: str | None
    dedup: str | None
    content_type: str
    data: bytes
    metadata: str
    account: str


class Heading(NamedTuple):
    """An event without its contents."""

    seq: int
    lane: str | None
    bytes: int


class Token(NamedTuple):
    """The event that a deduplication id was first given to."""

    seq: int
    event_id: str


class Subscriber(NamedTuple):
    """One row of `custom_subscribers`."""

    account: str
    region: str
    name: str
    number: int
    arn: str
    bus: int
    bus_arn: str
    kind: str
    target: str
    settings: str
    position: str
    state: str
    revoked: int
    cursor: int
    end_seq: int | None
    pending: int
    created_ms: int
    modified_ms: int
    tags: str
    token_hash: str | None

    @property
    def is_running(self) -> bool:
        """Tell whether it is delivered to."""
        return self.state == "RUNNING" and not self.revoked


class Batch(NamedTuple):
    """One row of `custom_batches`."""

    id: int
    subscriber: int
    lane: str
    seqs: str
    events: int
    bytes: int
    is_open: int
    ready_ms: int
    due_ms: int
    attempts: int
    first_ms: int | None
    error: str | None


class Lane(NamedTuple):
    """One row of `custom_lanes`."""

    subscriber: int
    lane: str
    next_seq: int


class Source(NamedTuple):
    """One row of `custom_sources`."""

    account: str
    region: str
    name: str
    arn: str
    bus: int
    bus_arn: str
    service: str
    settings: str
    description: str | None
    revoked: int
    created_ms: int
    modified_ms: int
    tags: str
    token_hash: str | None


class Number(NamedTuple):
    """One number, or none."""

    value: int | None
