"""Buses: made, shown, changed, deleted. What takes time is finished by operations/tending.py."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS
from redrive.services.custom_buses.access import check_own
from redrive.services.custom_buses.model import Bus, Number
from redrive.services.custom_buses.names import (
    BUS,
    exists,
    fingerprint,
    make_arn,
    page_of,
    token_after,
    wrong_state,
)
from redrive.services.custom_buses.operations.lookup import located_bus, made_before
from redrive.services.custom_buses.operations.tagging import checked_tags
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import RETENTION_DAYS
from redrive.store.store import Tx

TEND = "custom_buses:tend"
"""Woken when a bus is on its way to another state."""


def create_event_bus(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Make a bus, which is ACTIVE a moment later."""
    account, region, name = context.caller.account, context.caller.region, params["Name"]
    arn = make_arn(room.chance, region, account, BUS, name)
    check_own(arn, account, context, "CreateEventBus")
    key = {"account": account, "region": region}
    made = made_before(tx, Bus, "custom_buses.bus_by_token", params, context)
    if made is not None:
        return _shown(made, context.now_ms, changed=False)
    if tx.one(Bus, "custom_buses.bus", **key, name=name) is not None:
        raise exists(f"Event bus {name}")
    tx.run(
        "custom_buses.add_bus",
        **key,
        name=name,
        number=tx.sequence(context.now_ms),
        arn=arn,
        description=params.get("Description"),
        kms_key=(params.get("EncryptionConfiguration") or {}).get("KmsKeyIdentifier"),
        retention_days=_retention(params, RETENTION_DAYS),
        now_ms=context.now_ms,
        tags=checked_tags({}, params.get("Tags") or {}),
        token=params.get("ClientToken"),
        token_hash=fingerprint(params),
    )
    tx.wake(TEND)
    bus: Bus | None = tx.one(Bus, "custom_buses.bus", **key, name=name)
    assert bus is not None, "it was just made"
    return _shown(bus, context.now_ms, changed=False)


def describe_event_bus(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a bus."""
    del room
    bus = located_bus(tx, params["EventBusArn"], context, "DescribeEventBus")
    return _shown(bus, context.now_ms)


def update_event_bus(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Change a bus; what is not given stays as it was."""
    del room
    bus = located_bus(tx, params["EventBusArn"], context, "UpdateEventBus")
    _refuse_moving(bus)
    kms_key = bus.kms_key
    if "EncryptionConfiguration" in params:
        kms_key = params["EncryptionConfiguration"].get("KmsKeyIdentifier")
    tx.run(
        "custom_buses.update_bus",
        number=bus.number,
        description=params.get("Description", bus.description),
        kms_key=kms_key,
        retention_days=_retention(params, bus.retention_days),
        now_ms=context.now_ms,
    )
    tx.wake(TEND)
    after: Bus | None = tx.one(Bus, "custom_buses.bus_by_number", number=bus.number)
    assert after is not None, "it was just changed"
    return {
        name: value
        for name, value in _shown(after, context.now_ms).items()
        if name != "CreationTime"
    }


def delete_event_bus(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Begin to delete a bus that nobody reads from and nothing forwards to."""
    del room
    bus = located_bus(tx, params["EventBusArn"], context, "DeleteEventBus")
    if bus.state == "DELETING":
        return {}
    _refuse_moving(bus)
    for statement, what in (
        ("custom_buses.has_subscriber", "subscribers"),
        ("custom_buses.has_source", "event sources"),
    ):
        if tx.one(Number, statement, bus=bus.number) is not None:
            text = f"Event bus {bus.arn} has {what}; delete them first."
            raise ServiceError("ResourceInUseException", text, status=409)
    tx.run("custom_buses.set_bus_state", number=bus.number, state="DELETING")
    tx.wake(TEND)
    return {}


def list_event_buses(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's buses; none is shared with it through AWS RAM."""
    del room
    caller = context.caller
    check_own("*", caller.account, context, "ListEventBuses")
    after, size = page_of(params)
    if params.get("EventBusAccountId", caller.account) != caller.account:
        return {"EventBuses": []}
    found: list[Bus] = tx.rows(
        Bus,
        "custom_buses.list_buses",
        account=caller.account,
        region=caller.region,
        after=after,
        prefix=params.get("NamePrefix", ""),
        limit=size + 1,
    )
    answer: dict[str, Any] = {"EventBuses": [_summary(bus) for bus in found[:size]]}
    if len(found) > size:
        answer["NextToken"] = token_after(found[size - 1].name)
    return answer


def refuse_inactive(bus: Bus) -> None:
    """Refuse what only a bus that is there for good can take. Raises InvalidStateException."""
    if bus.state in ("CREATING", "DELETING"):
        raise wrong_state(f"Event bus {bus.arn} is {bus.state}.")


def _refuse_moving(bus: Bus) -> None:
    refuse_inactive(bus)
    if bus.state != "ACTIVE":
        raise ServiceError(
            "ConcurrentModificationException",
            f"Another change to the event bus {bus.arn} is already in progress.",
            status=409,
        )


def _retention(params: Params, default: int) -> int:
    given = (params.get("StorageConfiguration") or {}).get("RetentionPeriodInDays")
    return int(default if given is None else given)


def _shown(bus: Bus, now_ms: int, *, changed: bool = True) -> dict[str, Any]:
    told = _summary(bus)
    del told["EventBusAccountId"]
    if not changed:
        del told["LastModifiedTime"]
    if bus.kms_key is not None:
        told["EncryptionConfiguration"] = {"KmsKeyIdentifier": bus.kms_key}
    told["StorageConfiguration"] = {
        "RetentionPeriodInDays": bus.retention_days,
        "RetentionWindowStartTime": max(bus.created_ms, now_ms - bus.retention_days * DAY_MS),
    }
    return told


def _summary(bus: Bus) -> dict[str, Any]:
    return {
        "Name": bus.name,
        "EventBusArn": bus.arn,
        "Description": bus.description,
        "CreationTime": bus.created_ms,
        "LastModifiedTime": bus.modified_ms,
        "State": bus.state,
        "EventBusAccountId": bus.account,
    }
