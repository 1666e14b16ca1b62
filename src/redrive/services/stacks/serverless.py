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
from redrive.services.stacks.template import Document, unknown

FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"
PROPERTIES = [
    "Architectures",
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "Description",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Events",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionUrlConfig",
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
    "ProvisionedConcurrencyConfig",
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
    "VersionDeletionPolicy",
    "VersionDescription",
    "VpcConfig",
]
REFUSED: Mapping[str, str] = {
    "CapacityProviderConfig": "managed instances are not supported",
    "DurableConfig": "durable functions are not supported",
    "FunctionScalingConfig": "managed instances are not supported",
    "ImageConfig": "container images are not run here",
    "ImageUri": "container images are not run here: give a CodeUri",
    "PublishToLatestPublished": "managed instances are not supported",
    "TenancyConfig": "tenant isolation is not supported",
}
LABELS: Mapping[str, str] = {
    "DeploymentPreference": "an alias moves at once: nothing here shifts traffic by and by",
}
"""Properties that are taken and change nothing, each with what a person is told."""
EVENTS = ("CloudWatchEvent", "EventBridgeRule", "SNS", "SQS", "Schedule", "ScheduleV2")
TYPES = (FUNCTION, LAYER)

_SERVERLESS = "AWS::Serverless::"
_PLACES = {FUNCTION: "CodeUri", LAYER: "ContentUri"}
_EXPANDED_PLACES = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}


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
        if isinstance(kind, str) and kind.startswith(_SERVERLESS) and kind not in TYPES:
            message = unknown("resource type", kind, TYPES)
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


def label_notes(document: Document) -> list[str]:
    """Return what a person should know of properties that change nothing."""
    notes = []
    for path, properties in _functions(document.body):
        for name in sorted(LABELS.keys() & properties.keys()):
            notes.append(str(document.problem(LABELS[name], (*path, name))))
    return notes


def hide_local_code(
    body: Mapping[str, Json], hashes: Mapping[str, str] | None = None
) -> dict[str, Json]:
    """Return a copy of a SAM template in which every local place looks like one in S3.

    hashes: of the content that lies there, by logical id. SAM names a published version, and a
    layer, by its place, and so publishes another when the hash is another. Labels are left out.
    """
    copied = copy.deepcopy(dict(body))
    for path, properties in _functions(copied):
        for name in LABELS.keys() & properties.keys():
            del properties[name]
        if path[0] == "Globals":
            _hide(properties, "CodeUri", "")
    for name, resource in _object(copied.get("Resources")).items():
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if kind in _PLACES:
            properties = _object(resource.get("Properties"))
            _hide(properties, _PLACES[kind], (hashes or {}).get(name, ""))
            if hashes and kind == FUNCTION and "CodeUri" not in properties:
                _inherit_place(copied, properties, hashes.get(name, ""))
    return copied


def _hide(properties: dict[str, Json], name: str, content_hash: str) -> None:
    place = properties.get(name)
    if isinstance(place, str) and not place.startswith("s3://"):
        properties[name] = {"Bucket": LOCAL_BUCKET, "Key": place}
        if content_hash:
            properties[name]["Version"] = content_hash


def _inherit_place(body: dict[str, Json], properties: dict[str, Json], content_hash: str) -> None:
    """Give a function whose CodeUri is the Globals' one of its own, since its hash is its own."""
    shared = _object(_object(body.get("Globals")).get("Function")).get("CodeUri")
    if isinstance(shared, dict) and shared.get("Bucket") == LOCAL_BUCKET:
        properties["CodeUri"] = {**shared, **({"Version": content_hash} if content_hash else {})}


def show_local_code(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return a copy of an expanded template in which that code is a path again (`Code: ./src`)."""
    copied = copy.deepcopy(dict(body))
    for resource in _object(copied.get("Resources")).values():
        properties = _object(resource.get("Properties") if isinstance(resource, dict) else None)
        for name in _EXPANDED_PLACES.values():
            code = properties.get(name)
            if isinstance(code, dict) and code.get("S3Bucket") == LOCAL_BUCKET:
                properties[name] = code["S3Key"]
    return copied


def expanded_document(source: Document, body: Mapping[str, Json]) -> Document:
    """Return a document for the expansion of `source`, with lines in `source`."""
    origins: dict[Path, Path] = {
        ("Resources", name): origin(source, name) for name in _object(body.get("Resources"))
    }
    return Document(body, source.lines, source.name, origins)


def origin(source: Document, generated: str) -> Path:
    """Return where in the source a resource of the expansion comes from, itself when it is there.

    A generated resource belongs to the function or layer whose logical id its own begins with, the
    longest one (OrdersConsumerRole to OrdersConsumer, not to Orders); a mapping belongs to its
    event.
    """
    functions = {
        name: _object(resource.get("Properties"))
        for name, resource in _object(source.body.get("Resources")).items()
        if isinstance(resource, dict) and resource.get("Type") in TYPES
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
    """Return the local path of each function's and layer's code as the template gives it."""
    found = {}
    for name, resource in _object(body.get("Resources")).items():
        declared = _object(resource)
        place = _EXPANDED_PLACES.get(str(declared.get("Type")))
        code = _object(declared.get("Properties")).get(place) if place else None
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
