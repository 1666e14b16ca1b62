"""Message move tasks: start, list, cancel, and the internal operation that moves a chunk."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.core.limits import MOVE_RATE_MAX, MOVE_TASKS_ACTIVE_MAX
from redrive.core.time import NEVER, Millis
from redrive.services.queues.access import check_access
from redrive.services.queues.handles import ID_LENGTH, message_id
from redrive.services.queues.model import Message, Move, Number, Queue
from redrive.services.queues.operations import fair, fifo_groups, fifo_moves
from redrive.services.queues.operations.fates import drop_expired, note_return
from redrive.services.queues.operations.queues import measure
from redrive.services.queues.room import Queues, find, find_by_arn, note
from redrive.services.queues.rules import is_expired, is_overdue, pace_move
from redrive.services.queues.shapes import (
    CancelMessageMoveTaskParams,
    ListMessageMoveTasksParams,
    StartMessageMoveTaskParams,
)
from redrive.store.store import Tx

MOVES_TOPIC = "queue:moves"
_ID_START = len('"MessageId":"')
_LIST_MAX = 10  # API_ListMessageMoveTasks, MaxResults


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def _missing(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, status=404)


def _own_queue(tx: Tx, arn: str, context: Context, action: str, name: str) -> Queue:
    queue = find_by_arn(tx, arn)
    if queue is None or queue.region != context.caller.region:
        raise _missing(f"The resource that you specified for the {name} parameter doesn't exist.")
    return find(tx, f"/{queue.account}/{queue.name}", context, action)


def _check_destination(
    tx: Tx, source: Queue, destination_arn: str | None, context: Context
) -> None:
    """Refuse a move to where the caller may not send, or that no redrive policy calls for."""
    origins = tx.rows(Queue, "queues.dead_letter_sources", arn=source.arn, after="", limit=1_000)
    if not origins:
        raise _invalid("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn is not None:
        if destination_arn == source.arn:
            raise _invalid("Source queue arn and destination queue arn cannot be the same.")
        is_own = f":{context.caller.account}:" in destination_arn  # moves stay in an account
        action = "SendMessage" if is_own else "StartMessageMoveTask"
        to = _own_queue(tx, destination_arn, context, action, "DestinationArn")
        if to.is_fifo != source.is_fifo:
            raise _invalid("Source queue and destination queue must be of the same type.")
    else:
        for origin in origins:
            check_access(origin, context, "SendMessage")


def start_message_move_task(
    room: Queues, tx: Tx, params: StartMessageMoveTaskParams, context: Context
) -> Result:
    """Begin to move a dead-letter queue's messages to a queue, or each to where it came from.

    Whoever begins it must be allowed what the task does: to receive and delete at the source, to
    send to the destination. AWS: API_StartMessageMoveTask; SQS Developer Guide, "Configuring queue
    permissions for a dead-letter queue redrive"; errors as captured.
    """
    source = _own_queue(tx, params["SourceArn"], context, "StartMessageMoveTask", "SourceArn")
    for action in ("ReceiveMessage", "DeleteMessage"):
        check_access(source, context, action)
    destination_arn: str | None = params.get("DestinationArn")
    rate: int | None = params.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= MOVE_RATE_MAX:
        raise _invalid(
            f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be"
            f" between 1 and {MOVE_RATE_MAX}, if provided."
        )
    _check_destination(tx, source, destination_arn, context)
    if any(task.status in ("RUNNING", "CANCELLING") for task in _tasks(tx, source.arn, 1)):
        raise _invalid(
            "There is already a task running. Only one active task is allowed for a source queue"
            " arn"
            " at a given time."
        )
    active = tx.one(Number, "queues.running_moves_of", account=context.caller.account)
    if active is not None and active.value >= MOVE_TASKS_ACTIVE_MAX:
        raise ServiceError(
            "OverLimit",
            f"The number of active message move tasks is limited to {MOVE_TASKS_ACTIVE_MAX}.",
            status=403,
        )
    counts, _hidden = measure(tx, source, context.now_ms)
    identity = uuid4(room.chance)
    tx.run(
        "queues.add_move",
        id=identity,
        account=context.caller.account,
        region=context.caller.region,
        source_arn=source.arn,
        destination_arn=destination_arn,
        rate=rate,
        now_ms=context.now_ms,
        to_move=counts.messages,
    )
    tx.wake(MOVES_TOPIC)
    return {"TaskHandle": _handle(identity, source.arn)}


def _handle(identity: str, source_arn: str) -> str:
    return b64encode(orjson.dumps({"taskId": identity, "sourceArn": source_arn})).decode()


def _tasks(tx: Tx, source_arn: str, limit: int) -> list[Move]:
    return tx.rows(Move, "queues.moves_of", source_arn=source_arn, limit=limit)


def list_message_move_tasks(
    room: Queues, tx: Tx, params: ListMessageMoveTasksParams, context: Context
) -> Result:
    """List a source's latest move tasks, the newest first. AWS: API_ListMessageMoveTasks."""
    source = _own_queue(tx, params["SourceArn"], context, "ListMessageMoveTasks", "SourceArn")
    limit = params.get("MaxResults", 1)
    if not 1 <= limit <= _LIST_MAX:
        raise _invalid(
            f"Value {limit} for parameter MaxResults is invalid. Reason: Must be between 1 and"
            f" {_LIST_MAX}, if provided."
        )
    return {"Results": [_shown(task) for task in _tasks(tx, source.arn, limit)]}


def _shown(task: Move) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Status": task.status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
    }
    if task.status == "RUNNING":
        shown["TaskHandle"] = _handle(task.id, task.source_arn)
    if task.destination_arn is not None:
        shown["DestinationArn"] = task.destination_arn
    if task.rate is not None:
        shown["MaxNumberOfMessagesPerSecond"] = task.rate
    if task.failure is not None:
        shown["FailureReason"] = task.failure
    return shown


