"""SAM templates before and after their expansion, without the library that expands them.

Before: what would expand into something that is not here is refused where the person wrote it.
Local code is carried through the expansion, which only knows code in S3. After: generated resources
get the lines of what they came from. The expansion itself is `sam.expand`.

AWS: SAM Developer Guide, "AWS::Serverless::Function" and "Globals section".
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from redrive.services.stacks.checks import LOCAL_BUCKET
from redrive.services.stacks.model import Json, Path, Problem
from redrive.services.stacks.resources import NO_VERSIONS
from redrive.services.stacks.template import Document, unknown

FUNCTION = "AWS::Serverless::Function"
PROPERTIES = [
    "Architectures",
    "AssumeRolePolicyDocument",
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Events",
    "FileSystemConfigs",
    "FunctionName",
    "Handler",
    "InlineCode",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "RolePath",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "SourceKMSKeyArn",
    "Tags",
    "Timeout",
    "Tracing",
    "VpcConfig",
]
REFUSED: Mapping[str, str] = {
    "AutoPublishAlias": NO_VERSIONS,
    "AutoPublishAliasAllProperties": NO_VERSIONS,
    "AutoPublishCodeSha256": NO_VERSIONS,
    "CapacityProviderConfig": "managed instances are not supported",
    "DeploymentPreference": NO_VERSIONS,
    "DurableConfig": "durable functions are not supported",
    "EventInvokeConfig": "asynchronous calls are not configured by templates yet",
    "FunctionScalingConfig": "managed instances are not supported",
    "FunctionUrlConfig": "function URLs are not supported yet",
    "ImageConfig": "container images are not run here",
    "ImageUri": "container images are not run here: give a CodeUri",
    "ProvisionedConcurrencyConfig": NO_VERSIONS,
    "PublishToLatestPublished": NO_VERSIONS,
    "TenancyConfig": "tenant isolation is not supported",
    "VersionDeletionPolicy": NO_VERSIONS,
    "VersionDescription": NO_VERSIONS,
}
EVENTS = ("SQS",)


def check_serverless(document: Document) -> list[Problem]:
    """Return what of a SAM template cannot become supported resources, by its own lines."""
    problems = []
    for path, properties in _functions(document.body):
        for name in properties:
            if name in REFUSED:
                message = f"{name} is not supported: {REFUSED[name]}"
                problems.append(document.problem(message, (*path, name)))
            elif name not in PROPERTIES:
                message = unknown(f"property of {FUNCTION}:", name, PROPERTIES)
                problems.append(document.problem(message, (*path, name)))
        for name, event in _object(properties.get("Events")).items():
            kind = event.get("Type") if isinstance(event, dict) else None
            if kind not in EVENTS:
                message = f"{unknown('event type', str(kind), EVENTS)}"
                problems.append(document.problem(message, (*path, "Events", name)))
    for name, resource in _object(document.body.get("Resources")).items():
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if isinstance(kind, str) and kind.startswith("AWS::Serverless::") and kind != FUNCTION:
            message = unknown("resource type", kind, [FUNCTION])
            problems.append(document.problem(message, ("Resources", name, "Type")))
    return problems


def _functions(body: Mapping[str, Json]) -> Iterator[tuple[Path, dict[str, Json]]]:
    """Yield the properties of every serverless function and of the Globals that all share."""
    shared = _object(body.get("Globals")).get("Function")
    if isinstance(shared, dict):
        yield ("Globals", "Function"), shared
    for name, resource in _object(body.get("Resources")).items():
        if isinstance(resource, dict) and resource.get("Type") == FUNCTION:
            yield ("Resources", name, "Properties"), _object(resource.get("Properties"))


def hide_local_code(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return a copy of a SAM template in which every local CodeUri looks like a place in S3."""
    copied = copy.deepcopy(dict(body))
    for _path, properties in _functions(copied):
        place = properties.get("CodeUri")
        if isinstance(place, str) and not place.startswith("s3://"):
            properties["CodeUri"] = {"Bucket": LOCAL_BUCKET, "Key": place}
    return copied


def show_local_code(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return a copy of an expanded template in which that code is a path again (`Code: ./src`)."""
    copied = copy.deepcopy(dict(body))
    for resource in _object(copied.get("Resources")).values():
        properties = _object(resource.get("Properties") if isinstance(resource, dict) else None)
        code = properties.get("Code")
        if isinstance(code, dict) and code.get("S3Bucket") == LOCAL_BUCKET:
            properties["Code"] = code["S3Key"]
    return copied


def expanded_document(source: Document, body: Mapping[str, Json]) -> Document:
    """Return a document for the expansion of `source`, with lines in `source`."""
    origins: dict[Path, Path] = {
        ("Resources", name): origin(source, name) for name in _object(body.get("Resources"))
    }
    return Document(body, source.lines, source.name, origins)


def origin(source: Document, generated: str) -> Path:
    """Return where in the source a resource of the expansion comes from, itself when it is there.

    A generated resource belongs to the function whose logical id its own begins with, the longest
    one (OrdersConsumerRole to OrdersConsumer, not to Orders); a mapping belongs to its event.
    """
    functions = {
        path[1]: properties
        for path, properties in _functions(source.body)
        if path[0] == "Resources"
    }
    owners = [owner for owner in map(str, functions) if generated.startswith(owner)]
    if generated in _object(source.body.get("Resources")) or not owners:
        return "Resources", generated
    owner = max(owners, key=len)
    event = generated.removeprefix(owner)
    if event in _object(functions[owner].get("Events")):
        return "Resources", owner, "Properties", "Events", event
    return "Resources", owner


def local_code(body: Mapping[str, Json]) -> dict[str, str]:
    """Return the local path of each function's code as the template gives it, by logical id."""
    found = {}
    for name, resource in _object(body.get("Resources")).items():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Lambda::Function":
            code = _object(resource.get("Properties")).get("Code")
            if isinstance(code, str):
                found[name] = code
    return found


def with_packages(body: Mapping[str, Json], packages: Mapping[str, str]) -> dict[str, Json]:
    """Return a copy in which the code of each function named in `packages` is that folder.

    The folders are absolute and named by their content, so that changed code is a changed property.
    """
    copied = copy.deepcopy(dict(body))
    for name, folder in packages.items():
        code = {"S3Bucket": LOCAL_BUCKET, "S3Key": folder}
        copied["Resources"][name]["Properties"]["Code"] = code
    return copied


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
