"""Show and list functions."""

from __future__ import annotations

import json
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.functions import rules
from redrive.services.functions.model import Function
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
        "Configuration": configuration(function, qualified=target.qualifier is not None),
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
    del room
    target, function = locate(
        tx,
        context.caller,
        params["FunctionName"],
        "GetFunctionConfiguration",
        params.get("Qualifier"),
    )
    return configuration(function, qualified=target.qualifier is not None)


def list_functions(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's functions of its region by name, at most 50 at a time.

    With FunctionVersion ALL, every version; with MasterRegion, replicas of edge functions, of which
    there are none. AWS: API_ListFunctions.
    """
    del room
    if params.get("MasterRegion"):
        return {"Functions": []}
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = decode_marker(params.get("Marker") or "")
    if after is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    functions: list[Function] = tx.rows(
        Function,
        "functions.list_functions",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        limit=page_items + 1,
    )
    all_versions = params.get("FunctionVersion") == "ALL"
    shape: dict[str, Any] = {
        "Functions": [
            configuration(function, qualified=all_versions, listed=True)
            for function in functions[:page_items]
        ]
    }
    last = rules.next_marker([function.name for function in functions], page_items)
    if last is not None:
        shape["NextMarker"] = encode_marker(last)
    return shape


def list_versions_by_function(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List a function's versions: there is $LATEST."""
    del room
    _target, function = locate(tx, context.caller, params["FunctionName"], "ListVersionsByFunction")
    if params.get("Marker"):
        return {"Versions": []}
    return {"Versions": [configuration(function, qualified=True, listed=True)]}


def get_function_code_signing_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show that code is not signed. AWS answers with the name and no ARN then."""
    del room
    _target, function = locate(
        tx, context.caller, params["FunctionName"], "GetFunctionCodeSigningConfig"
    )
    return {"FunctionName": function.name}


def get_runtime_management_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show that the runtime follows the machine's interpreters: Auto."""
    del room
    target, function = locate(
        tx,
        context.caller,
        params["FunctionName"],
        "GetRuntimeManagementConfig",
        params.get("Qualifier"),
    )
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": target._replace(name=function.name).arn}
