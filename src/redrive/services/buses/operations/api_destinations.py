"""API destinations: endpoints of other people that rules deliver to. AWS: EventBridge User Guide,
"API destinations as targets"; texts are guesses.
"""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.services.buses.http_auth import check_endpoint
from redrive.services.buses.http_model import RATE_MAX, ApiDestination
from redrive.services.buses.operations.connections import of_arn
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.refusals import exists, not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx


def create_api_destination(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Make a destination. AWS: API_CreateApiDestination."""
    caller, now_ms = context.caller, context.now_ms
    if find_destination(tx, context, params["Name"]) is not None:
        raise exists(f"An api-destination '{params['Name']}' already exists.")
    check_endpoint(params["InvocationEndpoint"], "InvocationEndpoint", room.http.allows_http)
    _check_connection(tx, params["ConnectionArn"], context)
    destination = ApiDestination(
        caller.account,
        caller.region,
        params["Name"],
        uuid4(room.chance),
        params.get("Description"),
        params["ConnectionArn"],
        params["InvocationEndpoint"],
        params["HttpMethod"],
        params.get("InvocationRateLimitPerSecond"),
        now_ms,
        now_ms,
    )
    tx.run("http.set_destination", **destination._asdict())
    return _told(tx, destination)


def update_api_destination(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Change a destination; what is not given stays. AWS: API_UpdateApiDestination."""
    old = _named(tx, context, params["Name"])
    new = old._replace(
        description=params.get("Description", old.description),
        connection=params.get("ConnectionArn", old.connection),
        endpoint=params.get("InvocationEndpoint", old.endpoint),
        method=params.get("HttpMethod", old.method),
        rate=params.get("InvocationRateLimitPerSecond", old.rate),
        modified_ms=context.now_ms,
    )
    if "InvocationEndpoint" in params:
        check_endpoint(new.endpoint, "InvocationEndpoint", room.http.allows_http)
    if "ConnectionArn" in params:
        _check_connection(tx, new.connection, context)
    tx.run("http.set_destination", **new._asdict())
    return _told(tx, new)


def delete_api_destination(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a destination. AWS: API_DeleteApiDestination."""
    found = _named(tx, context, params["Name"])
    room.http.forget_pace(found)
    caller = context.caller
    key = {"account": caller.account, "region": caller.region, "name": found.name}
    tx.run("http.delete_destination", **key)
    return {}


def describe_api_destination(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a destination. AWS: API_DescribeApiDestination."""
    del room
    found = _named(tx, context, params["Name"])
    told = _shown(tx, found)
    return told if found.description is None else {**told, "Description": found.description}


def list_api_destinations(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List destinations in order of name. AWS: API_ListApiDestinations."""
    del room
    after, count = page_of(params)
    rows: list[ApiDestination] = tx.rows(
        ApiDestination,
        "http.destinations",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        prefix=params.get("NamePrefix", ""),
        connection=params.get("ConnectionArn"),
        limit=count,
    )
    return paged("ApiDestinations", rows, count, lambda row: row.name, lambda row: _shown(tx, row))


def find_destination(tx: Tx, context: Context, name: str) -> ApiDestination | None:
    """Return a destination of the caller's, or None."""
    found: ApiDestination | None = tx.one(
        ApiDestination,
        "http.destination",
        account=context.caller.account,
        region=context.caller.region,
        name=name,
    )
    return found


def _named(tx: Tx, context: Context, name: str) -> ApiDestination:
    found = find_destination(tx, context, name)
    if found is None:
        raise not_found(
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not"
            " exist."
        )
    return found


def _check_connection(tx: Tx, arn: str, context: Context) -> None:
    found = of_arn(tx, arn)
    place = (context.caller.account, context.caller.region)
    if found is None or (found.account, found.region) != place:
        raise not_found(f"Connection '{arn}' does not exist.")


def _told(tx: Tx, destination: ApiDestination) -> dict[str, Any]:
    """A destination is active as long as its connection is authorised, or is about to be."""
    connection = of_arn(tx, destination.connection)
    is_active = connection is not None and connection.state != "DEAUTHORIZED"
    return {
        "ApiDestinationArn": destination.arn,
        "ApiDestinationState": "ACTIVE" if is_active else "INACTIVE",
        "CreationTime": destination.created_ms,
        "LastModifiedTime": destination.modified_ms,
    }


def _shown(tx: Tx, destination: ApiDestination) -> dict[str, Any]:
    return {
        **_told(tx, destination),
        "Name": destination.name,
        "ConnectionArn": destination.connection,
        "InvocationEndpoint": destination.endpoint,
        "HttpMethod": destination.method,
        "InvocationRateLimitPerSecond": destination.rate or RATE_MAX,
    }


OPERATIONS = {
    "CreateApiDestination": create_api_destination,
    "UpdateApiDestination": update_api_destination,
    "DeleteApiDestination": delete_api_destination,
    "DescribeApiDestination": describe_api_destination,
    "ListApiDestinations": list_api_destinations,
}
