"""Settings of a function that change little or nothing here: recursion, the runtime's updates, code
signing.
"""

from __future__ import annotations

import json

from redrive.core.effects import Context, Params, Result
from redrive.services.functions.labels import signing_not_found
from redrive.services.functions.model import LATEST
from redrive.services.functions.operations.lookup import key_of, locate, locate_latest
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions
from redrive.store.store import Tx

_MANAGEMENT = "RuntimeManagementConfig"
"""The label under which PutRuntimeManagementConfig is kept."""


def put_function_recursion_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Keep whether loops are to be stopped. AWS: API_PutFunctionRecursionConfig."""
    del room
    function = locate_latest(tx, context, params, "PutFunctionRecursionConfig")
    tx.run("functions.update_recursion", **key_of(function), recursion=params["RecursiveLoop"])
    return {"RecursiveLoop": params["RecursiveLoop"]}


def get_function_recursion_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show whether loops are to be stopped: Terminate, unless it was set."""
    del room
    function = locate_latest(tx, context, params, "GetFunctionRecursionConfig")
    return {"RecursiveLoop": function.recursion}


def put_runtime_management_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Keep when the runtime is to be updated. AWS: API_PutRuntimeManagementConfig."""
    del room
    target, function = locate(
        tx,
        context.caller,
        params["FunctionName"],
        "PutRuntimeManagementConfig",
        params.get("Qualifier"),
    )
    mode, version_arn = params["UpdateRuntimeOn"], params.get("RuntimeVersionArn")
    if mode == "Manual" and not version_arn:
        raise invalid("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
    if mode != "Manual" and version_arn:
        raise invalid(f"RuntimeVersionArn is not allowed when UpdateRuntimeOn is {mode}.")
    kept = {"UpdateRuntimeOn": mode}
    if version_arn:
        kept["RuntimeVersionArn"] = version_arn
    labels = json.dumps({**json.loads(function.labels), _MANAGEMENT: kept})
    if function.version == LATEST:
        tx.run("functions.update_labels", **key_of(function), labels=labels)
    else:
        number = int(function.version)
        tx.run("functions.update_version_labels", **key_of(function), version=number, labels=labels)
    return {**kept, "FunctionArn": target._replace(name=function.name).arn}


def get_runtime_management_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show when the runtime is to be updated: Auto, unless it was set."""
    del room
    target, function = locate(
        tx,
        context.caller,
        params["FunctionName"],
        "GetRuntimeManagementConfig",
        params.get("Qualifier"),
    )
    kept = json.loads(function.labels).get(_MANAGEMENT, {"UpdateRuntimeOn": "Auto"})
    return {**kept, "FunctionArn": target._replace(name=function.name).arn}


def get_function_code_signing_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show that code is not signed. AWS answers with the name and no ARN then."""
    del room
    _target, function = locate(
        tx, context.caller, params["FunctionName"], "GetFunctionCodeSigningConfig"
    )
    return {"FunctionName": function.name}


def put_function_code_signing_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Refuse: there is no code signing configuration that could be named."""
    del room
    locate(tx, context.caller, params["FunctionName"], "PutFunctionCodeSigningConfig")
    raise signing_not_found(params["CodeSigningConfigArn"])


def delete_function_code_signing_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Do nothing: a function never has one, and AWS takes that for no error."""
    del room
    locate(tx, context.caller, params["FunctionName"], "DeleteFunctionCodeSigningConfig")
    return {}
