"""Deliveries: which are due, and one attempt at one of them. Internal; the courier calls them.

An attempt's outcome is written in the transaction that ends it. A crash before that leaves the row
as it was, and the call is made again: at least once.
"""

from __future__ import annotations

from functools import partial

import orjson

from redrive.core.effects import Ask, Call, Caller, Context, Params, Reply, Result
from redrive.core.rounds import Due
from redrive.core.time import Millis
from redrive.services.delivery import rules
from redrive.services.delivery.model import Delivery, GivenUp, Instant
from redrive.services.delivery.room import Deliveries
from redrive.services.registry import Registry
from redrive.store.store import Tx


def due_deliveries(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result:
    """Name due deliveries, at most Limit for each target, oldest first; and when the next is due.

    -> {"Events": [Due], "NextMs": int | None}
    """
    del room
    found: list[Due] = tx.rows(Due, "delivery.due", now_ms=context.now_ms, limit=params["Limit"])
    following: Instant | None = tx.one(Instant, "delivery.next_due", now_ms=context.now_ms)
    return {"Events": found, "NextMs": following.at_ms if following else None}


def deliver(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Make the call of an Id once and settle it.

    -> {"GivenUp": GivenUp | None}
    """
    delivery: Delivery | None = tx.one(Delivery, "delivery.by_id", id=params["Id"])
    if delivery is None:
        return {"GivenUp": None}
    if context.now_ms > delivery.deadline_ms:
        return _settle(room, tx, delivery, rules.Over("no success in time"), context.now_ms)
    return Ask(_call(delivery), partial(_answered, room, delivery))


def reset_account(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all that is owed for the caller's account, in all regions."""
    del room, params
    tx.run("delivery.reset", account=context.caller.account)
    return {}


def _call(delivery: Delivery) -> Call:
    params = orjson.loads(delivery.params)
    for name in orjson.loads(delivery.blobs):
        params[name] = params[name].encode()
    caller = Caller(delivery.account, delivery.region, delivery.principal, delivery.account)
    return Call(delivery.service, delivery.operation, params, caller)


def _answered(room: Deliveries, delivery: Delivery, tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    return _settle(room, tx, delivery, rules.settle(delivery, reply.error, now_ms), now_ms)


def _settle(
    room: Deliveries,
    tx: Tx,
    delivery: Delivery,
    decision: rules.Again | rules.Over,
    now_ms: Millis,
) -> Result:
    """Write what was decided; the row may have gone in a reset meanwhile, which is no error."""
    if isinstance(decision, rules.Again):
        tx.run("delivery.postpone", id=delivery.id, **decision._asdict())
        return {"GivenUp": None}
    is_ours = tx.run("delivery.delete", id=delivery.id)
    if decision.reason is None or not is_ours:
        return {"GivenUp": None}
    given_up = GivenUp(delivery.purpose, delivery.source, delivery.target, decision.reason)
    room.gave_up(tx, given_up, now_ms)
    return {"GivenUp": given_up}


def register(registry: Registry, room: Deliveries) -> None:
    """Add the service `delivery` to the registry; no AWS model has its names."""
    operations = {
        "DueDeliveries": due_deliveries,
        "Deliver": deliver,
        "ResetAccount": reset_account,
    }
    registry.add(
        "delivery", {name: partial(operation, room) for name, operation in operations.items()}
    )
