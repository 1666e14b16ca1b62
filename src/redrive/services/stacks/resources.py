"""The resource types that a template may hold: one table for each, property by property.

A property is honoured (it changes what happens), a label (kept and shown, changes nothing), or
refused with a reason; one that is in no table is unknown. There is no fourth way: docs/compat is
written from `labels` and `refusals`. Not here: what operations the properties become (`requests`).

AWS: CloudFormation Template Reference, the page of each type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redrive.services.stacks.event_resources import EVENT_TYPES
from redrive.services.stacks.lambda_resources import LAMBDA_TYPES
from redrive.services.stacks.properties import (
    FLAG,
    KMS,
    NUMBER,
    TAG,
    TAGS,
    Property,
    ResourceType,
    Shape,
)

_QUEUE: Shape = {
    "ContentBasedDeduplication": FLAG,
    "DeduplicationScope": Property(choices=("messageGroup", "queue")),
    "DelaySeconds": NUMBER,
    "FifoQueue": Property("boolean", replaces=True),
    "FifoThroughputLimit": Property(choices=("perMessageGroupId", "perQueue")),
    "KmsDataKeyReusePeriodSeconds": Property("integer", label=True),
    "KmsMasterKeyId": KMS,
    "MaximumMessageSize": NUMBER,
    "MessageRetentionPeriod": NUMBER,
    "QueueName": Property(replaces=True),
    "ReceiveMessageWaitTimeSeconds": NUMBER,
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
    "Tags": TAGS,
    "VisibilityTimeout": NUMBER,
}

# What a role may do is judged when authorisation is on, and it is asked for by AssumeRole.
_NAMED_DOCUMENT: Shape = {
    "PolicyName": Property(required=True),
    "PolicyDocument": Property("json", required=True),
}
_ROLE: Shape = {
    "AssumeRolePolicyDocument": Property("json", required=True),
    "Description": Property(),
    "ManagedPolicyArns": Property("strings"),
    "MaxSessionDuration": Property("integer"),
    "Path": Property(replaces=True),
    "PermissionsBoundary": Property(),
    "Policies": Property("list", shape=_NAMED_DOCUMENT),
    "RoleName": Property(replaces=True),
    "Tags": Property("list", shape=TAG),
}
_ATTACHED: Shape = {
    "Groups": Property("strings", label=True),
    "Roles": Property("strings"),
    "Users": Property("strings", label=True),
}
_POLICY: Shape = {
    **_ATTACHED,
    "PolicyDocument": Property("json", required=True),
    "PolicyName": Property(required=True),
}
_MANAGED_POLICY: Shape = {
    **_ATTACHED,
    "Description": Property(replaces=True),
    "ManagedPolicyName": Property(replaces=True),
    "Path": Property(replaces=True),
    "PolicyDocument": Property("json", required=True),
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
        *LAMBDA_TYPES,
        *EVENT_TYPES,
        ResourceType("AWS::IAM::Role", _ROLE, ("Arn", "RoleId"), "RoleName", name_length_max=64),
        ResourceType("AWS::IAM::Policy", _POLICY, ("Id",)),
        ResourceType(
            "AWS::IAM::ManagedPolicy",
            _MANAGED_POLICY,
            ("PolicyArn", "PolicyId"),
            "ManagedPolicyName",
            name_length_max=128,
        ),
    )
}
"""Every type that can be deployed, by its name."""

REFUSED_TYPES: Mapping[str, str] = {
    "AWS::CloudWatch::AnomalyDetector": "anomaly detection is not offered",
    "AWS::Events::Endpoint": "there is one region: leave global endpoints out",
    "AWS::Logs::SubscriptionFilter": "logs are not sent on: read them with redrive logs",
    "AWS::Lambda::CapacityProvider": "managed instances are not supported",
    "AWS::Lambda::CodeSigningConfig": "code is not signed: leave it out",
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
