"""Calls that a target's ARN alone does not describe. Internal; the courier makes them.

What goes wrong is raised as the called service has it, so that the courier tries again or gives up.
"""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Ask, Call, Context, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.schedules.room import Schedules
from redrive.store.store import Tx


def invoke_api(room: Schedules, tx: Tx, params: Params, context: Context) -> Ask:
    """Call any operation as an SDK would: {"Service", "Operation", "Input": JSON text} -> {}.

    Raises ServiceError, for parameters that the operation does not have as well.
    """
    del tx
    service, operation = params["Service"], params["Operation"]
    try:
        given = orjson.loads(params["Input"])
    except orjson.JSONDecodeError as error:
        raise ServiceError("ValidationException", f"Input is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ServiceError("ValidationException", "Input is no JSON object.")
    read = room.api.read(service, operation, given)
    return Ask(Call(service, operation, read, context.caller), _called)


def put_on_bus(room: Schedules, tx: Tx, params: Params, context: Context) -> Ask:
    """Put one event: {"Service", "Operation", "BusArn", "Payload", ...} -> {}.

    A bus answers with a success that it has not taken an event; that is raised as its error.
    """
    del room, tx
    service, operation, bus = params["Service"], params["Operation"], params["BusArn"]
    if operation == "PutRawEvents":
        entry: dict[str, Any] = {
            "Data": params["Payload"].encode(),
            "Metadata": params["Metadata"],
            "SystemMetadata": {"ContentType": "application/json"},
        }
    else:
        entry = {
            "Source": params["Source"],
            "DetailType": params["DetailType"],
            "Detail": params["Payload"],
            "Resources": [params["Resource"]],
        }
    if service == "events":
        asked: dict[str, Any] = {"Entries": [{**entry, "EventBusName": bus}]}
    else:
        asked = {"EventBusArn": bus, "Entries": [entry]}
    region = bus.split(":")[3]
    caller = context.caller._replace(region=region)
    return Ask(Call(service, operation, asked, caller), _put)


def _called(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    del tx, now_ms
    if reply.error is not None:
        raise reply.error
    return {}


def _put(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    _called(tx, reply, now_ms)
    for entry in (reply.result or {}).get("Entries", ()):
        if entry.get("ErrorCode"):
            raise ServiceError(entry["ErrorCode"], entry.get("ErrorMessage", ""), status=400)
    return {}
