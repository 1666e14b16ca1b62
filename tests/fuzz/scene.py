"""What there is when requests begin: one of each resource, made by calls that are valid."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT = "111122223333"
_HOME = f"us-east-1:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:{_HOME}:q"
FUNCTION = f"arn:aws:lambda:{_HOME}:function:f"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
NOW_S = 1_800_000_000

_BUS = f"arn:aws:events:{_HOME}:event-bus/a"
_TOPIC = f"arn:aws:sns:{_HOME}:a"
_ALARM = {
    "MetricName": "m",
    "Namespace": "own",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "AlarmActions": [_TOPIC],
}
_BASIC = {"BasicAuthParameters": {"Username": "u", "Password": "p"}}
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "s",
                "Effect": "Allow",
                "Principal": {"AWS": ACCOUNT},
                "Action": "events:PutEvents",
                "Resource": "*",
            }
        ],
    }
)

SCENE: list[tuple[str, str, dict[str, Any]]] = [
    ("events", "CreateEventBus", {"Name": "a"}),
    ("events", "PutRule", {"Name": "a", "EventPattern": '{"source":["a"]}'}),
    ("events", "PutRule", {"Name": "b", "ScheduleExpression": "rate(1 minute)"}),
    ("events", "PutRule", {"Name": "a", "EventBusName": "a", "EventPattern": '{"source":["a"]}'}),
    ("events", "PutTargets", {"Rule": "a", "Targets": [{"Id": "a", "Arn": QUEUE}]}),
    ("events", "PutTargets", {"Rule": "b", "Targets": [{"Id": "a", "Arn": _BUS, "RoleArn": ROLE}]}),
    (
        "events",
        "PutPermission",
        {"StatementId": "s", "Action": "events:PutEvents", "Principal": "*"},
    ),
    (
        "events",
        "TestEventPattern",
        {
            "EventPattern": '{"detail":{"a":[{"wildcard":"*a*b*"}]}}',
            "Event": json.dumps(
                {
                    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
                    "detail-type": "t",
                    "source": "a",
                    "account": ACCOUNT,
                    "time": "2026-11-11T21:29:54Z",
                    "region": "us-east-1",
                    "resources": [],
                    "detail": {"a": "aab", "n": 3},
                }
            ),
        },
    ),
    ("events", "CreateArchive", {"ArchiveName": "a", "EventSourceArn": _BUS}),
    (
        "events",
        "PutEvents",
        {
            "Entries": [
                {"Source": "a", "DetailType": "t", "Detail": '{"a":"b"}'},
                {"Source": "a", "DetailType": "t", "Detail": '{"a":1}', "EventBusName": "a"},
            ]
        },
    ),
    (
        "events",
        "StartReplay",
        {
            "ReplayName": "a",
            "EventSourceArn": f"arn:aws:events:{_HOME}:archive/a",
            "EventStartTime": NOW_S - 3_600,
            "EventEndTime": NOW_S,
            "Destination": {"Arn": _BUS},
        },
    ),
    (
        "events",
        "CreateConnection",
        {"Name": "a", "AuthorizationType": "BASIC", "AuthParameters": _BASIC},
    ),
    (
        "events",
        "CreateApiDestination",
        {
            "Name": "a",
            "ConnectionArn": "ConnectionArn",
            "InvocationEndpoint": "https://127.0.0.1:9/x/*/y",
            "HttpMethod": "POST",
        },
    ),
    ("scheduler", "CreateScheduleGroup", {"Name": "a"}),
    *(
        (
            "scheduler",
            operation,
            {
                "Name": "a",
                "ScheduleExpression": "rate(1 minute)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": QUEUE, "RoleArn": ROLE, "Input": "x"},
            },
        )
        for operation in ("CreateSchedule", "UpdateSchedule")
    ),
    ("sns", "CreateTopic", {"Name": "a"}),
    ("sns", "CreateTopic", {"Name": "b"}),
    ("sns", "Subscribe", {"TopicArn": _TOPIC, "Protocol": "sqs", "Endpoint": QUEUE}),
    (
        "sns",
        "Subscribe",
        {"TopicArn": _TOPIC, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/x"},
    ),
    (
        "sns",
        "SetTopicAttributes",
        {"TopicArn": _TOPIC, "AttributeName": "DisplayName", "AttributeValue": "d"},
    ),
    (
        "sns",
        "AddPermission",
        {
            "TopicArn": _TOPIC,
            "Label": "a",
            "AWSAccountId": [ACCOUNT],
            "ActionName": ["Publish"],
        },
    ),
    ("sns", "Publish", {"TopicArn": _TOPIC, "Message": '{"a":"b"}'}),
    (
        "sns",
        "PublishBatch",
        {
            "TopicArn": _TOPIC,
            "PublishBatchRequestEntries": [
                {
                    "Id": "a",
                    "Message": "m",
                    "MessageAttributes": {
                        "a": {"DataType": "String.Array", "StringValue": '["b",1]'},
                        "n": {"DataType": "Number", "StringValue": "1e3"},
                    },
                }
            ],
        },
    ),
    ("sns", "TagResource", {"ResourceArn": _TOPIC, "Tags": [{"Key": "a", "Value": "b"}]}),
    (
        "pipes",
        "CreatePipe",
        {"Name": "a", "Source": QUEUE, "Target": FUNCTION, "RoleArn": ROLE},
    ),
    ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a", **_ALARM}),
    ("cloudwatch", "PutCompositeAlarm", {"AlarmName": "b", "AlarmRule": "ALARM(a)"}),
    (
        "cloudwatch",
        "SetAlarmState",
        {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "r"},
    ),
    (
        "cloudwatch",
        "TagResource",
        {
            "ResourceARN": f"arn:aws:cloudwatch:{_HOME}:alarm:a",
            "Tags": [{"Key": "a", "Value": "b"}],
        },
    ),
    ("cloudwatch", "PutDashboard", {"DashboardName": "a", "DashboardBody": '{"widgets":[]}'}),
    (
        "cloudwatch",
        "PutMetricData",
        {"Namespace": "own", "MetricData": [{"MetricName": "m", "Value": 2.0}]},
    ),
    ("eventbridgev2", "CreateEventBus", {"Name": "a"}),
    ("eventbridgev2", "CreateEventBus", {"Name": "b"}),
    (
        "eventbridgev2",
        "CreateSubscriber",
        {
            "Name": "a",
            "EventBusArn": "EventBusArn",
            "InvokeConfiguration": {"RoleArn": ROLE, "TargetArn": QUEUE},
        },
    ),
    (
        "eventbridgev2",
        "CreateEventSource",
        {
            "Name": "a",
            "EventBusArn": "EventBusArn",
            "Configuration": {"AwsServiceEventsConfiguration": {"AwsService": "aws.cloudwatch"}},
        },
    ),
    (
        "eventbridgev2",
        "PutEvents",
        {
            "EventBusArn": "EventBusArn",
            "Entries": [{"Source": "a", "DetailType": "t", "Detail": '{"a":"b"}'}],
        },
    ),
    (
        "eventbridgev2",
        "PutResourcePolicy",
        {"ResourceArn": "EventBusArn", "PolicyDocument": _POLICY},
    ),
]
"""Service, operation, params; instants in seconds. A value may be the name of what was learnt."""
