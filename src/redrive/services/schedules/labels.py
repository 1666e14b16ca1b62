"""Members of Scheduler's requests that are not acted on: kept and shown, or refused; never ignored.

docs/compat is generated from LABELS. A member of the model that is neither here nor in HONOURED
fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.services.labels import Label, refused, unsupported
from redrive.services.schedules.refusals import invalid

LABELS = (
    Label("KmsKeyArn", "kept", "Shown; schedules are stored unencrypted."),
    Label(
        "RoleArn",
        "kept",
        "Resource policies see it as the caller; it need not exist and its own policies are not"
        " asked.",
    ),
    Label("EcsParameters", "refused", "There are no ECS tasks."),
    Label("KinesisParameters", "refused", "There are no Kinesis streams."),
    Label("SageMakerPipelineParameters", "refused", "There are no SageMaker pipelines."),
)

HONOURED = frozenset(
    [
        "ActionAfterCompletion",
        "ClientToken",
        "Description",
        "EndDate",
        "FlexibleTimeWindow",
        "GroupName",
        "MaxResults",
        "Name",
        "NamePrefix",
        "NextToken",
        "ResourceArn",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate",
        "State",
        "TagKeys",
        "Tags",
        "Target",
        # of a Target
        "Arn",
        "DeadLetterConfig",
        "EventBridgeParameters",
        "EventBridgePutEventsV2Parameters",
        "EventBridgePutRawEventsParameters",
        "Input",
        "RetryPolicy",
        "SqsParameters",
    ]
)

_REFUSED = refused(LABELS)


def refuse_unsupported(target: Mapping[str, Any]) -> None:
    """Refuse the members of a target that nothing here could honour."""
    for member, sentence in _REFUSED.items():
        if target.get(member) is not None:
            raise invalid(unsupported(member, sentence))
