"""Show mappings."""

from __future__ import annotations

from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.mappings.model import Mapping
from redrive.services.mappings.operations.lookup import find
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.settings import resolve_function
from redrive.services.mappings.shapes import configuration, decode_marker, encode_marker
from redrive.store.store import Tx

PAGE_MAX = 100
"""AWS: API_ListEventSourceMappings, "MaxItems": never more than 100 in a response."""


def get_event_source_mapping(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Show one mapping. AWS: API_GetEventSourceMapping."""
    del room
    return configuration(find(tx, params["UUID"], context.caller))


def list_event_source_mappings(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Show an account's mappings in order of creation, of one function or queue where named.

    A name that no mapping has is an empty list. AWS: API_ListEventSourceMappings.
    """
    del room
    caller = context.caller
    function_arn = None
    if params.get("FunctionName"):
        function_arn = resolve_function(params["FunctionName"], caller) or params["FunctionName"]
    limit = min(params.get("MaxItems") or PAGE_MAX, PAGE_MAX)
    rows: list[Mapping] = tx.rows(
        Mapping,
        "mappings.page",
        account=caller.account,
        region=caller.region,
        after=decode_marker(params["Marker"]) if params.get("Marker") else 0,
        function_arn=function_arn,
        queue_arn=params.get("EventSourceArn") or None,
        limit=limit + 1,
    )
    page: dict[str, Any] = {"EventSourceMappings": [configuration(row) for row in rows[:limit]]}
    if len(rows) > limit:
        page["NextMarker"] = encode_marker(rows[limit - 1].n)
    return page
