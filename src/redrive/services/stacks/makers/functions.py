"""AWS::Lambda::Function, ::EventSourceMapping and ::Permission as Lambda requests."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.arn import function_arn
from redrive.core.effects import Result
from redrive.services.stacks.archive import inline_zip
from redrive.services.stacks.makers.maker import (
    EXISTS,
    GONE,
    Properties,
    Target,
    removed_tags,
    tag_map,
)
from redrive.services.stacks.model import Json, Request

# Template property -> parameter, and what it goes back to when a template no longer gives it
# (AWS: API_UpdateFunctionConfiguration; None for what a template must give).
_CONFIGURATION: dict[str, tuple[str, Json]] = {
    "DeadLetterConfig": ("DeadLetterConfig", {"TargetArn": ""}),
    "Description": ("Description", ""),
    "Environment": ("Environment", {"Variables": {}}),
    "EphemeralStorage": ("EphemeralStorage", {"Size": 512}),
    "Handler": ("Handler", None),
    "KmsKeyArn": ("KMSKeyArn", ""),
    "Layers": ("Layers", []),
    "LoggingConfig": ("LoggingConfig", {"LogFormat": "Text"}),
    "MemorySize": ("MemorySize", 128),
    "Role": ("Role", None),
    "Runtime": ("Runtime", None),
    "SnapStart": ("SnapStart", {"ApplyOn": "None"}),
    "Timeout": ("Timeout", 3),
    "TracingConfig": ("TracingConfig", {"Mode": "PassThrough"}),
    "VpcConfig": ("VpcConfig", {"SecurityGroupIds": [], "SubnetIds": []}),
}
_MAPPING_DEFAULTS: dict[str, Json] = {
    "BatchSize": 10,
    "Enabled": True,
    "FilterCriteria": {},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MetricsConfig": {"Metrics": []},
    "ProvisionedPollerConfig": {},
    "ScalingConfig": {},
}
_MAPPING_KEPT = {"KmsKeyArn": "KMSKeyArn"}


class FunctionMaker:
    """A function. Its Ref is its name."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateFunction, and what Lambda has operations of its own for."""
        name = target.physical_id
        params: dict[str, Json] = {"FunctionName": name, "Code": _code(target, properties)}
        for given, (param, _default) in _CONFIGURATION.items():
            if given in properties:
                params[param] = properties[given]
        for given in ("Architectures", "PackageType", "CodeSigningConfigArn"):
            if given in properties:
                params[given] = properties[given]
        if properties.get("Tags"):
            params["Tags"] = tag_map(properties["Tags"])
        found = Request("lambda", "GetFunction", {"FunctionName": name})
        exists, instead = (EXISTS, (found,)) if target.unsure else ((), ())
        created = Request("lambda", "CreateFunction", params, exists=exists, instead=instead)
        return (created, *_concurrency(name, properties), *_settings(name, {}, properties))

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return updates of code, configuration, concurrency and tags, each if need be."""
        name, requests = target.physical_id, []
        if "Code" in changes or "Architectures" in changes:
            code = {"FunctionName": name, **_code(target, new)}
            if "Architectures" in changes:
                code["Architectures"] = new.get("Architectures", ["x86_64"])
            requests.append(Request("lambda", "UpdateFunctionCode", code))
        configuration = {
            _CONFIGURATION[given][0]: new.get(given, _CONFIGURATION[given][1])
            for given in changes
            if given in _CONFIGURATION
        }
        if configuration:
            params = {"FunctionName": name, **configuration}
            requests.append(Request("lambda", "UpdateFunctionConfiguration", params))
        if "ReservedConcurrentExecutions" in changes:
            free = Request("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})
            requests += _concurrency(name, new) or (free,)
        arn = function_arn(target.world.region, target.world.account, name)
        requests += _settings(name, old, new)
        return (*requests, *_tags(arn, old, new, changes))

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteFunction."""
        params = {"FunctionName": target.physical_id}
        return (Request("lambda", "DeleteFunction", params, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the function's name and its Arn."""
        world = target.world
        arn = function_arn(world.region, world.account, target.physical_id)
        return target.physical_id, {"Ref": target.physical_id, "Arn": arn}


class MappingMaker:
    """An event source mapping. AWS chooses its id, a UUID, which is its Ref."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return CreateEventSourceMapping; of one left by a crash, its UUID is looked up."""
        params: dict[str, Json] = {
            name: properties[name]
            for name in ("EventSourceArn", "FunctionName", *_MAPPING_DEFAULTS)
            if name in properties
        }
        for given, param in _MAPPING_KEPT.items():
            if given in properties:
                params[param] = properties[given]
        if properties.get("Tags"):
            params["Tags"] = tag_map(properties["Tags"])
        both = {name: properties[name] for name in ("EventSourceArn", "FunctionName")}
        found = Request("lambda", "ListEventSourceMappings", both)
        exists, instead = (EXISTS, (found,)) if target.unsure else ((), ())
        operation = "CreateEventSourceMapping"
        return (Request("lambda", operation, params, exists=exists, instead=instead),)

    def update(
        self, target: Target, old: Properties, new: Properties, changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return UpdateEventSourceMapping for what changed, and the tags."""
        params: dict[str, Json] = {
            name: new.get(name, _MAPPING_DEFAULTS.get(name))
            for name in changes
            if name == "FunctionName" or name in _MAPPING_DEFAULTS
        }
        for given, param in _MAPPING_KEPT.items():
            if given in changes:
                params[param] = new.get(given, "" if given == "KmsKeyArn" else {})
        requests = []
        if params:
            params = {"UUID": target.physical_id, **params}
            requests.append(Request("lambda", "UpdateEventSourceMapping", params))
        return (*requests, *_tags(_mapping_arn(target, target.physical_id), old, new, changes))

    def delete(self, target: Target, _properties: Properties) -> tuple[Request, ...]:
        """Return DeleteEventSourceMapping."""
        if not target.physical_id:
            return ()
        params = {"UUID": target.physical_id}
        return (Request("lambda", "DeleteEventSourceMapping", params, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the mapping's UUID and its ARN."""
        reply = replies[-1]
        found = reply.get("EventSourceMappings")
        uuid = str((found[0] if found else reply)["UUID"])
        arn = _mapping_arn(target, uuid)
        return uuid, {"Ref": uuid, "Id": uuid, "EventSourceMappingArn": arn}


class PermissionMaker:
    """A statement of a function's policy. Every change makes a new one."""

    def create(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return AddPermission; one left by a crash is taken away first."""
        params = {"StatementId": target.physical_id, **properties}
        added = Request("lambda", "AddPermission", params)
        return (*self.delete(target, properties), added) if target.unsure else (added,)

    def update(
        self, target: Target, old: Properties, new: Properties, _changes: Sequence[str]
    ) -> tuple[Request, ...]:
        """Return the statement's removal and its return: reached only after a crash."""
        return (*self.delete(target, old), *self.create(target, new))

    def delete(self, target: Target, properties: Properties) -> tuple[Request, ...]:
        """Return RemovePermission."""
        if "FunctionName" not in properties:
            return ()
        params = {"FunctionName": properties["FunctionName"], "StatementId": target.physical_id}
        return (Request("lambda", "RemovePermission", params, gone=GONE),)

    def outcome(
        self, target: Target, _properties: Properties, _replies: Sequence[Result]
    ) -> tuple[str, dict[str, str]]:
        """Return the statement's id."""
        return target.physical_id, {"Ref": target.physical_id, "Id": target.physical_id}


def _code(target: Target, properties: Properties) -> dict[str, Json]:
    code = properties["Code"]
    assert isinstance(code, dict), "local code is packaged before it is deployed"
    if "ZipFile" in code:
        return {"ZipFile": inline_zip(code["ZipFile"], properties.get("Runtime", ""))}
    packed = target.packages.get(code["S3Key"])
    if packed is not None:
        return {"ZipFile": packed}
    return {"S3Bucket": code["S3Bucket"], "S3Key": code["S3Key"]}


def _concurrency(name: str, properties: Properties) -> tuple[Request, ...]:
    count = properties.get("ReservedConcurrentExecutions")
    if count is None:
        return ()
    params = {"FunctionName": name, "ReservedConcurrentExecutions": count}
    return (Request("lambda", "PutFunctionConcurrency", params),)


def _settings(name: str, old: Properties, new: Properties) -> list[Request]:
    """Return the operations for the settings that differ and have one of their own."""
    requests = []
    for given, operation, default in (
        ("RecursiveLoop", "PutFunctionRecursionConfig", "Terminate"),
        ("RuntimeManagementConfig", "PutRuntimeManagementConfig", {"UpdateRuntimeOn": "Auto"}),
    ):
        value = new.get(given, default if given in old else None)
        if value is not None and value != old.get(given):
            members = value if isinstance(value, dict) else {given: value}
            requests.append(Request("lambda", operation, {"FunctionName": name, **members}))
    return requests


def _tags(
    arn: str, old: Properties, new: Properties, changes: Sequence[str]
) -> tuple[Request, ...]:
    if "Tags" not in changes:
        return ()
    requests = []
    if removed := removed_tags(old, new):
        params: dict[str, Json] = {"Resource": arn, "TagKeys": removed}
        requests.append(Request("lambda", "UntagResource", params))
    if new.get("Tags"):
        params = {"Resource": arn, "Tags": tag_map(new["Tags"])}
        requests.append(Request("lambda", "TagResource", params))
    return tuple(requests)


def _mapping_arn(target: Target, uuid: str) -> str:
    world = target.world
    return f"arn:aws:lambda:{world.region}:{world.account}:event-source-mapping:{uuid}"
