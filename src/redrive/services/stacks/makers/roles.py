"""AWS::IAM::Role, ::Policy and ::ManagedPolicy as requests of IAM.

A role comes with its policies in one request, and so does a managed policy with the roles that it
is attached to: one transaction each, which says how the thing is to be. What else a role has, by
other resources or by hand, stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target
from redrive.services.stacks.makers.queues import attribute_text
from redrive.services.stacks.model import Json, Request

GONE = ("NoSuchEntity",)

_ROLE_KEPT = ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
_POLICY_KEPT = ("Description", "Path")


class RoleMaker:
    """A role. Its Ref is its name."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeployRole; one left by a crash is made anew as it is to be."""
        return (_deploy_role(target, {}, properties, is_new=not target.unsure),)

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return DeployRole, with what is to go; a role that somebody has deleted comes back."""
        return (_deploy_role(target, old, new, is_new=False),)

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DiscardRole: with all that is attached to it."""
        return (Request("iam", "DiscardRole", {"RoleName": target.physical_id}, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the role's name, its Arn and its RoleId."""
        name, role = target.physical_id, replies[-1]["Role"]
        return name, {"Ref": name, "Arn": str(role["Arn"]), "RoleId": str(role["RoleId"])}


class PolicyMaker:
    """A policy inside one or more roles. It has no id but the name that is made for it."""

    def create(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PutRolePolicy for each role, which replaces one left by a crash."""
        document = attribute_text(properties["PolicyDocument"])
        return tuple(
            Request("iam", "PutRolePolicy", {**keys, "PolicyDocument": document})
            for keys in _places(properties)
        )

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the policy for each role named, its removal from where it is no longer."""
        kept = _places(new)
        left = tuple(_drop(keys) for keys in _places(old) if keys not in kept)
        return (*left, *self.create(target, new))

    def delete(self, _target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return the policy's removal from each role."""
        return tuple(_drop(keys) for keys in _places(properties))

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the generated name."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


class ManagedPolicyMaker:
    """A managed policy. Its Ref is its ARN."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DeployPolicy; one left by a crash is made anew as it is to be."""
        return (_deploy_policy(target, {}, properties, is_new=not target.unsure),)

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return DeployPolicy: another document is another version."""
        return (_deploy_policy(target, old, new, is_new=False),)

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return DiscardPolicy: detached from everything."""
        arn = target.physical_id
        if not arn.startswith("arn:"):  # its creation was begun and never answered
            path = properties.get("Path") or "/"
            arn = f"arn:aws:iam::{target.world.account}:policy{path}{arn}"
        return (Request("iam", "DiscardPolicy", {"PolicyArn": arn}, gone=GONE),)

    def outcome(
        self, _target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the policy's ARN and its PolicyId."""
        policy = replies[-1]["Policy"]
        arn = str(policy["Arn"])
        return arn, {"Ref": arn, "PolicyArn": arn, "PolicyId": str(policy["PolicyId"])}


def _deploy_role(target: Target, old: Properties, new: Properties, *, is_new: bool) -> Request:
    arns, inlines = new.get("ManagedPolicyArns") or [], new.get("Policies") or []
    names = {inline["PolicyName"] for inline in inlines}
    params: dict[str, Json] = {
        "RoleName": target.physical_id,
        "IsNew": is_new,
        "AssumeRolePolicyDocument": attribute_text(new["AssumeRolePolicyDocument"]),
        "ManagedPolicyArns": arns,
        "Policies": [
            {
                "PolicyName": inline["PolicyName"],
                "PolicyDocument": attribute_text(inline["PolicyDocument"]),
            }
            for inline in inlines
        ],
        "Detach": [arn for arn in old.get("ManagedPolicyArns") or () if arn not in arns],
        "Drop": [
            inline["PolicyName"]
            for inline in old.get("Policies") or ()
            if inline["PolicyName"] not in names
        ],
    }
    params |= {name: new[name] for name in _ROLE_KEPT if name in new}
    return Request("iam", "DeployRole", params)


def _deploy_policy(target: Target, old: Properties, new: Properties, *, is_new: bool) -> Request:
    roles = new.get("Roles") or []
    params: dict[str, Json] = {
        "PolicyName": target.physical_id.rpartition("/")[2],
        "IsNew": is_new,
        "PolicyDocument": attribute_text(new["PolicyDocument"]),
        "Roles": roles,
        "Leave": [role for role in old.get("Roles") or () if role not in roles],
    }
    params |= {name: new[name] for name in _POLICY_KEPT if name in new}
    return Request("iam", "DeployPolicy", params)


def _places(properties: Properties) -> list[dict[str, str]]:
    """Return where an AWS::IAM::Policy is to be: a role and a name each."""
    name = properties.get("PolicyName", "")
    return [{"RoleName": role, "PolicyName": name} for role in properties.get("Roles") or ()]


def _drop(keys: dict[str, str]) -> Request:
    return Request("iam", "DeleteRolePolicy", keys, gone=GONE)
