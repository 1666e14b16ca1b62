"""boto3, unchanged, against the live server: each way on which work is started reaches a queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from live import SECONDS_MAX, LiveServer

REGION = "eu-central-1"
KEY = ("AKIAEVENTS0000000001", "events-secret-0123456789")
KEY_ACCOUNT = "111122223333"
Make = Callable[[str], Any]


def clients_of(port: int, key: str, secret: str) -> tuple[Make, list[Any]]:
    """A maker of clients, and those that it has made."""
    made: list[Any] = []

    def make(service: str) -> Any:
        made.append(
            boto3.client(
                service,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                endpoint_url=f"http://localhost:{port}",
                region_name=REGION,
                config=Config(retries={"total_max_attempts": 1}),
            )
        )
        return made[-1]

    return make, made


@pytest.fixture
def client(server: LiveServer, account: str) -> Iterator[Make]:
    """Make clients of the test's own account."""
    make, made = clients_of(server.port, account, "secret")
    yield make
    for each in made:
        each.close()


class Inbox:
    """A queue that services may send to, and what comes out of it."""

    def __init__(self, client: Make, account: str, name: str) -> None:
        self._sqs = client("sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{account}:{name}"
        self.role = f"arn:aws:iam::{account}:role/r"

    def take(self) -> Any:
        """Wait for a message; return what it says, read as JSON."""
        polls = int(SECONDS_MAX // 10)
        for _ in range(polls):
            told = self._sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=10)
            for message in told.get("Messages", ()):
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                return json.loads(message["Body"])
        raise AssertionError("nothing came")


@pytest.fixture
def inbox(client: Make, account: str) -> Inbox:
    """A queue of the test's own."""
    return Inbox(client, account, "inbox")


def code_of(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_a_rule_sends_to_a_queue(client: Make, inbox: Inbox) -> None:
    """PutRule, PutTargets, PutEvents: what the pattern lets through arrives."""
    events = client("events")
    pattern = json.dumps({"source": ["shop"], "detail": {"n": [{"numeric": [">", 1]}]}})
    events.put_rule(Name="big", EventPattern=pattern)
    put = events.put_targets(Rule="big", Targets=[{"Id": "1", "Arn": inbox.arn}])
    assert put["FailedEntryCount"] == 0
    entries = [
        {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"n": n})} for n in (1, 2)
    ]
    told = events.put_events(Entries=entries)
    assert told["FailedEntryCount"] == 0
    event = inbox.take()
    assert (event["id"], event["detail"]) == (told["Entries"][1]["EventId"], {"n": 2})
    assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["big"]
    assert code_of(events.describe_rule, Name="none") == "ResourceNotFoundException"


def test_a_schedule_fires_once(client: Make, inbox: Inbox) -> None:
    """at() in two seconds, then gone: ActionAfterCompletion is DELETE."""
    scheduler = client("scheduler")
    at = datetime.now(UTC) + timedelta(seconds=2)
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": inbox.arn, "RoleArn": inbox.role, "Input": '{"n": 1}'},
        ActionAfterCompletion="DELETE",
    )
    shown = scheduler.list_schedules(NamePrefix="on")["Schedules"]
    assert [schedule["Name"] for schedule in shown] in (["once"], [])
    assert inbox.take() == {"n": 1}
    assert code_of(scheduler.get_schedule, Name="once") == "ResourceNotFoundException"


def test_groups_of_schedules(client: Make) -> None:
    """REST paths with names and ARNs in them: groups, and their tags."""
    scheduler = client("scheduler")
    arn = scheduler.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "b"}])[
        "ScheduleGroupArn"
    ]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "c/d", "Value": "é"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    tags = scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "c/d", "Value": "é"}]
    assert {group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]} == {
        "default",
        "g",
    }


