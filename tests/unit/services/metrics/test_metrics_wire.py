"""The operations as botocore asks them and reads them, over each protocol of CloudWatch's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from metrics_rig import HOUR_MS, T0, Rig

from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request, Response

ENDPOINT = Endpoint(("cloudwatch",))
PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
MODEL = botocore.session.Session().get_service_model("cloudwatch")
SCOPE = "000000000000/20270115/us-east-1/monitoring/aws4_request"
QUEUE = [{"Name": "QueueName", "Value": "q"}]


def at(instant_ms: int) -> datetime:
    """An instant as SDKs take and give it."""
    return datetime.fromtimestamp(instant_ms / 1_000, UTC)


class Client:
    """botocore's serializer and parser of one protocol, around the rig."""

    def __init__(self, rig: Rig, protocol: str) -> None:
        self._rig = rig
        self._serializer = botocore.serialize.create_serializer(protocol)
        self._parser = botocore.parsers.create_parser(protocol)

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer."""
        model = MODEL.operation_model(operation)
        made = self._serializer.serialize_to_request(params, model)
        headers = {name.lower(): str(value) for name, value in made["headers"].items()}
        headers["host"] = "localhost"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0"
        )
        body = made["body"]
        if isinstance(body, dict):
            body = botocore.awsrequest.AWSRequest("POST", "http://h/", data=body).prepare().body
        body = body.encode() if isinstance(body, str) else body
        request = Request(made["method"], made["url_path"], headers, body)
        answer = self._answer(request)
        told = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": answer.body,
        }
        return self._parser.parse(told, model.output_shape)

    def _answer(self, request: Request) -> Response:
        try:
            incoming = ENDPOINT.read(request)
        except Fault as fault:
            return ENDPOINT.fault(fault, fault.error, "id")
        try:
            result = self._rig.call(
                incoming.operation, "cloudwatch", incoming.caller, **incoming.params
            )
        except ServiceError as error:
            return ENDPOINT.fault(incoming, error, "id")
        return ENDPOINT.reply(incoming, result, "id")


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, rig: Rig) -> Client:
    """A client of a server with a queue q that was sent three messages in its first minute."""
    url = rig.create()
    for body in ("a", "bb", "cccc"):
        rig.send(url, body)
    rig.minute()
    return Client(rig, request.param)


def test_statistics(client: Client) -> None:
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


def test_data(client: Client) -> None:
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


def test_list(client: Client) -> None:
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
    client: Client, operation: str, params: dict[str, Any], codes: set[str], status: int
) -> None:
    """The codes that SDKs look at; what is not served says so."""
    result = client(operation, **params)
    if "Error" in result:  # the Query protocol's text for an unknown operation is not an error's
        assert result["Error"]["Code"] in codes
    else:
        assert "UnknownOperationException" in codes
    assert result["ResponseMetadata"]["HTTPStatusCode"] == status
