"""What a role may do: policies inside it, and managed policies attached to it."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.identity import pages
from redrive.services.identity.documents import check_policy, shown, size_of
from redrive.services.identity.model import ATTACHED_MAX, INLINE_CHARACTERS_MAX, Inline, Role
from redrive.services.identity.operations.lookup import attached_to, find_policy, find_role
from redrive.services.identity.refusals import (
    limit_exceeded,
    no_such_entity,
    no_such_policy,
    not_attachable,
)
from redrive.services.identity.room import Identity
from redrive.store.store import Tx


def attach_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Attach a managed policy; again is no error. AWS: API_AttachRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    attach(tx, role, params["PolicyArn"])
    return {}


def attach(tx: Tx, role: Role, arn: str) -> None:
    """Attach a managed policy to a role. Raises ServiceError."""
    attached = attached_to(tx, role)
    if arn in attached:
        return
    try:
        find_policy(tx, role.account, arn)
    except ServiceError as error:
        if error.code != "NoSuchEntity":
            raise
        raise not_attachable(arn) from None
    if len(attached) >= ATTACHED_MAX:
        raise limit_exceeded(f"Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}")
    tx.run("identity.attach", account=role.account, role=role.name, policy=arn)


def detach_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Detach a managed policy. AWS: API_DetachRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    arn = params["PolicyArn"]
    if not tx.run("identity.detach", account=role.account, role=role.name, policy=arn):
        raise no_such_policy(arn)
    return {}


def list_attached_role_policies(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List the managed policies of a role, by ARN. AWS: API_ListAttachedRolePolicies."""
    del room
    account = context.caller.account
    role = find_role(tx, account, params["RoleName"])
    prefix = params.get("PathPrefix", "/")
    policies = (find_policy(tx, account, arn) for arn in attached_to(tx, role))
    found = [policy for policy in policies if policy.path.startswith(prefix)]
    kept, rest = pages.page_of(found, params, lambda policy: policy.arn)
    shown_ = [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in kept]
    return {"AttachedPolicies": shown_, **rest}


def put_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Add or replace a policy inside a role. AWS: API_PutRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    put_inline(tx, role, params["PolicyName"], params["PolicyDocument"])
    return {}


def put_inline(tx: Tx, role: Role, name: str, text: str) -> None:
    """Add or replace a policy inside a role. Raises ServiceError."""
    check_policy(text, size_max=None)
    others = [inline for inline in inlines_of(tx, role) if inline.name != name]
    if size_of(text) + sum(size_of(each.document) for each in others) > INLINE_CHARACTERS_MAX:
        raise limit_exceeded(
            f"Maximum policy size of {INLINE_CHARACTERS_MAX} bytes exceeded for role {role.name}"
        )
    tx.run(
        "identity.put_role_policy",
        account=role.account,
        role=role.name,
        name=name,
        document=text,
    )


def inlines_of(tx: Tx, role: Role) -> list[Inline]:
    """Return the policies inside a role."""
    return tx.rows(Inline, "identity.role_policies", account=role.account, role=role.name)


def get_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Show a policy inside a role. AWS: API_GetRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    name = params["PolicyName"]
    for inline in inlines_of(tx, role):
        if inline.name == name:
            document = shown(inline.document)
            return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": document}
    raise no_such_entity(f"The role policy with name {name} cannot be found.")


def delete_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Take a policy out of a role. AWS: API_DeleteRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    name = params["PolicyName"]
    gone = tx.run("identity.remove_role_policy", account=role.account, role=role.name, name=name)
    if not gone:
        raise no_such_entity(f"The role policy with name {name} cannot be found.")
    return {}


def list_role_policies(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List the names of the policies inside a role. AWS: API_ListRolePolicies."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    names = [inline.name for inline in inlines_of(tx, role)]
    kept, rest = pages.page_of(names, params, str)
    return {"PolicyNames": kept, **rest}
