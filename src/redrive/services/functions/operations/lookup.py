"""From a FunctionName in a request to a row, or to AWS's reason why not."""

from __future__ import annotations

import json

from redrive.core.effects import Caller
from redrive.services.functions.model import LATEST, Function, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.policy import is_allowed
from redrive.services.functions.refusals import access_denied, function_not_found
from redrive.store.store import Tx


def find(tx: Tx, target: Target) -> Function | None:
    """Return the row that a target means, its qualifier aside."""
    found: Function | None = tx.one(
        Function,
        "functions.function_by_name",
        account=target.account,
        region=target.region,
        name=target.name,
    )
    return found


def locate(
    tx: Tx, caller: Caller, function_name: str, action: str, qualifier: str | None = None
) -> tuple[Target, Function]:
    """Return a function that exists and that the caller may use.

    action is the operation's name. The owner's account may do everything; another account what a
    statement of the resource policy allows, and it is not told whether the function exists. A
    qualifier other than $LATEST names a version or an alias, of which there are none.
    """
    target = parse_function_name(function_name, caller, qualifier)
    function = find(tx, target)
    if target.account != caller.account:
        action = f"lambda:{'InvokeFunction' if action == 'Invoke' else action}"
        policy = function.policy if function is not None else None
        if policy is None or not is_allowed(json.loads(policy), caller, action):
            raise access_denied(caller.principal, action, target.unqualified_arn)
    if function is None or target.qualifier not in (None, LATEST):
        raise function_not_found(target.arn)
    return target, function
