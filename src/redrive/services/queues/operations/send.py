"""SendMessage, SendMessageBatch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.core.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX
from redrive.services.queues.contents import Content, admit
from redrive.services.queues.fifo import check_batch
from redrive.services.queues.handles import message_id
from redrive.services.queues.model import Queue
from redrive.services.queues.operations import fifo_send
from redrive.services.queues.operations.fair import arrive
from redrive.services.queues.room import Queues, find
from redrive.services.queues.shapes import SendMessageBatchParams, SendMessageParams
from redrive.store.store import Tx

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def send_message(room: Queues, tx: Tx, params: SendMessageParams, context: Context) -> Result:
    """Store one message. AWS: API_SendMessage."""
    queue = find(tx, params["QueueUrl"], context, "SendMessage")
    content = admit(queue, params, many=False)
    if queue.is_fifo:
        return fifo_send.send(room, tx, queue, content, params, context, _store)
    seq = tx.sequence(context.now_ms)
    sent = _store(room, tx, queue, content, context, seq, alone=True)
    size = content.size_bytes
    tx.tally("queues.count", queue.id, messages=1, sent=1, sent_bytes=size)
    span = room.spans.get(queue.id)
    if span is None or not span[0] <= size <= span[1]:
        room.widen(queue.id, size)
    tx.wake(queue.topic)
    return sent


def send_message_batch(
    room: Queues, tx: Tx, params: SendMessageBatchParams, context: Context
) -> Result:
    """Store up to ten messages; each succeeds or fails alone. AWS: API_SendMessageBatch."""
    queue = find(tx, params["QueueUrl"], context, "SendMessage")
    entries: Sequence[Mapping[str, Any]] = params["Entries"]
    check_entries(entries, "SendMessageBatchRequestEntry")
    size_bytes = sum(map(_entry_bytes, entries))
    if size_bytes > BATCH_BYTES_MAX:
        raise ServiceError(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes."
            f" You have sent {size_bytes} bytes.",
        )

    if queue.is_fifo:
        check_batch(queue, entries)
    sizes: list[int] = []

    def send(entry: Mapping[str, Any]) -> dict[str, Any]:
        content = admit(queue, entry, many=True)
        if queue.is_fifo:
            return fifo_send.send(room, tx, queue, content, entry, context, _store)
        sizes.append(content.size_bytes)
        seq = tx.sequence(context.now_ms)
        return _store(room, tx, queue, content, context, seq, alone=False)

    result = each_entry(entries, send)
    count = len(sizes)
    if count:
        tx.tally("queues.count", queue.id, messages=count, sent=count, sent_bytes=sum(sizes))
        room.widen(queue.id, min(sizes))
        room.widen(queue.id, max(sizes))
        tx.wake(queue.topic)
    return result


def _store(
    room: Queues,
    tx: Tx,
    queue: Queue,
    content: Content,
    context: Context,
    seq: int,
    /,
    *,
    alone: bool,
) -> dict[str, Any]:
    now_ms = context.now_ms
    identity = message_id(seq, room.salt)
    heap = queue.heap
    write = tx.run_alone if alone else tx.run_values
    if content.group_id is not None and not queue.is_fifo:
        heap, write = arrive(room, tx, queue, content.group_id, now_ms), tx.run_values
    text = f'"MessageId":"{identity}","MD5OfBody":"{content.body_md5}","Body":'.encode()
    text += content.body_json
    attributes = content.attributes_json
    if room.cipher is not None:
        text, attributes = room.cipher.sealed(queue, seq, text, attributes)
    write(
        "queues.send",
        (
            seq,
            heap,
            now_ms + content.delay_ms,
            context.caller.sender_id,
            content.attributes_md5,
            attributes,
            content.trace,
            content.group_id,
            None,
            text,
        ),
    )
    sent = {"MD5OfMessageBody": content.body_md5, "MessageId": identity}
    if content.attributes_md5 is not None:
        sent["MD5OfMessageAttributes"] = content.attributes_md5
    if content.system_md5 is not None:
        sent["MD5OfMessageSystemAttributes"] = content.system_md5
    return sent


def _entry_bytes(entry: Mapping[str, Any]) -> int:
    body: str = entry["MessageBody"]
    size = len(body) if body.isascii() else len(body.encode())
    for name, value in (entry.get("MessageAttributes") or {}).items():
        content = value.get("StringValue") or value.get("BinaryValue") or b""
        size += len(name.encode()) + len((value.get("DataType") or "").encode())
        size += len(content.encode()) if isinstance(content, str) else len(content)
    return size


def check_entries(entries: Sequence[Mapping[str, Any]], shape: str) -> None:
    """Refuse a batch as a whole: empty, too many, malformed or repeated ids. AWS: texts as
    captured.
    """
    if not entries:
        raise ServiceError(
            "EmptyBatchRequest",
            f"There should be at least one {shape} in the request.",
        )
    if len(entries) > BATCH_ENTRIES_MAX:
        raise ServiceError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {BATCH_ENTRIES_MAX}."
            f" You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        identity: str = entry["Id"]
        if _ENTRY_ID.fullmatch(identity) is None:
            raise ServiceError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and"
                " underscores."
                " It can be at most 80 letters long.",
            )
        if identity in seen:
            raise ServiceError("BatchEntryIdsNotDistinct", f"Id {identity} repeated.")
        seen.add(identity)


def each_entry(
    entries: Sequence[Mapping[str, Any]], work: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Do `work` for each entry; return Successful and Failed lists, an empty one left out."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **work(entry)})
        except ServiceError as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "Code": error.code,
                    "Message": error.message,
                    "SenderFault": True,
                }
            )
    result: dict[str, Any] = {}
    if successful:
        result["Successful"] = successful
    if failed:
        result["Failed"] = failed
    return result
