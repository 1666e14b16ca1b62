"""DeleteMessage, ChangeMessageVisibility, their batches, and what a mapping's poller settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.limits import VISIBILITY_MS_MAX
from redrive.core.time import SECOND_MS
from redrive.services.queues.handles import Handle, parse_receipt_handle
from redrive.services.queues.model import Lease, Message, Number, Queue
from redrive.services.queues.operations import fair, fifo_groups, fifo_settle
from redrive.services.queues.operations.send import check_entries, each_entry
from redrive.services.queues.room import Queues, Recent, find, find_by_arn, note
from redrive.services.queues.rules import change_visibility, is_expired, unavailable
from redrive.services.queues.shapes import (
    ChangeMessageVisibilityBatchParams,
    ChangeMessageVisibilityParams,
    DeleteMessageBatchParams,
    DeleteMessageParams,
)
from redrive.store.store import Tx


def _parse(text: str) -> Handle:
    handle = parse_receipt_handle(text)
    if handle is None:
        raise ServiceError(
            "ReceiptHandleIsInvalid",
            f'The input receipt handle "{text}" is not a valid receipt handle.',
        )
    return handle


def delete_message(room: Queues, tx: Tx, params: DeleteMessageParams, context: Context) -> Result:
    """Delete a message by the handle of its latest receive, lapsed or not.

    What is gone already is deleted silently; an older receive's handle succeeds and deletes
    nothing. A FIFO queue refuses both kinds of old handle. AWS: API_DeleteMessage; lapsed handles
    as captured.
    """
    queue = find(tx, params["QueueUrl"], context, "DeleteMessage")
    handle = _parse(params["ReceiptHandle"])
    if queue.is_fifo:
        fifo_settle.check_held(tx, queue, handle, params["ReceiptHandle"], context.now_ms)
    _delete(room, tx, queue, [handle], context)
    return {}


def delete_message_batch(
    room: Queues, tx: Tx, params: DeleteMessageBatchParams, context: Context
) -> Result:
    """Delete up to ten messages; each succeeds or fails alone. AWS: API_DeleteMessageBatch."""
    queue = find(tx, params["QueueUrl"], context, "DeleteMessage")
    entries: Sequence[Mapping[str, Any]] = params["Entries"]
    check_entries(entries, "DeleteMessageBatchRequestEntry")

    handles: list[Handle] = []

    def take(entry: Mapping[str, Any]) -> dict[str, Any]:
        handle = _parse(entry["ReceiptHandle"])
        if queue.is_fifo:
            fifo_settle.check_held(tx, queue, handle, entry["ReceiptHandle"], context.now_ms)
        handles.append(handle)
        return {}

    result = each_entry(entries, take)
    _delete(room, tx, queue, handles, context)
    return result


def _delete(
    room: Queues,
    tx: Tx,
    queue: Queue,
    handles: Sequence[Handle],
    context: Context,
    request_id: str | None = None,
    reason: str | None = None,
) -> int:
    """Delete what is still there under the handle of its latest receive; return how many."""
    # One batch may name a message by an older handle and by the current one.
    held = {(handle.seq, handle.receives) for handle in handles if handle.heap == queue.heap}
    calls = len(handles)
    if not held:
        if calls:
            tx.tally("queues.count", queue.id, delete_calls=calls)
        return 0
    seqs = orjson.dumps([seq for seq, _receives in held]).decode()
    leases: list[Lease] = tx.rows(Lease, "queues.leases", seqs=seqs, heap=queue.heap)
    gone = [lease for lease in leases if (lease.seq, lease.receives) in held]
    if not gone:
        tx.tally("queues.count", queue.id, delete_calls=calls)
        return 0
    if queue.is_grouped:
        seqs_gone = [lease.seq for lease in gone]
        fair.leave(room, tx, queue, seqs_gone, context.now_ms, is_deleted=True)
    if queue.is_fifo:
        fifo_groups.remove(tx, queue, [lease.seq for lease in gone], context.now_ms)
    else:
        tx.run_many("queues.remove", [(lease.seq,) for lease in gone])
    count = len(gone)
    tx.tally(
        "queues.count",
        queue.id,
        messages=-count,
        touched=-count,
        deleted=count,
        delete_calls=calls,
    )
    for lease in gone:
        if lease.receives == 1 and lease.lineage is None:
            room.recent.append(
                Recent(lease.seq, queue.arn, lease.receive_ms, context.now_ms, request_id, reason)
            )
        else:
            _note_deleted(tx, queue, lease, context, request_id, reason)
    return len(gone)


def _note_deleted(
    tx: Tx, queue: Queue, lease: Lease, context: Context, request_id: str | None, reason: str | None
) -> None:
    line = lease.seq if lease.lineage is None else lease.lineage
    if lease.receives == 1:
        note(tx, line, lease.first_receive_ms, "received", count=1, queue=queue.arn)
    note(
        tx,
        line,
        context.now_ms,
        "deleted",
        count=lease.receives,
        queue=queue.arn,
        request=request_id,
        reason=reason,
    )


def change_message_visibility(
    room: Queues, tx: Tx, params: ChangeMessageVisibilityParams, context: Context
) -> Result:
    """Set when a received message becomes visible again. AWS: API_ChangeMessageVisibility."""
    queue = find(tx, params["QueueUrl"], context, "ChangeMessageVisibility")
    _change(room, tx, queue, params["ReceiptHandle"], params["VisibilityTimeout"], context)
    return {}


def change_message_visibility_batch(
    room: Queues, tx: Tx, params: ChangeMessageVisibilityBatchParams, context: Context
) -> Result:
    """Do the same for up to ten messages. AWS: API_ChangeMessageVisibilityBatch."""
    queue = find(tx, params["QueueUrl"], context, "ChangeMessageVisibility")
    entries: Sequence[Mapping[str, Any]] = params["Entries"]
    check_entries(entries, "ChangeMessageVisibilityBatchRequestEntry")

    def change(entry: Mapping[str, Any]) -> dict[str, Any]:
        timeout = entry.get("VisibilityTimeout", queue.visibility_ms // SECOND_MS)
        _change(room, tx, queue, entry["ReceiptHandle"], timeout, context)
        return {}

    return each_entry(entries, change)


def _change(room: Queues, tx: Tx, queue: Queue, text: str, timeout: int, context: Context) -> None:
    handle = _parse(text)
    if not 0 <= timeout <= VISIBILITY_MS_MAX // SECOND_MS:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {timeout} for parameter VisibilityTimeout is invalid. Reason:"
            " VisibilityTimeout must"
            " be an integer between 0 and 43200.",
        )
    if queue.is_fifo:
        fifo_settle.change(tx, queue, handle, text, timeout * SECOND_MS, context.now_ms)
        return
    heap = tx.one(Number, "queues.heap_of", seq=handle.seq)
    message: Message | None = tx.one(Message, "queues.message", seq=handle.seq)
    if (
        message is None
        or heap is None
        or not heap.value == handle.heap == queue.heap
        or is_expired(message, queue, context.now_ms)
    ):
        raise unavailable(text)
    if message.receives != handle.receives:
        return  # an older receive's handle no longer holds the lease
    visible_ms = change_visibility(message, timeout * SECOND_MS, context.now_ms)
    tx.run("queues.hide", visible_ms=visible_ms, seq=message.seq)
    if queue.is_grouped:
        fair.change(room, tx, queue, message, visible_ms, context.now_ms)
    tx.wake(queue.topic)


def settle_batch(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Settle what one invocation made of a batch, in one transaction (internal; for mappings).

    params: QueueArn, Delete and Keep (receipt handles), RequestId, FunctionArn, Outcome (failed,
    throttled, or filtered: what is deleted was not for the function), Error (JSON text of the
    function's error, or None). What is kept stays hidden until its visibility timeout ends; that is
    the retry. A FIFO queue deletes nothing whose timeout is over, as DeleteMessage would refuse it.
    Returns how many were deleted and kept.
    """
    queue = find_by_arn(tx, params["QueueArn"])
    if queue is None:
        return {"Deleted": 0, "Kept": 0}
    done = [_parse(text) for text in params["Delete"]]
    if queue.is_fifo:
        done = fifo_settle.only_held(tx, queue, done, context.now_ms)
    reason = "filtered" if params.get("Outcome") == "filtered" else None
    deleted = _delete(room, tx, queue, done, context, params["RequestId"], reason)
    kept = _note_kept(tx, queue, params, context) if params["Keep"] else 0
    return {"Deleted": deleted, "Kept": kept}


def _note_kept(tx: Tx, queue: Queue, params: Params, context: Context) -> int:
    kept = 0
    error = params.get("Error")
    digest = None
    if error is not None:
        digest = sha256(error.encode()).hexdigest()
        tx.run("queues.keep_failure", hash=digest, text=error, now_ms=context.now_ms)
    for text in params["Keep"]:
        handle = _parse(text)
        message: Message | None = tx.one(Message, "queues.message", seq=handle.seq)
        if message is None or message.receives != handle.receives:
            continue
        kept += 1
        note(
            tx,
            message.line,
            context.now_ms,
            params["Outcome"],
            count=handle.receives,
            request=params["RequestId"],
            function=params["FunctionArn"],
            failure=digest,
            queue=queue.arn,
        )
    return kept
