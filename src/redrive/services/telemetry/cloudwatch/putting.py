"""PutLogEvents: a client's own events, in the file before the answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from redrive.core.effects import Context, Params, Result
from redrive.core.time import DAY_MS, HOUR_MS
from redrive.services.telemetry.archive import Entry
from redrive.services.telemetry.cloudwatch.lookup import must, named_group, named_stream
from redrive.services.telemetry.cloudwatch.refusals import invalid
from redrive.services.telemetry.cloudwatch.streams import SEQUENCE_TOKEN
from redrive.services.telemetry.model import NEWS_TOPIC
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

BATCH_BYTES_MAX = 1_048_576
EVENT_BYTES = 26  # what each counts for beside its message
PAST_MS_MAX = 14 * DAY_MS
FUTURE_MS_MAX = 2 * HOUR_MS
SPAN_MS_MAX = DAY_MS
"""AWS: API_PutLogEvents."""


class Judged(NamedTuple):
    """The events from `first` to before `last` are taken; what AWS says of the others."""

    first: int
    last: int
    told: dict[str, int]


def judge(times: Sequence[int], now_ms: int, retention_days: int | None) -> Judged:
    """Return which events of a batch in order of time are taken.

    Too old is more than 14 days; expired, beyond the group's retention; too new, more than two
    hours ahead. An index of the end is that of the first event that is not.
    """
    count = len(times)
    too_old = sum(at_ms < now_ms - PAST_MS_MAX for at_ms in times)
    expired = 0
    if retention_days is not None:
        expired = sum(at_ms < now_ms - retention_days * DAY_MS for at_ms in times)
    too_new = count - sum(at_ms > now_ms + FUTURE_MS_MAX for at_ms in times)
    told: dict[str, int] = {}
    if too_new < count:
        told["tooNewLogEventStartIndex"] = too_new
    if too_old:
        told["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        told["expiredLogEventEndIndex"] = expired
    return Judged(max(too_old, expired), too_new, told)


def put_log_events(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Write a batch of events to a stream. Sequence tokens are not looked at.

    AWS: API_PutLogEvents; the texts of what is refused are those that AWS was seen to give.
    """
    archive = room.book.archive
    events = params["logEvents"]
    times = [event["timestamp"] for event in events]
    size = sum(len(event["message"].encode("utf-8", "replace")) for event in events)
    size += EVENT_BYTES * len(events)
    if size > BATCH_BYTES_MAX:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    if any(one > other for one, other in pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    group = named_group(archive, context.caller, params["logGroupName"])
    stream = named_stream(archive, group, params["logStreamName"])
    judged = judge(times, context.now_ms, group.retention_days)
    taken = events[judged.first : judged.last]
    if taken and taken[-1]["timestamp"] - taken[0]["timestamp"] > SPAN_MS_MAX:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24"
            " hours."
        )
    place = (group.id, stream.id)
    if taken:
        entries = [Entry(place, "", one["timestamp"], True, one["message"]) for one in taken]
        must(archive.put(entries, context.now_ms))
        tx.wake(NEWS_TOPIC)
    result: dict[str, Any] = {"nextSequenceToken": SEQUENCE_TOKEN}
    if judged.told:
        result["rejectedLogEventsInfo"] = judged.told
    return result
