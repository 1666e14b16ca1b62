"""What templates make: a role or a managed policy with all that belongs to it, in one transaction.

The operations say how a thing is to be and make it so, whether it is there already or not: a
deployment that a crash has cut is simply carried out again. They have no wire form.
AWS: CloudFormation Template Reference, AWS::IAM::Role and AWS::IAM::ManagedPolicy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from redrive.core.effects import Context, Params, Result
from redrive.services.identity.documents import check_policy, check_trust
from redrive.services.identity.model import (
    SESSION_S_DEFAULT,
    VERSIONS_MAX,
    Policy,
    Role,
    Version,
)
from redrive.services.identity.operations.granting import attach, put_inline
from redrive.services.identity.operations.lookup import find_policy, find_role, policy_view
from redrive.services.identity.operations.lookup import role_view as view_of
from redrive.services.identity.operations.policies import add_policy, add_version, remove_policy
from redrive.services.identity.operations.roles import add_role
from redrive.services.identity.operations.tags import save_policy, save_role, tag_map
from redrive.services.identity.refusals import already_exists
from redrive.services.identity.room import Identity
from redrive.store.store import Tx


def deploy_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Make a role be as CreateRole's parameters say, with ManagedPolicyArns and Policies.

    IsNew: that there is one already is an error. Detach and Drop: ARNs and names that are to go;
    what else the role has stays.
    """
    account, name = context.caller.account, params["RoleName"]
    role: Role | None = tx.one(Role, "identity.role", account=account, name=name)
    if role is None:
        role = add_role(room, tx, params, context)
    elif params["IsNew"]:
        raise already_exists(f"Role with name {name} already exists.")
    else:
        role = _changed_role(tx, role, params)
    for arn in params["Detach"]:
        tx.run("identity.detach", account=account, role=name, policy=arn)
    for gone in params["Drop"]:
        tx.run("identity.remove_role_policy", account=account, role=name, name=gone)
    for arn in params["ManagedPolicyArns"]:
        attach(tx, role, arn)
    for inline in params["Policies"]:
        put_inline(tx, role, inline["PolicyName"], inline["PolicyDocument"])
    return {"Role": view_of(role)}


def _changed_role(tx: Tx, role: Role, params: Params) -> Role:
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        find_policy(tx, role.account, boundary)
    role = role._replace(
        trust=check_trust(params["AssumeRolePolicyDocument"]),
        description=params.get("Description"),
        max_session_s=params.get("MaxSessionDuration", SESSION_S_DEFAULT),
        boundary=boundary,
        tags=json.dumps(tag_map(params.get("Tags", ()))),
    )
    save_role(tx, role)
    return role


def discard_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a role with all that it has; one that is gone is no error."""
    del room
    keys = {"account": context.caller.account, "role": params["RoleName"]}
    tx.run("identity.detach_all", **keys)
    tx.run("identity.remove_role_policies", **keys)
    tx.run("identity.remove_role", account=keys["account"], name=keys["role"])
    return {}


def deploy_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Make a managed policy be as CreatePolicy's parameters say, attached to Roles.

    IsNew: that there is one already is an error. Leave: roles that are to lose it. A new document
    is a new default version; the oldest makes room for it when there are five.
    """
    account, name = context.caller.account, params["PolicyName"]
    policy: Policy | None = tx.one(Policy, "identity.policy_named", account=account, name=name)
    if policy is None:
        policy = add_policy(room, tx, params, context)
    elif params["IsNew"]:
        raise already_exists(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    else:
        document = check_policy(params["PolicyDocument"])
        policy = policy._replace(tags=json.dumps(tag_map(params.get("Tags", ()))))
        save_policy(tx, policy)
        policy = _renewed(tx, policy, document, context)
    for gone in params["Leave"]:
        tx.run("identity.detach", account=account, role=gone, policy=policy.arn)
    _attach_to(tx, account, params["Roles"], policy.arn)
    return {"Policy": policy_view(policy, None)}


def _attach_to(tx: Tx, account: str, roles: Sequence[str], arn: str) -> None:
    for name in roles:
        attach(tx, find_role(tx, account, name), arn)


def _renewed(tx: Tx, policy: Policy, document: str, context: Context) -> Policy:
    versions = tx.rows(Version, "identity.versions", policy=policy.arn)
    current = next(each for each in versions if each.version == policy.default_version)
    if current.document == document:
        return policy
    if len(versions) >= VERSIONS_MAX:
        oldest = min(each.version for each in versions if each is not current)
        tx.run("identity.remove_version", policy=policy.arn, version=oldest)
    return add_version(tx, policy, document, context, is_default=True)


def discard_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Detach a managed policy from everything and delete it; one that is gone is no error."""
    del room
    account, arn = context.caller.account, params["PolicyArn"]
    policy: Policy | None = tx.one(Policy, "identity.policy", account=account, arn=arn)
    if policy is not None:
        tx.run("identity.detach_policy", account=account, policy=arn)
        remove_policy(tx, policy)
    return {}


def reset_account(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all roles and policies of the caller's account."""
    del room, params
    for what in ("attachments", "role_policies", "roles", "versions", "policies"):
        tx.run(f"identity.reset_{what}", account=context.caller.account)
    return {}
