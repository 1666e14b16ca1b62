"""The resource types that a template may hold: one table for each, property by property.

A property is honoured (it changes what happens), a label (kept and shown, changes nothing), or
refused with a reason; one that is in no table is unknown. There is no fourth way: docs/compat is
written from `labels` and `refusals`. Not here: what operations the properties become (`requests`).

AWS: CloudFormation Template Reference, the page of each type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = Mapping[str, "Property"]
Form = Literal["string", "integer", "boolean", "json", "object", "strings", "texts", "list", "code"]
# json: an object, or its text; object: any object, or one of `shape`; strings: a list of them;
# texts: an object of strings; list: a list of `shape`; code: a local path or an object of `shape`


@dataclass(frozen=True, slots=True)
class Property:
    """How one property is written and what it does.

    replaces: a change of it needs a new resource. choices: the values of which it must be one.
    """

    form: Form = "string"
    required: bool = False
    replaces: bool = False
    label: bool = False
    refused: str = ""
    choices: tuple[str, ...] = ()
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type.

    attributes: what Fn::GetAtt can ask of it. named_by: the property that names it, if any; else,
    and when it is not given, a name of at most name_length_max characters is made. fixed: see
    `replaces`.
    """

    name: str
    properties: Shape
    attributes: tuple[str, ...] = ()
    named_by: str | None = None
    name_length_max: int = 255
    fixed: frozenset[str] = field(default=frozenset())  # a change of any of these replaces


_TEXT = Property()
_NUMBER = Property("integer")
_FLAG = Property("boolean")
_OBJECT = Property("object")
_TAG: Shape = {"Key": Property(required=True), "Value": Property(required=True)}
_TAGS = Property("list", label=True, shape=_TAG)
_STREAMS = Property(refused="it is for streams and Kafka; only queues are event sources here")
_KMS = Property(label=True)
_FIFO = Property(refused="queues are standard ones until FIFO queues come")

_QUEUE: Shape = {
    "ContentBasedDeduplication": _FIFO,
    "DeduplicationScope": _FIFO,
    "DelaySeconds": _NUMBER,
    "FifoQueue": _FIFO,
    "FifoThroughputLimit": _FIFO,
    "KmsDataKeyReusePeriodSeconds": Property("integer", label=True),
    "KmsMasterKeyId": _KMS,
    "MaximumMessageSize": _NUMBER,
    "MessageRetentionPeriod": _NUMBER,
    "QueueName": Property(replaces=True),
    "ReceiveMessageWaitTimeSeconds": _NUMBER,
    "RedriveAllowPolicy": Property(
        "json",
        shape={
            "redrivePermission": Property(choices=("allowAll", "byQueue", "denyAll")),
            "sourceQueueArns": Property("strings"),
        },
    ),
    "RedrivePolicy": Property(
        "json",
        shape={
            "deadLetterTargetArn": Property(required=True),
            "maxReceiveCount": Property("integer", required=True),
        },
    ),
    "SqsManagedSseEnabled": Property("boolean", label=True),
    "Tags": _TAGS,
    "VisibilityTimeout": _NUMBER,
}

_CODE: Shape = {
    "ImageUri": Property(refused="container images are not run here: give a folder or a zip file"),
    "S3Bucket": _TEXT,
    "S3Key": _TEXT,
    "S3ObjectVersion": _TEXT,
    "SourceKMSKeyArn": _KMS,
    "ZipFile": _TEXT,
}

_FUNCTION: Shape = {
    "Architectures": Property("strings", label=True),
    "CapacityProviderConfig": Property(refused="managed instances are not supported"),
    "Code": Property("code", required=True, shape=_CODE),
    "CodeSigningConfigArn": Property(label=True),
    "DeadLetterConfig": Property(refused="asynchronous events have no dead-letter target yet"),
    "Description": Property(label=True),
    "DurableConfig": Property(refused="durable functions are not supported"),
    "Environment": Property("object", shape={"Variables": Property("texts")}),
    "EphemeralStorage": Property("object", label=True, shape={"Size": _NUMBER}),
    "FileSystemConfigs": Property(refused="there is no file system to mount: use a folder"),
    "FunctionName": Property(replaces=True),
    "FunctionScalingConfig": Property(refused="managed instances are not supported"),
    "Handler": Property(required=True),
    "ImageConfig": Property(refused="container images are not run here"),
    "KmsKeyArn": _KMS,
    "Layers": Property(refused="put what the layer holds into the function's folder"),
    "LoggingConfig": Property("object", label=True),
    "MemorySize": _NUMBER,
    "PackageType": Property(choices=("Zip",), replaces=True),
    "PublishToLatestPublished": Property(refused="versions are not published from templates"),
    "RecursiveLoop": Property(label=True, choices=("Allow", "Terminate")),
    "ReservedConcurrentExecutions": _NUMBER,
    "Role": Property(required=True),
    "Runtime": Property(required=True),
    "RuntimeManagementConfig": Property("object", label=True),
    "SnapStart": Property("object", label=True),
    "Tags": _TAGS,
    "TenancyConfig": Property(refused="tenant isolation is not supported"),
    "Timeout": _NUMBER,
    "TracingConfig": Property("object", label=True),
    "VpcConfig": Property("object", label=True),
}

