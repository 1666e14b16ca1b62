"""What the gate takes operations of EventBridge, Scheduler, Pipes and SNS to be about."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.effects import Caller, Session
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.identity.gate import check_caller, resource_of

ACCOUNT, REGION = "111122223333", "eu-west-1"
WHO = Caller(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}:"
THERE = "arn:aws:events:us-east-1:444455556666:"

CASES: list[tuple[str, str, dict[str, Any], str]] = [
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
]


@pytest.mark.parametrize(("service", "operation", "params", "arn"), CASES)
def test_the_resource(service: str, operation: str, params: dict[str, Any], arn: str) -> None:
    """AWS: Service Authorization Reference."""
    assert resource_of(service, operation, params, WHO) == arn


def test_put_events_is_judged_by_its_buses() -> None:
    """The gate lets it pass, whoever asks, to where the policies of the buses are known."""
    nobody = WHO._replace(session=Session((), {}))
    check_caller("events", "PutEvents", {"Entries": []}, nobody, Millis(0))
    with pytest.raises(ServiceError, match=r"perform: events:PutRule on resource: .*:rule/r "):
        check_caller("events", "PutRule", {"Name": "r"}, nobody, Millis(0))
