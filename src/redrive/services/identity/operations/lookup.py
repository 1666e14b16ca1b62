"""Find roles and managed policies, and show them as answers do."""

from __future__ import annotations

import json
from base64 import b32encode
from typing import Any

from redrive.core.effects import Chance, Context
from redrive.services.identity.documents import shown
from redrive.services.identity.managed import OWNER, PREFIX, managed_document, managed_policy
from redrive.services.identity.model import Policy, Role, Text, Use, Version
from redrive.services.identity.refusals import denied, invalid_input, no_such_policy, no_such_role
from redrive.store.store import Tx

ARN_LENGTH_MIN = 20


def make_id(chance: Chance, prefix: str) -> str:
    """Return a unique id: AROA or ANPA, and 17 signs."""
    return prefix + b32encode(chance.token(15)).decode()[-17:]


def find_role(tx: Tx, account: str, name: str) -> Role:
    """Return a role. Raises ServiceError NoSuchEntity."""
    role: Role | None = tx.one(Role, "identity.role", account=account, name=name)
    if role is None:
        raise no_such_role(name)
    return role


def find_policy(tx: Tx, account: str, arn: str) -> Policy:
    """Return a managed policy of the account's or of AWS's. Raises ServiceError."""
    if arn.startswith(PREFIX):
        policy = managed_policy(arn)
    else:
        if not arn.startswith("arn:") or ":policy/" not in arn:
            raise invalid_input(f"ARN {arn} is not valid.")
        policy = tx.one(Policy, "identity.policy", account=account, arn=arn)
    if policy is None:
        raise no_such_policy(arn)
    return policy


def own_policy(tx: Tx, context: Context, arn: str, operation: str) -> Policy:
    """Return a managed policy of the account's own, which may be changed. Raises ServiceError."""
    policy = find_policy(tx, context.caller.account, arn)
    if policy.account == OWNER:
        raise denied(
            f"User: {context.caller.principal} is not authorized to perform: iam:{operation} on"
            f" resource: policy {arn}"
        )
    return policy


def find_version(tx: Tx, policy: Policy, number: int) -> Version | None:
    """Return a version of a managed policy, or None."""
    if policy.account == OWNER:
        document = managed_document(policy.arn)
        assert document is not None
        return Version(1, document, policy.created_ms) if number == 1 else None
    found: Version | None = tx.one(Version, "identity.version", policy=policy.arn, version=number)
    return found


def default_document(tx: Tx, account: str, arn: str) -> str | None:
    """Return what a managed policy says now, or None for one that is gone."""
    if arn.startswith(PREFIX):
        return managed_document(arn)
    found = tx.one(Text, "identity.default_document", account=account, arn=arn)
    return None if found is None else str(found.text)


def uses_of(tx: Tx, account: str) -> dict[str, Use]:
    """Return how often each managed policy is used in an account, where it is."""
    return {use.policy: use for use in tx.rows(Use, "identity.uses", account=account)}


def attached_to(tx: Tx, role: Role) -> list[str]:
    """Return the ARNs of the managed policies that a role has."""
    rows = tx.rows(Text, "identity.attached", account=role.account, role=role.name)
    return [row.text for row in rows]


def role_view(role: Role, *, is_whole: bool = True) -> dict[str, Any]:
    """Return a role as answers show it; lists leave out what has operations of its own.

    AWS: API_ListRoles, "this operation does not return the following attributes".
    """
    view: dict[str, Any] = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created_ms,
        "AssumeRolePolicyDocument": shown(role.trust),
        "MaxSessionDuration": role.max_session_s,
    }
    if role.description is not None:
        view["Description"] = role.description
    if not is_whole:
        return view
    if role.boundary is not None:
        view["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": role.boundary,
        }
    if role.tags != "{}":
        view["Tags"] = tags_view(role.tags)
    return view


def policy_view(policy: Policy, use: Use | None, *, is_whole: bool = True) -> dict[str, Any]:
    """Return a managed policy as answers show it; lists leave out tags and description.

    AWS: API_ListPolicies.
    """
    view: dict[str, Any] = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": 0 if use is None else use.attached,
        "PermissionsBoundaryUsageCount": 0 if use is None else use.bounding,
        "IsAttachable": True,
        "CreateDate": policy.created_ms,
        "UpdateDate": policy.updated_ms,
    }
    if is_whole:
        view["Tags"] = tags_view(policy.tags)
        if policy.description is not None:
            view["Description"] = policy.description
    return view


def tags_view(tags: str) -> list[dict[str, str]]:
    """Return tags as answers list them."""
    return [{"Key": key, "Value": value} for key, value in json.loads(tags).items()]
