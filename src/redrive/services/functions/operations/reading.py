"""Show and list functions."""

from __future__ import annotations

import json
from typing import Any

from redrive.core.effects import Caller, Context, Params, Result
from redrive.services.functions import rules
from redrive.services.functions.model import LATEST, Function
from redrive.services.functions.names import number_of
from redrive.services.functions.operations.lookup import locate
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import configuration, decode_marker, encode_marker
from redrive.store.store import Tx


def get_function(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a function, its tags, its reservation and where its code lies.

    A difference from AWS: Location is the path of the unpacked code on this machine, as a file:
    URL, not a presigned URL of a zip file.
    """
    target, function = locate(
        tx, context.caller, params["FunctionName"], "GetFunction", params.get("Qualifier")
    )
    shape: dict[str, Any] = {
        "Configuration": configuration(
            function, target.qualifier, trouble=room.trouble(function.runtime)
        ),
        "Code": {
            "RepositoryType": "S3",
            "Location": room.code.path(function.code_hash).as_uri(),
        },
    }
    tags = json.loads(function.tags)
    if tags:
        shape["Tags"] = tags
    if function.reserved is not None:
        shape["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return shape


def get_function_configuration(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a function's configuration."""
    target, function = locate(
        tx,
        context.caller,
        params["FunctionName"],
        "GetFunctionConfiguration",
        params.get("Qualifier"),
    )
    return configuration(function, target.qualifier, trouble=room.trouble(function.runtime))


def list_functions(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's functions of its region by name, at most 50 at a time.

    With FunctionVersion ALL, every version of each; with MasterRegion, replicas of edge functions,
    of which there are none. AWS: API_ListFunctions.
    """
    del room
    if params.get("MasterRegion"):
        return {"Functions": []}
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    marker = decode_marker(params.get("Marker") or "")
    if marker is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    name, _, number = marker.partition(":")
    after = (name, number_of(number) or 0)
    all_versions = params.get("FunctionVersion") == "ALL"
    found = _functions_after(tx, context.caller, after, page_items + 1, all_versions=all_versions)
    shape: dict[str, Any] = {
        "Functions": [
            configuration(each, each.version if all_versions else None, listed=True)
            for each in found[:page_items]
        ]
    }
    if len(found) > page_items:
        name, version = _place(found[page_items - 1])
        shape["NextMarker"] = encode_marker(f"{name}:{version}")
    return shape


def _functions_after(
    tx: Tx, caller: Caller, after: tuple[str, int], limit: int, *, all_versions: bool
) -> list[Function]:
    """Return functions, or all their versions, by name and number; $LATEST is number 0."""
    place = {"account": caller.account, "region": caller.region, "after": after[0]}
    found: list[Function] = tx.rows(Function, "functions.list_functions", **place, limit=limit)
    if all_versions:
        found += tx.rows(
            Function, "functions.list_all_versions", **place, after_version=after[1], limit=limit
        )
        found.sort(key=_place)
    return found[:limit]


def _place(function: Function) -> tuple[str, int]:
    return function.name, 0 if function.version == LATEST else int(function.version)
