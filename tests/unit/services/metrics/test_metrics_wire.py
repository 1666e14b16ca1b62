"""The operations as botocore asks them and reads them, over each protocol of CloudWatch's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from metrics_rig import HOUR_MS, T0, Rig
from sdk import Sdk, wired

from redrive.core.time import MINUTE_MS
from redrive.wire.messages import Incoming

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
QUEUE = [{"Name": "QueueName", "Value": "q"}]


def at(instant_ms: int) -> datetime:
    """An instant as SDKs take and give it."""
    return datetime.fromtimestamp(instant_ms / 1_000, UTC)


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, rig: Rig) -> Sdk:
    """A client of a server with a queue q that was sent three messages in its first minute."""
    url = rig.create()
    for body in ("a", "bb", "cccc"):
        rig.send(url, body)
    rig.minute()

    def carry(asked: Incoming) -> Any:
        return rig.call(asked.operation, asked.service, asked.caller, **asked.params)

    return Sdk("cloudwatch", wired("cloudwatch", carry), request.param)


def test_statistics(client: Sdk) -> None:
    """Timestamps, numbers, units and percentiles."""
    asked = {
        "Namespace": "AWS/SQS",
        "MetricName": "SentMessageSize",
        "Dimensions": QUEUE,
        "StartTime": at(T0),
        "EndTime": at(T0 + HOUR_MS),
        "Period": 60,
    }
    result = client("GetMetricStatistics", **asked, Statistics=["Sum", "Maximum", "SampleCount"])
    assert result["Label"] == "SentMessageSize"
    assert result["Datapoints"] == [
        {"Timestamp": at(T0), "Sum": 7.0, "Maximum": 4.0, "SampleCount": 3.0, "Unit": "Bytes"}
    ]
    named = {**asked, "MetricName": "NumberOfMessagesSent"}
    result = client("GetMetricStatistics", **named, ExtendedStatistics=["p99.9"])
    assert result["Datapoints"] == [
        {"Timestamp": at(T0), "ExtendedStatistics": {"p99.9": 3.0}, "Unit": "Count"}
    ]


def test_data(client: Sdk) -> None:
    """Queries, an expression, a page and its token."""
    stat = {
        "Metric": {
            "Namespace": "AWS/SQS",
            "MetricName": "NumberOfMessagesSent",
            "Dimensions": QUEUE,
        },
        "Period": 60,
        "Stat": "Sum",
        "Unit": "Count",
    }
    asked = {
        "MetricDataQueries": [
            {"Id": "m", "MetricStat": stat, "Label": "sent"},
            {"Id": "e", "Expression": "m / PERIOD(m)"},
        ],
        "StartTime": at(T0),
        "EndTime": at(T0 + HOUR_MS),
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": 1,
    }
    page = client("GetMetricData", **asked)
    (first,) = page["MetricDataResults"]
    assert (first["Id"], first["Label"], first["StatusCode"]) == ("m", "sent", "Complete")
    assert (first["Timestamps"], first["Values"]) == ([at(T0)], [3.0])
    page = client("GetMetricData", **asked, NextToken=page["NextToken"])
    (second,) = page["MetricDataResults"]
    assert (second["Id"], second["Values"]) == ("e", [0.05])
    assert "NextToken" not in page


def test_list(client: Sdk) -> None:
    """Names and dimensions, filtered."""
    result = client("ListMetrics", Namespace="AWS/SQS", Dimensions=QUEUE, RecentlyActive="PT3H")
    names = {metric["MetricName"] for metric in result["Metrics"]}
    assert {"NumberOfMessagesSent", "SentMessageSize"} <= names
    assert {"Namespace": "AWS/SQS", "MetricName": "SentMessageSize", "Dimensions": QUEUE} in (
        result["Metrics"]
    )
    assert client("ListMetrics", MetricName="none")["Metrics"] == []


@pytest.mark.parametrize(
    ("operation", "params", "codes", "status"),
    [
        (
            "GetMetricStatistics",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "NumberOfMessagesSent",
                "StartTime": at(T0),
                "EndTime": at(T0),
                "Period": 60,
                "Statistics": ["Sum"],
            },
            {"InvalidParameterValue", "InvalidParameterValueException"},
            400,
        ),
        (
            "GetMetricData",
            {
                "MetricDataQueries": [{"Id": "Bad", "Expression": "m"}],
                "StartTime": at(T0),
                "EndTime": at(T0 + MINUTE_MS),
            },
            {"ValidationError"},
            400,
        ),
        (
            "GetMetricData",
            {
                "MetricDataQueries": [{"Id": "m", "Expression": "m"}],
                "StartTime": at(T0),
                "EndTime": at(T0 + MINUTE_MS),
                "NextToken": "none",
            },
            {"ValidationError", "InvalidNextToken"},
            400,
        ),
        (
            "PutDashboard",
            {"DashboardName": "own", "DashboardBody": "{}"},
            {"UnknownOperationException"},
            404,
        ),
    ],
)
def test_refusals(
    client: Sdk, operation: str, params: dict[str, Any], codes: set[str], status: int
) -> None:
    """The codes that SDKs look at; what is not served says so."""
    result = client(operation, **params)
    if "Error" in result:  # the Query protocol's text for an unknown operation is not an error's
        assert result["Error"]["Code"] in codes
    else:
        assert "UnknownOperationException" in codes
    assert result["ResponseMetadata"]["HTTPStatusCode"] == status
