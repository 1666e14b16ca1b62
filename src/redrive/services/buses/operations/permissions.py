"""PutPermission and RemovePermission: who else may put events on a bus."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.buses.lookup import named_bus
from redrive.services.buses.operations.buses import set_bus
from redrive.services.buses.policies import checked_policy, make_statement, with_statement
from redrive.services.buses.refusals import invalid, not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

_OWN = ("Action", "Principal", "StatementId")


def put_permission(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Replace the policy of a bus, or add a statement to it, or replace that of its id.

    AWS: API_PutPermission; the statement's form as captured.
    """
    del room
    bus = named_bus(tx, params.get("EventBusName"), context, "PutPermission")
    if params.get("Policy") is not None:
        document = checked_policy(params["Policy"])
    else:
        missing = [name for name in _OWN if params.get(name) is None]
        if missing:
            raise invalid(f"Parameter(s) {', '.join(missing)} must be specified.")
        statement = make_statement(params, bus.key.arn)
        document = with_statement(bus.policy, statement)
    set_bus(tx, bus._replace(policy=orjson.dumps(document).decode()), context)
    return {}


def remove_permission(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Remove a statement, or all of them. AWS: API_RemovePermission; the text as captured."""
    del room
    bus = named_bus(tx, params.get("EventBusName"), context, "RemovePermission")
    if params.get("RemoveAllPermissions"):
        set_bus(tx, bus._replace(policy=None), context)
        return {}
    name = params.get("StatementId")
    if name is None:
        raise invalid("Parameter(s) StatementId must be specified.")
    document: dict[str, Any] = {} if bus.policy is None else orjson.loads(bus.policy)
    given = document.get("Statement") or []
    statements = given if isinstance(given, list) else [given]
    kept = [each for each in statements if each.get("Sid") != name]
    if len(kept) == len(statements):
        raise not_found("Statement with the provided id does not exist.")
    policy = orjson.dumps({**document, "Statement": kept}).decode() if kept else None
    set_bus(tx, bus._replace(policy=policy), context)
    return {}


OPERATIONS = {"PutPermission": put_permission, "RemovePermission": remove_permission}
