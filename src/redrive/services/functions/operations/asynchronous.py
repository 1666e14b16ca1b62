"""Asynchronous events: which are due, and one attempt at one of them. Internal; the courier calls
them.

An attempt's outcome is written in the transaction that ends it. A crash before that leaves the row
as it was, and the event is delivered again: at least once (AWS says the same of its own queue).
"""

from __future__ import annotations

from functools import partial

from redrive.core.arn import parse_arn
from redrive.core.effects import Ask, Context, Params, Reply, Result
from redrive.core.time import Millis
from redrive.services.functions import rules
from redrive.services.functions.model import AsyncEvent, DueEvent, Instant, Target
from redrive.services.functions.operations.invocation import routed, run_function, throttle_reason
from redrive.services.functions.operations.lookup import resolve
from redrive.services.functions.room import Functions
from redrive.store.store import Tx


def due_async_events(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Name due events, at most Limit for each function, oldest first; and when the next falls due.

    -> {"Events": [DueEvent], "NextMs": int | None}
    """
    del room
    found: list[DueEvent] = tx.rows(
        DueEvent, "functions.due_events", now_ms=context.now_ms, limit=params["Limit"]
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
    target = _target(event)
    found = resolve(tx, target)
    if found is None:
        return _settle(tx, event, rules.Over("FunctionNotFound"))
    function = routed(room, tx, *found)
    if rules.is_too_old(event, context.now_ms):
        return _settle(tx, event, rules.Over("EventAgeExceeded"))
    if function.reserved == 0:
        return _settle(tx, event, rules.Over("ReservedConcurrencyIsZero"))
    if throttle_reason(room, tx, function) is not None:
        return _settle(tx, event, rules.settle_event(event, "throttled", context.now_ms))
    return run_function(
        room,
        function,
        event.payload,
        event.request_id,
        context.now_ms,
        partial(_settle_reply, event),
        invoked_arn=target.arn,
    )


def _target(event: AsyncEvent) -> Target:
    arn = parse_arn(event.function_arn)
    assert arn is not None, f"{event.function_arn} is no ARN"
    return Target(arn.account, arn.region, arn.resource.removeprefix("function:"), event.qualifier)


def _settle_reply(event: AsyncEvent, tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    outcome: rules.Outcome
    if reply.ran is None:
        outcome = "unavailable"
    else:
        outcome = "success" if reply.ran.error is None else "function-error"
    return _settle(tx, event, rules.settle_event(event, outcome, now_ms))


def _settle(tx: Tx, event: AsyncEvent, decision: rules.Again | rules.Over) -> Result:
    """Write what was decided; the row may have gone in a reset meanwhile, which is no error."""
    if isinstance(decision, rules.Again):
        tx.run("functions.postpone_event", id=event.id, **decision._asdict())
        settled, reason = "again", None
    else:
        tx.run("functions.delete_event", id=event.id)
        settled, reason = ("dropped" if decision.dropped else "delivered"), decision.dropped
    return {
        "Settled": settled,
        "Reason": reason,
        "FunctionArn": event.function_arn,
        "RequestId": event.request_id,
    }
