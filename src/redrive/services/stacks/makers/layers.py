"""AWS::Lambda::LayerVersion and ::LayerVersionPermission as Lambda requests."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.effects import Result
from redrive.services.stacks.makers.maker import GONE, Properties, Target
from redrive.services.stacks.model import Request


class LayerMaker:
    """A version of a layer. Its Ref is its ARN; every change publishes another."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return PublishLayerVersion; of one that a crash left behind, nobody knows the number."""
        names = ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")
        params = {name: properties[name] for name in names if name in properties}
        content = properties["Content"]
        assert isinstance(content, dict), "local code is packaged before it is deployed"
        packed = target.packages.get(content["S3Key"])
        place = {name: content[name] for name in ("S3Bucket", "S3Key")}
        params |= {"LayerName": target.physical_id, "Content": place}
        if packed is not None:
            params["Content"] = {"ZipFile": packed}
        return (Request("lambda", "PublishLayerVersion", params),)

    def update(
        self, target: Target, _old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return nothing: every change of it makes another."""
        return ()

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteLayerVersion; nothing when it was never published."""
        layer, _colon, number = target.physical_id.rpartition(":")
        if not number.isdigit():
            return ()
        params = {"LayerName": layer, "VersionNumber": int(number)}
        return (Request("lambda", "DeleteLayerVersion", params, gone=GONE),)

    def outcome(
        self, _target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the version's ARN."""
        arn = str(replies[0]["LayerVersionArn"])
        return arn, {"Ref": arn, "LayerVersionArn": arn}


class LayerPermissionMaker:
    """A statement of a layer version's policy. Every change makes a new one."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return AddLayerVersionPermission; one left by a crash is taken away first."""
        names = ("Action", "OrganizationId", "Principal")
        params = {name: properties[name] for name in names if name in properties}
        params |= {**_layer(properties), "StatementId": target.physical_id}
        added = Request("lambda", "AddLayerVersionPermission", params)
        return (*self.delete(target, properties), added) if target.unsure else (added,)

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the statement's removal and its return: reached only after a crash."""
        return (*self.delete(target, old), *self.create(target, new))

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return RemoveLayerVersionPermission."""
        if "LayerVersionArn" not in properties:
            return ()
        params = {**_layer(properties), "StatementId": target.physical_id}
        return (Request("lambda", "RemoveLayerVersionPermission", params, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the statement's id."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


def _layer(properties: Properties) -> dict[str, str | int]:
    layer, _colon, number = str(properties["LayerVersionArn"]).rpartition(":")
    return {"LayerName": layer, "VersionNumber": int(number) if number.isdigit() else 0}
