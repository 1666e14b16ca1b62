"""Dashboards: what is stored, what is wrong with a body, whose they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alarms_rig import refused
from events_world import ACCOUNT, T0, World

from redrive.core.effects import Caller
from redrive.services.alarms.dashboard_rules import faults_of

ELSEWHERE = Caller(ACCOUNT, "eu-west-1", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
OTHER = Caller("111122223333", "us-east-1", "arn:aws:iam::111122223333:root", "111122223333")
METRIC = {
    "type": "metric",
    "x": 0,
    "y": 0,
    "width": 12,
    "height": 6,
    "properties": {"metrics": [["AWS/SQS", "NumberOfMessagesSent", "QueueName", "q"]]},
}
GOOD = json.dumps({"widgets": [METRIC], "start": "-PT6H", "periodOverride": "inherit"})


def put(world: World, name: str, body: str = GOOD, **params: Any) -> None:
    """Store a dashboard."""
    params = {"DashboardName": name, "DashboardBody": body, **params}
    told = world.call("cloudwatch", "PutDashboard", **params)
    assert told == {"DashboardValidationMessages": []}


def test_they_belong_to_the_account(world: World) -> None:
    """Of all regions; of no other account."""
    put(world, "a-1", Tags=[{"Key": "k", "Value": "v"}])
    arn = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/a-1"
    assert world.call("cloudwatch", "GetDashboard", ELSEWHERE, DashboardName="a-1") == {
        "DashboardArn": arn,
        "DashboardBody": GOOD,
        "DashboardName": "a-1",
    }
    tags = world.call("cloudwatch", "ListTagsForResource", ELSEWHERE, ResourceARN=arn)
    assert tags == {"Tags": [{"Key": "k", "Value": "v"}]}
    world.call("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=["k"])
    assert world.call("cloudwatch", "ListTagsForResource", ResourceARN=arn) == {"Tags": []}
    assert world.call("cloudwatch", "ListDashboards", OTHER) == {"DashboardEntries": []}


def test_another_body_keeps_the_tags(world: World) -> None:
    """And has an instant of its own; tags of a later request do not count."""
    put(world, "a", Tags=[{"Key": "k", "Value": "v"}])
    world.pass_s(5)
    put(world, "a", '{"widgets": []}', Tags=[{"Key": "other", "Value": "v"}])
    (entry,) = world.call("cloudwatch", "ListDashboards")["DashboardEntries"]
    assert (entry["LastModified"], entry["Size"]) == (T0 + 5_000, 15)
    tags = world.call("cloudwatch", "ListTagsForResource", ResourceARN=entry["DashboardArn"])
    assert tags == {"Tags": [{"Key": "k", "Value": "v"}]}


def test_lists(world: World) -> None:
    """By prefix, in order of name; deleting passes over what is not there."""
    for name in ("b", "a_1", "a-2"):
        put(world, name)

    def names(**params: str) -> list[str]:
        told = world.call("cloudwatch", "ListDashboards", **params)
        return [entry["DashboardName"] for entry in told["DashboardEntries"]]

    assert names() == ["a-2", "a_1", "b"]
    assert names(DashboardNamePrefix="a_") == ["a_1"]
    world.call("cloudwatch", "DeleteDashboards", DashboardNames=["b", "none"])
    assert names() == ["a-2", "a_1"]
    code, _ = refused(world, "ListDashboards", NextToken="é")
    assert code == "InvalidParameterValueException"
    code, _ = refused(world, "GetDashboard", DashboardName="b")
    assert code == "DashboardNotFoundError"


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ("", "", "The field DashboardBody must be a valid JSON object"),
        ("[]", "", "The field DashboardBody must be a valid JSON object"),
        ("{}", "", "Should have required property 'widgets'"),
        ({"widgets": {}}, "/widgets", "Should be array"),
        ({"widgets": [1]}, "/widgets/0", "Should be object"),
        ({"widgets": [{}]}, "/widgets/0", "Should have required property 'type'"),
        ({"widgets": [{"type": "x"}]}, "/widgets/0/type", "allowed values"),
        ({"widgets": [{"type": ["x"]}]}, "/widgets/0/type", "allowed values"),
        ({"widgets": [{"type": "text"}]}, "/widgets/0", "'properties'"),
        (
            {"widgets": [{"type": "text", "properties": {}}]},
            "/widgets/0/properties",
            "'markdown'",
        ),
        ({"widgets": [METRIC, {**METRIC, "width": 25}]}, "/widgets/1/width", ">= 1 and <= 24"),
        ({"widgets": [{**METRIC, "x": "0"}]}, "/widgets/0/x", "integer"),
        (
            {"widgets": [{**METRIC, "properties": {"metrics": [[]]}}]},
            "/widgets/0/properties/metrics/0",
            "fewer than 1",
        ),
        ({"widgets": [], "periodOverride": "none"}, "/periodOverride", "allowed values"),
        ({"widgets": [METRIC] * 501}, "/widgets", "500"),
    ],
)
def test_bodies_that_are_refused(world: World, body: Any, path: str, said: str) -> None:
    """Where, and what is wrong; nothing is stored."""
    text = body if isinstance(body, str) else json.dumps(body)
    (fault,) = faults_of(text)
    assert fault.path == path
    assert said in fault.message
    code, message = refused(world, "PutDashboard", DashboardName="d", DashboardBody=text)
    assert code == "DashboardInvalidInputError"
    assert message.startswith("The dashboard body is invalid, there are 1 validation errors: [")
    assert said.replace('"', '\\"') in message
    assert world.call("cloudwatch", "ListDashboards") == {"DashboardEntries": []}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "x" * 256, "a.b"])
def test_names_that_are_refused(world: World, name: str) -> None:
    """Letters, digits, hyphens and underscores."""
    code, _ = refused(world, "PutDashboard", DashboardName=name, DashboardBody=GOOD)
    assert code == "DashboardInvalidInputError"
