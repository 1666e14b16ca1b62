"""CreateEventBus and what else is done to a bus as a whole."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.buses.dead_letters import check_dead_letter
from redrive.services.buses.labels import refuse_unsupported
from redrive.services.buses.lookup import find_bus, named_bus
from redrive.services.buses.model import DEFAULT, Bus, BusKey, Count
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.refusals import exists, invalid, invalid_parameter
from redrive.services.buses.room import Buses
from redrive.services.buses.tags import with_tags
from redrive.store.store import Tx


def create_event_bus(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Create a bus. AWS: API_CreateEventBus."""
    del room
    refuse_unsupported(params)
    key = BusKey(context.caller.account, context.caller.region, params["Name"])
    if "/" in key.bus:
        reason = "The name of a custom event bus can't contain the / character."
        raise invalid_parameter("Name", reason)
    if find_bus(tx, key) is not None:
        raise exists(f"Event bus {key.bus} already exists.")
    now_ms = context.now_ms
    bus = Bus(
        *key, None, None, None, None, None, with_tags("{}", params.get("Tags")), now_ms, now_ms
    )
    bus = _with_settings(bus, params)
    tx.run("buses.set_bus", **bus._asdict())
    return {"EventBusArn": key.arn, **_settings(bus)}


def update_event_bus(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Change what is given of a bus; an empty value takes it away. AWS: API_UpdateEventBus."""
    del room
    bus = named_bus(tx, params.get("Name"), context, "UpdateEventBus")
    bus = set_bus(tx, _with_settings(bus, params), context)
    return {"Arn": bus.key.arn, "Name": bus.name, **_settings(bus)}


def set_bus(tx: Tx, bus: Bus, context: Context) -> Bus:
    """Write a bus that has changed; the default one gets its row now."""
    now_ms = context.now_ms
    bus = bus._replace(modified_ms=now_ms, created_ms=bus.created_ms or now_ms)
    tx.run("buses.set_bus", **bus._asdict())
    return bus


def _with_settings(bus: Bus, params: Params) -> Bus:
    if "Description" in params:
        bus = bus._replace(description=params["Description"] or None)
    if "KmsKeyIdentifier" in params:
        bus = bus._replace(kms_key=params["KmsKeyIdentifier"] or None)
    if "DeadLetterConfig" in params:
        bus = bus._replace(dead_letter=check_dead_letter(params["DeadLetterConfig"]))
    if "LogConfig" in params:
        log = params["LogConfig"]
        bus = bus._replace(log_config=orjson.dumps(log).decode() if log else None)
    return bus


def _settings(bus: Bus) -> dict[str, Any]:
    told: dict[str, Any] = {"Description": bus.description, "KmsKeyIdentifier": bus.kms_key}
    if bus.dead_letter is not None:
        told["DeadLetterConfig"] = {"Arn": bus.dead_letter}
    if bus.log_config is not None:
        told["LogConfig"] = orjson.loads(bus.log_config)
    return {name: value for name, value in told.items() if value is not None}


def delete_event_bus(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a bus without rules; one that is not there is deleted already.

    AWS: API_DeleteEventBus; the default bus as captured, the text about rules is a guess.
    """
    del room
    key = BusKey(context.caller.account, context.caller.region, params["Name"])
    if key.bus == DEFAULT:
        raise invalid("Cannot delete event bus default.")
    counted: Count | None = tx.one(Count, "buses.count_rules", **key._asdict())
    if counted is not None and counted.rows:
        raise invalid("Event bus can't be deleted since it has rules.")
    tx.run("buses.delete_bus", account=key.account, region=key.region, name=key.bus)
    tx.run("buses.delete_generation", **key._asdict())
    return {}


def describe_event_bus(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a bus. AWS: API_DescribeEventBus."""
    del room
    bus = named_bus(tx, params.get("Name"), context, "DescribeEventBus")
    return {**_shown(bus), **_settings(bus)}


def list_event_buses(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List the buses of an account and region by name. AWS: API_ListEventBuses."""
    del room
    after, count = page_of(params)
    prefix, caller = params.get("NamePrefix") or "", context.caller
    place = {"account": caller.account, "region": caller.region}
    asked = {"after": after, "prefix": prefix, "limit": count}
    found: list[Bus] = tx.rows(Bus, "buses.list_buses", **place, **asked)
    key = BusKey(**place, bus=DEFAULT)
    default = find_bus(tx, key)
    assert default is not None, key
    if not default.created_ms and after < DEFAULT and DEFAULT.startswith(prefix):
        found = sorted([*found, default], key=_name_of)[:count]
    return paged("EventBuses", found, count, _name_of, _shown)


def _name_of(bus: Bus) -> str:
    return bus.name


def _shown(bus: Bus) -> dict[str, Any]:
    told: dict[str, Any] = {"Name": bus.name, "Arn": bus.key.arn}
    if bus.description is not None:
        told["Description"] = bus.description
    if bus.policy is not None:
        told["Policy"] = bus.policy
    if bus.created_ms:  # the default bus was always there
        told["CreationTime"] = bus.created_ms
        told["LastModifiedTime"] = bus.modified_ms
    return told


OPERATIONS = {
    "CreateEventBus": create_event_bus,
    "UpdateEventBus": update_event_bus,
    "DeleteEventBus": delete_event_bus,
    "DescribeEventBus": describe_event_bus,
    "ListEventBuses": list_event_buses,
}
