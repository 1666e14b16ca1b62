"""Rows as AWS's answers show them. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

from redrive.core.arn import function_arn, layer_arn
from redrive.core.time import Millis, iso_lambda
from redrive.services.functions.model import Alias, Function, InvokeConfig, Layer
from redrive.services.functions.rules import EPHEMERAL_MB_DEFAULT


def configuration(
    function: Function,
    qualifier: str | None = None,
    *,
    listed: bool = False,
    state: str = "Active",
    update: str = "Successful",
    trouble: str = "",
) -> dict[str, Any]:
    """Return a FunctionConfiguration.

    qualifier ends the ARN, as when the request named a version or an alias. listed: without the
    states, which lists do not carry (AWS: API_ListFunctions, "returns a subset"). state and update:
    what the answer to a creation or an update says. trouble: why the function cannot be run.
    """
    labels = json.loads(function.labels)
    variables = json.loads(function.variables)
    shape: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": function_arn(function.region, function.account, function.name, qualifier),
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_bytes,
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mb,
        "LastModified": iso_lambda(Millis(function.modified_ms)),
        "CodeSha256": code_sha256(function.code_hash),
        "Version": function.version,
        "TracingConfig": {"Mode": labels.get("TracingConfig", {}).get("Mode", "PassThrough")},
        "RevisionId": function.revision,
        "PackageType": "Zip",
        "Architectures": labels.get("Architectures", ["x86_64"]),
        "EphemeralStorage": labels.get("EphemeralStorage", {"Size": EPHEMERAL_MB_DEFAULT}),
        "SnapStart": {
            "ApplyOn": labels.get("SnapStart", {}).get("ApplyOn", "None"),
            "OptimizationStatus": "Off",
        },
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{function.name}",
            **labels.get("LoggingConfig", {}),
        },
    }
    if variables:
        shape["Environment"] = {"Variables": variables}
    if "KMSKeyArn" in labels:
        shape["KMSKeyArn"] = labels["KMSKeyArn"]
    layers = json.loads(function.layers)
    if layers:
        shape["Layers"] = [{"Arn": each["Arn"], "CodeSize": each["CodeSize"]} for each in layers]
    if function.dead_letter:
        shape["DeadLetterConfig"] = {"TargetArn": function.dead_letter}
    return shape if listed else shape | _states(state, update, trouble)


def _states(state: str, update: str, trouble: str) -> dict[str, str]:
    if trouble:
        code = "InvalidRuntime"
        shape = {"State": "Failed", "StateReason": trouble, "StateReasonCode": code}
        return shape | {"LastUpdateStatus": "Successful"}
    shape = {"State": state, "LastUpdateStatus": update}
    told = {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    if state == "Pending":
        shape |= told
    if update == "InProgress":
        shape |= {f"LastUpdateStatus{name[5:]}": text for name, text in told.items()}
    return shape


def alias_shape(alias: Alias) -> dict[str, Any]:
    """Return an AliasConfiguration."""
    shape: dict[str, Any] = {
        "AliasArn": alias.arn,
        "Name": alias.alias,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    weights = json.loads(alias.weights)
    if weights:
        shape["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    return shape


def invoke_config_shape(config: InvokeConfig) -> dict[str, Any]:
    """Return a FunctionEventInvokeConfig; members that were not set are left out, as AWS does."""
    shape: dict[str, Any] = {
        "LastModified": Millis(config.modified_ms),
        "FunctionArn": config.arn,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retries is not None:
        shape["MaximumRetryAttempts"] = config.retries
    if config.age_s is not None:
        shape["MaximumEventAgeInSeconds"] = config.age_s
    return shape


def layer_shape(layer: Layer, location: str) -> dict[str, Any]:
    """Return a GetLayerVersionResponse."""
    return {
        "Content": {
            "Location": location,
            "CodeSha256": code_sha256(layer.code_hash),
            "CodeSize": layer.code_bytes,
        },
        "LayerArn": layer_arn(layer.region, layer.account, layer.name),
        **layer_item_shape(layer),
    }


def layer_item_shape(layer: Layer) -> dict[str, Any]:
    """Return a LayerVersionsListItem; what was not given is left out."""
    shape: dict[str, Any] = {
        "LayerVersionArn": layer.arn,
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": iso_lambda(Millis(layer.created_ms)),
    }
    for member, text in (
        ("CompatibleRuntimes", layer.runtimes),
        ("CompatibleArchitectures", layer.architectures),
    ):
        if text != "[]":
            shape[member] = json.loads(text)
    if layer.license:
        shape["LicenseInfo"] = layer.license
    return shape


def code_sha256(code_hash: str) -> str:
    """Return a hash as CodeSha256 shows it."""
    return base64.b64encode(bytes.fromhex(code_hash)).decode()


def encode_marker(name: str) -> str:
    """Return a page marker: opaque to clients, the last name of the page to us."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def decode_marker(marker: str) -> str | None:
    """Return the name in a marker, or None when we did not make it."""
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
