"""Events, schedules, topics, pipes, alarms and logs of templates: made, working, changed, gone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from events_world import ACCOUNT, REGION, World

from redrive.core.errors import ServiceError
from redrive.services.stacks import model
from redrive.services.stacks.records import encode_stack
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.sam import expand_document
from redrive.services.stacks.template import load

TEMPLATE = """
Parameters:
  Text: {Type: String, Default: first}
Resources:
  Got: {Type: AWS::SQS::Queue, Properties: {QueueName: got}}
  Source: {Type: AWS::SQS::Queue, Properties: {QueueName: source}}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: shop, Description: !Ref Text, Tags: [{Key: a, Value: '1'}]}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [my.app]}
      Targets:
        - Id: got
          Arn: !GetAtt Got.Arn
          Input: {from: rule}
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
          RetryPolicy: {MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60}
  Archive:
    Type: AWS::Events::Archive
    Properties: {SourceArn: !GetAtt Bus.Arn, RetentionDays: 3, EventPattern: {source: [my.app]}}
  Group: {Type: AWS::Scheduler::ScheduleGroup, Properties: {Name: nightly}}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      GroupName: !Ref Group
      ScheduleExpression: cron(0 23 ? * SUN-THU *)
      ScheduleExpressionTimezone: Asia/Jerusalem
      StartDate: '2027-01-16T00:00:00Z'
      FlexibleTimeWindow: {Mode: 'OFF'}
      Target:
        Arn: !GetAtt Got.Arn
        RoleArn: !Sub 'arn:aws:iam::${AWS::AccountId}:role/r'
        Input: {from: schedule}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Text, Tags: [{Key: a, Value: '1'}]}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Protocol: sqs
      Endpoint: !GetAtt Got.Arn
      RawMessageDelivery: true
      FilterPolicy: {kind: [good]}
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: 2012-10-17
        Statement:
          Effect: Allow
          Principal: {AWS: '111122223333'}
          Action: sns:Publish
          Resource: !Ref Topic
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !Sub 'arn:aws:iam::${AWS::AccountId}:role/r'
      Source: !GetAtt Source.Arn
      Target: !GetAtt Got.Arn
      TargetParameters: {InputTemplate: '{"from": "pipe"}'}
      Tags: {a: '1'}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Dead.QueueName}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      AlarmDescription: !Ref Text
  Composite:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmRule: !Sub 'ALARM("${Alarm}")'}
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties: {DashboardName: board, DashboardBody: {widgets: []}}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/events/all, RetentionInDays: 7}
Outputs:
  RuleRef: {Value: !Ref Rule}
  RuleArn: {Value: !GetAtt Rule.Arn}
  ScheduleArn: {Value: !GetAtt Schedule.Arn}
  TopicArn: {Value: !Ref Topic}
  TopicName: {Value: !GetAtt Topic.TopicName}
  PipeArn: {Value: !GetAtt Pipe.Arn}
  AlarmArn: {Value: !GetAtt Alarm.Arn}
  LogsArn: {Value: !GetAtt Logs.Arn}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data")
    yield made
    made.close()


def plan(template: str, **parameters: str) -> dict[str, Any]:
    place = model.World.named(ACCOUNT, REGION, "shop")
    document = load(textwrap.dedent(template))
    if "Transform" in document.body:
        document = expand_document(document, parameters, REGION)
    found: dict[str, Any] = json.loads(
        json.dumps(encode_stack(resolve(document, parameters, place)))
    )
    return found


def deploy(world: World, template: str, **parameters: str) -> dict[str, str]:
    """Deploy a template as the stack `shop`; return the outputs."""
    told = world.call("redrive", "Deploy", StackName="shop", Plan=plan(template, **parameters))
    assert told["Failures"] == []
    return {output["Name"]: output["Value"] for output in told["Outputs"]}


