"""The operations as botocore asks them and reads them, over each protocol of CloudWatch's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from alarms_rig import arn, minute, put_on_queue
from events_world import T0, World
from sdk import SESSION, Sdk, carried_by, wired

from redrive.services.alarms.operations.unoffered import OPERATIONS

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
MODEL = SESSION.get_service_model("cloudwatch")
BODY = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "dead letters"}}]})


class Client(Sdk):
    """botocore in one protocol, around a world."""

    def __init__(self, world: World, protocol: str) -> None:
        super().__init__("cloudwatch", wired("cloudwatch", carried_by(world)), protocol)
        self.world = world


@pytest.fixture(params=PROTOCOLS)
def client(request: pytest.FixtureRequest, world: World) -> Client:
    """A client of each protocol."""
    return Client(world, request.param)


def bare(told: dict[str, Any]) -> dict[str, Any]:
    """An answer without what belongs to the transport."""
    return {key: value for key, value in told.items() if key != "ResponseMetadata"}


def test_an_alarm_goes_in_and_comes_out(client: Client) -> None:
    """Numbers, lists, instants and what was evaluated."""
    client.world.queue("dlq")
    client(
        "PutMetricAlarm",
        AlarmName="é depth",
        AlarmDescription="more < none",
        MetricName="ApproximateNumberOfMessagesVisible",
        Namespace="AWS/SQS",
        Dimensions=[{"Name": "QueueName", "Value": "dlq"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        OKActions=["arn:aws:sns:us-east-1:000000000000:t"],
        Tags=[{"Key": "team", "Value": "q"}],
    )
    minute(client.world)
    told = client("DescribeAlarms", AlarmNamePrefix="é", MaxRecords=10)
    (alarm,) = told["MetricAlarms"]
    updated = datetime.fromtimestamp((T0 + 61_000) / 1_000, UTC)
    assert told.get("CompositeAlarms", []) == []
    assert alarm["AlarmArn"] == arn("é depth")
    assert (alarm["Threshold"], alarm["Period"], alarm["ActionsEnabled"]) == (0.5, 60, True)
    assert alarm["AlarmDescription"] == "more < none"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "dlq"}]
    assert alarm["OKActions"] == ["arn:aws:sns:us-east-1:000000000000:t"]
    assert (alarm["StateValue"], alarm["StateUpdatedTimestamp"]) == ("OK", updated)
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [0.0]
    tags = client("ListTagsForResource", ResourceARN=arn("é depth"))
    assert bare(tags) == {"Tags": [{"Key": "team", "Value": "q"}]}
    (line, *_more) = client("DescribeAlarmHistory", MaxRecords=1)["AlarmHistoryItems"]
    assert line["HistoryItemType"] in ("Action", "StateUpdate")


def test_metrics_and_composites(client: Client) -> None:
    """A nested list of queries, a rule, its children."""
    stat = {"Metric": {"Namespace": "own", "MetricName": "m"}, "Period": 60, "Stat": "p99"}
    metrics = [
        {"Id": "e", "Expression": "m * 2", "Label": "twice", "ReturnData": True},
        {"Id": "m", "MetricStat": stat, "ReturnData": False},
    ]
    client(
        "PutMetricAlarm",
        AlarmName="a",
        Metrics=metrics,
        EvaluationPeriods=2,
        DatapointsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
    )
    (alarm,) = client("DescribeAlarms")["MetricAlarms"]
    assert alarm["Metrics"] == metrics
    client("PutCompositeAlarm", AlarmName="c", AlarmRule='ALARM("a") AND TRUE')
    told = client("DescribeAlarms", AlarmTypes=["CompositeAlarm"])
    (composite,) = told["CompositeAlarms"]
    assert composite["AlarmRule"] == 'ALARM("a") AND TRUE'
    (child,) = client("DescribeAlarms", ChildrenOfAlarmName="c")["MetricAlarms"]
    assert child["AlarmName"] == "a"
    client("SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="x")
    (composite,) = client("DescribeAlarms", AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert composite["StateValue"] == "ALARM"
    client("DeleteAlarms", AlarmNames=["c"])
    client("DeleteAlarms", AlarmNames=["a"])
    assert client("DescribeAlarms").get("MetricAlarms", []) == []


def test_dashboards(client: Client) -> None:
    """In, listed, out, and one that there is not."""
    made = client("PutDashboard", DashboardName="d", DashboardBody=BODY)
    assert made.get("DashboardValidationMessages", []) == []
    assert client("GetDashboard", DashboardName="d")["DashboardBody"] == BODY
    (entry,) = client("ListDashboards")["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == ("d", len(BODY))
    assert entry["LastModified"] == datetime.fromtimestamp(T0 / 1_000, UTC)
    client("DeleteDashboards", DashboardNames=["d"])
    told = client("GetDashboard", DashboardName="d")
    assert told["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize(
    ("operation", "params", "codes", "status"),
    [
        ("SetAlarmState", {"AlarmName": "n", "StateValue": "OK", "StateReason": ""}, {"R"}, 404),
        ("PutMetricAlarm", {"AlarmName": "n"}, {"ValidationError", "ValidationException"}, 400),
        ("PutCompositeAlarm", {"AlarmName": "n", "AlarmRule": "?"}, {"V"}, 400),
        ("DescribeAlarms", {"NextToken": "="}, {"InvalidNextToken"}, 400),
        ("DescribeAlarms", {"MaxRecords": 101}, {"V"}, 400),
        ("ListTagsForResource", {"ResourceARN": arn("n")}, {"ResourceNotFoundException"}, 404),
        ("PutDashboard", {"DashboardName": "d", "DashboardBody": "{"}, {"D"}, 400),
    ],
)
def test_refusals(
    client: Client, operation: str, params: dict[str, Any], codes: set[str], status: int
) -> None:
    """The codes that SDKs look at."""
    short = {
        "R": {"ResourceNotFound"},
        "V": {"ValidationError", "ValidationException"},
        "D": {"InvalidParameterInput", "DashboardInvalidInputError"},
    }
    known = set().union(*(short.get(code, {code}) for code in codes))
    told = client(operation, **params)
    assert told["Error"]["Code"] in known
    assert told["ResponseMetadata"]["HTTPStatusCode"] == status


SAMPLES: dict[str, Any] = {
    "string": "default",
    "list": [],
    "structure": {},
    "integer": 1,
    "double": 1.0,
    "boolean": True,
    "timestamp": datetime(2027, 1, 1, tzinfo=UTC),
}


def smallest(shape: Any) -> Any:
    """The least that the model lets pass."""
    if shape.type_name == "structure":
        return {name: smallest(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list" and shape.metadata.get("min"):
        return [smallest(shape.member)]
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if "kms" in str(shape.metadata.get("pattern", "")):
        return "arn:aws:kms:us-east-1:000000000000:key/0"
    if shape.metadata.get("min", 0) >= 20:
        return "arn:aws:sqs:us-east-1:000000000000:q"
    return SAMPLES[shape.type_name if shape.type_name != "long" else "integer"]


def test_every_operation_is_answered(world: World) -> None:
    """Each of the model's is served or refused with an error that the model has."""
    client = Client(world, "json")
    shapes = {
        MODEL.shape_for(name).metadata.get("error", {}).get("code", name)
        for name in MODEL.shape_names
        if MODEL.shape_for(name).metadata.get("exception")
    }
    refusals = 0
    for operation in MODEL.operation_names:
        assert world.registry.has("cloudwatch", operation), operation
        if operation not in OPERATIONS:
            continue
        shape = MODEL.operation_model(operation).input_shape
        told = client(operation, **(smallest(shape) if shape is not None else {}))
        status = told["ResponseMetadata"]["HTTPStatusCode"]
        assert status in (200, 400, 404), (operation, told)
        if "Error" in told:
            refusals += 1
            assert told["Error"]["Code"] in shapes, (operation, told)
            assert told["Error"]["Message"], operation
    assert refusals > 20


def test_queue_alarms_are_found_by_their_metric(client: Client) -> None:
    """DescribeAlarmsForMetric over the wire."""
    put_on_queue(client.world, "dlq")
    told = client(
        "DescribeAlarmsForMetric",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "dlq"}],
    )
    assert [alarm["AlarmName"] for alarm in told["MetricAlarms"]] == ["a"]
