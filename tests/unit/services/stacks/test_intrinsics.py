"""Every intrinsic function: worked out, left pending, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.services.stacks.intrinsics import (
    INVALID,
    NO_VALUE,
    REFUSED,
    Resolver,
    Scope,
    is_pending,
    references,
)
from redrive.services.stacks.model import World

WORLD = World.named("123456789012", "eu-west-1", "shop", "abc")
PENDING = {"Fn::GetAtt": ["Queue", "Arn"]}


def resolve(value: Any, **scope: Any) -> tuple[Any, list[str]]:
    """Resolve a value where Queue is to be created, Done exists and Gone has a false condition."""
    problems: list[str] = []
    given: dict[str, Any] = {
        "parameters": {"Stage": "prod", "Names": ["a", "b"], "Count": "3"},
        "mappings": {"Sizes": {"prod": {"memory": 512, "zones": ["x", "y"]}}},
        "conditions": {
            "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
            "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
            "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
            "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
            "Three": {"Fn::Equals": [3, {"Ref": "Count"}]},
            "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
            "OfQueue": {"Fn::Equals": [PENDING, "x"]},
            "Odd": {"Ref": "Stage"},
        },
        "resources": {"Queue": ("Arn", "QueueName"), "Done": ("Arn",)},
        "attributes": {"Done": {"Ref": "done-url", "Arn": "arn:done"}},
        "absent": frozenset({"Gone"}),
        **scope,
    }
    resolver = Resolver(
        Scope(WORLD, **given), lambda path, message: problems.append(f"{path}: {message}")
    )
    return resolver.resolve(value, ("V",)), problems


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Stage"}, "prod"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "Done"}, "done-url"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::StackName"}, "shop"),
        ({"Ref": "AWS::StackId"}, "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/abc"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Ref": "AWS::NotificationARNs"}, []),
        ({"Fn::GetAtt": ["Done", "Arn"]}, "arn:done"),
        ({"Fn::GetAtt": "Done.Arn"}, "arn:done"),
        ({"Fn::Sub": "a-${Stage}-${AWS::Region}"}, "a-prod-eu-west-1"),
        ({"Fn::Sub": "${Done}/${Done.Arn}/${!Literal}"}, "done-url/arn:done/${Literal}"),
        ({"Fn::Sub": ["${x}-${Stage}", {"x": {"Ref": "Count"}}]}, "3-prod"),
        ({"Fn::Sub": ["${Stage}", {"Stage": "mine"}]}, "mine"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 1]]}, "a-prod-1"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "a,b"),
        ({"Fn::Join": ["", []]}, ""),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["0", {"Fn::Split": ["|", "a|b"]}]}, "a"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "eu-west-1a"),
        ({"Fn::GetAZs": "us-east-1"}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "no"),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Three", 1, 2]}, 1),
        ({"Fn::If": ["IsProd", "yes", {"Ref": "Missing"}]}, "yes"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 512),
        ({"Fn::FindInMap": ["Sizes", "prod", "zones"]}, ["x", "y"]),
        ({"Fn::FindInMap": ["Sizes", "dev", "memory", {"DefaultValue": 128}]}, 128),
        ({"Fn::Base64": "hé"}, "aMOp"),
        ({"Fn::Length": {"Ref": "Names"}}, 2),
        ({"Fn::Length": [1, PENDING]}, 2),
        ({"Fn::ToJsonString": {"a": [1, {"Ref": "Stage"}]}}, '{"a":[1,"prod"]}'),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_known_values(value: object, result: object) -> None:
    """A function whose arguments are known gives its value."""
    assert resolve(value) == (result, [])


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (PENDING, PENDING),
        ({"Ref": "Queue"}, {"Ref": "Queue"}),
        ({"Fn::Sub": "${Queue.Arn}"}, PENDING),
        ({"Fn::Sub": "${Stage}/${Queue}!"}, {"Fn::Join": ["", ["prod/", {"Ref": "Queue"}, "!"]]}),
        ({"Fn::Join": ["-", [{"Ref": "Stage"}, PENDING]]}, {"Fn::Join": ["-", ["prod", PENDING]]}),
        ({"Fn::Split": [":", PENDING]}, {"Fn::Split": [":", PENDING]}),
        (
            {"Fn::Select": [5, {"Fn::Split": [":", PENDING]}]},
            {"Fn::Select": [5, {"Fn::Split": [":", PENDING]}]},
        ),
        ({"Fn::Base64": {"Fn::Sub": "${Queue.Arn}"}}, {"Fn::Base64": PENDING}),
        ({"Fn::ToJsonString": {"a": PENDING}}, {"Fn::ToJsonString": {"a": PENDING}}),
        ({"Fn::Join": [",", {"Fn::Split": [":", PENDING]}]},) * 2,
        ({"Fn::Length": {"Fn::Split": [":", PENDING]}},) * 2,
    ],
)
def test_pending_values(value: object, result: object) -> None:
    """What hangs on a resource to come stays a function, all around it resolved."""
    found, problems = resolve(value)
    assert (found, problems) == (result, [])
    assert is_pending(found)
    assert set(references(found)) == {"Queue"}
    arn = "arn:aws:sqs:eu-west-1:1:orders"
    known = {"Queue": {"Ref": "url", "Arn": arn}}
    later, problems = resolve(found, attributes=known)
    assert not problems
    assert not is_pending(later)
    assert later == resolve(value, attributes=known)[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"Ref": "Stge"}, "no parameter or resource Stge; did you mean Stage?"),
        ({"Ref": "Gone"}, "Gone is not created, its condition is false"),
        ({"Ref": ["a"]}, "Ref takes the name"),
        ({"Fn::GetAtt": ["Queue", "Arm"]}, "Queue has no attribute Arm"),
        ({"Fn::GetAtt": "Queue"}, "Fn::GetAtt takes a resource and the name"),
        ({"Fn::GetAtt": ["Stage", "Arn"]}, "no parameter or resource Stage"),
        ({"Fn::Sub": "${Quue}"}, "did you mean Queue?"),
        ({"Fn::Sub": "${Names}"}, "not lists or NoValue"),
        ({"Fn::Sub": ["a"]}, "Fn::Sub takes a string"),
        ({"Fn::Join": ["-"]}, "Fn::Join takes a separator and a list"),
        ({"Fn::Join": ["-", [{"a": 1}]]}, "Fn::Join takes a separator and a list of strings"),
        ({"Fn::Split": ["", "a"]}, "Fn::Split takes"),
        ({"Fn::Select": [2, ["a", "b"]]}, "has no item 2 in its list of 2"),
        ({"Fn::Select": ["x", ["a"]]}, "not 'x'"),
        ({"Fn::Select": [{"Ref": "Nope"}, ["a"]]}, "no parameter or resource Nope"),
        ({"Fn::If": ["IsProd", 1]}, "Fn::If takes"),
        ({"Fn::Equals": [1, 2]}, "may only stand in Conditions"),
        ({"Fn::FindInMap": ["Sizes", "prd", "memory"]}, "no top-level key prd; did you mean prod?"),
        ({"Fn::FindInMap": ["Sises", "prod", "memory"]}, "no map Sises; did you mean Sizes?"),
        ({"Fn::FindInMap": ["Sizes", PENDING, "memory"]}, "known before"),
        ({"Fn::FindInMap": ["Sizes", "prod"]}, "Fn::FindInMap takes"),
        ({"Fn::Base64": ["a"]}, "Fn::Base64 takes a string"),
        ({"Fn::Length": "abc"}, "Fn::Length takes a list"),
        ({"Fn::ToJsonString": "abc"}, "Fn::ToJsonString takes an object"),
        ({"Fn::Jion": []}, "unknown function Fn::Jion; did you mean Fn::Join?"),
        ({"Fn::Join": ["-", []], "Other": 1}, "Fn::Join stands beside other keys"),
        ({"Fn::Base64": {"Ref": "AWS::NoValue"}}, "cannot take AWS::NoValue"),
        *(({name: "x"}, f"{name} is not supported: {why}") for name, why in REFUSED.items()),
    ],
)
def test_refusals(value: object, said: str) -> None:
    """What makes no sense is told once, where it stands, with the nearest name."""
    found, problems = resolve({"Outer": [value]})
    assert found == {"Outer": [INVALID]}
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("IsPrd", "no condition IsPrd; did you mean IsProd?"),
        ("Loop", "the condition depends on itself"),
        ("OfQueue", "a condition cannot depend on a resource"),
        ("Odd", "a condition is made of Fn::And"),
    ],
)
def test_broken_conditions(name: str, said: str) -> None:
    """A condition that makes no sense is told once, however often it is used."""
    value = {"Fn::If": [name, 1, 2]}
    _, problems = resolve([value])
    assert len(problems) == 1
    assert said in problems[0]
