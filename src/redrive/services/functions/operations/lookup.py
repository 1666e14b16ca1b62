"""From a FunctionName in a request to a row, or to AWS's reason why not."""

from __future__ import annotations

import json

from redrive.core.access import is_service, source_facts
from redrive.core.effects import Caller, Context, Params
from redrive.services.functions.model import (
    LATEST,
    Alias,
    Function,
    InvokeConfig,
    Policy,
    Target,
)
from redrive.services.functions.names import number_of, parse_function_name
from redrive.services.functions.policy import is_allowed
from redrive.services.functions.refusals import (
    access_denied,
    function_not_found,
    invalid,
    stale_revision,
)
from redrive.store.store import Tx


def key_of(place: Function | Target | Alias | InvokeConfig) -> dict[str, str]:
    """Return the statement parameters that name a function."""
    return {"account": place.account, "region": place.region, "name": place.name}


def find(tx: Tx, target: Target) -> Function | None:
    """Return the row of $LATEST of the function that a target means, its qualifier aside."""
    found: Function | None = tx.one(Function, "functions.function_by_name", **key_of(target))
    return found


def find_version(tx: Tx, target: Target, version: str) -> Function | None:
    """Return a version of the function that a target means, its qualifier aside."""
    if version == LATEST:
        return find(tx, target)
    number = number_of(version)
    if number is None:
        return None
    found: Function | None = tx.one(
        Function, "functions.version_by_number", **key_of(target), version=number
    )
    return found


def find_alias(tx: Tx, target: Target | Function, alias: str) -> Alias | None:
    """Return an alias of the function that a target means, its qualifier aside."""
    found: Alias | None = tx.one(Alias, "functions.alias_by_name", **key_of(target), alias=alias)
    return found


def find_policy(tx: Tx, function: Function, qualifier: str | None) -> Policy | None:
    """Return the resource policy of a function, or of one of its versions or aliases."""
    if qualifier is None or qualifier == LATEST:
        if function.policy is None:
            return None
        return Policy(function.policy, function.policy_revision)
    found: Policy | None = tx.one(
        Policy, "functions.policy_by_qualifier", **key_of(function), qualifier=qualifier
    )
    return found


def find_invoke_config(tx: Tx, target: Target) -> InvokeConfig | None:
    """Return how asynchronous events of a target are treated, as far as that was set."""
    found: InvokeConfig | None = tx.one(
        InvokeConfig,
        "functions.invoke_config",
        **key_of(target),
        qualifier=target.qualifier or LATEST,
    )
    return found


def resolve(tx: Tx, target: Target) -> tuple[Function, Alias | None] | None:
    """Return the version that a target means, and the alias by which it does.

    Of an alias that shares invocations between two versions it is the main one.
    """
    qualifier = target.qualifier
    if qualifier is None or qualifier == LATEST:
        function = find(tx, target)
        return None if function is None else (function, None)
    alias = None
    if not qualifier.isdigit():
        alias = find_alias(tx, target, qualifier)
        if alias is None:
            return None
        qualifier = alias.version
    function = find_version(tx, target, qualifier)
    return None if function is None else (function, alias)


def locate(
    tx: Tx, caller: Caller, function_name: str, action: str, qualifier: str | None = None
) -> tuple[Target, Function]:
    """Return the version of a function that exists and that the caller may use.

    action is the operation's name. The owner's account may do everything; another account, and with
    authorisation on an AWS service, what a statement of the resource policy allows, and it is not
    told whether the function exists.
    """
    target = parse_function_name(function_name, caller, qualifier)
    function = located(tx, caller, target, action)[0]
    return target, function


def located(tx: Tx, caller: Caller, target: Target, action: str) -> tuple[Function, Alias | None]:
    """Return what a target means, as `locate` does, and the alias by which it is meant."""
    found = resolve(tx, target)
    if target.account != caller.account or (caller.session is not None and is_service(caller)):
        action = f"lambda:{'InvokeFunction' if action == 'Invoke' else action}"
        policy = None if found is None else find_policy(tx, found[0], target.qualifier)
        if policy is None or not is_allowed(
            json.loads(policy.policy), caller, action, source_facts(caller)
        ):
            raise access_denied(caller.principal, action, target.unqualified_arn)
    if found is None:
        raise function_not_found(target.arn)
    return found


def guard(tx: Tx, caller: Caller, target: Target, action: str) -> None:
    """Refuse another account that no statement allows, before it is told what is not there."""
    if target.account != caller.account:
        located(tx, caller, target, action)


def locate_latest(tx: Tx, context: Context, params: Params, action: str) -> Function:
    """Return $LATEST of a function that the caller may use; refuse a name with a qualifier.

    AWS: as captured (PutFunctionConcurrency).
    """
    target = parse_function_name(params["FunctionName"], context.caller)
    if target.qualifier not in (None, LATEST):
        raise invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an "
            "unqualified function ARN."
        )
    return located(tx, context.caller, target._replace(qualifier=None), action)[0]


def check_revision(function: Function, params: Params) -> None:
    """Refuse a request for another revision. AWS: API_UpdateFunctionCode, "RevisionId"."""
    if params.get("RevisionId") not in (None, function.revision):
        raise stale_revision("GetFunction/GetAlias")
