"""Rows of the delivery service.

    put ──> behind ── the lane's first is settled ──> ready ── taken, given up ──> gone
      ├───> later ─── due ──────────────────────────> ready
      └───> ready ─── an attempt failed ────────────> later

Each transition is a statement of delivery.sql: add, advance_lane, promote, postpone, delete.
"""

from __future__ import annotations

from typing import NamedTuple


class Delivery(NamedTuple):
    """One row of `deliveries`: a call that is owed. It is made at least once, then forgotten."""

    id: int
    target: str  # ARN or URL of what the call is made to
    service: str
    operation: str
    params: str  # JSON object
    blobs: str  # JSON list: members whose text is handed on as bytes
    account: str  # as whom the call is made
    region: str
    principal: str  # an ARN, or the name of an AWS service
    asker: str  # ARN: aws:SourceArn of what a service asks, else empty
    purpose: str  # the owner's own word for it
    source: str  # ARN on whose behalf
    lane: str | None
    due_ms: int
    deadline_ms: int | None  # no attempt begins after it
    attempts: int  # how many have failed
    pauses: int  # how often it was due and could not even be made, since the latest attempt
    retry: str  # JSON list: a ports.Retry
    dead_letter: str | None  # JSON list: a ports.DeadLetter
    buried_from: str | None  # the target that gave it up, where this is a dead letter
    failure: str | None  # JSON list: the latest attempt's Failure


class Place(NamedTuple):
    """A target that has something ready."""

    target: str


class Instant(NamedTuple):
    """When the next delivery that was put off falls due; None when there is none."""

    at_ms: int | None


class GivenUp(NamedTuple):
    """A delivery that was given up, told to whoever logs. queue: the dead-letter queue that it is
    owed to from now on; empty: it is lost.
    """

    purpose: str
    source: str
    target: str
    reason: str
    queue: str = ""