def test_a_topic_sends_to_a_queue(client: Make, inbox: Inbox) -> None:
    """CreateTopic, Subscribe with attributes, Publish and PublishBatch in Query."""
    sns = client("sns")
    topic = sns.create_topic(Name="t", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    attributes = {"FilterPolicy": '{"kind": ["x"]}', "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)
    kind = {"kind": {"DataType": "String", "StringValue": "x"}}
    sns.publish(TopicArn=topic, Message='{"n": 0}')
    sns.publish(TopicArn=topic, Message='{"n": 1}', MessageAttributes=kind)
    assert inbox.take() == {"n": 1}
    told = sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[
            {"Id": "a", "Message": '{"n": 2}'},
            {"Id": "b", "Message": '{"n": 3}', "MessageAttributes": kind},
        ],
    )
    assert ([each["Id"] for each in told["Successful"]], told["Failed"]) == (["a", "b"], [])
    assert inbox.take() == {"n": 3}
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert code_of(sns.publish, TopicArn=topic + "x", Message="m") == "NotFound"


def test_a_pipe_from_its_making_to_its_end(client: Make, account: str, inbox: Inbox) -> None:
    """CreatePipe, DescribePipe, tags by their ARN in the path, a message through it, DeletePipe."""
    pipes, source = client("pipes"), Inbox(client, account, "source")
    arn = pipes.create_pipe(
        Name="p", Source=source.arn, Target=inbox.arn, RoleArn=inbox.role, Tags={"a": "b"}
    )["Arn"]
    client("sqs").send_message(QueueUrl=source.url, MessageBody='{"n": 1}')
    assert json.loads(inbox.take()["body"]) == {"n": 1}
    shown = pipes.describe_pipe(Name="p")
    assert (shown["Arn"], shown["CurrentState"], shown["Source"]) == (arn, "RUNNING", source.arn)
    pipes.tag_resource(resourceArn=arn, tags={"c": "d"})
    pipes.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
    assert pipes.delete_pipe(Name="p")["CurrentState"] == "DELETING"
    assert code_of(pipes.describe_pipe, Name="none") == "NotFoundException"


def test_an_alarm_tells_a_topic(client: Make, inbox: Inbox) -> None:
    """PutMetricAlarm, SetAlarmState: the topic sends the notice to the queue."""
    cloudwatch, sns = client("cloudwatch"), client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=raw)
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="own",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="by hand")
    notice = inbox.take()
    assert (notice["AlarmName"], notice["NewStateValue"]) == ("a", "ALARM")
    assert notice["NewStateReason"] == "by hand"
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"]
    assert (alarm["AlarmActions"], alarm["Threshold"]) == ([topic], 1.0)
    history = cloudwatch.describe_alarm_history(AlarmName="a")["AlarmHistoryItems"]
    assert "StateUpdate" in {item["HistoryItemType"] for item in history}
    bad = {"AlarmName": "a", "StateValue": "X", "StateReason": "r"}
    assert code_of(cloudwatch.set_alarm_state, **bad) == "ValidationError"


def test_dashboards(client: Make) -> None:
    """What was put is what is got, and a list names it."""
    cloudwatch = client("cloudwatch")
    widget = {"type": "text", "properties": {"markdown": "# é"}}
    body = json.dumps({"widgets": [widget]})
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=body)
    assert json.loads(cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"]) == json.loads(
        body
    )
    named = cloudwatch.list_dashboards()["DashboardEntries"]
    assert [entry["DashboardName"] for entry in named] == ["d"]
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    assert code_of(cloudwatch.get_dashboard, DashboardName="d") == "ResourceNotFound"


def test_a_custom_bus_sends_to_a_queue(client: Make, inbox: Inbox) -> None:
    """CreateEventBus until it is active, CreateSubscriber, PutEvents, in CBOR."""
    buses = client("eventbridgev2")
    bus = buses.create_event_bus(Name="b")["EventBusArn"]
    state = ""
    for _ in range(1_000):
        state = buses.describe_event_bus(EventBusArn=bus)["State"]
        if state == "ACTIVE":
            break
    assert state == "ACTIVE"
    subscriber = buses.create_subscriber(
        Name="s",
        EventBusArn=bus,
        InvokeConfiguration={"RoleArn": inbox.role, "TargetArn": inbox.arn},
    )["SubscriberArn"]
    entry = {"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}
    assert buses.put_events(EventBusArn=bus, Entries=[entry])["FailedEntryCount"] == 0
    assert inbox.take()["detail"] == {"n": 1}
    shown = buses.describe_subscriber(SubscriberArn=subscriber)
    assert isinstance(shown["CreationTime"], datetime)
    missing = bus[:-1] + ("0" if bus[-1] != "0" else "1")
    code = code_of(buses.describe_event_bus, EventBusArn=missing)
    assert code == "ResourceNotFoundException"


def test_each_service_checks_signatures(tmp_path: Path) -> None:
    """With keys a client of each is let in with its own signature, and with no other's."""
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[{KEY[0]}]\nsecret = "{KEY[1]}"\naccount = "{KEY_ACCOUNT}"\n')
    keys.chmod(0o600)
    server = LiveServer(tmp_path, "--keys-file", str(keys), "--authorisation", "on")
    made: list[Any] = []
    try:
        assert server.port, server.text
        right, made = clients_of(server.port, *KEY)
        wrong, more = clients_of(server.port, KEY[0], "wrong")
        for service, operation, code in (
            ("events", "list_rules", "InvalidSignatureException"),
            ("eventbridgev2", "list_event_buses", "InvalidSignatureException"),
            ("scheduler", "list_schedules", "InvalidSignatureException"),
            ("pipes", "list_pipes", "InvalidSignatureException"),
            ("sns", "list_topics", "SignatureDoesNotMatch"),
            ("cloudwatch", "describe_alarms", "SignatureDoesNotMatch"),
        ):
            assert getattr(right(service), operation)()["ResponseMetadata"]["HTTPStatusCode"] == 200
            assert code_of(getattr(wrong(service), operation)) == code, service
        arn = right("scheduler").create_schedule_group(Name="g")["ScheduleGroupArn"]
        tags = right("scheduler").list_tags_for_resource(ResourceArn=arn)
        assert tags["Tags"] == []
        made += more
    finally:
        for each in made:
            each.close()
        server.close()