def test_a_template_of_all_types_works(world: World) -> None:
    """Each thing is made, and does what it is for."""
    outputs = deploy(world, TEMPLATE)
    place = f"{REGION}:{ACCOUNT}"
    rule = outputs["RuleRef"].removeprefix("shop|")
    assert outputs["RuleArn"] == f"arn:aws:events:{place}:rule/shop/{rule}"
    assert outputs["ScheduleArn"].startswith(f"arn:aws:scheduler:{place}:schedule/nightly/shop-")
    assert outputs["TopicArn"].endswith(outputs["TopicName"])
    assert outputs["LogsArn"] == f"arn:aws:logs:{place}:log-group:/aws/events/all:*"
    entry = {"EventBusName": "shop", "Source": "my.app", "DetailType": "t", "Detail": "{}"}
    world.call("events", "PutEvents", Entries=[entry])
    world.call("sqs", "SendMessage", QueueUrl=f"/{ACCOUNT}/source", MessageBody="{}")
    for kind in ("good", "bad"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        topic = outputs["TopicArn"]
        world.call("sns", "Publish", TopicArn=topic, Message=kind, MessageAttributes=attributes)
    world.pass_s(5)
    assert sorted(world.bodies("got")) == ["good", '{"from": "pipe"}', '{"from":"rule"}']
    world.pass_s(4 * 24 * 3600)  # from Friday morning: Sunday, Monday
    assert world.bodies("got") == ['{"from":"schedule"}'] * 2


def test_a_change_is_made_in_place_and_everything_goes_with_the_stack(world: World) -> None:
    """A second deployment changes descriptions; a removal leaves nothing behind."""
    deploy(world, TEMPLATE)
    told = world.call("redrive", "Deploy", StackName="shop", Plan=plan(TEMPLATE))
    assert (told["Changes"], told["Failures"]) == ([], [])
    deploy(world, TEMPLATE, Text="second")
    assert world.call("events", "DescribeEventBus", Name="shop")["Description"] == "second"
    (alarm,) = world.call("cloudwatch", "DescribeAlarms")["MetricAlarms"]
    assert alarm["AlarmDescription"] == "second"
    left = deploy(world, "Resources: {Kept: {Type: AWS::SQS::Queue}}")
    assert left == {}
    assert [bus["Name"] for bus in world.call("events", "ListEventBuses")["EventBuses"]] == [
        "default"
    ]
    assert world.call("sns", "ListTopics")["Topics"] == []
    assert world.call("sns", "ListSubscriptions")["Subscriptions"] == []
    assert world.call("pipes", "ListPipes")["Pipes"] == []
    assert world.call("cloudwatch", "DescribeAlarms")["MetricAlarms"] == []
    assert world.call("scheduler", "ListSchedules")["Schedules"] == []
    assert world.call("logs", "DescribeLogGroups")["logGroups"] == []
    with pytest.raises(ServiceError):
        world.call("scheduler", "GetScheduleGroup", Name="nightly")


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: 'def handler(event, context): pass'
      EventInvokeConfig: {MaximumRetryAttempts: 0}
      Events:
        Rule:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [my.app]}, DeadLetterConfig: {Type: SQS}}
        Often: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '{"by":"rate"}'}}
        Nightly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: cron(0 23 * * ? *), Input: '{"by":"cron"}'}
        News: {Type: SNS, Properties: {Topic: !Ref Topic}}
Outputs:
  TopicArn: {Value: !Ref Topic}
"""


def test_events_of_sam_functions(world: World) -> None:
    """EventBridgeRule, Schedule, ScheduleV2 and SNS start a function."""
    outputs = deploy(world, SAM)
    entry = {"Source": "my.app", "DetailType": "t", "Detail": "{}"}
    world.call("events", "PutEvents", Entries=[entry])
    world.call("sns", "Publish", TopicArn=outputs["TopicArn"], Message="hello")
    world.pass_s(24 * 3600 - 1)
    seen = [json.loads(run.event) for run in world.runs]
    assert [event for event in seen if event.get("source") == "my.app"] != []
    assert [event for event in seen if "Records" in event] != []
    assert seen.count({"by": "cron"}) == 1
    assert seen.count({"by": "rate"}) == 23


ATTRIBUTES = """
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Archive: {Type: AWS::Events::Archive, Properties: {SourceArn: !GetAtt Bus.Arn}}
  Group: {Type: AWS::Scheduler::ScheduleGroup, Properties: {Name: nightly}}
  Connection:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: k, ApiKeyValue: v}}
Outputs:
  Bus: {Value: !GetAtt Bus.Name}
  Archive: {Value: !GetAtt Archive.ArchiveName}
  Group: {Value: !GetAtt Group.State}
  Secret: {Value: !GetAtt Connection.SecretArn}
  Connection: {Value: !GetAtt Connection.Arn}
"""


def test_attributes_that_a_creation_does_not_answer_with(world: World) -> None:
    """What only a description tells is there for Fn::GetAtt, after a crash as well."""
    outputs = deploy(world, ATTRIBUTES)
    assert (outputs["Bus"], outputs["Group"]) == ("shop", "ACTIVE")
    (archive,) = world.call("events", "ListArchives")["Archives"]
    assert outputs["Archive"] == archive["ArchiveName"]
    name = outputs["Connection"].split("/")[1]
    shown = world.call("events", "DescribeConnection", Name=name)
    assert outputs["Secret"] == shown["SecretArn"]
    world.crash()
    assert deploy(world, ATTRIBUTES) == outputs


FIVE = """
Resources:
  Got: {Type: AWS::SQS::Queue}
  Rule:
    Type: AWS::Events::Rule
    Properties: {Name: r, EventPattern: {source: [my.app]}, Targets: [TARGETS]}
"""


@pytest.mark.parametrize(("old", "new"), [("abcde", "fghij"), ("abc", "cde")])
def test_targets_that_are_all_replaced(world: World, old: str, new: str) -> None:
    """A rule has room for five: where it is full, the old ones go first."""
    for ids in (old, new):
        targets = ", ".join(f"{{Id: {name}, Arn: !GetAtt Got.Arn}}" for name in ids)
        deploy(world, FIVE.replace("TARGETS", targets))
        told = world.call("events", "ListTargetsByRule", Rule="r")["Targets"]
        assert sorted(target["Id"] for target in told) == list(ids)
