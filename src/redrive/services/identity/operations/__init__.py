"""The operations of IAM and STS, and the internal ones that templates are deployed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.services.identity.operations import (
    deploying,
    granting,
    policies,
    roles,
    sessions,
    tags,
)
from redrive.services.identity.room import Identity
from redrive.services.registry import Registry

_IAM: Mapping[str, Callable[..., Any]] = {
    "AttachRolePolicy": granting.attach_role_policy,
    "CreatePolicy": policies.create_policy,
    "CreatePolicyVersion": policies.create_policy_version,
    "CreateRole": roles.create_role,
    "DeletePolicy": policies.delete_policy,
    "DeletePolicyVersion": policies.delete_policy_version,
    "DeleteRole": roles.delete_role,
    "DeleteRolePermissionsBoundary": roles.delete_boundary,
    "DeleteRolePolicy": granting.delete_role_policy,
    "DetachRolePolicy": granting.detach_role_policy,
    "GetPolicy": policies.get_policy,
    "GetPolicyVersion": policies.get_policy_version,
    "GetRole": roles.get_role,
    "GetRolePolicy": granting.get_role_policy,
    "ListAttachedRolePolicies": granting.list_attached_role_policies,
    "ListEntitiesForPolicy": policies.list_entities,
    "ListInstanceProfilesForRole": roles.list_instance_profiles,
    "ListPolicies": policies.list_policies,
    "ListPolicyTags": tags.list_policy_tags,
    "ListPolicyVersions": policies.list_policy_versions,
    "ListRolePolicies": granting.list_role_policies,
    "ListRoleTags": tags.list_role_tags,
    "ListRoles": roles.list_roles,
    "PutRolePermissionsBoundary": roles.put_boundary,
    "PutRolePolicy": granting.put_role_policy,
    "SetDefaultPolicyVersion": policies.set_default_policy_version,
    "TagPolicy": tags.tag_policy,
    "TagRole": tags.tag_role,
    "UntagPolicy": tags.untag_policy,
    "UntagRole": tags.untag_role,
    "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
    "UpdateRole": roles.update_role,
    "UpdateRoleDescription": roles.update_role_description,
    # Internal: no model holds these names.
    "DeployPolicy": deploying.deploy_policy,
    "DeployRole": deploying.deploy_role,
    "DiscardPolicy": deploying.discard_policy,
    "DiscardRole": deploying.discard_role,
    "ResetAccount": deploying.reset_account,
}
_STS: Mapping[str, Callable[..., Any]] = {
    "AssumeRole": sessions.assume_role,
    "AssumeRoleWithWebIdentity": sessions.assume_role_with_web_identity,
    "GetAccessKeyInfo": sessions.get_access_key_info,
    "GetCallerIdentity": sessions.get_caller_identity,
    "GetSessionToken": sessions.get_session_token,
}


def register(registry: Registry, room: Identity) -> None:
    """Add the services `iam` and `sts` to the registry."""
    registry.add("iam", {name: partial(work, room) for name, work in _IAM.items()})
    registry.add("sts", {name: partial(work, room) for name, work in _STS.items()})