_MAPPING: Shape = {
    "AmazonManagedKafkaEventSourceConfig": _STREAMS,
    "BatchSize": _NUMBER,
    "BisectBatchOnFunctionError": _STREAMS,
    "DestinationConfig": _STREAMS,
    "DocumentDBEventSourceConfig": _STREAMS,
    "Enabled": _FLAG,
    "EventSourceArn": Property(required=True, replaces=True),
    "FilterCriteria": Property(refused="every message goes to the function: test it there"),
    "FunctionName": Property(required=True),
    "FunctionResponseTypes": Property("strings", choices=("ReportBatchItemFailures",)),
    "KmsKeyArn": _KMS,
    "LoggingConfig": Property("object", label=True),
    "MaximumBatchingWindowInSeconds": _NUMBER,
    "MaximumRecordAgeInSeconds": _STREAMS,
    "MaximumRetryAttempts": _STREAMS,
    "MetricsConfig": Property("object", label=True),
    "ParallelizationFactor": _STREAMS,
    "ProvisionedPollerConfig": Property(refused="use ScalingConfig"),
    "Queues": Property(refused="it is for Amazon MQ; name the queue by EventSourceArn"),
    "ScalingConfig": Property("object", shape={"MaximumConcurrency": _NUMBER}),
    "SelfManagedEventSource": _STREAMS,
    "SelfManagedKafkaEventSourceConfig": _STREAMS,
    "SourceAccessConfigurations": _STREAMS,
    "StartingPosition": _STREAMS,
    "StartingPositionTimestamp": _STREAMS,
    "Tags": _TAGS,
    "Topics": _STREAMS,
    "TumblingWindowInSeconds": _STREAMS,
}

_PERMISSION: Shape = {
    "Action": Property(required=True),
    "EventSourceToken": Property(label=True),
    "FunctionName": Property(required=True),
    "FunctionUrlAuthType": Property(label=True),
    "InvokedViaFunctionUrl": Property("boolean", label=True),
    "Principal": Property(required=True),
    "PrincipalOrgID": Property(label=True),
    "SourceAccount": _TEXT,
    "SourceArn": _TEXT,
}

# Policies of roles are not judged yet: all of a role but its name is kept and shown.
_NAMED_DOCUMENT: Shape = {
    "PolicyName": Property(required=True),
    "PolicyDocument": Property("json", required=True),
}
_ROLE: Shape = {
    "AssumeRolePolicyDocument": Property("json", required=True, label=True),
    "Description": Property(label=True),
    "ManagedPolicyArns": Property("strings", label=True),
    "MaxSessionDuration": Property("integer", label=True),
    "Path": Property(replaces=True),
    "PermissionsBoundary": Property(label=True),
    "Policies": Property("list", label=True, shape=_NAMED_DOCUMENT),
    "RoleName": Property(replaces=True),
    "Tags": _TAGS,
}
_ATTACHED: Shape = {
    "Groups": Property("strings", label=True),
    "Roles": Property("strings", label=True),
    "Users": Property("strings", label=True),
}
_POLICY: Shape = {
    **_ATTACHED,
    "PolicyDocument": Property("json", required=True, label=True),
    "PolicyName": Property(required=True, label=True),
}
_MANAGED_POLICY: Shape = {
    **_ATTACHED,
    "Description": Property(label=True, replaces=True),
    "ManagedPolicyName": Property(replaces=True),
    "Path": Property(replaces=True),
    "PolicyDocument": Property("json", required=True, label=True),
}

TYPES: Mapping[str, ResourceType] = {
    kind.name: kind
    for kind in (
        ResourceType(
            "AWS::SQS::Queue",
            _QUEUE,
            ("Arn", "QueueName", "QueueUrl"),
            "QueueName",
            name_length_max=80,
        ),
        ResourceType(
            "AWS::SQS::QueuePolicy",
            {
                "PolicyDocument": Property("json", required=True),
                "Queues": Property("strings", required=True),
            },
            ("Id",),
        ),
        ResourceType(
            "AWS::Lambda::Function", _FUNCTION, ("Arn",), "FunctionName", name_length_max=64
        ),
        ResourceType("AWS::Lambda::EventSourceMapping", _MAPPING, ("EventSourceMappingArn", "Id")),
        ResourceType("AWS::Lambda::Permission", _PERMISSION, ("Id",), fixed=frozenset(_PERMISSION)),
        ResourceType("AWS::IAM::Role", _ROLE, ("Arn", "RoleId"), "RoleName", name_length_max=64),
        ResourceType("AWS::IAM::Policy", _POLICY, ("Id",)),
        ResourceType(
            "AWS::IAM::ManagedPolicy",
            _MANAGED_POLICY,
            ("PolicyArn",),
            "ManagedPolicyName",
            name_length_max=128,
        ),
    )
}
"""Every type that can be deployed, by its name."""

NO_VERSIONS = "versions and aliases are not published from templates yet: leave it out"
REFUSED_TYPES: Mapping[str, str] = {
    "AWS::Lambda::Alias": NO_VERSIONS,
    "AWS::Lambda::Version": NO_VERSIONS,
}


def replaces(kind: ResourceType, name: str) -> bool:
    """Tell whether a change of this property needs a new resource."""
    return name in kind.fixed or kind.properties[name].replaces


def labels() -> Iterator[tuple[str, str]]:
    """Yield (type, property) for everything that is kept and shown but changes nothing."""
    for kind in TYPES.values():
        for path, rule in _walk(kind.properties, ""):
            if rule.label:
                yield kind.name, path


def refusals() -> Iterator[tuple[str, str, str]]:
    """Yield (type, property, reason) for everything that is refused by name."""
    for kind in TYPES.values():
        for path, rule in _walk(kind.properties, ""):
            if rule.refused:
                yield kind.name, path, rule.refused


def _walk(shape: Shape, prefix: str) -> Iterator[tuple[str, Property]]:
    for name, rule in shape.items():
        yield prefix + name, rule
        if rule.shape is not None and not rule.label:
            yield from _walk(rule.shape, f"{prefix}{name}.")
