"""Members of requests on buses, rules and targets that are not acted on: kept and shown, or
refused; never ignored. docs/compat is generated from LABELS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.services.buses.refusals import invalid
from redrive.services.labels import Label, refused, unsupported

LABELS = (
    Label("KmsKeyIdentifier", "kept", "Shown; events are stored as they are."),
    Label("LogConfig", "kept", "Shown; buses write no logs."),
    Label(
        "DeadLetterConfig of a bus",
        "kept",
        "Shown; AWS sends there what it cannot decrypt, and nothing is encrypted here.",
    ),
    Label("TraceHeader", "kept", "Accepted; no trace segments are written."),
    Label("RoleArn", "kept", "Shown; targets are called as events.amazonaws.com."),
    Label(
        "Condition of PutPermission",
        "kept",
        "Written into the policy; accounts are in no organization, so that it lets nobody in.",
    ),
    Label(
        "State ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        "kept",
        "As ENABLED; no CloudTrail sends events.",
    ),
    Label(
        "InvocationConnectivityParameters and ConnectivityParameters",
        "refused",
        "Private APIs are reached through VPC Lattice, which this server does not have.",
    ),
    Label("EventSourceName", "refused", "Partner event sources do not exist here."),
    Label("EndpointId", "refused", "Global endpoints do not exist here."),
    Label("KinesisParameters", "refused", "Kinesis streams are no targets here."),
    Label("RunCommandParameters", "refused", "EC2 instances are no targets here."),
    Label("EcsParameters", "refused", "ECS tasks are no targets here."),
    Label("BatchParameters", "refused", "Batch jobs are no targets here."),
    Label("RedshiftDataParameters", "refused", "Redshift clusters are no targets here."),
    Label("SageMakerPipelineParameters", "refused", "SageMaker pipelines are no targets here."),
    Label("AppSyncParameters", "refused", "AppSync APIs are no targets here."),
)

_REFUSED = refused(LABELS)


def refuse_unsupported(given: Mapping[str, Any]) -> None:
    """Refuse members that are not acted on; empty values pass, as tools send them for "none"."""
    for member, sentence in _REFUSED.items():
        if given.get(member):
            raise invalid(unsupported(member, sentence))
