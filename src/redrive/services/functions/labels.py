"""Members of Lambda's requests that are not acted on: kept and echoed, or refused; never ignored.

docs/compat is generated from LABELS. A member of the model that is neither here nor in HONOURED
fails a test, so that a new botocore cannot bring an option that nobody has looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.errors import ServiceError
from redrive.services.functions.refusals import constraint, invalid
from redrive.services.labels import Label, refused, unsupported

Params = Mapping[str, Any]


LABELS = (
    Label("Role", "kept", "Shown; the function runs with the server's local credentials."),
    Label("TracingConfig", "kept", "Shown; no trace segments are written."),
    Label("EphemeralStorage", "kept", "Checked and shown; /tmp is the machine's and not limited."),
    Label("Architectures", "kept", "Shown; code runs on this machine's own processor."),
    Label(
        "LoggingConfig",
        "kept",
        "Shown; logs are text in /aws/lambda/<name>, not filtered by level.",
    ),
    Label("KMSKeyArn", "kept", "Shown; environment variables are stored unencrypted."),
    Label("SnapStart", "kept", "Shown; it takes effect on published versions only."),
    Label(
        "RecursiveLoop",
        "kept",
        "Shown; requests do not carry their trace through this server, so no loop is stopped.",
    ),
    Label("UpdateRuntimeOn", "kept", "Shown; functions run on the machine's own interpreters."),
    Label("RuntimeVersionArn", "kept", "Shown; functions run on the machine's own interpreters."),
    Label("VpcConfig", "refused", "Subnets and security groups do not exist here."),
    Label("CodeSigningConfigArn", "refused", "No code signing configuration exists."),
    Label("FileSystemConfigs", "refused", "Network file systems are not mounted."),
    Label("ImageConfig", "refused", "Container images are not run."),
    Label("ImageUri", "refused", "Container images are not run."),
    Label("PublishTo", "refused", "There are no managed instances."),
    Label("TenancyConfig", "refused", "Tenants do not get environments of their own."),
    Label("CapacityProviderConfig", "refused", "There are no managed instances."),
    Label("DurableConfig", "refused", "Durable executions are not offered."),
    Label("RuntimeConfig", "refused", "Custom runtimes are not offered."),
    Label("AcceleratorConfig", "refused", "Accelerators are not offered."),
    Label("SourceKMSKeyArn", "refused", "Packages are stored unencrypted."),
    Label("S3ObjectVersion", "refused", "Local packages have no versions."),
    Label("S3ObjectStorageMode", "refused", "A package is always copied."),
    Label("DurableExecutionName", "refused", "Durable executions are not offered."),
    Label("TenantId", "refused", "Tenants do not get environments of their own."),
)

HONOURED = frozenset(
    [
        "FunctionName",
        "Runtime",
        "Handler",
        "Code",
        "Description",
        "Timeout",
        "MemorySize",
        "PackageType",
        "Environment",
        "Tags",
        "ZipFile",
        "S3Bucket",
        "S3Key",
        "DryRun",
        "RevisionId",
        "InvocationType",
        "LogType",
        "ClientContext",
        "Payload",
        "Qualifier",
        "Publish",
        "Layers",
        "DeadLetterConfig",
    ]
)

_KEPT_MEMBERS = (
    "TracingConfig",
    "EphemeralStorage",
    "Architectures",
    "LoggingConfig",
    "KMSKeyArn",
    "SnapStart",
)
_REFUSED = refused(LABELS)
# Values that ask for what happens anyway.
_HARMLESS = {"S3ObjectStorageMode": "COPY"}
# Refused in AWS's own words, below.
_OWN_WORDS = ("VpcConfig", "CodeSigningConfigArn")


def kept_labels(params: Params, before: Params) -> dict[str, Any]:
    """Return the labels after a request: those before it, with the ones that it gives replaced."""
    labels = dict(before)
    for member in _KEPT_MEMBERS:
        value = params.get(member)
        if value is None:
            continue
        if value in ("", {}):
            labels.pop(member, None)
        else:
            labels[member] = value
    return labels


def refuse_unsupported(params: Params) -> None:
    """Refuse what is not acted on, in AWS's words where AWS has them.

    Empty values pass: Terraform and SAM send them for "none".
    """
    for member, sentence in _REFUSED.items():
        value = params.get(member)
        if (
            not value
            or member in _OWN_WORDS
            or _HARMLESS.get(member) == value
            or (isinstance(value, Mapping) and not any(value.values()))
        ):
            continue
        raise invalid(unsupported(member, sentence))
    _refuse_strangers(params)
    architectures = params.get("Architectures")
    if architectures is not None and architectures not in (["x86_64"], ["arm64"]):
        rule = (
            "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
            "Member must not be null]"
        )
        raise constraint(f"[{', '.join(architectures)}]", "architectures", rule)


def _refuse_strangers(params: Params) -> None:
    """Refuse references to things that cannot exist here, as AWS does with unknown ones."""
    network = params.get("VpcConfig") or {}
    for subnet in network.get("SubnetIds") or ():
        raise invalid(
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
            f"EC2 Error Message: The subnet ID '{subnet}' does not exist"
        )
    for group in network.get("SecurityGroupIds") or ():
        raise invalid(
            "Error occurred while DescribeSecurityGroups. "
            "EC2 Error Code: InvalidGroup.NotFound. "
            f"EC2 Error Message: The security group '{group}' does not exist"
        )
    if params.get("CodeSigningConfigArn"):
        raise signing_not_found(params["CodeSigningConfigArn"])


def signing_not_found(arn: str) -> ServiceError:
    """Return the 404 for a code signing configuration, of which there are none."""
    return ServiceError(
        "CodeSigningConfigNotFoundException",
        "The code signing configuration cannot be found. Check that the provided configuration "
        f"is not deleted: {arn}.",
        status=404,
        extra={"Type": "User"},
    )
