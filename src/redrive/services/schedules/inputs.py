"""What a target is given: its input with AWS's context attributes filled in, or a notification.

AWS: Scheduler User Guide, "Adding context attributes".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from redrive.core.time import SECOND_MS

ATTEMPT = "<aws.scheduler.attempt-number>"
"""Filled in by the courier, attempt by attempt, from 1."""


class Run(NamedTuple):
    """One time that a schedule fires."""

    arn: str  # of the schedule
    account: str
    region: str
    scheduled_ms: int  # the instant that its expression names
    execution_id: str


def fill(given: str, run: Run) -> str:
    """Return an input with all context attributes filled in, but for the number of the attempt."""
    for mark, text in (
        ("<aws.scheduler.schedule-arn>", run.arn),
        ("<aws.scheduler.scheduled-time>", stamp(run.scheduled_ms)),
        ("<aws.scheduler.execution-id>", run.execution_id),
    ):
        given = given.replace(mark, text)
    return given


def notification(run: Run, event_id: str) -> str:
    """Return what a target without an input is given. AWS: as functions have logged it."""
    told = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": run.account,
        "time": stamp(run.scheduled_ms),
        "region": run.region,
        "resources": [run.arn],
        "detail": "{}",
    }
    return orjson.dumps(told).decode()


def stamp(at_ms: int) -> str:
    """Return an instant as 2027-01-15T08:00:00Z."""
    return datetime.fromtimestamp(at_ms // SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
