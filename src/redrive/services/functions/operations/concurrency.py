"""Reserved concurrency and the account's limits."""

from __future__ import annotations

import json

from redrive.core.effects import Context, Params, Result
from redrive.services.functions import rules
from redrive.services.functions.code import UNZIPPED_BYTES_MAX, ZIPPED_BYTES_MAX
from redrive.services.functions.model import LATEST, Count, Function, Provisioned, Usage
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import (
    find,
    find_alias,
    key_of,
    locate,
    locate_latest,
)
from redrive.services.functions.refusals import function_not_found
from redrive.services.functions.room import Functions
from redrive.store.store import Tx


def put_function_concurrency(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Reserve concurrency for a function; 0 lets nothing run. AWS: API_PutFunctionConcurrency."""
    function = _unqualified(tx, params, context, "PutFunctionConcurrency")
    asked = params["ReservedConcurrentExecutions"]
    provisioned = sum(allocations(tx, function).values())
    rules.check_covers(asked, provisioned)
    own = provisioned if function.reserved is None else function.reserved
    elsewhere = set_aside(tx, function.account, function.region) - own
    rules.check_reserved(asked, elsewhere, room.concurrency, room.unreserved_floor)
    _set(tx, function, asked)
    return {"ReservedConcurrentExecutions": asked}


def get_function_concurrency(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a function's reservation; an empty answer when it has none."""
    del room
    _target, function = locate(tx, context.caller, params["FunctionName"], "GetFunctionConcurrency")
    if function.reserved is None:
        return {}
    return {"ReservedConcurrentExecutions": function.reserved}


def delete_function_concurrency(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """Give a function's reservation back to the pool."""
    del room
    _set(tx, _unqualified(tx, params, context, "DeleteFunctionConcurrency"), None)
    return {}


def get_account_settings(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show the limits and the use of the caller's account in its region."""
    del params
    usage: Usage | None = tx.one(
        Usage,
        "functions.usage",
        account=context.caller.account,
        region=context.caller.region,
    )
    assert usage is not None
    taken = set_aside(tx, context.caller.account, context.caller.region)
    return {
        "AccountLimit": {
            "TotalCodeSize": rules.CODE_STORAGE_BYTES_MAX,
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIPPED_BYTES_MAX,
            "ConcurrentExecutions": room.concurrency,
            "UnreservedConcurrentExecutions": room.concurrency - taken,
        },
        "AccountUsage": {"TotalCodeSize": usage.code_bytes, "FunctionCount": usage.functions},
    }


def reserved_sum(tx: Tx, account: str, region: str) -> int:
    """Return what an account has reserved in a region."""
    total: Count | None = tx.one(Count, "functions.reserved_sum", account=account, region=region)
    assert total is not None
    return total.value


def set_aside(tx: Tx, account: str, region: str) -> int:
    """Return what of an account's concurrency in a region is reserved or provisioned."""
    provisioned: Count | None = tx.one(
        Count, "functions.provisioned_sum", account=account, region=region
    )
    assert provisioned is not None
    return reserved_sum(tx, account, region) + provisioned.value


def allocations(tx: Tx, function: Function) -> dict[str, int]:
    """Return how many environments are provisioned for each version of a function."""
    configs: list[Provisioned] = tx.rows(
        Provisioned, "functions.list_provisioned", **key_of(function), after="", limit=-1
    )
    allocated: dict[str, int] = {}
    for config in configs:
        for version, count in shares_of(tx, function, config).items():
            allocated[version] = allocated.get(version, 0) + count
    return allocated


def shares_of(tx: Tx, function: Function, config: Provisioned) -> dict[str, int]:
    """Return how many environments of which versions a configuration asks for."""
    if config.qualifier.isdigit():
        return {config.qualifier: config.requested}
    alias = find_alias(tx, function, config.qualifier)
    assert alias is not None, f"{config.qualifier} went without what is provisioned for it"
    return rules.allocate(config.requested, alias.version, json.loads(alias.weights))


def _unqualified(tx: Tx, params: Params, context: Context, action: str) -> Function:
    target = parse_function_name(params["FunctionName"], context.caller)
    is_plain = target.qualifier is None and target.account == context.caller.account
    if is_plain and find(tx, target) is None:
        raise function_not_found(target._replace(qualifier=LATEST).arn)
    return locate_latest(tx, context, params, action)


def _set(tx: Tx, function: Function, reserved: int | None) -> None:
    tx.run(
        "functions.update_reserved",
        **key_of(function),
        reserved=reserved,
    )
