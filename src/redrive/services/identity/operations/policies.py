"""Managed policies and their versions. AWS: IAM API reference, the page of each operation."""

from __future__ import annotations

import json
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.identity import pages
from redrive.services.identity.documents import check_policy, shown
from redrive.services.identity.managed import OWNER, managed_policies
from redrive.services.identity.model import POLICIES_MAX, VERSIONS_MAX, Entity, Policy, Use, Version
from redrive.services.identity.operations.lookup import (
    find_policy,
    find_version,
    make_id,
    own_policy,
    policy_view,
    uses_of,
)
from redrive.services.identity.operations.tags import save_policy, tag_map
from redrive.services.identity.refusals import (
    already_exists,
    delete_conflict,
    limit_exceeded,
    no_such_entity,
)
from redrive.services.identity.room import Identity, first_instant_ms
from redrive.store.store import Tx


def create_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Make a managed policy. AWS: API_CreatePolicy."""
    account, name = context.caller.account, params["PolicyName"]
    if tx.one(Policy, "identity.policy_named", account=account, name=name) is not None:
        raise already_exists(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    return {"Policy": policy_view(add_policy(room, tx, params, context), None)}


def add_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Policy:
    """Insert a managed policy that does not exist. Raises ServiceError."""
    account, name = context.caller.account, params["PolicyName"]
    path = params.get("Path", "/")
    document = check_policy(params["PolicyDocument"])
    if len(tx.rows(Policy, "identity.policies", account=account)) >= POLICIES_MAX:
        raise limit_exceeded(f"Cannot exceed quota for PoliciesPerAccount: {POLICIES_MAX}")
    now_ms = first_instant_ms(context.now_ms)
    arn = f"arn:aws:iam::{account}:policy{path}{name}"
    tx.run(
        "identity.add_policy",
        account=account,
        name=name,
        arn=arn,
        id=make_id(room.chance, "ANPA"),
        path=path,
        description=params.get("Description"),
        tags=json.dumps(tag_map(params.get("Tags", ()))),
        now_ms=now_ms,
    )
    tx.run("identity.add_version", policy=arn, version=1, document=document, now_ms=now_ms)
    return find_policy(tx, account, arn)


def get_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Show a managed policy. AWS: API_GetPolicy."""
    del room
    account = context.caller.account
    policy = find_policy(tx, account, params["PolicyArn"])
    return {"Policy": policy_view(policy, uses_of(tx, account).get(policy.arn))}


def list_policies(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List managed policies by ARN, the account's, AWS's or all. AWS: API_ListPolicies."""
    del room
    account = context.caller.account
    scope, usage = params.get("Scope", "All"), params.get("PolicyUsageFilter")
    prefix, uses = params.get("PathPrefix", "/"), uses_of(tx, account)
    found: list[Policy] = []
    if scope != "AWS":
        found += tx.rows(Policy, "identity.policies", account=account)
    if scope != "Local":
        found += managed_policies()

    def is_wanted(policy: Policy) -> bool:
        use = uses.get(policy.arn, Use(policy.arn, 0, 0))
        if not policy.path.startswith(prefix):
            return False
        if params.get("OnlyAttached") and not (use.attached or use.bounding):
            return False
        return not (
            (usage == "PermissionsPolicy" and not use.attached)
            or (usage == "PermissionsBoundary" and not use.bounding)
        )

    kept, rest = pages.page_of(filter(is_wanted, found), params, lambda policy: policy.arn)
    views = [policy_view(policy, uses.get(policy.arn), is_whole=False) for policy in kept]
    return {"Policies": views, **rest}


def delete_policy(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a managed policy that nothing has, and of which there is one version.

    AWS: API_DeletePolicy, texts as captured.
    """
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "DeletePolicy")
    if policy.arn in uses_of(tx, policy.account):
        raise delete_conflict("Cannot delete a policy attached to entities.")
    if len(_versions(tx, policy)) > 1:
        raise delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete"
            " the policy's versions. The default version is deleted with the policy."
        )
    remove_policy(tx, policy)
    return {}


def remove_policy(tx: Tx, policy: Policy) -> None:
    """Forget a managed policy and its versions."""
    tx.run("identity.remove_versions", policy=policy.arn)
    tx.run("identity.remove_policy", arn=policy.arn)


