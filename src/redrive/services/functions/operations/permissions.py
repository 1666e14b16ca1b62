"""A function's resource policy. What it allows is decided in policy.py."""

from __future__ import annotations

import json

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.services.functions.model import LATEST, Function, Policy
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import (
    find,
    find_alias,
    find_policy,
    key_of,
    located,
)
from redrive.services.functions.policy import Statement, make_statement
from redrive.services.functions.refusals import (
    alias_not_found,
    conflict,
    invalid,
    not_found,
    stale_revision,
)
from redrive.services.functions.room import Functions
from redrive.store.store import Tx

POLICY_BYTES_MAX = 20_480
"""AWS: Lambda quotas, "Resource-based policy": 20 KB."""

_NONE = "No policy is associated with the given resource."


def add_permission(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Add a statement to the policy. AWS: API_AddPermission."""
    qualifier = params.get("Qualifier")
    target = parse_function_name(params["FunctionName"], context.caller, qualifier)
    if target.qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    function = _located(tx, params, context, "AddPermission")
    policy = find_policy(tx, function, target.qualifier)
    _check_revision(policy, params)
    statements = _statements(policy)
    statement = make_statement(params, target._replace(name=function.name).arn)
    if any(other["Sid"] == statement["Sid"] for other in statements):
        raise conflict(
            f"The statement id ({statement['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    statements.append(statement)
    if len(_policy_text(statements)) > POLICY_BYTES_MAX:
        raise ServiceError(
            "PolicyLengthExceededException",
            f"The final policy size is bigger than the limit ({POLICY_BYTES_MAX}).",
            status=400,
            extra={"Type": "User"},
        )
    _save(room, tx, function, target.qualifier, statements)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


def remove_permission(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Remove a statement; with the last one goes the policy. AWS: API_RemovePermission."""
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    if target.account == context.caller.account and find(tx, target) is None:
        raise not_found(f"No policy found for: {target.arn}")
    function = _located(tx, params, context, "RemovePermission")
    policy = find_policy(tx, function, target.qualifier)
    if policy is None:
        raise not_found(_NONE)
    _check_revision(policy, params)
    statements = _statements(policy)
    left = [other for other in statements if other["Sid"] != params["StatementId"]]
    if len(left) == len(statements):
        raise not_found(f"Statement {params['StatementId']} is not found in resource policy.")
    _save(room, tx, function, target.qualifier, left)
    return {}


def get_policy(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show the policy and its revision."""
    del room
    function = _located(tx, params, context, "GetPolicy")
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    policy = find_policy(tx, function, target.qualifier)
    if policy is None:
        raise not_found(_NONE)
    return {"Policy": _policy_text(_statements(policy)), "RevisionId": policy.revision}


def _located(tx: Tx, params: Params, context: Context, action: str) -> Function:
    """Return the function, or say in AWS's words that it or its alias is not there."""
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    qualifier = target.qualifier
    is_alias = qualifier is not None and "$" not in qualifier and not qualifier.isdigit()
    is_known = target.account == context.caller.account and find(tx, target) is not None
    if is_alias and is_known and find_alias(tx, target, qualifier or "") is None:
        raise alias_not_found(target.arn)
    return located(tx, context.caller, target, action)[0]


def _statements(policy: Policy | None) -> list[Statement]:
    statements: list[Statement] = json.loads(policy.policy) if policy is not None else []
    return statements


def _policy_text(statements: list[Statement]) -> str:
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(policy, separators=(",", ":"))


def _check_revision(policy: Policy | None, params: Params) -> None:
    if policy is not None and params.get("RevisionId") not in (None, policy.revision):
        raise stale_revision("GetPolicy")


def _save(
    room: Functions,
    tx: Tx,
    function: Function,
    qualifier: str | None,
    statements: list[Statement],
) -> None:
    key, revision = key_of(function), uuid4(room.chance)
    text = json.dumps(statements) if statements else None
    if qualifier is None:
        tx.run("functions.update_policy", **key, policy=text, policy_revision=revision)
    elif text is None:
        tx.run("functions.delete_policies", **key, qualifier=qualifier)
    else:
        tx.run("functions.put_policy", **key, qualifier=qualifier, policy=text, revision=revision)
