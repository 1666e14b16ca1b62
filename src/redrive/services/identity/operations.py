"""GetCallerIdentity. There are no roles to assume here."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.services.registry import Registry
from redrive.store.store import Tx


def get_caller_identity(tx: Tx, params: Params, context: Context) -> Result:
    """Tell the caller its account and principal. AWS: API_GetCallerIdentity."""
    del tx, params
    caller = context.caller
    return {"UserId": caller.sender_id, "Account": caller.account, "Arn": caller.principal}


def register(registry: Registry) -> None:
    """Add the service `sts` to the registry."""
    registry.add("sts", {"GetCallerIdentity": get_caller_identity})
