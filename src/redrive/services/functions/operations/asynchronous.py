"""Asynchronous events: which are due, and one attempt at one of them. Internal; the courier calls
them.

An attempt's outcome is written in the transaction that ends it, together with what destinations and
the dead-letter target are then owed. A crash before that leaves the row as it was, and the event is
delivered again: at least once (AWS says the same of its own queue).
"""

from __future__ import annotations

from functools import partial

from redrive.core.arn import parse_arn
from redrive.core.effects import Ask, Call, Context, Params, Ran, Reply, Result
from redrive.core.rounds import Due
from redrive.core.time import Millis
from redrive.services.functions import event_rules
from redrive.services.functions.model import AsyncEvent, Function, Instant, InvokeConfig, Target
from redrive.services.functions.operations.invocation import (
    place_for,
    routed,
    run_function,
)
from redrive.services.functions.operations.lookup import find_invoke_config, resolve
from redrive.services.functions.records import (
    LOST,
    Fate,
    Purpose,
    dead_letter_call,
    destination_call,
    fate_of,
    invoked_arn,
)
from redrive.services.functions.room import Functions
from redrive.services.ports import Settlement
from redrive.store.store import Tx

_TOO_OLD = fate_of("EventAgeExceeded", None, 500, "The event has waited for too long.")
_NO_ROOM = "Rate Exceeded."
_NO_ANSWER = "The function could not be run."


def due_async_events(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Name due events, at most Limit for each function, oldest first; and when the next falls due.

    -> {"Events": [Due], "NextMs": int | None}
    """
    del room
    found: list[Due] = tx.rows(
        Due, "functions.due_events", now_ms=context.now_ms, limit=params["Limit"]
    )
    following: Instant | None = tx.one(Instant, "functions.next_event", now_ms=context.now_ms)
    return {"Events": found, "NextMs": following.at_ms if following else None}


def deliver_async_event(room: Functions, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Try the event of an Id once and settle it.

    -> {"Settled": "delivered" | "again" | "dropped" | "gone", "Reason": str | None, ...}. An event
    of a function that was deleted, or whose reserved concurrency is 0, is dropped without a retry.
    AWS: Developer Guide, "Asynchronous invocation".
    """
    event: AsyncEvent | None = tx.one(AsyncEvent, "functions.event_by_id", id=params["Id"])
    if event is None:
        return {"Settled": "gone", "Reason": None}
    now_ms = context.now_ms
    target = _target(event)
    found = resolve(tx, target)
    if found is None:
        return _settle(room, tx, event, None, fate_of("FunctionNotFound", None, 404), now_ms)
    function = routed(room, tx, *found)
    limits = event_rules.limits_of(find_invoke_config(tx, target))
    if event_rules.is_too_old(event, now_ms, limits):
        return _settle(room, tx, event, function, _TOO_OLD, now_ms)
    if function.reserved == 0:
        fate = fate_of("ZeroReservedConcurrency", None, 429, _NO_ROOM)
        return _settle(room, tx, event, function, fate, now_ms)
    place = place_for(room, tx, function)
    if place.refusal is not None:
        decision = event_rules.settle_event(event, "throttled", now_ms, limits)
        return _decide(room, tx, event, function, decision, (None, 429, _NO_ROOM), now_ms)
    room.note(tx, "AsyncEventAge", target, now_ms - event.first_ms, now_ms)
    return run_function(
        room,
        function,
        event.payload,
        event.request_id,
        now_ms,
        partial(_settle_reply, room, event, function),
        invoked_arn=target.arn,
        provisioned=place.provisioned,
    )


def count_lost(room: Functions, tx: Tx, settlement: Settlement, at_ms: Millis) -> None:
    """Count what was owed on behalf of a function and was given up."""
    if settlement.outcome == "dropped":
        room.note(tx, LOST[settlement.purpose], _target_of(settlement.source), 1, at_ms)


def _target(event: AsyncEvent) -> Target:
    return _target_of(event.function_arn)._replace(qualifier=event.qualifier)


def _target_of(function_arn: str) -> Target:
    arn = parse_arn(function_arn)
    assert arn is not None, f"{function_arn} is no ARN"
    name, _, qualifier = arn.resource.removeprefix("function:").partition(":")
    return Target(arn.account, arn.region, name, qualifier or None)


def _settle_reply(
    room: Functions, event: AsyncEvent, function: Function, tx: Tx, reply: Reply, now_ms: Millis
) -> Result:
    outcome: event_rules.Outcome = "unavailable"
    told: tuple[Ran | None, int, str] = (None, 500, _NO_ANSWER)
    if reply.ran is not None:
        outcome = "success" if reply.ran.error is None else "function-error"
        told = (reply.ran, 200, "")
    limits = event_rules.limits_of(find_invoke_config(tx, _target(event)))
    decision = event_rules.settle_event(event, outcome, now_ms, limits)
    return _decide(room, tx, event, function, decision, told, now_ms)


def _decide(
    room: Functions,
    tx: Tx,
    event: AsyncEvent,
    function: Function,
    decision: event_rules.Again | event_rules.Over,
    told: tuple[Ran | None, int, str],
    now_ms: Millis,
) -> Result:
    if isinstance(decision, event_rules.Over):
        fate = fate_of(decision.dropped or "Success", *told)
        return _settle(room, tx, event, function, fate, now_ms)
    tx.run("functions.postpone_event", id=event.id, **decision._asdict())
    return _told(event, "again", None)


def _settle(
    room: Functions,
    tx: Tx,
    event: AsyncEvent,
    function: Function | None,
    fate: Fate,
    now_ms: Millis,
) -> Result:
    """Forget an event and owe what is to be told of it; a deleted function has nobody to tell.

    The row may have gone in a reset meanwhile, which is no error.
    """
    if not tx.run("functions.delete_event", id=event.id):
        return _told(event, "gone", None)
    target = _target(event)
    config = find_invoke_config(tx, target)
    if function is not None:
        _owe(room, tx, event, function, config, fate, now_ms)
    if fate.condition == "Success":
        return _told(event, "delivered", None)
    room.note(tx, "AsyncEventsDropped", target, 1, now_ms)
    return _told(event, "dropped", fate.condition)


def _owe(
    room: Functions,
    tx: Tx,
    event: AsyncEvent,
    function: Function,
    config: InvokeConfig | None,
    fate: Fate,
    now_ms: Millis,
) -> None:
    """Leave with the outbox what a destination and the dead-letter target must be told."""

    def put(call: Call, target: str, purpose: Purpose) -> None:
        source = invoked_arn(event)
        room.outbox.put(tx, call, now_ms, target=target, purpose=purpose, source=source)

    has_failed = fate.condition != "Success"
    if config is not None:
        destination = config.on_failure if has_failed else config.on_success
        if destination is not None:
            call = destination_call(destination, event, function, fate, now_ms)
            put(call, destination, "destination")
    if has_failed and function.dead_letter:
        call = dead_letter_call(function.dead_letter, event, function, fate)
        put(call, function.dead_letter, "dead-letter")


def _told(event: AsyncEvent, settled: str, reason: str | None) -> Result:
    return {
        "Settled": settled,
        "Reason": reason,
        "FunctionArn": event.function_arn,
        "RequestId": event.request_id,
    }
