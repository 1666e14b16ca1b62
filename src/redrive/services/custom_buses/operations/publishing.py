"""PutEvents and PutRawEvents: each entry is kept, recognised as one that was, or refused alone.

What is acknowledged is on stable storage: the rows are written in the transaction that answers.
Within five minutes a deduplication id stands for one event of its bus; the answer names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.core.time import SECOND_MS, iso
from redrive.services.custom_buses.contents import (
    ENVELOPE,
    is_json,
    sequence_number,
    system_metadata,
)
from redrive.services.custom_buses.model import Bus, Event, Token
from redrive.services.custom_buses.operations.buses import refuse_inactive
from redrive.services.custom_buses.operations.lookup import located_bus
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import DEDUP_MS, EVENT_BYTES_MAX
from redrive.store.store import Tx

DUE = "custom_buses:due"
"""Woken when there may be something to deliver."""

_REGISTERED = ("avro", "protobuf")
"""In content types whose data a schema registry encodes."""


class Draft(NamedTuple):
    """An entry that can be kept. content: what content-based deduplication compares."""

    data: bytes
    content_type: str
    metadata: Mapping[str, str]
    group: str | None
    dedup: str | None
    content: bytes
    event_id: str


class Refused(Exception):
    """Why an entry is not kept: (code, message)."""


def put_events(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Take events in EventBridge's own form."""
    bus = _bus_for(tx, params, context, "PutEvents", _facts_of_event)

    def draft(entry: Params) -> Draft:
        return _enveloped(room, bus, context, entry)

    return _publish(room, tx, bus, params, context, draft)


