"""CloudWatch Logs on top of the log file: the service "logs".

Functions' logs and clients' own events are the same rows, and all of it lies outside of the
acknowledged path; PutLogEvents is in the file before its answer, and the file is not synced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.registry import Registry
from redrive.services.telemetry.cloudwatch import (
    delivering,
    groups,
    putting,
    reading,
    streams,
    tags,
)
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

LOGS: Mapping[str, Callable[..., Any]] = {
    "CreateLogGroup": groups.create_log_group,
    "CreateLogStream": streams.create_log_stream,
    "DeleteLogGroup": groups.delete_log_group,
    "DeleteLogStream": streams.delete_log_stream,
    "DeleteRetentionPolicy": groups.delete_retention_policy,
    "DescribeLogGroups": groups.describe_log_groups,
    "DescribeLogStreams": streams.describe_log_streams,
    "DescribeMetricFilters": groups.no_filters("metricFilters"),
    "DescribeSubscriptionFilters": groups.no_filters("subscriptionFilters"),
    "FilterLogEvents": reading.filter_log_events,
    "GetLogEvents": reading.get_log_events,
    "ListLogGroups": groups.list_log_groups,
    "ListTagsForResource": tags.list_tags_for_resource,
    "ListTagsLogGroup": tags.list_tags_log_group,
    "PutLogEvents": putting.put_log_events,
    "PutLogGroupDeletionProtection": groups.put_deletion_protection,
    "PutRetentionPolicy": groups.put_retention_policy,
    "TagLogGroup": tags.tag_log_group,
    "TagResource": tags.tag_resource,
    "UntagLogGroup": tags.untag_log_group,
    "UntagResource": tags.untag_resource,
}

REFUSED: Mapping[str, tuple[str, str]] = {
    "AssociateKmsKey": ("InvalidParameterException", "Logs are not encrypted by this server."),
    "CreateExportTask": ("InvalidParameterException", "There is no S3 to export logs to."),
    "PutMetricFilter": ("InvalidParameterException", "There are no metric filters."),
    "PutSubscriptionFilter": ("InvalidParameterException", "There are no subscription filters."),
    "StartLiveTail": (
        "InvalidOperationException",
        "Live Tail streams over HTTP/2. Follow a log with FilterLogEvents, as `aws logs tail"
        " --follow` does, or with `redrive logs --follow`.",
    ),
    "StartQuery": ("InvalidParameterException", "There is no Logs Insights: use FilterLogEvents."),
}
"""Asked for often enough to be told why not: with a code of the operation's own model."""


def register(registry: Registry, room: Telemetry) -> None:
    """Add the operations to the registry. Each sees what functions wrote a moment ago."""
    operations = {name: partial(_flushed, room, work) for name, work in LOGS.items()}
    operations |= {name: partial(_refuse, *told) for name, told in REFUSED.items()}
    operations["ResetAccount"] = partial(_flushed, room, groups.reset_account)
    operations["DeliverEvents"] = partial(delivering.deliver_events, room)
    registry.add("logs", operations)


def _flushed(
    room: Telemetry, work: Callable[..., Any], tx: Tx, params: Params, context: Context
) -> Any:
    room.flush_all(context.now_ms)
    return work(room, tx, params, context)


def _refuse(code: str, sentence: str, tx: Tx, params: Params, context: Context) -> Result:
    raise ServiceError(code, f"{sentence} This is not built into this server.", status=400)