def list_entities(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List the roles that have a managed policy; nobody else can have one.

    AWS: API_ListEntitiesForPolicy.
    """
    del room
    account = context.caller.account
    policy = find_policy(tx, account, params["PolicyArn"])
    rows = tx.rows(Entity, "identity.roles_of_policy", account=account, policy=policy.arn)
    kind = {"PermissionsPolicy": "policy", "PermissionsBoundary": "boundary"}.get(
        params.get("PolicyUsageFilter", "")
    )
    prefix = params.get("PathPrefix", "/")
    roles = {
        row.name: {"RoleName": row.name, "RoleId": row.id}
        for row in rows
        if row.path.startswith(prefix) and kind in (None, row.kind)
    }
    wanted = params.get("EntityFilter", "Role") == "Role"
    kept, rest = pages.page_of(
        roles.values() if wanted else (), params, lambda role: role["RoleName"]
    )
    return {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": kept, **rest}


# --- versions ---------------------------------------------------------------------------


def _versions(tx: Tx, policy: Policy) -> list[Version]:
    if policy.account == OWNER:
        version = find_version(tx, policy, 1)
        return [] if version is None else [version]
    return tx.rows(Version, "identity.versions", policy=policy.arn)


def _version(tx: Tx, policy: Policy, told: str) -> Version:
    digits = told.removeprefix("v").partition(".")[0]
    version = find_version(tx, policy, int(digits)) if len(digits) < 10 else None
    if version is None:
        raise no_such_entity(
            f"Policy {policy.arn} version {told} does not exist or is not attachable."
        )
    return version


def _version_view(policy: Policy, version: Version, *, is_whole: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "VersionId": f"v{version.version}",
        "IsDefaultVersion": version.version == policy.default_version,
        "CreateDate": version.created_ms,
    }
    if is_whole:
        view["Document"] = shown(version.document)
    return view


def create_policy_version(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Add a version, of five at most. AWS: API_CreatePolicyVersion."""
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "CreatePolicyVersion")
    document = check_policy(params["PolicyDocument"])
    if len(_versions(tx, policy)) >= VERSIONS_MAX:
        raise limit_exceeded(
            f"A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new"
            " version, you must delete an existing version."
        )
    is_default = bool(params.get("SetAsDefault"))
    policy = add_version(tx, policy, document, context, is_default=is_default)
    version = _version(tx, policy, f"v{policy.latest_version}")
    return {"PolicyVersion": _version_view(policy, version, is_whole=False)}


def add_version(
    tx: Tx, policy: Policy, document: str, context: Context, *, is_default: bool
) -> Policy:
    """Insert a version of a document that has been checked; return the policy with it."""
    number, now_ms = policy.latest_version + 1, first_instant_ms(context.now_ms)
    tx.run(
        "identity.add_version",
        policy=policy.arn,
        version=number,
        document=document,
        now_ms=now_ms,
    )
    default = number if is_default else policy.default_version
    policy = policy._replace(latest_version=number, default_version=default, updated_ms=now_ms)
    save_policy(tx, policy)
    return policy


def get_policy_version(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Show a version with its document. AWS: API_GetPolicyVersion."""
    del room
    policy = find_policy(tx, context.caller.account, params["PolicyArn"])
    version = _version(tx, policy, params["VersionId"])
    return {"PolicyVersion": _version_view(policy, version, is_whole=True)}


def list_policy_versions(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """List versions, the newest first. AWS: API_ListPolicyVersions."""
    del room
    policy = find_policy(tx, context.caller.account, params["PolicyArn"])
    found = _versions(tx, policy)
    kept, rest = pages.page_of(found, params, lambda version: f"{10**9 - version.version:09d}")
    views = [_version_view(policy, version, is_whole=False) for version in kept]
    return {"Versions": views, **rest}


def delete_policy_version(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a version that is not the default. AWS: API_DeletePolicyVersion."""
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "DeletePolicyVersion")
    version = _version(tx, policy, params["VersionId"])
    if version.version == policy.default_version:
        raise delete_conflict("Cannot delete the default version of a policy.")
    tx.run("identity.remove_version", policy=policy.arn, version=version.version)
    return {}


def set_default_policy_version(room: Identity, tx: Tx, params: Params, context: Context) -> Result:
    """Say which version counts. AWS: API_SetDefaultPolicyVersion."""
    del room
    policy = own_policy(tx, context, params["PolicyArn"], "SetDefaultPolicyVersion")
    version = _version(tx, policy, params["VersionId"])
    now_ms = first_instant_ms(context.now_ms)
    save_policy(tx, policy._replace(default_version=version.version, updated_ms=now_ms))
    return {}
