"""What the gate takes operations to be about: EventBridge, Scheduler, Pipes, SNS, CloudWatch."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.effects import Caller, Session
from redrive.core.errors import ServiceError
from redrive.core.policies import compile_policy
from redrive.core.time import Millis
from redrive.services.identity.gate import check_caller, resource_of

ACCOUNT, REGION = "111122223333", "eu-west-1"
WHO = Caller(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}:"
ALARMS = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
DASHBOARDS = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/"
THERE = "arn:aws:events:us-east-1:444455556666:"

CASES: list[tuple[str, str, dict[str, Any], str | list[str]]] = [
    ("events", "PutRule", {"Name": "r"}, f"{EVENTS}rule/r"),
    ("events", "PutTargets", {"Rule": "r", "EventBusName": "b"}, f"{EVENTS}rule/b/r"),
    (
        "events",
        "DeleteRule",
        {"Name": "r", "EventBusName": f"{THERE}event-bus/b"},
        f"{THERE}rule/b/r",
    ),
    ("events", "DescribeEventBus", {}, f"{EVENTS}event-bus/default"),
    ("events", "DescribeEventBus", {"Name": f"{THERE}event-bus/b"}, f"{THERE}event-bus/b"),
    ("events", "CreateArchive", {"ArchiveName": "a"}, f"{EVENTS}archive/a"),
    ("events", "StartReplay", {"ReplayName": "p"}, f"{EVENTS}replay/p"),
    ("events", "CreateConnection", {"Name": "c"}, f"{EVENTS}connection/c"),
    ("events", "CreateApiDestination", {"Name": "d"}, f"{EVENTS}api-destination/d"),
    ("events", "TagResource", {"ResourceARN": f"{EVENTS}rule/r"}, f"{EVENTS}rule/r"),
    ("events", "ListRules", {"EventBusName": "b"}, "*"),
    (
        "scheduler",
        "CreateSchedule",
        {"Name": "s"},
        f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/s",
    ),
    (
        "scheduler",
        "DeleteScheduleGroup",
        {"Name": "g"},
        f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/g",
    ),
    ("scheduler", "ListSchedules", {"GroupName": "g"}, "*"),
    ("pipes", "StartPipe", {"Name": "p"}, f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/p"),
    ("sns", "CreateTopic", {"Name": "t"}, f"arn:aws:sns:{REGION}:{ACCOUNT}:t"),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:x:y:t"}, "arn:aws:sns:x:y:t"),
    ("sns", "ListTopics", {}, "*"),
    ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a"}, [f"{ALARMS}a"]),
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a", "b"]}, [f"{ALARMS}a", f"{ALARMS}b"]),
    ("cloudwatch", "DescribeAlarms", {}, [f"{ALARMS}*"]),
    ("cloudwatch", "DescribeAlarmHistory", {"AlarmName": "a"}, [f"{ALARMS}a"]),
    ("cloudwatch", "PutCompositeAlarm", {"AlarmName": "a"}, "*"),
    ("cloudwatch", "TagResource", {"ResourceARN": f"{ALARMS}a"}, f"{ALARMS}a"),
    ("cloudwatch", "PutDashboard", {"DashboardName": "d"}, [f"{DASHBOARDS}d"]),
    ("cloudwatch", "DeleteDashboards", {"DashboardNames": ["d"]}, [f"{DASHBOARDS}d"]),
    ("cloudwatch", "ListDashboards", {}, "*"),
    ("cloudwatch", "PutMetricData", {"Namespace": "n"}, "*"),
]


@pytest.mark.parametrize(("service", "operation", "params", "arn"), CASES)
def test_the_resource(
    service: str, operation: str, params: dict[str, Any], arn: str | list[str]
) -> None:
    """AWS: Service Authorization Reference."""
    assert resource_of(service, operation, params, WHO) == arn


def test_put_events_is_judged_by_its_buses() -> None:
    """The gate lets it pass, whoever asks, to where the policies of the buses are known."""
    nobody = WHO._replace(session=Session((), {}))
    check_caller("events", "PutEvents", {"Entries": []}, nobody, Millis(0))
    with pytest.raises(ServiceError, match=r"perform: events:PutRule on resource: .*:rule/r "):
        check_caller("events", "PutRule", {"Name": "r"}, nobody, Millis(0))


def test_each_alarm_that_is_named_is_judged() -> None:
    """One that may not be deleted keeps the others from it; the error names it."""
    statements = [
        {"Effect": "Allow", "Action": "cloudwatch:DeleteAlarms", "Resource": "*"},
        {"Effect": "Deny", "Action": "cloudwatch:*", "Resource": f"{ALARMS}prod-*"},
    ]
    policy = compile_policy(
        {"Version": "2012-10-17", "Statement": statements}, names_principals=False
    )
    who = WHO._replace(session=Session(policy, {}))
    check_caller("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a", "b"]}, who, Millis(0))
    with pytest.raises(ServiceError, match=r":alarm:prod-1 with an explicit deny"):
        check_caller("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a", "prod-1"]}, who, Millis(0))
