"""Event sources: they forward an AWS service's events from their account's default bus.

What this server's own services put there goes through the classic bus's PutServiceEvents, which is
watched; who forwards it is found by the index (account, region, service).
"""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.custom_buses.contents import matches
from redrive.services.custom_buses.failures import Failure, queue_call
from redrive.services.custom_buses.model import Bus, Source
from redrive.services.custom_buses.names import (
    SOURCE,
    exists,
    fingerprint,
    invalid,
    make_arn,
    wrong_state,
)
from redrive.services.custom_buses.operations.buses import refuse_inactive
from redrive.services.custom_buses.operations.lookup import located_bus, located_source, made_before
from redrive.services.custom_buses.operations.publishing import (
    Draft,
    Refused,
    envelope,
    event_time,
    keep,
    wake_readers,
)
from redrive.services.custom_buses.operations.subscribers import listed
from redrive.services.custom_buses.operations.tagging import checked_tags
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.settings import check_pattern
from redrive.services.ports import EVENTS_RETRY
from redrive.services.registry import Operation
from redrive.services.targets import service_caller
from redrive.store.store import Tx


def create_event_source(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Make an event source."""
    caller = context.caller
    key = {"account": caller.account, "region": caller.region}
    bus = located_bus(tx, params["EventBusArn"], context, "CreateEventSource")
    made = made_before(tx, Source, "custom_buses.source_by_token", params, context)
    if made is not None:
        return _told(made)
    refuse_inactive(bus)
    service = _checked(params["Configuration"])
    if tx.one(Source, "custom_buses.source", **key, name=params["Name"]) is not None:
        raise exists(f"Event source {params['Name']}")
    tx.run(
        "custom_buses.add_source",
        **key,
        name=params["Name"],
        arn=make_arn(room.chance, caller.region, caller.account, SOURCE, params["Name"]),
        bus=bus.number,
        bus_arn=bus.arn,
        service=service,
        settings=orjson.dumps(params["Configuration"]).decode(),
        description=params.get("Description"),
        now_ms=context.now_ms,
        tags=checked_tags({}, params.get("Tags") or {}),
        token=params.get("ClientToken"),
        token_hash=fingerprint(params),
    )
    found: Source | None = tx.one(Source, "custom_buses.source", **key, name=params["Name"])
    assert found is not None, "it was just made"
    return _told(found)


def _checked(configuration: Params) -> str:
    """Return the service whose events a configuration forwards. Raises InvalidInputException."""
    if len(configuration) != 1:
        raise invalid("Configuration must have exactly one member.")
    given = configuration.get("AwsServiceEventsConfiguration")
    if given is None:
        raise invalid(
            "PartnerEventsConfiguration is not supported by this server. No partner sends events to"
            " it."
        )
    pattern = given.get("Pattern")
    if pattern:
        check_pattern(pattern)
        reserved = {"source", "account", "region"} & set(orjson.loads(pattern))
        if reserved:
            raise invalid(f"Pattern must not have the field {min(reserved)}.")
    return str(given["AwsService"])


def describe_event_source(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Show an event source."""
    del room
    row = located_source(tx, params["EventSourceArn"], context, "DescribeEventSource")
    return {
        **_told(row),
        "Configuration": orjson.loads(row.settings),
        "Description": row.description,
        "Revoked": True if row.revoked else None,
        "LastModifiedTime": row.modified_ms,
    }


def update_event_source(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Change an event source; what is not given stays as it was."""
    del room
    row = located_source(tx, params["EventSourceArn"], context, "UpdateEventSource")
    if row.revoked:
        raise wrong_state(f"Event source {row.arn} has been revoked.")
    configuration = params.get("Configuration") or orjson.loads(row.settings)
    tx.run(
        "custom_buses.update_source",
        account=row.account,
        region=row.region,
        name=row.name,
        service=_checked(configuration),
        settings=orjson.dumps(configuration).decode(),
        description=params.get("Description", row.description),
        now_ms=context.now_ms,
    )
    told = _told(row)
    del told["CreationTime"]
    return {**told, "LastModifiedTime": context.now_ms}


def delete_event_source(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete an event source: forwarding stops."""
    del room
    row = located_source(tx, params["EventSourceArn"], context, "DeleteEventSource")
    tx.run("custom_buses.delete_source", account=row.account, region=row.region, name=row.name)
    return {}


def list_event_sources(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's event sources; of a bus of its own everybody's."""
    del room
    found, following = listed(tx, params, context, Source, "ListEventSources")
    answer: dict[str, Any] = {
        "EventSources": [
            {
                **_told(row),
                "Type": "AWS_SERVICE_EVENTS",
                "Revoked": True if row.revoked else None,
                "LastModifiedTime": row.modified_ms,
                "EventSourceAccountId": row.account,
            }
            for row in found
        ]
    }
    if following is not None:
        answer["NextToken"] = following
    return answer


def _told(row: Source) -> dict[str, Any]:
    return {
        "EventSourceArn": row.arn,
        "Name": row.name,
        "EventBusArn": row.bus_arn,
        "State": "ACTIVE",
        "CreationTime": row.created_ms,
    }


def forwarding(room: CustomBuses, put: Operation) -> Operation:
    """Return PutServiceEvents of the classic bus, with what it puts there forwarded as well: in the
    same transaction, so that an event is on both buses or on none.
    """

    def put_and_forward(tx: Tx, params: Params, context: Context) -> Any:
        result: Any = put(tx, params, context)
        for entry, event_id in zip(params["Events"], result["EventIds"], strict=True):
            _forward(room, tx, entry, event_id, context)
        return result

    return put_and_forward


def _forward(room: CustomBuses, tx: Tx, entry: Params, event_id: str, context: Context) -> None:
    """Put an event of a service on each bus whose event source asks for it."""
    caller = context.caller
    sources: list[Source] = tx.rows(
        Source,
        "custom_buses.sources_from",
        account=caller.account,
        region=caller.region,
        service=entry["Source"],
    )
    for row in sources:
        bus: Bus | None = tx.one(Bus, "custom_buses.bus_by_number", number=row.bus)
        assert bus is not None, "a bus with event sources cannot be deleted"
        draft = _enveloped(entry, event_id, bus, context)
        given = orjson.loads(row.settings)["AwsServiceEventsConfiguration"]
        if given.get("Pattern") and not matches(given["Pattern"], orjson.loads(draft.data)):
            continue
        try:
            _told_of, latest = keep(room, tx, bus, draft, context, False, 0)
        except Refused as refused:
            _fail(room, tx, row, draft, refused, context)
            continue
        wake_readers(tx, bus, latest)


def _enveloped(entry: Params, event_id: str, bus: Bus, context: Context) -> Draft:
    detail = entry["Detail"]
    told = {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "account": context.caller.account,
        "time": event_time(entry.get("Time") or context.now_ms),
        "resources": list(entry.get("Resources") or ()),
    }
    text = detail.encode() if isinstance(detail, str) else orjson.dumps(detail)
    return envelope(event_id, bus, told, text, {}, b"")


def _fail(
    room: CustomBuses, tx: Tx, row: Source, draft: Draft, refused: Refused, context: Context
) -> None:
    """Owe an event that could not be forwarded to the source's on-failure queue."""
    given = orjson.loads(row.settings)["AwsServiceEventsConfiguration"]
    queue = (given.get("OnFailureConfiguration") or {}).get("Arn")
    if queue is None:
        return
    code, message = refused.args
    call = queue_call(
        queue,
        draft.data.decode(),
        Failure(code, message, 0, None),
        source={"EVENT_SOURCE_ARN": row.arn, "TARGET_ARN": row.bus_arn},
        event_id=draft.event_id,
        group=None,
        caller=service_caller("events", row.account, row.region, row.arn),
    )
    room.outbox.put(
        tx,
        call,
        context.now_ms,
        target=queue,
        purpose="custom_buses:not-forwarded",
        source=row.arn,
        retry=EVENTS_RETRY,
    )
