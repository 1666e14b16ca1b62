"""Log streams: CreateLogStream, DeleteLogStream, DescribeLogStreams."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.telemetry.cloudwatch.events import BEGINNING, event_id
from redrive.services.telemetry.cloudwatch.lookup import (
    asked_group,
    group_arn,
    must,
    named_group,
    named_stream,
)
from redrive.services.telemetry.cloudwatch.refusals import exists, invalid
from redrive.services.telemetry.model import Group, Stream
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

PAGE_MAX = 50
SEQUENCE_TOKEN = event_id(BEGINNING)
"""What PutLogEvents and DescribeLogStreams give as the next one. AWS: it is ignored now."""


def create_log_stream(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Begin a log stream. AWS: API_CreateLogStream."""
    archive, name = room.book.archive, params["logStreamName"]
    group = named_group(archive, context.caller, params["logGroupName"])
    if archive.stream(group.id, name) is not None:
        raise exists("The specified log stream already exists")
    added = {"group": group.id, "name": name, "created_ms": context.now_ms}
    must(archive.change(("add_stream", added)))
    return {}


def delete_log_stream(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Remove a log stream with its events. AWS: API_DeleteLogStream."""
    archive = room.book.archive
    group = named_group(archive, context.caller, params["logGroupName"])
    stream = named_stream(archive, group, params["logStreamName"])
    must(archive.change(("discard_stream", {"id": stream.id})))
    return {}


def describe_log_streams(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """List a group's streams by name or by their latest event. AWS: API_DescribeLogStreams."""
    archive = room.book.archive
    group = asked_group(archive, context.caller, params)
    by_time = params.get("orderBy", "LogStreamName") == "LastEventTime"
    is_down = bool(params.get("descending"))
    prefix = params.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    limit = params.get("limit", PAGE_MAX)
    after_ms, after = _place(params.get("nextToken"), is_down=is_down)
    found: list[Stream] = []
    for stream in archive.streams(group.id, after_ms, after, by_time=by_time, is_down=is_down):
        if stream.name.startswith(prefix):
            found.append(stream)
            if len(found) > limit:
                break
    result: dict[str, Any] = {
        "logStreams": [_shown(group, stream, context) for stream in found[:limit]]
    }
    if len(found) > limit:
        last = found[limit - 1]
        token = orjson.dumps([last.last_ms or 0, last.name])
        result["nextToken"] = urlsafe_b64encode(token).decode()
    return result


def _place(token: str | None, *, is_down: bool) -> tuple[int, str]:
    if token is None:
        return (1 << 62 if is_down else -1), ""
    try:
        after_ms, after = orjson.loads(urlsafe_b64decode(token.encode("ascii")))
        is_ours = isinstance(after, str) and 0 <= after_ms < 1 << 62
    except (ValueError, TypeError):
        is_ours = False
    if not is_ours:
        raise invalid("The specified nextToken is invalid.")
    return after_ms, after


def _shown(group: Group, stream: Stream, context: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "uploadSequenceToken": SEQUENCE_TOKEN,
        "arn": f"{group_arn(context.caller, group.name)}:log-stream:{stream.name}",
        "storedBytes": 0,  # AWS: since 2019 it says nothing else
    }
    if stream.last_ms is not None:
        shown["firstEventTimestamp"] = stream.first_ms
        shown["lastEventTimestamp"] = stream.last_ms
        shown["lastIngestionTime"] = stream.ingested_ms
    return shown