def cancel_message_move_task(
    room: Queues, tx: Tx, params: CancelMessageMoveTaskParams, context: Context
) -> Result:
    """Stop a running task; what has moved stays moved. AWS: API_CancelMessageMoveTask."""
    try:
        named = orjson.loads(b64decode(params["TaskHandle"], validate=True))
        identity, source_arn = named["taskId"], named["sourceArn"]
    except (Error, ValueError, KeyError, TypeError):
        raise _invalid("Value for parameter TaskHandle is invalid.") from None
    if not isinstance(source_arn, str):
        raise _invalid("Value for parameter TaskHandle is invalid.")
    source = _own_queue(tx, source_arn, context, "CancelMessageMoveTask", "SourceArn")
    task = next((t for t in _tasks(tx, source.arn, _LIST_MAX) if t.id == identity), None)
    if task is None:
        raise _missing("Task does not exist.")
    if task.status != "RUNNING":
        raise _invalid("Only active tasks can be cancelled.")
    tx.run("queues.set_move", n=task.n, status="CANCELLING", moved=task.moved, failure=None)
    tx.wake(MOVES_TOPIC)
    return {"ApproximateNumberOfMessagesMoved": task.moved}


def advance_moves(room: Queues, tx: Tx, params: Params, context: Context) -> Result:
    """Move a chunk for each task that goes on (internal; for the mover).

    Returns NextMs, when there is more to do: NEVER when no task goes on.
    """
    next_ms = NEVER
    for task in tx.rows(Move, "queues.running_moves"):
        next_ms = min(next_ms, _advance(room, tx, task, context))
    return {"NextMs": next_ms}


def _advance(room: Queues, tx: Tx, task: Move, context: Context) -> Millis:
    now_ms = context.now_ms

    def end(status: str, moved: int, failure: str | None = None) -> Millis:
        tx.run("queues.set_move", n=task.n, status=status, moved=moved, failure=failure)
        return NEVER

    if task.status == "CANCELLING":
        return end("CANCELLED", task.moved)
    source = find_by_arn(tx, task.source_arn)
    if source is None:
        return end("FAILED", task.moved, "AWS.SimpleQueueService.NonExistentQueue")
    if is_overdue(task, now_ms):
        return end("FAILED", task.moved, "TaskTimedOut")
    pace = pace_move(task, now_ms)
    due_in = fifo_moves.due if source.is_fifo else fair.due_in_lanes
    due = due_in(tx, source, max(1, pace.messages), now_ms)
    if not due:
        return end("COMPLETED", task.moved)
    moved = task.moved
    for message in due[: pace.messages]:
        if not source.is_fifo and is_expired(message, source, now_ms):
            if source.is_grouped:
                fair.leave(room, tx, source, [message.seq], now_ms, is_deleted=False)
            drop_expired(tx, source, [(message.seq, message.receives, message.line)], now_ms)
            continue
        arn = task.destination_arn or message.origin
        if arn is None:
            return end("FAILED", moved, "CouldNotDetermineMessageSource")
        destination = find_by_arn(tx, arn)
        if destination is None:
            return end("FAILED", moved, "AWS.SimpleQueueService.NonExistentQueue")
        if destination.is_fifo and fifo_moves.suppress(
            room, tx, source, destination, message, now_ms
        ):
            continue
        _move(room, tx, source, destination, message, now_ms)
        moved += 1
    tx.run("queues.set_move", n=task.n, status="RUNNING", moved=moved, failure=None)
    return pace.next_ms


def _move(
    room: Queues, tx: Tx, source: Queue, destination: Queue, message: Message, now_ms: Millis
) -> None:
    """Send a message anew: a new id, sending time and count. AWS: Developer Guide, DLQ redrive."""
    seq = tx.sequence(now_ms)
    identity = message_id(seq, room.salt)
    if message.receives:
        note_return(tx, message)
    message = room.opened(message)
    old = message.content[_ID_START : _ID_START + ID_LENGTH].decode()
    content = (
        message.content[:_ID_START] + identity.encode() + message.content[_ID_START + ID_LENGTH :]
    )
    attributes = message.attributes
    if room.cipher is not None:
        content, attributes = room.cipher.sealed(destination, seq, content, attributes)
    heap = destination.heap
    if source.is_grouped:
        fair.leave(room, tx, source, [message.seq], now_ms, is_deleted=False)
        if message.group_id is not None:
            heap = fair.arrive(room, tx, destination, message.group_id, now_ms)
    if source.is_fifo:
        fifo_groups.remove(tx, source, [message.seq], now_ms)
    else:
        tx.run("queues.remove", seq=message.seq)
    tx.run(
        "queues.send",
        seq=seq,
        heap=heap,
        visible_ms=now_ms,
        sender=message.sender,
        attributes_md5=message.attributes_md5,
        attributes=attributes,
        trace=message.trace,
        group_id=message.group_id,
        lineage=message.line,
        content=content,
    )
    if destination.is_fifo:
        fifo_moves.enter(tx, destination, message, seq, old, now_ms)
    tx.run("queues.add_lineage", seq=seq, lineage=message.line)
    note(
        tx,
        message.line,
        now_ms,
        "redriven",
        old=old,
        new=identity,
        source=source.arn,
        destination=destination.arn,
    )
    tx.tally("queues.count", source.id, messages=-1, touched=-(message.receives > 0), moved_out=1)
    tx.tally("queues.count", destination.id, messages=1, moved_in=1)
    tx.wake(destination.topic)
