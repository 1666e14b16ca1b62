"""Reserved concurrency and the account's limits."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.services.functions import rules
from redrive.services.functions.code import UNZIPPED_BYTES_MAX, ZIPPED_BYTES_MAX
from redrive.services.functions.model import LATEST, Count, Function, Usage
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import find, key_of, locate, locate_latest
from redrive.services.functions.refusals import function_not_found
from redrive.services.functions.room import Functions
from redrive.store.store import Tx


def put_function_concurrency(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Reserve concurrency for a function; 0 lets nothing run. AWS: API_PutFunctionConcurrency."""
    function = _unqualified(tx, params, context, "PutFunctionConcurrency")
    asked = params["ReservedConcurrentExecutions"]
    elsewhere = reserved_sum(tx, function.account, function.region) - (function.reserved or 0)
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
    return {
        "AccountLimit": {
            "TotalCodeSize": rules.CODE_STORAGE_BYTES_MAX,
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIPPED_BYTES_MAX,
            "ConcurrentExecutions": room.concurrency,
            "UnreservedConcurrentExecutions": room.concurrency - usage.reserved,
        },
        "AccountUsage": {"TotalCodeSize": usage.code_bytes, "FunctionCount": usage.functions},
    }


def reserved_sum(tx: Tx, account: str, region: str) -> int:
    """Return what an account has reserved in a region."""
    total: Count | None = tx.one(Count, "functions.reserved_sum", account=account, region=region)
    assert total is not None
    return total.value


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
