"""Subscribers: made, shown, changed, revoked, deleted. Who reads and delivers: reading.py and
delivering.py.
"""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.time import NEVER, Millis
from redrive.services.custom_buses.access import check_own
from redrive.services.custom_buses.model import Bus, Source, Subscriber
from redrive.services.custom_buses.names import (
    SUBSCRIBER,
    exists,
    fingerprint,
    invalid,
    make_arn,
    not_found,
    page_of,
    read_arn,
    token_after,
    wrong_state,
)
from redrive.services.custom_buses.operations.buses import refuse_inactive
from redrive.services.custom_buses.operations.lookup import (
    find_bus,
    find_source,
    find_subscriber,
    located_bus,
    located_subscriber,
    made_before,
)
from redrive.services.custom_buses.operations.publishing import DUE
from redrive.services.custom_buses.operations.tagging import checked_tags
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import first_seq, horizon_seq
from redrive.services.custom_buses.settings import changed_settings, new_settings
from redrive.store.store import Tx


def create_subscriber(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Make a subscriber, which reads on from its starting position at once."""
    caller = context.caller
    key = {"account": caller.account, "region": caller.region}
    bus = located_bus(tx, params["EventBusArn"], context, "CreateSubscriber")
    made = made_before(tx, Subscriber, "custom_buses.subscriber_by_token", params, context)
    if made is not None:
        return _told(made)
    refuse_inactive(bus)
    settings = new_settings(params, caller, room.offers)
    position = _position(params)
    if tx.one(Subscriber, "custom_buses.subscriber", **key, name=params["Name"]) is not None:
        raise exists(f"Subscriber {params['Name']}")
    point = position.get("PointInTimeConfiguration") or {}
    end_ms = point.get("EndPoint")
    tx.run(
        "custom_buses.add_subscriber",
        **key,
        name=params["Name"],
        number=tx.sequence(context.now_ms),
        arn=make_arn(room.chance, caller.region, caller.account, SUBSCRIBER, params["Name"]),
        bus=bus.number,
        bus_arn=bus.arn,
        kind=params.get("Type", "UNORDERED"),
        target=settings["InvokeConfiguration"]["TargetArn"],
        settings=orjson.dumps(settings).decode(),
        position=orjson.dumps(position).decode(),
        state=params.get("State", "RUNNING"),
        cursor=_cursor(tx, bus, position, context.now_ms),
        end_seq=None if end_ms is None else first_seq(end_ms + 1) - 1,
        now_ms=context.now_ms,
        tags=checked_tags({}, params.get("Tags") or {}),
        token=params.get("ClientToken"),
        token_hash=fingerprint(params),
    )
    tx.wake(DUE)
    found: Subscriber | None = tx.one(
        Subscriber, "custom_buses.subscriber", **key, name=params["Name"]
    )
    assert found is not None, "it was just made"
    return _told(found)


def _position(params: Params) -> dict[str, Any]:
    """Return where a subscriber begins. AWS: the shape PointInTimeConfiguration."""
    start = params.get("StartingPosition", "LATEST")
    point = params.get("PointInTimeConfiguration")
    if (start == "POINT_IN_TIME") != (point is not None):
        raise invalid(
            "PointInTimeConfiguration is required when StartingPosition is POINT_IN_TIME, and only"
            " then."
        )
    if point is None:
        return {"StartingPosition": start}
    begin_ms, end_ms = point.get("StartingPoint"), point.get("EndPoint")
    if (point["PointType"] == "TIMESTAMP") != (begin_ms is not None):
        raise invalid("StartingPoint is required when PointType is TIMESTAMP, and only then.")
    if any(at_ms is not None and not 0 <= at_ms < NEVER >> 10 for at_ms in (begin_ms, end_ms)):
        raise invalid("StartingPoint and EndPoint must be instants since 1970.")
    if begin_ms is not None and end_ms is not None and end_ms <= begin_ms:
        raise invalid("EndPoint must be after StartingPoint.")
    return {"StartingPosition": start, "PointInTimeConfiguration": point}


def _cursor(tx: Tx, bus: Bus, position: dict[str, Any], now_ms: Millis) -> int:
    """Return the number after which a subscriber reads."""
    point = position.get("PointInTimeConfiguration")
    if point is None:
        return tx.sequence(now_ms)
    horizon = horizon_seq(bus.retention_days, now_ms)
    if point["PointType"] == "HORIZON":
        return horizon
    return max(horizon, first_seq(point["StartingPoint"]) - 1)


def describe_subscriber(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a subscriber."""
    del room
    row = located_subscriber(tx, params["SubscriberArn"], context, "DescribeSubscriber")
    told = _told(row)
    told |= orjson.loads(row.settings)
    told["LastModifiedTime"] = row.modified_ms
    if row.revoked:
        told["Revoked"] = True
    return told


def update_subscriber(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Change a subscriber; stop it, or let it go on from where it was or from now."""
    row = located_subscriber(tx, params["SubscriberArn"], context, "UpdateSubscriber")
    if row.revoked:
        raise wrong_state(f"Subscriber {row.arn} has been revoked.")
    settings = changed_settings(orjson.loads(row.settings), params, context.caller, room.offers)
    state = params.get("State", row.state)
    tx.run(
        "custom_buses.update_subscriber",
        number=row.number,
        settings=orjson.dumps(settings).decode(),
        state=state,
        now_ms=context.now_ms,
    )
    if (row.state, state) == ("RUNNING", "STOPPED"):
        tx.run("custom_buses.hold_batches", subscriber=row.number, never_ms=NEVER)
    if (row.state, state) == ("STOPPED", "RUNNING"):
        if params.get("ResumePosition") == "LATEST":
            _forget_batches(tx, row)
            _skip_to_now(tx, row, context)
        else:
            tx.run("custom_buses.release_batches", subscriber=row.number, now_ms=context.now_ms)
        tx.wake(DUE)
    after: Subscriber | None = tx.one(
        Subscriber, "custom_buses.subscriber_by_number", number=row.number
    )
    assert after is not None, "it was just changed"
    told = _told(after)
    del told["CreationTime"]
    return {**told, "LastModifiedTime": after.modified_ms}


def _skip_to_now(tx: Tx, row: Subscriber, context: Context) -> None:
    turn = tx.sequence(context.now_ms)
    tx.run(
        "custom_buses.move_cursor", number=row.number, cursor=turn, behind=0, pending=0, turn=turn
    )


def delete_subscriber(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a subscriber, and what was to be delivered to its target."""
    del room
    row = located_subscriber(tx, params["SubscriberArn"], context, "DeleteSubscriber")
    _forget_batches(tx, row)
    tx.run("custom_buses.delete_subscriber", number=row.number)
    return {}


def _forget_batches(tx: Tx, row: Subscriber) -> None:
    tx.run("custom_buses.delete_batches", subscriber=row.number)
    tx.run("custom_buses.delete_lanes", subscriber=row.number)


def list_subscribers(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's subscribers; of a bus of its own everybody's."""
    del room
    found, following = listed(tx, params, context, Subscriber, "ListSubscribers")
    answer: dict[str, Any] = {"Subscribers": [_summary(row) for row in found]}
    if following is not None:
        answer["NextToken"] = following
    return answer


_LISTS: dict[Any, tuple[str, str]] = {
    Subscriber: ("custom_buses.list_subscribers", "custom_buses.subscribers_of"),
    Source: ("custom_buses.list_sources", "custom_buses.sources_on"),
}


def listed(
    tx: Tx, params: Params, context: Context, row: Any, action: str
) -> tuple[list[Any], str | None]:
    """Return a page of subscribers or event sources, and the token of the next.

    With a bus of the caller's account they are all that it has, else those of the caller's account.
    """
    caller = context.caller
    after, size = page_of(params)
    of_account, of_bus = _LISTS[row]
    values: dict[str, Any] = {"after": after, "prefix": params.get("NamePrefix", "")}
    arn = params.get("EventBusArn")
    bus = None
    if arn is not None:
        bus = find_bus(tx, arn, caller.region)
        if bus is None:
            raise not_found(f"Event bus {arn}")
    if bus is not None and bus.account == caller.account:
        located_bus(tx, bus.arn, context, action)
        statement = of_bus
        values["bus"] = bus.number
    else:
        check_own("*", caller.account, context, action)
        statement = of_account
        values |= {"account": caller.account, "region": caller.region}
        values["bus"] = None if bus is None else bus.number
    found = tx.rows(row, statement, **values, limit=size + 1)
    following = token_after(found[size - 1].arn) if len(found) > size else None
    return found[:size], following


def revoke_resource(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Withdraw a subscriber or an event source from the caller's bus, for good."""
    del room
    arn, region = params["Arn"], context.caller.region
    named = read_arn(arn)
    row: Subscriber | Source | None
    if named is not None and named.kind == SUBSCRIBER:
        row = find_subscriber(tx, arn, region)
    else:
        row = find_source(tx, arn, region)
    if row is None:
        raise not_found(arn)
    bus: Bus | None = tx.one(Bus, "custom_buses.bus_by_number", number=row.bus)
    assert bus is not None, "a bus with subscribers or event sources cannot be deleted"
    check_own(arn, bus.account, context, "RevokeResource")
    if row.revoked:
        raise wrong_state(f"{arn} has been revoked.")
    if isinstance(row, Subscriber):
        tx.run("custom_buses.revoke_subscriber", number=row.number, now_ms=context.now_ms)
        _forget_batches(tx, row)
    else:
        key = {"account": row.account, "region": row.region, "name": row.name}
        tx.run("custom_buses.revoke_source", **key, now_ms=context.now_ms)
    return {"Arn": arn}


def _told(row: Subscriber) -> dict[str, Any]:
    return {
        "SubscriberArn": row.arn,
        "Name": row.name,
        "EventBusArn": row.bus_arn,
        "Type": row.kind,
        **orjson.loads(row.position),
        "State": row.state,
        "CreationTime": row.created_ms,
    }


def _summary(row: Subscriber) -> dict[str, Any]:
    return {
        "SubscriberArn": row.arn,
        "Name": row.name,
        "EventBusArn": row.bus_arn,
        "TargetArn": row.target,
        "Type": row.kind,
        "Revoked": True if row.revoked else None,
        "State": row.state,
        "CreationTime": row.created_ms,
        "LastModifiedTime": row.modified_ms,
        "SubscriberAccountId": row.account,
    }
