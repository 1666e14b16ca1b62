"""Provisioned concurrency: environments that are kept warm for a version, perhaps by an alias.

The rows say what is wanted. How many are ready is known in memory only (`room.warm`): they die with
the process, and are started again after it.
"""

from __future__ import annotations

from typing import Any

from redrive.core.arn import function_arn
from redrive.core.effects import Context, Environment, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import iso_lambda
from redrive.services.functions import rules
from redrive.services.functions.model import LATEST, Alias, Function, Provisioned, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.concurrency import (
    allocations,
    set_aside,
    shares_of,
)
from redrive.services.functions.operations.invocation import environment_of
from redrive.services.functions.operations.lookup import (
    find,
    find_version,
    key_of,
    locate,
    located,
    resolve,
)
from redrive.services.functions.refusals import UNPUBLISHED, alias_not_found, conflict, invalid
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import decode_marker, encode_marker
from redrive.store.store import Tx

PROVISIONED_TOPIC = "lambda:provisioned"
"""Woken when other environments are to be kept warm than before."""


def put_provisioned_concurrency_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Keep environments warm for a version or an alias.

    AWS: API_PutProvisionedConcurrencyConfig; the texts as captured.
    """
    if params.get("Qualifier") == LATEST:
        raise invalid(UNPUBLISHED)
    target, function, alias = _located(tx, params, context, "PutProvisionedConcurrencyConfig")
    if function.version == LATEST:  # by an alias
        raise invalid(UNPUBLISHED)
    _check_alone(tx, target, alias)
    asked, before = params["ProvisionedConcurrentExecutions"], _find(tx, target)
    had = 0 if before is None else before.requested
    elsewhere = sum(allocations(tx, function).values()) - had
    taken = set_aside(tx, function.account, function.region)
    unreserved = room.concurrency - taken + (had if function.reserved is None else 0)
    rules.check_provisioned(asked, function.reserved, elsewhere, unreserved, room.unreserved_floor)
    config = Provisioned(
        **key_of(target),
        qualifier=target.qualifier or "",
        requested=asked,
        modified_ms=context.now_ms,
    )
    tx.run("functions.put_provisioned", **config._asdict())
    tx.wake(PROVISIONED_TOPIC)
    return _shape(config, ready=0, busy=0)


def get_provisioned_concurrency_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Show what is wanted, what is ready and what is free.

    AWS: API_GetProvisionedConcurrencyConfig.
    """
    target, function, _alias = _located(tx, params, context, "GetProvisionedConcurrencyConfig")
    config = _find(tx, target)
    if config is None:
        raise ServiceError(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
            status=404,
            extra={"Type": "User"},
        )
    return _measured(room, tx, function, config)


def delete_provisioned_concurrency_config(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Keep nothing warm for a version or an alias any more; nothing to end is no error."""
    del room
    target, _function, _alias = _located(tx, params, context, "DeleteProvisionedConcurrencyConfig")
    tx.run("functions.delete_provisioned", **key_of(target), qualifier=target.qualifier)
    tx.wake(PROVISIONED_TOPIC)
    return {}


def list_provisioned_concurrency_configs(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """List a function's configurations by qualifier, at most 50 at a time."""
    _target, function = locate(
        tx, context.caller, params["FunctionName"], "ListProvisionedConcurrencyConfigs"
    )
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = decode_marker(params.get("Marker") or "")
    if after is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    found: list[Provisioned] = tx.rows(
        Provisioned,
        "functions.list_provisioned",
        **key_of(function),
        after=after,
        limit=page_items + 1,
    )
    shown = [
        {"FunctionArn": _arn(config), **_measured(room, tx, function, config)}
        for config in found[:page_items]
    ]
    shape: dict[str, Any] = {"ProvisionedConcurrencyConfigs": shown}
    last = rules.next_marker([config.qualifier for config in found], page_items)
    if last is not None:
        shape["NextMarker"] = encode_marker(last)
    return shape


def keep_warm(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Have the wanted environments kept warm and no others; internal, the provisioner calls it.

    -> {"Kept": how many are wanted, "Missing": how many of them are not ready yet}
    """
    del params, context
    wanted = _wanted(room, tx)
    for arn, (environment, _ready) in list(room.warm.items()):
        if arn not in wanted or wanted[arn][0] != environment:
            room.warmer(environment, 0)
            del room.warm[arn]
    missing = 0
    for arn, (environment, count) in wanted.items():
        ready = min(count, room.warmer(environment, count))
        room.warm[arn] = (environment, ready)
        missing += count - ready
    return {"Kept": sum(count for _environment, count in wanted.values()), "Missing": missing}


def _wanted(room: Functions, tx: Tx) -> dict[str, tuple[Environment, int]]:
    """Return how many environments of which kind are wanted, by the ARN of the version."""
    configs: list[Provisioned] = tx.rows(Provisioned, "functions.all_provisioned")
    targets = {Target(each.account, each.region, each.name, None) for each in configs}
    wanted = {}
    for target in sorted(targets):
        function = find(tx, target)
        assert function is not None, f"{target.arn} went without what is provisioned for it"
        for number, count in allocations(tx, function).items():
            version = find_version(tx, target, number)
            assert version is not None, f"{target.arn} has no version {number}"
            if count:
                wanted[version.version_arn] = (environment_of(room, version), count)
    return wanted


def _located(
    tx: Tx, params: Params, context: Context, action: str
) -> tuple[Target, Function, Alias | None]:
    """Return the version that the request names, and the alias by which it does."""
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    if target.qualifier in (None, "", LATEST):
        raise invalid("The function resource provided must be an alias or a published version.")
    is_alias = not (target.qualifier or "").isdigit()
    if is_alias and target.account == context.caller.account and resolve(tx, target) is None:
        raise alias_not_found(target.arn)
    function, alias = located(tx, context.caller, target, action)
    return target, function, alias


def _check_alone(tx: Tx, target: Target, alias: Alias | None) -> None:
    """Refuse a version that has provisioned concurrency by an alias already, or the reverse."""
    if alias is not None:
        if _find(tx, target._replace(qualifier=alias.version)) is not None:
            raise conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already "
                "Provisioned version"
            )
        return
    pointing: list[Alias] = tx.rows(
        Alias,
        "functions.list_aliases",
        **key_of(target),
        after="",
        version=target.qualifier,
        limit=-1,
    )
    if any(_find(tx, target._replace(qualifier=each.alias)) is not None for each in pointing):
        raise conflict("Version is pointed by a Provisioned Concurrency alias")


def _find(tx: Tx, target: Target) -> Provisioned | None:
    found: Provisioned | None = tx.one(
        Provisioned, "functions.provisioned", **key_of(target), qualifier=target.qualifier
    )
    return found


def _measured(room: Functions, tx: Tx, function: Function, config: Provisioned) -> dict[str, Any]:
    arns = [_arn(config._replace(qualifier=number)) for number in shares_of(tx, function, config)]
    ready = sum(room.warm[arn][1] for arn in arns if arn in room.warm)
    busy = sum(room.running.of_provisioned(arn) for arn in arns)
    return _shape(config, min(ready, config.requested), busy)


def _shape(config: Provisioned, ready: int, busy: int) -> dict[str, Any]:
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": max(0, ready - busy),
        "AllocatedProvisionedConcurrentExecutions": ready,
        "Status": "READY" if ready >= config.requested else "IN_PROGRESS",
        "LastModified": iso_lambda(config.modified_ms),
    }


def _arn(config: Provisioned) -> str:
    return function_arn(config.region, config.account, config.name, config.qualifier)
