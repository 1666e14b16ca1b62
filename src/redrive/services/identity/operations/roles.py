"""Roles: made, shown, changed, deleted. AWS: IAM API reference, the page of each operation."""

from __future__ import annotations

import json

from redrive.core.effects import Context, Params, Result
from redrive.services.identity import pages
from redrive.services.identity.documents import check_trust
from redrive.services.identity.model import ROLES_MAX, SESSION_S_DEFAULT, Inline, Role, Rows
from redrive.services.identity.operations.lookup import (
    attached_to,
    find_policy,
    find_role,
    make_id,
    role_view,
)
from redrive.services.identity.operations.tags import save_role, tag_map
from redrive.services.identity.refusals import (
    already_exists,
    delete_conflict,
    limit_exceeded,
    no_such_entity,
)
from redrive.services.identity.room import Identity, first_instant_ms
from redrive.store.store import Tx


def create_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Make a role. AWS: API_CreateRole."""
    account, name = context.caller.account, params["RoleName"]
    if tx.one(Role, "identity.role", account=account, name=name) is not None:
        raise already_exists(f"Role with name {name} already exists.")
    return {"Role": role_view(add_role(room, tx, params, context))}


def add_role(room: Identity, tx: Tx, params: Params, context: Context) -> Role:
    """Insert a role that does not exist. Raises ServiceError."""
    account = context.caller.account
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        find_policy(tx, account, boundary)
    role = Role(
        account,
        params["RoleName"],
        make_id(room.chance, "AROA"),
        params.get("Path", "/"),
        check_trust(params["AssumeRolePolicyDocument"]),
        params.get("Description"),
        params.get("MaxSessionDuration", SESSION_S_DEFAULT),
        boundary,
        json.dumps(tag_map(params.get("Tags", ()))),
        first_instant_ms(context.now_ms),
    )
    made = tx.one(Rows, "identity.role_count", account=account)
    if made is not None and made.number >= ROLES_MAX:
        raise limit_exceeded(f"Cannot exceed quota for RolesPerAccount: {ROLES_MAX}")
    tx.run("identity.add_role", **role._asdict())
    return role


def get_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Show a role; when it was last used is not recorded. AWS: API_GetRole."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    return {"Role": {**role_view(role), "RoleLastUsed": {}}}


def list_roles(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List roles by name. AWS: API_ListRoles."""
    del room
    found = tx.rows(
        Role,
        "identity.roles",
        account=context.caller.account,
        after=pages.after(params),
        prefix=params.get("PathPrefix", "/"),
        limit=pages.size(params) + 1,
    )
    kept, rest = pages.page(found, params, lambda role: str(role.name))
    return {"Roles": [role_view(role, is_whole=False) for role in kept], **rest}


def update_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Change description and longest session, each where it is given. AWS: API_UpdateRole."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    save_role(
        tx,
        role._replace(
            description=params.get("Description", role.description),
            max_session_s=params.get("MaxSessionDuration", role.max_session_s),
        ),
    )
    return {}


def update_role_description(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Change the description. AWS: API_UpdateRoleDescription."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    role = role._replace(description=params["Description"])
    save_role(tx, role)
    return {"Role": role_view(role)}


def update_assume_role_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Change who may assume a role. AWS: API_UpdateAssumeRolePolicy."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    save_role(tx, role._replace(trust=check_trust(params["PolicyDocument"])))
    return {}


def put_boundary(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Set the policy that bounds a role. AWS: API_PutRolePermissionsBoundary."""
    del room
    account = context.caller.account
    role = find_role(tx, account, params["RoleName"])
    boundary = find_policy(tx, account, params["PermissionsBoundary"])
    save_role(tx, role._replace(boundary=boundary.arn))
    return {}


def delete_boundary(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Let nothing bound a role any more. AWS: API_DeleteRolePermissionsBoundary."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    if role.boundary is None:
        raise no_such_entity(f"Role {role.name} does not have a permissions boundary.")
    save_role(tx, role._replace(boundary=None))
    return {}


def delete_role(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a role that has no policies. AWS: API_DeleteRole, texts as captured."""
    del room
    role = find_role(tx, context.caller.account, params["RoleName"])
    if attached_to(tx, role):
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if tx.rows(Inline, "identity.role_policies", account=role.account, role=role.name):
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    tx.run("identity.remove_role", account=role.account, name=role.name)
    return {}


def list_instance_profiles(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List none: there are no instances. Terraform asks before it deletes a role.

    AWS: API_ListInstanceProfilesForRole.
    """
    del room
    find_role(tx, context.caller.account, params["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}
