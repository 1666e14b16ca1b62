"""PutEvents, and the internal operations by which services and other buses put events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from redrive.core.effects import Caller, Context, Params, Result
from redrive.core.ids import uuid4
from redrive.services.buses.counting import count_put
from redrive.services.buses.envelopes import Refused, check_size, entry_bytes, make_event
from redrive.services.buses.labels import refuse_unsupported
from redrive.services.buses.lookup import bus_key, check_access, find_bus
from redrive.services.buses.model import DEFAULT, Bus, BusKey, Event
from redrive.services.buses.operations.routing import route
from redrive.services.buses.refusals import bus_not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx


def put_events(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Accept events one by one; what is wrong with one is said of it alone.

    An event for a bus that is not there is accepted, and nobody hears of it. A bus that the caller
    may not put events on refuses the request.
    AWS: API_PutEvents; an unknown bus as captured.
    """
    refuse_unsupported(params)
    entries = params["Entries"]
    check_size(entries)
    buses = [_bus(tx, entry.get("EventBusName"), context) for entry in entries]
    results = [
        _accept(room, tx, entry, bus, context) for entry, bus in zip(entries, buses, strict=True)
    ]
    failed = sum(1 for result in results if "ErrorCode" in result)
    here = BusKey(context.caller.account, context.caller.region, DEFAULT)
    count_put(room, here, [entry_bytes(entry) for entry in entries], failed, context.now_ms)
    return {"FailedEntryCount": failed, "Entries": results}


def _bus(tx: Tx, named: str | None, context: Context) -> Bus | None:
    """Return the bus of an entry, None when there is none. Raises AccessDeniedException."""
    key = bus_key(named, context)
    bus = find_bus(tx, key)
    nobody = Bus(*key, None, None, None, None, None, "{}", 0, 0)
    check_access(bus or nobody, context, "PutEvents", key.arn)
    return bus


def _accept(
    room: Buses, tx: Tx, entry: Mapping[str, Any], bus: Bus | None, context: Context
) -> Result:
    caller, now_ms = context.caller, context.now_ms
    region = caller.region if bus is None else bus.region
    event = make_event(entry, uuid4(room.chance), caller.account, region, now_ms)
    if isinstance(event, Refused):
        return {"ErrorCode": event.code, "ErrorMessage": event.message}
    if bus is not None:
        route(room, tx, bus.key, [event], now_ms)
    return {"EventId": event["id"]}


def put_service_events(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Put events of AWS's services on the default bus of the caller's account and region.

    {"Events": [{"Source", "DetailType", "Detail", "Resources", "Time"}]} -> {"EventIds": [...]}.
    Detail: a JSON object as a text or as a mapping; Time in ms. Internal.
    """
    caller, now_ms = context.caller, context.now_ms
    key = BusKey(caller.account, caller.region, DEFAULT)
    events = list(_service_events(room, params["Events"], key, context))
    route(room, tx, key, events, now_ms)
    return {"EventIds": [event["id"] for event in events]}


def _service_events(
    room: Buses, entries: Iterable[Mapping[str, Any]], key: BusKey, context: Context
) -> Iterable[Event]:
    for entry in entries:
        detail = entry["Detail"]
        text = detail if isinstance(detail, str) else orjson.dumps(detail).decode()
        whole = {**entry, "Detail": text}
        event_id = uuid4(room.chance)
        made = make_event(whole, event_id, key.account, key.region, context.now_ms, is_ours=True)
        assert not isinstance(made, Refused), f"{entry['Source']}: {made}"
        yield made


def forward_events(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Put an event of another bus on this one: it stays what it is, with its id and its account.

    {"EventBusName": ARN, "Event": the event}. Internal: a bus as the target of a rule.
    AWS: EventBridge User Guide, "Sending and receiving events between event buses".
    """
    key = bus_key(params["EventBusName"], context)
    bus = find_bus(tx, key)
    if bus is None:
        raise bus_not_found(key.bus)
    caller = context.caller
    if key.account != caller.account:
        # What the policy of a bus allows is the account whose rule sends.
        sender = Caller(
            caller.account, caller.region, f"arn:aws:iam::{caller.account}:root", caller.account
        )
        check_access(bus, context._replace(caller=sender), "PutEvents", key.arn)
    route(room, tx, key, [params["Event"]], context.now_ms, is_forwarded=True)
    return {}


OPERATIONS = {
    "PutEvents": put_events,
    # Internal: no model holds these names.
    "PutServiceEvents": put_service_events,
    "ForwardEvents": forward_events,
}
