"""Layers: packages that functions share, each version with a number and a policy of its own."""

from __future__ import annotations

import json
from typing import Any

from redrive.core.arn import layer_arn
from redrive.core.effects import Ask, Context, Job, Params, Reply, Result
from redrive.core.ids import uuid4
from redrive.core.time import Millis
from redrive.services.functions import rules
from redrive.services.functions.model import Count, Function, Layer
from redrive.services.functions.names import (
    LayerName,
    number_of,
    parse_layer_name,
    parse_layer_version,
)
from redrive.services.functions.operations.packages import CODE_TOPIC, made, store_package
from redrive.services.functions.policy import Statement, is_allowed, make_statement
from redrive.services.functions.refusals import (
    access_denied,
    conflict,
    invalid,
    not_found,
    stale_revision,
)
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import (
    decode_marker,
    encode_marker,
    layer_item_shape,
    layer_shape,
)
from redrive.store.store import Tx

_USE = "lambda:GetLayerVersion"
_NEWEST = 1 << 62
"""Above any number of a version: where a list begins."""


def publish_layer_version(room: Functions, tx: Tx, params: Params, context: Context) -> Ask:
    """Give a package the next number of its layer. AWS: API_PublishLayerVersion."""
    name = _own(params["LayerName"], context, "PublishLayerVersion")
    del tx

    def resume(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
        code = made(reply)
        newest: Count | None = tx.one(Count, "functions.layer_published", **name._asdict())
        layer = Layer(
            **name._asdict(),
            version=1 if newest is None else newest.value + 1,
            description=params.get("Description") or "",
            license=params.get("LicenseInfo") or "",
            runtimes=json.dumps(params.get("CompatibleRuntimes") or []),
            architectures=json.dumps(params.get("CompatibleArchitectures") or []),
            code_hash=code.hash,
            code_bytes=code.bytes,
            created_ms=now_ms,
            policy="[]",
            revision=uuid4(room.chance),
        )
        tx.run("functions.put_layer", **name._asdict(), version=layer.version)
        tx.run("functions.add_layer_version", **layer._asdict())
        return layer_shape(layer, room.code.path(layer.code_hash).as_uri())

    return Ask(Job(lambda: store_package(room, params["Content"])), resume)


def get_layer_version(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a version and where it lies: a file: URL, as GetFunction's Location is."""
    name = parse_layer_name(params["LayerName"], context.caller)
    return _shown(room, tx, name, _number(params), context)


def get_layer_version_by_arn(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show the version that an ARN names. AWS: API_GetLayerVersionByArn."""
    name, number = parse_layer_version(params["Arn"])
    return _shown(room, tx, name, number, context)


def delete_layer_version(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a version; functions that use it keep it, and one that is not there is no error.

    AWS: API_DeleteLayerVersion.
    """
    del room
    number = _number(params)
    name = _own(params["LayerName"], context, "DeleteLayerVersion")
    tx.run("functions.delete_layer_version", **name._asdict(), version=number)
    tx.wake(CODE_TOPIC)
    return {}


def list_layers(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List the caller's layers by name, each with its newest version that fits, at most 50."""
    del room
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = _marker(params)
    found: list[Layer] = tx.rows(
        Layer,
        "functions.list_layers",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        **_fitting(params),
        limit=page_items + 1,
    )
    shown = [
        {
            "LayerName": layer.name,
            "LayerArn": layer_arn(layer.region, layer.account, layer.name),
            "LatestMatchingVersion": layer_item_shape(layer),
        }
        for layer in found[:page_items]
    ]
    return _page("Layers", shown, rules.next_marker([each.name for each in found], page_items))


def list_layer_versions(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List a layer's versions that fit, the newest first, at most 50; of no layer, none."""
    del room
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    marker = _marker(params)
    below = number_of(marker) if marker else _NEWEST
    if below is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    name = _own(params["LayerName"], context, "ListLayerVersions")
    found: list[Layer] = tx.rows(
        Layer,
        "functions.list_layer_versions",
        **name._asdict(),
        below=below,
        **_fitting(params),
        limit=page_items + 1,
    )
    shown = [layer_item_shape(layer) for layer in found[:page_items]]
    numbers = [str(layer.version) for layer in found]
    return _page("LayerVersions", shown, rules.next_marker(numbers, page_items))


def add_layer_version_permission(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Let others use a version. AWS: API_AddLayerVersionPermission; the texts as captured."""
    layer = _owned(tx, params, context, "AddLayerVersionPermission")
    statements = _checked_statements(layer, params)
    given = {**params, "PrincipalOrgID": params.get("OrganizationId")}
    statement = make_statement(given, layer.arn)
    if any(other["Sid"] == statement["Sid"] for other in statements):
        raise conflict(
            f"The statement id ({statement['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    revision = _save_policy(room, tx, layer, [*statements, statement])
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": revision}


def remove_layer_version_permission(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Take a statement back. AWS: API_RemoveLayerVersionPermission."""
    layer = _owned(tx, params, context, "RemoveLayerVersionPermission")
    statements = _checked_statements(layer, params)
    left = [other for other in statements if other["Sid"] != params["StatementId"]]
    if len(left) == len(statements):
        raise not_found(f"Statement {params['StatementId']} is not found in resource policy.")
    _save_policy(room, tx, layer, left)
    return {}


def get_layer_version_policy(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a version's policy. AWS: API_GetLayerVersionPolicy."""
    del room
    layer = _owned(tx, params, context, "GetLayerVersionPolicy")
    statements: list[Statement] = json.loads(layer.policy)
    if not statements:
        raise not_found("No policy is associated with the given resource.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return {"Policy": json.dumps(policy, separators=(",", ":")), "RevisionId": layer.revision}


def attached(tx: Tx, arns: list[str], function: Function, context: Context) -> str:
    """Return the column `layers` for the versions that a request names, in their order, or refuse.

    A version that was deleted can stay where it is, but not be named anew.
    AWS: API_CreateFunction, "Layers"; the texts as captured.
    """
    if len(arns) > rules.LAYERS_MAX:
        raise invalid("Cannot reference more than 5 layers.")
    places = [parse_layer_version(arn) for arn in arns]
    if any(name.region != function.region for name, _number in places):
        raise invalid(
            "Layers are not in the same region as the function. "
            f"Layers are expected to be in region {function.region}."
        )
    layers: list[dict[str, Any]] = []
    for arn, (name, number) in zip(arns, places, strict=True):
        layer = _find(tx, name, number)
        _check_use(name, number, layer, context)
        if layer is None:
            raise invalid(f"Layer version {arn} does not exist.")
        for at, (other, _number) in enumerate(places[: len(layers)]):
            if other == name:
                raise invalid(
                    "Two different versions of the same layer are not allowed to be referenced in "
                    f"the same function. {arns[at]} and {arn} are versions of the same layer."
                )
        layers.append({"Arn": layer.arn, "CodeSize": layer.code_bytes, "hash": layer.code_hash})
    return json.dumps(layers)


def _find(tx: Tx, name: LayerName, number: int) -> Layer | None:
    found: Layer | None = tx.one(Layer, "functions.layer_version", **name._asdict(), version=number)
    return found


def _check_use(name: LayerName, number: int, layer: Layer | None, context: Context) -> None:
    """Refuse another account whom no statement allows; it is not told whether the layer exists."""
    caller = context.caller
    if name.account == caller.account:
        return
    if layer is None or not is_allowed(json.loads(layer.policy), caller, _USE):
        arn = layer_arn(name.region, name.account, name.name, number)
        raise access_denied(caller.principal, _USE, arn)


def _shown(room: Functions, tx: Tx, name: LayerName, number: int, context: Context) -> Result:
    layer = _find(tx, name, number) if name.region == context.caller.region else None
    _check_use(name, number, layer, context)
    if layer is None:
        raise not_found("The resource you requested does not exist.")
    return layer_shape(layer, room.code.path(layer.code_hash).as_uri())


def _own(text: str, context: Context, action: str) -> LayerName:
    """Return the layer of the caller's that a LayerName means; others' are out of reach."""
    name = parse_layer_name(text, context.caller)
    if name.account != context.caller.account:
        arn = layer_arn(name.region, name.account, name.name)
        raise access_denied(context.caller.principal, f"lambda:{action}", arn)
    return name


def _owned(tx: Tx, params: Params, context: Context, action: str) -> Layer:
    name, number = _own(params["LayerName"], context, action), _number(params)
    layer = _find(tx, name, number)
    if layer is None:
        arn = layer_arn(name.region, name.account, name.name, number)
        raise not_found(f"Layer version {arn} does not exist.")
    return layer


def _number(params: Params) -> int:
    number: int = params["VersionNumber"]
    if number < 1:
        raise invalid("Layer Version Cannot be less than 1")
    return number


def _checked_statements(layer: Layer, params: Params) -> list[Statement]:
    if params.get("RevisionId") not in (None, layer.revision):
        raise stale_revision("GetLayerPolicy")
    statements: list[Statement] = json.loads(layer.policy)
    return statements


def _save_policy(room: Functions, tx: Tx, layer: Layer, statements: list[Statement]) -> str:
    revision = uuid4(room.chance)
    tx.run(
        "functions.update_layer_policy",
        account=layer.account,
        region=layer.region,
        name=layer.name,
        version=layer.version,
        policy=json.dumps(statements),
        revision=revision,
    )
    return revision


def _fitting(params: Params) -> dict[str, str | None]:
    return {
        "runtime": params.get("CompatibleRuntime"),
        "architecture": params.get("CompatibleArchitecture"),
    }


def _marker(params: Params) -> str:
    marker = decode_marker(params.get("Marker") or "")
    if marker is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    return marker


def _page(member: str, shown: list[dict[str, Any]], last: str | None) -> Result:
    shape: dict[str, Any] = {member: shown}
    if last is not None:
        shape["NextMarker"] = encode_marker(last)
    return shape