def put_raw_events(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Take events of any form."""
    bus = _bus_for(tx, params, context, "PutRawEvents", _facts_of_raw)

    def draft(entry: Params) -> Draft:
        return _raw(room, entry)

    return _publish(room, tx, bus, params, context, draft)


def _bus_for(
    tx: Tx,
    params: Params,
    context: Context,
    action: str,
    facts_of: Callable[[Params], Mapping[str, str]],
) -> Bus:
    """Return the bus, on which the caller may put every one of the entries."""
    arn, entries = params["EventBusArn"], params["Entries"]
    bus = located_bus(tx, arn, context, action, facts_of(entries[0]))
    if context.caller.session is not None or context.caller.account != bus.account:
        for facts in {tuple(facts_of(entry).items()) for entry in entries[1:]}:
            located_bus(tx, arn, context, action, dict(facts))
    refuse_inactive(bus)
    return bus


def _facts_of_event(entry: Params) -> Mapping[str, str]:
    return {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}


def _facts_of_raw(entry: Params) -> Mapping[str, str]:
    given = entry.get("Metadata") or {}
    return {f"events:metadata/{name.lower()}": value for name, value in given.items()}


def _publish(
    room: CustomBuses,
    tx: Tx,
    bus: Bus,
    params: Params,
    context: Context,
    draft: Callable[[Params], Draft],
) -> Result:
    by_content = "DeduplicationConfiguration" in params
    results: list[dict[str, Any]] = []
    latest = 0
    for entry in params["Entries"]:
        try:
            result, latest = keep(room, tx, bus, draft(entry), context, by_content, latest)
        except Refused as refused:
            code, message = refused.args
            result = {"ErrorCode": code, "ErrorMessage": message}
        results.append(result)
    wake_readers(tx, bus, latest)
    failed = sum("ErrorCode" in result for result in results)
    _count(room, bus, context, len(results), failed)
    return {"FailedEntryCount": failed, "Entries": results}


def keep(
    room: CustomBuses,
    tx: Tx,
    bus: Bus,
    draft: Draft,
    context: Context,
    by_content: bool,
    latest: int,
) -> tuple[dict[str, Any], int]:
    """Keep one event; return what is told of it, and the latest number so far. Raises Refused."""
    now_ms = context.now_ms
    token = None
    if draft.dedup is not None:
        token = f"id:{draft.dedup}"
    elif by_content:
        token = f"content:{hashlib.sha256(draft.content).hexdigest()}"
    if token is not None:
        key = {"bus": bus.number, "token": token}
        known: Token | None = tx.one(Token, "custom_buses.token", **key, now_ms=now_ms)
        if known is not None:
            return _told(known.event_id, known.seq, "DEDUPLICATED"), latest
    seq = tx.sequence(now_ms)
    event = Event(
        seq,
        draft.event_id,
        draft.group,
        draft.dedup,
        draft.content_type,
        draft.data,
        orjson.dumps(draft.metadata).decode(),
        context.caller.account,
    )
    tx.run(
        "custom_buses.add_event", bus=bus.number, bytes=_checked_size(event, bus), **event._asdict()
    )
    if token is not None:
        tx.run(
            "custom_buses.add_token",
            **key,
            seq=seq,
            event_id=event.event_id,
            until_ms=now_ms + DEDUP_MS,
        )
    return _told(event.event_id, seq, "PUBLISHED"), seq


def wake_readers(tx: Tx, bus: Bus, latest: int) -> None:
    """Let the subscribers know of events up to a number; 0: there are none."""
    if latest:
        tx.run("custom_buses.mark_behind", bus=bus.number, seq=latest)
        tx.wake(DUE)


def _told(event_id: str, seq: int, code: str) -> dict[str, Any]:
    return {"EventId": event_id, "SequenceNumber": sequence_number(seq), "SuccessCode": code}


def _checked_size(event: Event, bus: Bus) -> int:
    data = len(event.data) if is_json(event.content_type) else (len(event.data) + 2) // 3 * 4
    system = orjson.dumps(system_metadata(event, bus.arn))
    size = data + len(event.metadata.encode()) + len(system) + 64
    if size > EVENT_BYTES_MAX:
        raise Refused("InvalidArgument", f"The event is larger than {EVENT_BYTES_MAX} bytes.")
    return size


def _count(room: CustomBuses, bus: Bus, context: Context, entries: int, failed: int) -> None:
    place = (bus.account, bus.region)
    for name, value in (
        ("PutEventsApproximateCallCount", 1),
        ("PutEventsEntriesCount", entries),
        ("PutEventsFailedEntriesCount", failed),
    ):
        room.count(place, "AWS/Events", name, {"EventBusName": bus.name}, value, context.now_ms)


# --- entries ------------------------------------------------------------------------------------


def _enveloped(room: CustomBuses, bus: Bus, context: Context, entry: Params) -> Draft:
    """Put an entry into the envelope of EventBridge's events. The errors are the classic bus's."""
    if entry["Source"].startswith("aws."):
        raise Refused(
            "InvalidArgument",
            "Parameter Source is not valid. Reason: The aws. prefix is reserved.",
        )
    detail = _object(entry.get("Detail", "{}").encode())
    at_ms = entry.get("Time", context.now_ms)
    event_id = uuid4(room.chance)
    resources = entry.get("Resources") or []
    content = [entry["Source"], entry["DetailType"], resources, entry.get("Time")]
    return envelope(
        event_id,
        bus,
        {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "account": context.caller.account,
            "time": event_time(at_ms),
            "resources": resources,
        },
        detail,
        entry.get("SystemMetadata") or {},
        orjson.dumps(content) + detail,
    )


def envelope(
    event_id: str,
    bus: Bus,
    told: Mapping[str, Any],
    detail: bytes,
    system: Mapping[str, str],
    content: bytes,
) -> Draft:
    """Return an event of EventBridge's own form. AWS: User Guide, "EventBridge event structure"."""
    whole = {
        "version": "0",
        "id": event_id,
        "detail-type": told["detail-type"],
        "source": told["source"],
        "account": told["account"],
        "time": told["time"],
        "region": bus.region,
        "resources": told["resources"],
        "detail": orjson.Fragment(detail),
    }
    return Draft(
        orjson.dumps(whole),
        ENVELOPE,
        {},
        system.get("EventGroupId"),
        system.get("DeduplicationId"),
        content,
        event_id,
    )


def _object(text: bytes) -> bytes:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Refused("MalformedDetail", "Detail is malformed.")
    return text


def event_time(at_ms: int) -> str:
    """Return the time of an event, in whole seconds. Raises Refused."""
    try:
        return iso(at_ms // SECOND_MS * SECOND_MS).replace(".000Z", "Z")
    except (ValueError, OverflowError, OSError):
        raise Refused("InvalidArgument", "Parameter Time is not valid.") from None


def _raw(room: CustomBuses, entry: Params) -> Draft:
    system = entry["SystemMetadata"]
    content_type, data = system["ContentType"], entry["Data"]
    kind = content_type.partition(";")[0].strip().lower().removeprefix("application/")
    if any(name in kind for name in _REGISTERED):
        raise Refused(
            "SchemaRegistryUnavailableException",
            "This server reaches no schema registry, which Avro and Protobuf need.",
        )
    if is_json(content_type):
        try:
            orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Refused("MalformedData", f"Data is not the JSON that {kind} says.") from None
    metadata = entry.get("Metadata") or {}
    content = orjson.dumps([content_type, metadata], option=orjson.OPT_SORT_KEYS) + data
    return Draft(
        data,
        content_type,
        metadata,
        system.get("EventGroupId"),
        system.get("DeduplicationId"),
        content,
        uuid4(room.chance),
    )
