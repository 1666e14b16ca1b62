"""How asynchronous events of $LATEST, a version or an alias are treated: retries, age,
destinations.
"""

from __future__ import annotations

from typing import Any

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.services.functions import rules
from redrive.services.functions.model import LATEST, InvokeConfig, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import (
    find,
    find_invoke_config,
    guard,
    key_of,
    located,
    resolve,
)
from redrive.services.functions.refusals import invalid, not_found
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import decode_marker, encode_marker, invoke_config_shape
from redrive.services.functions.targets import check_destinations
from redrive.store.store import Tx


def put_function_event_invoke_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Set the configuration; what the request leaves out is AWS's default again.

    AWS: API_PutFunctionEventInvokeConfig; the texts as captured.
    """
    _check_given(params)
    target = _target(tx, params, context, "PutFunctionEventInvokeConfig")
    config = InvokeConfig(
        **key_of(target),
        qualifier=target.qualifier or LATEST,
        age_s=params.get("MaximumEventAgeInSeconds"),
        retries=params.get("MaximumRetryAttempts"),
        on_success=None,
        on_failure=None,
        modified_ms=context.now_ms,
    )
    config = _directed(room, tx, config, params, context)
    tx.run("functions.put_invoke_config", **config._asdict())
    return invoke_config_shape(config)


def update_function_event_invoke_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Replace the members that the request gives. AWS: API_UpdateFunctionEventInvokeConfig."""
    _check_given(params)
    target = _target(tx, params, context, "UpdateFunctionEventInvokeConfig")
    config = _found(tx, target)._replace(modified_ms=context.now_ms)
    if params.get("MaximumEventAgeInSeconds") is not None:
        config = config._replace(age_s=params["MaximumEventAgeInSeconds"])
    if params.get("MaximumRetryAttempts") is not None:
        config = config._replace(retries=params["MaximumRetryAttempts"])
    if params.get("DestinationConfig") is not None:
        config = _directed(room, tx, config, params, context)
    tx.run("functions.put_invoke_config", **config._asdict())
    return invoke_config_shape(config)


def get_function_event_invoke_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show the configuration. AWS: API_GetFunctionEventInvokeConfig."""
    del room
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    guard(tx, context.caller, target, "GetFunctionEventInvokeConfig")
    config = _found(tx, target)
    return invoke_config_shape(config)


def delete_function_event_invoke_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Go back to AWS's defaults. AWS: API_DeleteFunctionEventInvokeConfig."""
    del room
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    guard(tx, context.caller, target, "DeleteFunctionEventInvokeConfig")
    config = _found(tx, target)
    tx.run("functions.delete_invoke_configs", **key_of(target), qualifier=config.qualifier)
    return {}


def list_function_event_invoke_configs(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """List a function's configurations by qualifier, at most 50 at a time."""
    del room
    target = parse_function_name(params["FunctionName"], context.caller)
    if target.account == context.caller.account and find(tx, target) is None:
        raise not_found("The function doesn't exist.")
    located(tx, context.caller, target._replace(qualifier=None), "ListFunctionEventInvokeConfigs")
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = decode_marker(params.get("Marker") or "")
    if after is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    found: list[InvokeConfig] = tx.rows(
        InvokeConfig,
        "functions.list_invoke_configs",
        **key_of(target),
        after=after,
        limit=page_items + 1,
    )
    shown = [invoke_config_shape(config) for config in found[:page_items]]
    shape: dict[str, Any] = {"FunctionEventInvokeConfigs": shown}
    last = rules.next_marker([config.qualifier for config in found], page_items)
    if last is not None:
        shape["NextMarker"] = encode_marker(last)
    return shape


def _check_given(params: Params) -> None:
    given = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
    if all(params.get(member) is None for member in given):
        raise invalid("You must specify at least one of error handling or destination setting.")


def _target(tx: Tx, params: Params, context: Context, action: str) -> Target:
    """Return what the request names: a function, version or alias that exists."""
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    if target.account == context.caller.account and resolve(tx, target) is None:
        raise not_found("The function doesn't exist.")
    located(tx, context.caller, target, action)
    return target


def _found(tx: Tx, target: Target) -> InvokeConfig:
    config = find_invoke_config(tx, target)
    if config is None:
        arn = target._replace(qualifier=target.qualifier or LATEST).arn
        raise not_found(f"The function {arn} doesn't have an EventInvokeConfig")
    return config


def _directed(
    room: Functions, tx: Tx, config: InvokeConfig, params: Params, context: Context
) -> InvokeConfig:
    """Return settings with the destinations that a request gives; an empty one is none."""
    given = params.get("DestinationConfig") or {}
    for arn in check_destinations(given, room.outbox.offers):
        place = parse_arn(arn)
        if place is not None and place.service == "lambda":
            _check_function(tx, config, arn, context)
    return config._replace(
        on_success=(given.get("OnSuccess") or {}).get("Destination") or None,
        on_failure=(given.get("OnFailure") or {}).get("Destination") or None,
    )


def _check_function(tx: Tx, config: InvokeConfig, arn: str, context: Context) -> None:
    """Refuse a function that does not exist, or the function itself. AWS: as captured."""
    other = parse_function_name(arn, context.caller)
    if other.account == config.account and resolve(tx, other) is None:
        raise invalid(f"The destination ARN {arn} is invalid.")
    if key_of(other) == key_of(config):
        raise invalid("You can't specify the function as a destination for itself.")
