"""Actions of alarms: PerformAction, and what histories say of it. Internal.

The courier of deliveries asks for an action until it succeeds or its time is over; the line of
history is written once for each action of a change, over crashes too.
"""

from __future__ import annotations

from functools import partial

import orjson

from redrive.core.effects import Ask, Call, Caller, Context, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import SEQ_BITS
from redrive.core.time import Millis
from redrive.services.alarms.model import Number
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx


def perform_action(room: Alarms, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Publish to a topic, or invoke a function as an event; raises what that refuses with.

    params: Action (its ARN), Message, Subject (of a topic), AlarmName, AlarmRegion,
    AlarmKind, ChangedMs.
    """
    action = params["Action"]
    if ":sns:" in action:
        members = {
            "TopicArn": action,
            "Subject": params["Subject"],
            "Message": params["Message"],
        }
        call = Call("sns", "Publish", members, context.caller, request_id=context.request_id)
    else:
        members = {
            "FunctionName": action,
            "InvocationType": "Event",
            "Payload": params["Message"].encode(),
        }
        call = Call("lambda", "Invoke", members, context.caller, request_id=context.request_id)
    if not room.outbox.offers(call.service, call.operation):
        missing = ServiceError("NotFound", f"This server has no {call.service}.", status=404)
        return _answered(params, context, tx, Reply(error=missing), context.now_ms)
    return Ask(call, partial(_answered, params, context))


def _answered(
    params: Params, context: Context, tx: Tx, reply: Reply, now_ms: Millis
) -> Result | Ask:
    """Note a success with the answer, a failure by a transaction that outlives this one's error."""
    error = reply.error
    if error is None:
        _note(tx, params, context.caller, None, now_ms)
        return {}
    note = Call("alarms", "NoteAction", {**params, "Error": _words(error)}, context.caller)

    def noted(_tx: Tx, _reply: Reply, _now_ms: Millis) -> Result:
        raise error

    return Ask(note, noted)


def _words(error: BaseException) -> str:
    return f"{error.code}: {error.message}" if isinstance(error, ServiceError) else str(error)


def note_action(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Write into the history that an action has failed. params: PerformAction's, and Error."""
    del room
    _note(tx, params, context.caller, params["Error"], context.now_ms)
    return {}


def _note(tx: Tx, params: Params, caller: Caller, error: str | None, now_ms: Millis) -> None:
    """Write how an action went, unless the history says so already.

    AWS: DescribeAlarmHistory, HistoryData of an Action; the words of a failure are as users report
    them.
    """
    action = params["Action"]
    data = {
        "version": "1.0",
        "actionState": "Succeeded" if error is None else "Failed",
        "notificationResource": action,
        "stateUpdateTimestamp": params["ChangedMs"],
    }
    summary = f"Successfully executed action {action}"
    if error is not None:
        data["error"] = error[:1_000]
        summary = f'Failed to execute action {action}. Received error: "{error}"'
    place = {
        "account": caller.account,
        "region": params["AlarmRegion"],
        "name": params["AlarmName"],
    }
    line = {"summary": summary[:255], "data": orjson.dumps(data).decode()}
    since = params["ChangedMs"] << SEQ_BITS
    told = tx.one(Number, "alarms.has_told", **place, **line, since=since)
    if told is not None and not told.value:
        tx.run(
            "alarms.note",
            id=tx.sequence(now_ms),
            **place,
            kind=params["AlarmKind"],
            at_ms=now_ms,
            type="Action",
            **line,
        )
