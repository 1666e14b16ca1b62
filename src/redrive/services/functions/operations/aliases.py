"""Aliases: names that point to a version, or share their invocations between two."""

from __future__ import annotations

import json

from redrive.core.arn import function_arn
from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.services.functions import rules
from redrive.services.functions.model import LATEST, Alias, Function, Provisioned, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import (
    find_alias,
    find_version,
    guard,
    key_of,
    locate,
    locate_latest,
)
from redrive.services.functions.refusals import (
    UNPUBLISHED,
    alias_not_found,
    conflict,
    function_not_found,
    invalid,
    not_found,
    stale_revision,
)
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import alias_shape, decode_marker, encode_marker
from redrive.store.store import Tx


def create_alias(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Name a version. AWS: API_CreateAlias; the texts as captured."""
    version = params["FunctionVersion"]
    target = parse_function_name(params["FunctionName"], context.caller)
    guard(tx, context.caller, target, "CreateAlias")
    if find_version(tx, target, version) is None:
        raise function_not_found(_arn(target, version))
    function = locate_latest(tx, context, params, "CreateAlias")
    alias = Alias(
        **key_of(function),
        alias=params["Name"],
        version=version,
        description=params.get("Description") or "",
        weights=_weights(tx, function, params, version) or "{}",
        revision=uuid4(room.chance),
    )
    if find_alias(tx, function, alias.alias) is not None:
        raise conflict(f"Alias already exists: {alias.arn}")
    tx.run("functions.put_alias", **alias._asdict())
    return alias_shape(alias)


def get_alias(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show an alias. AWS: API_GetAlias."""
    del room
    return alias_shape(_found(tx, params, context, "GetAlias"))


def update_alias(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Replace the members that the request gives; an empty RoutingConfig ends the sharing.

    AWS: API_UpdateAlias.
    """
    function = locate_latest(tx, context, params, "UpdateAlias")
    alias = find_alias(tx, function, params["Name"])
    if alias is None:
        arn = function_arn(function.region, function.account, function.name, params["Name"])
        raise not_found(f"Alias not found: {arn}")
    if params.get("RevisionId") not in (None, alias.revision):
        raise stale_revision("GetFunction/GetAlias")
    version = params.get("FunctionVersion") or alias.version
    if find_version(tx, _target(function), version) is None:
        raise function_not_found(_arn(_target(function), version))
    if version == LATEST and _is_provisioned(tx, alias):
        raise invalid(UNPUBLISHED)
    weights = _weights(tx, function, params, version)
    if weights is None:
        rules.check_weights(version, json.loads(alias.weights))
    description = params.get("Description")
    alias = alias._replace(
        version=version,
        description=alias.description if description is None else description,
        weights=alias.weights if weights is None else weights,
        revision=uuid4(room.chance),
    )
    tx.run("functions.put_alias", **alias._asdict())
    return alias_shape(alias)


def delete_alias(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Forget an alias with its policy and settings; one that is not there is no error.

    AWS: API_DeleteAlias.
    """
    del room
    function = locate_latest(tx, context, params, "DeleteAlias")
    tx.run("functions.delete_alias", **key_of(function), alias=params["Name"])
    for table in rules.QUALIFIED_TABLES:
        tx.run(f"functions.delete_{table}", **key_of(function), qualifier=params["Name"])
    return {}


def list_aliases(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List a function's aliases by name, those of a FunctionVersion where one is given."""
    del room
    _target, function = locate(tx, context.caller, params["FunctionName"], "ListAliases")
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = decode_marker(params.get("Marker") or "")
    if after is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    found: list[Alias] = tx.rows(
        Alias,
        "functions.list_aliases",
        **key_of(function),
        after=after,
        version=params.get("FunctionVersion"),
        limit=page_items + 1,
    )
    shape: dict[str, object] = {"Aliases": [alias_shape(alias) for alias in found[:page_items]]}
    last = rules.next_marker([alias.alias for alias in found], page_items)
    if last is not None:
        shape["NextMarker"] = encode_marker(last)
    return shape


def _found(tx: Tx, params: Params, context: Context, action: str) -> Alias:
    target = parse_function_name(params["FunctionName"], context.caller)
    guard(tx, context.caller, target, action)
    alias = find_alias(tx, target, params["Name"])
    if alias is None:
        raise alias_not_found(_arn(target, params["Name"]))
    return alias


def _weights(tx: Tx, function: Function, params: Params, version: str) -> str | None:
    """Return the weights that a request sets as JSON text, or None when it does not name any."""
    routing = params.get("RoutingConfig")
    if routing is None:
        return None
    weights: dict[str, float] = dict(routing.get("AdditionalVersionWeights") or {})
    rules.check_weights(version, weights)
    for other in weights:
        if find_version(tx, _target(function), other) is None:
            raise function_not_found(_arn(_target(function), other))
    return json.dumps(weights)


def _is_provisioned(tx: Tx, alias: Alias) -> bool:
    """Tell whether environments are kept for an alias, which $LATEST cannot have [G]."""
    key = key_of(alias)
    return tx.one(Provisioned, "functions.provisioned", **key, qualifier=alias.alias) is not None


def _target(function: Function) -> Target:
    return Target(function.account, function.region, function.name, None)


def _arn(target: Target, qualifier: str) -> str:
    return target._replace(qualifier=qualifier).arn
