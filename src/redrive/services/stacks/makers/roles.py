"""AWS::IAM::Role, ::Policy and ::ManagedPolicy: records that are kept and shown; no request is
made.

A role's ARN is what functions are given; who may do what is not judged by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import Properties, Target
from redrive.services.stacks.model import Request
from redrive.services.stacks.names import suffix


class RecordMaker:
    """A resource of which the stack's own row is all that there is."""

    def create(self, _target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return nothing to ask for."""
        return ()

    def update(
        self, _target: Target, _old: Properties, _new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return nothing to ask for."""
        return ()

    def delete(self, _target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return nothing to ask for."""
        return ()

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the generated name (AWS::IAM::Policy)."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


class RoleMaker(RecordMaker):
    """A role. Its Ref is its name."""

    def outcome(
        self, target: Target, properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the role's name, its Arn and its RoleId (of AWS's form, from its name)."""
        name, world = target.physical_id, target.world
        path = properties.get("Path") or "/"
        identifier = "AROA" + suffix(world.account, name, 0, 0) + "ROLE5"
        arn = f"arn:aws:iam::{world.account}:role{path}{name}"
        return name, {"Ref": name, "Arn": arn, "RoleId": identifier}


class ManagedPolicyMaker(RecordMaker):
    """A managed policy. Its Ref is its ARN."""

    def outcome(
        self, target: Target, properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the policy's ARN."""
        path = properties.get("Path") or "/"
        arn = f"arn:aws:iam::{target.world.account}:policy{path}{target.physical_id}"
        return arn, {"Ref": arn, "PolicyArn": arn}
