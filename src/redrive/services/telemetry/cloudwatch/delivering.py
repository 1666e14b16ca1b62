"""DeliverEvents: an event of a rule or a schedule becomes a log event. Internal; the courier calls
it.

    {"LogGroupArn": …, "Message": text} -> {}

The group has to be there; its streams are made here, one a day. Like all logs it lies outside of
the acknowledged path: it is in the file before the delivery is settled, and the file is not synced.
AWS: EventBridge User Guide, "Amazon CloudWatch Logs" of "Event bus targets": the console only
offers groups whose names begin with /aws/events/; a target that was set otherwise may be any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.time import SECOND_MS
from redrive.services.telemetry.archive import Entry
from redrive.services.telemetry.cloudwatch.lookup import identified_group, must
from redrive.services.telemetry.cloudwatch.putting import BATCH_BYTES_MAX, EVENT_BYTES
from redrive.services.telemetry.cloudwatch.refusals import invalid
from redrive.services.telemetry.model import NEWS_TOPIC
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

_TEMPLATE = {"timestamp", "message"}
"""The members of an input template for a log group. AWS: "Input transformation", log groups."""


def deliver_events(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Write an event to a log group. Raises ResourceNotFoundException when there is no group."""
    archive, now_ms = room.book.archive, context.now_ms
    group = identified_group(archive, context.caller, params["LogGroupArn"])
    at_ms, message = log_event(params["Message"], now_ms)
    size = len(message.encode("utf-8", "replace")) + EVENT_BYTES
    if size > BATCH_BYTES_MAX:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    name = stream_name(now_ms)
    stream = archive.stream(group.id, name)
    if stream is None:
        added = {"group": group.id, "name": name, "created_ms": now_ms}
        must(archive.change(("add_stream", added)))
        stream = archive.stream(group.id, name)
        assert stream is not None
    must(archive.put([Entry((group.id, stream.id), "", at_ms, True, message)], now_ms))
    tx.wake(NEWS_TOPIC)
    return {}


def stream_name(now_ms: int) -> str:
    """Return the stream of a day. AWS names them at random."""
    return datetime.fromtimestamp(now_ms / SECOND_MS, UTC).strftime("events/%Y/%m/%d")


def log_event(payload: str, now_ms: int) -> tuple[int, str]:
    """Return the instant and the text of the log event that a payload becomes.

    What a template made of a timestamp and a message is these two; all else is its own text, now. A
    timestamp that is none is now.
    """
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, Mapping) or set(told) != _TEMPLATE:
        return now_ms, payload
    message = told["message"]
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    return _instant(told["timestamp"], now_ms), text


def _instant(value: Any, now_ms: int) -> int:
    """AWS: milliseconds, or as an event's time is written."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return now_ms
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * SECOND_MS))
