"""Rows of the delivery service."""

from __future__ import annotations

from typing import NamedTuple


class Delivery(NamedTuple):
    """One row of `deliveries`: a call that is owed. It is made at least once, then forgotten."""

    id: int
    target: str  # ARN of what the call is made to
    service: str
    operation: str
    params: str  # JSON object
    blobs: str  # JSON list: members whose text is handed on as bytes
    account: str  # as whom the call is made
    region: str
    principal: str
    purpose: str  # the owner's own word for it
    source: str  # ARN on whose behalf
    due_ms: int
    deadline_ms: int  # no attempt begins after it
    attempts: int  # how many have failed


class Instant(NamedTuple):
    """When the next delivery falls due; None when there is none."""

    at_ms: int | None


class GivenUp(NamedTuple):
    """A delivery that was given up, told to whoever counts and logs."""

    purpose: str
    source: str
    target: str
    reason: str
