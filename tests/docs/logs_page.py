"""docs/compat/logs.md: what is said of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.docs.tables import Fact, bullets, member_rows, split, table

from redrive.core.time import DAY_MS
from redrive.services.registry import Registry
from redrive.services.telemetry.cloudwatch import REFUSED
from redrive.services.telemetry.cloudwatch.groups import CLASSES, GROUPS_MAX
from redrive.services.telemetry.rules import LOG_AGE_MS_MAX, LOG_BYTES_MAX
from redrive.wire.endpoint import Endpoint

_ENTITY = Fact("label", "There are no entities.")
_LINKED = Fact("honoured", "There are no linked accounts.")
_UNMASK = Fact("label", "Nothing is masked.")
MEMBERS = {
    ("CreateLogGroup", "kmsKeyId"): Fact(
        "label", "Shown by DescribeLogGroups; logs are not encrypted."
    ),
    ("CreateLogGroup", "logGroupClass"): Fact(
        "honoured", f"{' and '.join(CLASSES)}, which differ in nothing; others are refused."
    ),
    ("DescribeLogGroups", "includeLinkedAccounts"): _LINKED,
    ("ListLogGroups", "includeLinkedAccounts"): _LINKED,
    **{
        ("ListLogGroups", path): Fact("refused", "InvalidParameterException.")
        for path in (
            "dataSources[]",
            "dataSources[].name",
            "dataSources[].type",
            "fieldIndexNames[]",
            "logGroupTags[]",
            "logGroupTags[].key",
            "logGroupTags[].values[]",
        )
    },
    ("FilterLogEvents", "filterPattern"): Fact(
        "honoured",
        "Terms, JSON in braces, fields in brackets. Regular expressions and [*] are refused.",
    ),
    ("FilterLogEvents", "interleaved"): Fact("label", "Always so, as with AWS."),
    ("FilterLogEvents", "unmask"): _UNMASK,
    ("GetLogEvents", "unmask"): _UNMASK,
    ("PutLogEvents", "sequenceToken"): Fact("label", "Not looked at, as with AWS."),
    **{
        ("PutLogEvents", path): _ENTITY
        for path in ("entity", "entity.keyAttributes{}", "entity.attributes{}")
    },
    **{
        (operation, path): Fact("label", "There are no filters to list.")
        for operation, paths in (
            (
                "DescribeMetricFilters",
                ("filterNamePrefix", "nextToken", "limit", "metricName", "metricNamespace"),
            ),
            ("DescribeSubscriptionFilters", ("filterNamePrefix", "nextToken", "limit")),
        )
        for path in paths
    },
}


def logs_page(registry: Registry, endpoint: Endpoint) -> str:
    """Return the page."""
    served, missing = split("logs", registry, endpoint)
    served = [name for name in served if name not in REFUSED]
    treated = member_rows("logs", "telemetry", served, endpoint, MEMBERS)
    refused = ((name, code, sentence) for name, (code, sentence) in sorted(REFUSED.items()))
    return (
        "# CloudWatch Logs\n\nThe logs of functions, and clients' own events. Protocol: json.\n\n"
        f"Served: {', '.join(served)}.\n\n"
        f"Answered with UnknownOperationException: {', '.join(missing)}.\n\n"
        "## Refused by name\n\n"
        + table(("operation", "code", "why"), refused)
        + "\n## Members of requests\n\nA label is checked and changes nothing.\n\n"
        + table(("operation", "member", "", "what there is to say"), treated)
        + "\n## What differs from AWS\n\n"
        + bullets(_differences())
    )


def _differences() -> Iterator[str]:
    yield (
        f"All logs together take {LOG_BYTES_MAX >> 20} MB: beyond it the oldest go, whatever the"
        " retention of their group."
    )
    yield (
        f"A group without a policy keeps its events for {LOG_AGE_MS_MAX // DAY_MS} days after they"
        " were written; AWS keeps them for ever. With one they go so many days after they happened."
    )
    yield (
        "A stream without events goes when its last ones were written"
        f" {LOG_AGE_MS_MAX // DAY_MS} days ago."
    )
    yield f"An account has at most {GROUPS_MAX:,} groups in a region."
    yield "Each line that a function writes is an event, those of a stack trace too."
    yield "Events are in a file that is not synced: a loss of power may take the latest ones."
    yield (
        "A comparison with a property that is not there is false, that with != too (a guess). The"
        " texts about bad patterns are ours."
    )
