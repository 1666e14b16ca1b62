"""A bus's resource policy: "default", the owner's. "AWS_RAM" is AWS Resource Access Manager's,
which has no part here, so that it is never there and nobody may write it.
"""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.ids import uuid4
from redrive.services.custom_buses.access import check_own, check_policy
from redrive.services.custom_buses.model import Bus
from redrive.services.custom_buses.names import invalid, not_found, page_of
from redrive.services.custom_buses.operations.lookup import located_bus
from redrive.services.custom_buses.room import CustomBuses
from redrive.store.store import Tx

DEFAULT = "default"
_MANAGED = "AWS_RAM"
_NO_POLICY = "NO_POLICY"


def put_resource_policy(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Attach the policy, or replace it."""
    bus = _located(tx, params, context, "PutResourcePolicy")
    _refuse_managed(params)
    expected = params.get("ExpectedRevisionId")
    if expected is not None and expected != (bus.policy_revision or _NO_POLICY):
        raise _conflict()
    check_policy(params["PolicyDocument"])
    revision = uuid4(room.chance)
    tx.run(
        "custom_buses.set_policy",
        number=bus.number,
        policy=params["PolicyDocument"],
        revision=revision,
    )
    return {"ResourceArn": bus.arn, "PolicyName": DEFAULT, "RevisionId": revision}


def get_resource_policy(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a policy."""
    del room
    bus = _located(tx, params, context, "GetResourcePolicy")
    name = _name_of(params)
    if name != DEFAULT or bus.policy is None:
        raise not_found(f"The policy {name} of the event bus {bus.arn}")
    return {
        "ResourceArn": bus.arn,
        "PolicyDocument": bus.policy,
        "PolicyName": DEFAULT,
        "RevisionId": bus.policy_revision,
    }


def delete_resource_policy(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """Take the policy away; that there is none is no error."""
    del room
    bus = _located(tx, params, context, "DeleteResourcePolicy")
    _refuse_managed(params)
    expected = params.get("ExpectedRevisionId")
    if expected == _NO_POLICY:
        raise invalid(f"{_NO_POLICY} is no revision to be deleted.")
    if expected is not None and expected != bus.policy_revision:
        raise _conflict()
    if bus.policy is None:
        return {}
    tx.run("custom_buses.set_policy", number=bus.number, policy=None, revision=None)
    return {"RevisionId": bus.policy_revision}


def list_resource_policies(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result:
    """List the policies that there are: one, or none."""
    del room
    bus = _located(tx, params, context, "ListResourcePolicies")
    page_of(params)
    if bus.policy is None:
        return {"PolicySummaries": []}
    return {"PolicySummaries": [{"PolicyName": DEFAULT, "RevisionId": bus.policy_revision}]}


def _located(tx: Tx, params: Params, context: Context, action: str) -> Bus:
    """Return the bus, to which no policy may let another account write one."""
    bus = located_bus(tx, params["ResourceArn"], context, action)
    if context.caller.account != bus.account:
        check_own(bus.arn, bus.account, context, action)
    _name_of(params)
    return bus


def _name_of(params: Params) -> str:
    name = str(params.get("PolicyName", DEFAULT))
    if name not in (DEFAULT, _MANAGED):
        raise invalid(f"PolicyName {name} is neither {DEFAULT} nor {_MANAGED}.")
    return name


def _refuse_managed(params: Params) -> None:
    if _name_of(params) == _MANAGED:
        raise ServiceError(
            "AccessDeniedException",
            "Only AWS Resource Access Manager writes the policy AWS_RAM.",
            status=403,
        )


def _conflict() -> ServiceError:
    return ServiceError(
        "ConflictException",
        "The ExpectedRevisionId does not match the current revision of the policy.",
        status=409,
    )
