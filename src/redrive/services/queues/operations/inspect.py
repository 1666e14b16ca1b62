"""What a person asks: the queues at a glance, messages without receiving them, a life-line."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.queues.handles import message_id, parse_message_id
from redrive.services.queues.model import Event, Message, Number, Queue, Text
from redrive.services.queues.operations import fair
from redrive.services.queues.operations.queues import measure
from redrive.services.queues.room import Queues, Recent, find, queue_url
from redrive.store.store import Tx

_PEEK_MAX = 1_000


def describe_queues(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return every queue of the caller with its counters (internal; for the command line)."""
    queues = tx.rows(
        Queue,
        "queues.queues_of",
        account=context.caller.account,
        region=context.caller.region,
        prefix="",
        after="",
        limit=10_000,
    )
    return {"Queues": [_described(tx, queue, context) for queue in queues]}


def _described(tx: Tx, queue: Queue, context: Context) -> dict[str, Any]:
    counts, hidden = measure(tx, queue, context.now_ms)
    shown: dict[str, Any] = {
        "Name": queue.name,
        "Url": queue_url(queue, context.origin),
        "Arn": queue.arn,
        "Visible": max(0, counts.messages - hidden.delayed - hidden.in_flight),
        "InFlight": hidden.in_flight,
        "Delayed": hidden.delayed,
        "Counts": {name: value for name, value in counts._asdict().items() if name != "touched"},
    }
    if queue.dlq_arn is not None:
        shown["DeadLetterQueue"] = queue.dlq_arn.rpartition(":")[2]
        shown["MaxReceiveCount"] = queue.receives_max
    return shown


def peek_messages(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return messages of a queue without receiving them (internal; for the command line)."""
    queue = find(tx, params["Queue"], context, "ReceiveMessage")
    limit = min(max(1, params.get("MaxResults", 10)), _PEEK_MAX)
    messages = (
        fair.peek_in_lanes(tx, queue, limit)
        if queue.is_grouped
        else tx.rows(Message, "queues.peek", heap=queue.heap, limit=limit)
    )
    return {"Messages": [_peeked(room.opened(message), context.now_ms) for message in messages]}


def _peeked(message: Message, now_ms: int) -> dict[str, Any]:
    state = "visible"
    if message.visible_ms > now_ms:
        state = "in flight" if message.receives else "delayed"
    peeked: dict[str, Any] = {
        **orjson.loads(b"{" + message.content + b"}"),
        "State": state,
        "VisibleMs": message.visible_ms,
        "SentMs": message.sent_ms,
        "ReceiveCount": message.receives,
    }
    if message.origin is not None:
        peeked["Source"] = message.origin
    if message.attributes is not None:
        peeked["MessageAttributes"] = orjson.loads(message.attributes)
    return peeked


def explain_message(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Return a message's life-line, from its sending to now (internal; for the command line).

    Events carry AtMs, Kind and what is known; a failure carries the function's error. A first-try
    success has no history: its line comes from its row or, once deleted, from the ring of recent
    successes.
    """
    identity: str = params["MessageId"]
    seq = parse_message_id(identity.strip().lower(), room.salt)
    if seq is None:
        raise ServiceError(
            "InvalidParameterValue",
            f"{identity} is not the id of a message that this server stored.",
        )
    message: Message | None = tx.one(Message, "queues.message", seq=seq)
    kept = tx.one(Number, "queues.lineage", seq=seq)
    line = message.line if message else int(kept.value) if kept else seq
    events = [_event(tx, event) for event in tx.rows(Event, "queues.life_line", lineage=line)]
    recent = None
    if message is None:
        recent = next((r for r in room.recent if r.seq == seq), None)
    arns = {event["Detail"].get(key) for event in events for key in ("queue", "source")}
    arns.add(recent.queue_arn if recent else _queue_of(tx, seq) if message else None)
    is_foreign = any(arn and arn.split(":")[4] != context.caller.account for arn in arns)
    if is_foreign or (message is None and not events and recent is None):
        raise ServiceError(
            "ResourceNotFoundException",
            f"Nothing is remembered of message {identity}: it was deleted after its first"
            " receive, or"
            " its history was too old to keep.",
            status=404,
        )
    events += _derived(tx, message, recent, events)
    events.append({"AtMs": line >> 20, "Kind": "sent", "MessageId": message_id(line, room.salt)})
    events.sort(key=lambda event: event["AtMs"])
    result: dict[str, Any] = {"Events": _sent_first(events)}
    if message is not None:
        result["Message"] = _peeked(room.opened(message), context.now_ms)
        result["Queue"] = _queue_of(tx, seq) or "(deleted queue)"
    return result


def _queue_of(tx: Tx, seq: int) -> str | None:
    heap = tx.one(Number, "queues.heap_of", seq=seq)
    queue: Queue | None = tx.one(Queue, "queues.queue_by_heap", heap=heap.value if heap else 0)
    return queue.arn if queue else None


def _event(tx: Tx, event: Event) -> dict[str, Any]:
    detail = {key: value for key, value in orjson.loads(event.detail).items() if value is not None}
    failure = detail.pop("failure", None)
    if failure is not None:
        text = tx.one(Text, "queues.failure", hash=failure)
        if text is not None:
            detail["error"] = orjson.loads(text.value)
    return {"AtMs": event.at_ms, "Kind": event.kind, "Detail": detail}


def _derived(
    tx: Tx, message: Message | None, recent: Recent | None, events: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the events that nobody wrote because they follow from a row or from the ring."""
    if recent is not None and not events:
        return [
            {"AtMs": recent.receive_ms, "Kind": "received", "Detail": {"count": 1}},
            {
                "AtMs": recent.deleted_ms,
                "Kind": "deleted",
                "Detail": {
                    "queue": recent.queue_arn,
                    "request": recent.request_id,
                    **({"reason": recent.reason} if recent.reason else {}),
                },
            },
        ]
    if message is not None and message.receives == 1:
        return [{"AtMs": message.receive_ms, "Kind": "received", "Detail": {"count": 1}}]
    return []


def _sent_first(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e for e in events if e["Kind"] == "sent"] + [e for e in events if e["Kind"] != "sent"]
