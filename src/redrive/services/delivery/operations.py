"""Deliveries: which are due, and one attempt at one of them. Internal; the courier calls them.

An attempt's outcome is written in the transaction that ends it. A crash before that leaves the row
as it was, and the call is made again: at least once.
"""

from __future__ import annotations

from functools import partial

import orjson

from redrive.core.effects import Ask, Call, Caller, Context, Params, Reply, Result, Session
from redrive.core.errors import Unavailable
from redrive.core.rounds import Due
from redrive.core.time import Millis
from redrive.services.delivery import rules
from redrive.services.delivery.model import Delivery, Instant, Place
from redrive.services.delivery.room import Deliveries
from redrive.services.delivery.settling import Attempt, expire, put_off, settle
from redrive.services.registry import Registry
from redrive.store.store import Tx

PROMOTED_MAX = 1_000
"""Rows that fall due in one look: a burst costs several short transactions."""


def due_deliveries(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result:
    """Name deliveries to begin, by hopping from target to target, and when to look again.

    Limit: rows to name at most; Free: calls that may be begun; UnderWay: ids by target; After: the
    target where the look before ended, so that none is always last.
    -> {"Events": [Due], "NextMs": int | None, "After": str}
    """
    del room
    now_ms, free = context.now_ms, params["Free"]
    limit = min(params["Limit"], free)
    next_ms = _promote(tx, now_ms)
    found: list[Due] = []
    start = after = params["After"]
    has_wrapped = False
    while len(found) < limit:
        place: Place | None = tx.one(Place, "delivery.next_target", after=after)
        if place is None or (has_wrapped and place.target > start):
            if has_wrapped or not start:
                break
            has_wrapped, after = True, ""
            continue
        after = place.target
        under_way = params["UnderWay"].get(after, ())
        share = rules.share_of(free - len(found)) - len(under_way)
        share = min(share, limit - len(found))
        if share > 0:
            most = share + len(under_way)
            ready: list[Due] = tx.rows(Due, "delivery.ready", target=after, limit=most)
            found += [due for due in ready if due.id not in under_way][:share]
    else:
        next_ms = now_ms if limit else next_ms  # there may be more
    return {"Events": found, "NextMs": next_ms, "After": after}


def _promote(tx: Tx, now_ms: Millis) -> int | None:
    """Make ready what is due; return when to look for more."""
    following: Instant | None = tx.one(Instant, "delivery.next_due")
    if following is None or following.at_ms is None or following.at_ms > now_ms:
        return following.at_ms if following else None
    tx.run("delivery.promote", now_ms=now_ms, limit=PROMOTED_MAX)
    rest: Instant | None = tx.one(Instant, "delivery.next_due")
    return None if rest is None or rest.at_ms is None else max(rest.at_ms, now_ms)


def deliver(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Make the call of an Id once and settle it.

    -> {"GivenUp": GivenUp | None}
    """
    delivery: Delivery | None = tx.one(Delivery, "delivery.by_id", id=params["Id"])
    if delivery is None:
        return {"GivenUp": None}
    attempt = Attempt(room, delivery, context.request_id)
    if delivery.deadline_ms is not None and context.now_ms > delivery.deadline_ms:
        return expire(tx, attempt, context.now_ms)
    return Ask(_call(attempt), partial(_answered, attempt))


def reset_account(room: Deliveries, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all that is owed for the caller's account, in all regions."""
    del room, params
    tx.run("delivery.reset", account=context.caller.account)
    return {}


def _answered(attempt: Attempt, tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    if isinstance(reply.error, Unavailable):
        return put_off(tx, attempt, now_ms)
    return settle(tx, attempt, reply.error, now_ms)


def _call(attempt: Attempt) -> Call:
    delivery = attempt.delivery
    text = delivery.params
    mark = rules.retry_of(delivery.retry).mark
    if mark:
        text = text.replace(mark, str(delivery.attempts + 1))
    params = orjson.loads(text)
    for name in orjson.loads(delivery.blobs):
        params[name] = params[name].encode()
    return Call(
        delivery.service,
        delivery.operation,
        params,
        _caller(attempt),
        request_id=attempt.request_id,
    )


def _caller(attempt: Attempt) -> Caller:
    """Return as whom a call is made: an AWS service has no policy of its own to be judged by."""
    delivery = attempt.delivery
    is_service = ":" not in delivery.principal
    return Caller(
        delivery.account,
        delivery.region,
        delivery.principal,
        delivery.principal if is_service else delivery.account,
        session=Session((), {}) if is_service and attempt.room.is_judging else None,
        source=delivery.asker,
    )


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
