"""Filter policies: every refusal that AWS was seen to give, and which messages pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from topics_rig import TopicsWorld, text_attribute

from redrive.core.errors import ServiceError
from redrive.services.topics.filters import (
    BODY,
    SCOPES,
    Verdict,
    check_policy,
    judge_attributes,
    judge_body,
)

MATCH = "Match value must be String, number, true, false, or null"
SUFFIX = "suffix match pattern must be a string"
EXISTS = "exists match pattern must be either true or false."

# The policy, AWS's reason, and the column that it ends with; None where it names no place.
SHEET: list[tuple[Any, str, int | None]] = [
    ({"key": [["value"]]}, MATCH, 10),
    ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator", 31),
    (
        {"key": [{"suffix": "value", "prefix": "value2"}]},
        "Only one key allowed in match expression",
        37,
    ),
    ({"key": []}, "Empty arrays are not allowed", 10),
    ({"key": [{"suffix": 100}]}, SUFFIX, 22),
    ({"key": [{"suffix": None}]}, SUFFIX, 23),
    ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array', 19),
    ({"key": [{"suffix": []}]}, SUFFIX, 20),
    ({"key": [{"suffix": ["test", "test2"]}]}, SUFFIX, 20),
    (
        {"key": {"suffix": "value", "prefix": "value"}},
        '"suffix" must be an object or an array',
        19,
    ),
    (
        {"key": {"not-an-operator": "value"}},
        '"not-an-operator" must be an object or an array',
        28,
    ),
    ({"key": [{"cidr": ["bad-filter"]}]}, "prefix match pattern must be a string", 18),
    ({"key": [{"cidr": "bad-filter"}]}, "Malformed CIDR, one '/' required", None),
    ({"key": [{"cidr": "bad-filter/64"}]}, "Nonstandard IP address: bad-filter", None),
    ({"key": [{"cidr": "10.0.0.0/bad"}]}, "Malformed CIDR, mask bits must be an integer", None),
    ({"key": [{"cidr": "xx.11.xx/8"}]}, "Nonstandard IP address: xx.11.xx", None),
    (
        {"key": [{"cidr": "xxxx:db8:1234:1a00::/64"}]},
        "Nonstandard IP address: xxxx:db8:1234:1a00::",
        None,
    ),
    ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]", 22),
    ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator", 32),
    ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1", 22),
    ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric", 26),
    ({"key": [{"numeric": [">="]}]}, "Value of >= must be numeric", 26),
    ({"key": [{"numeric": ["<", 100, ">", 10]}]}, "Too many elements in numeric expression", 30),
    ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >", 31),
    ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top", 33),
    ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric", 33),
    ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30", 30),
    ({"key": [{"numeric": [">", 20, "test"]}]}, "Bad numeric range operator: test", 34),
    ({"key": [{"numeric": [">", "20", "<", "30"]}]}, "Value of > must be numeric", 26),
    ({"key": [{"numeric": [">", 20, "<", "30"]}]}, "Value of < must be numeric", 33),
    (
        {"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]},
        "Too many terms in numeric range expression",
        36,
    ),
    ({"key": [{"exists": None}]}, EXISTS, 23),
    ({"key": [{"exists": "no"}]}, EXISTS, 20),
    (
        {"key": [{"anything-but": {"wrong-operator": None}}]},
        "Unsupported anything-but pattern: wrong-operator",
        47,
    ),
    (
        {"key": [{"anything-but": {"suffix": "test"}}]},
        "Unsupported anything-but pattern: suffix",
        36,
    ),
    (
        {"key": [{"anything-but": {"exists": False}}]},
        "Unsupported anything-but pattern: exists",
        40,
    ),
    ({"key": [{"anything-but": {"prefix": False}}]}, "prefix match pattern must be a string", 40),
    ({"key_a": "value_one"}, '"key_a" must be an object or an array', 11),
]


def refusal(text: str, scope: str = BODY, prefix: str = "") -> str:
    """Why a policy is refused."""
    with pytest.raises(ServiceError) as caught:
        check_policy(text, scope, prefix)
    assert caught.value.code == "InvalidParameter"
    return caught.value.message


@pytest.mark.parametrize(("policy", "reason", "column"), SHEET)
def test_refusals_are_aws_own(policy: Any, reason: str, column: int | None) -> None:
    """A policy is refused with AWS's words, at the place that AWS names."""
    text = json.dumps(policy, separators=(",", ":"))
    place = f'\n at [Source: (String)"{text}"; line: 1, column: {column}]'
    expected = f"Invalid parameter: Attributes Reason: FilterPolicy: {reason}"
    if column is not None:
        expected += place
    assert refusal(text, prefix="Attributes Reason: ") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{invalid",
            "Unexpected character ('i' (code 105)): was expecting double-quote to start field"
            " name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION`"
            " disabled); line: 1, column: 2]",
        ),
        (
            "invalid",
            "Unrecognized token 'invalid': was expecting (JSON String, Number, Array, Object or"
            " token 'null', 'true' or 'false')\n at [Source: REDACTED"
            " (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 8]",
        ),
    ],
)
def test_text_that_is_no_json(text: str, reason: str) -> None:
    """What is no JSON is refused with the place, and without the text."""
    told = refusal(text)
    assert told == f"Invalid parameter: FilterPolicy: failed to parse JSON. {reason}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{",
        '{"a"',
        '{"a":',
        '{"a":["x"',
        '{"a":["x"]',
        '{"a":["x"]}}',
        '{"a":[1],"a":[2]}',
        '{"a":["\\x"]}',
        '{"a":[nul]}',
        '{"a":[01]}',
        '"a"',
        "[]",
        "{" * 10_000,
        '{"a":' * 10_000,
    ],
)
def test_every_broken_text_is_refused(text: str) -> None:
    """Nothing that is no object of names that are given once gets through, or crashes."""
    assert refusal(text).startswith("Invalid parameter: FilterPolicy: failed to parse JSON. ")


def test_places_count_lines() -> None:
    """The place is the line and the column in it, whatever blanks there are."""
    assert refusal('{\n "key": [\n  ["x"]]}').endswith("line: 3, column: 4]")


def test_limits() -> None:
    """Five names, 150 combinations: each array counts as deep as it stands."""
    six = {f"key{at}": ["v"] for at in range(6)}
    told = "Invalid parameter: FilterPolicy: Filter policy can not have more than 5 keys"
    assert refusal(json.dumps(six)) == told
    complex_ = "Invalid parameter: FilterPolicy: Filter policy is too complex"
    wide = {"a": [*"abcdef"], "b": [*"abcde"], "c": [*"abcde"]}
    check_policy(json.dumps(wide), "MessageAttributes", "")
    assert refusal(json.dumps(wide | {"d": ["x", "y"]})) == complex_
    deep = {"a": {"b": {"c": [*"wxyz"]}}, "d": {"e": [*"xyz"]}}  # 4 x 3 x 3 x 2
    check_policy(json.dumps(deep), BODY, "")
    assert refusal(json.dumps(deep | {"f": ["x", "y", "z"]})) == complex_


def test_attributes_are_not_nested() -> None:
    """A nested policy is for bodies only, within $or as well."""
    told = (
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter"
        " policy"
    )
    assert refusal('{"a":{"b":["x"]}}', "MessageAttributes") == told
    assert refusal('{"$or":[{"a":{"b":["x"]}},{"c":["y"]}]}', "MessageAttributes") == told
    check_policy('{"a":{"b":["x"]}}', BODY, "")
    check_policy('{"$or":[{"a":["x"]},{"c":["y"]}]}', "MessageAttributes", "")


def number(text: str) -> dict[str, str]:
    """A message attribute of type Number."""
    return {"DataType": "Number", "StringValue": text}


def array(*values: Any) -> dict[str, str]:
    """A message attribute of type String.Array."""
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


@pytest.mark.parametrize(
    ("policy", "attributes", "passes"),
    [
        ({"a": ["x", "y"]}, {"a": text_attribute("y")}, True),
        ({"a": ["x"]}, {"a": text_attribute("X")}, False),
        ({"a": ["x"], "b": ["y"]}, {"a": text_attribute("x")}, False),
        ({"a": [{"prefix": "ab"}]}, {"a": text_attribute("abc")}, True),
        ({"a": [{"suffix": "bc"}]}, {"a": text_attribute("abc")}, True),
        ({"a": [{"equals-ignore-case": "ABC"}]}, {"a": text_attribute("abc")}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": text_attribute("10.0.0.9")}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": text_attribute("y")}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"b": text_attribute("y")}, False),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": text_attribute("xy")}, False),
        ({"a": [{"exists": True}]}, {"a": text_attribute("y")}, True),
        ({"a": [{"exists": False}]}, {"a": text_attribute("y")}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"numeric": [">", 1, "<=", 5]}]}, {"a": number("5.0")}, True),
        ({"a": [{"numeric": [">", 1, "<=", 5]}]}, {"a": number("1")}, False),
        ({"a": [{"numeric": ["=", 300]}]}, {"a": number("3e2")}, True),
        ({"a": [300]}, {"a": number("300")}, True),
        ({"a": ["300"]}, {"a": number("300")}, False),
        ({"a": [300]}, {"a": text_attribute("300")}, False),
        ({"a": ["y"]}, {"a": array("x", "y")}, True),
        ({"a": ["z"]}, {"a": array("x", "y")}, False),
        ({"a": [{"anything-but": ["x"]}]}, {"a": array("x", "y")}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": array("x")}, False),
        ({"a": [7]}, {"a": array("x", 7)}, True),
        ({"a": [None]}, {"a": array(None)}, True),
        ({"a": ["x"]}, {"a": {"DataType": "Binary", "BinaryValue": b"x"}}, False),
        ({"a": [{"exists": True}]}, {"a": {"DataType": "Binary", "BinaryValue": b"x"}}, False),
        ({"a": ["x"]}, {"a": {"DataType": "String.custom", "StringValue": "x"}}, True),
        ({"a.b": ["x"]}, {"a.b": text_attribute("x")}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": text_attribute("y")}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": text_attribute("x")}, False),
    ],
)
def test_attributes(policy: Any, attributes: Any, passes: bool) -> None:
    """Attributes pass by type: text, number, or any element of an array; never a binary one."""
    check_policy(json.dumps(policy), "MessageAttributes", "")
    assert (judge_attributes(json.dumps(policy), attributes) is Verdict.PASSES) == passes


@pytest.mark.parametrize(
    ("policy", "body", "verdict"),
    [
        ({"a": ["x"]}, '{"a":"x"}', Verdict.PASSES),
        ({"a": ["x"]}, '{"a":["y","x"]}', Verdict.PASSES),
        ({"a": ["x"]}, '{"a":"y"}', Verdict.BODY),
        ({"a": {"b": [{"numeric": [">", 3]}]}}, '{"a":[{"b":1},{"b":4}]}', Verdict.PASSES),
        ({"a": ["x"]}, "x", Verdict.BAD_BODY),
        ({"a": ["x"]}, '["x"]', Verdict.BAD_BODY),
        ({}, "anything", Verdict.PASSES),
    ],
)
def test_bodies(policy: Any, body: str, verdict: Verdict) -> None:
    """A body passes as an event does; what is no JSON object does not."""
    assert judge_body(json.dumps(policy), body) is verdict


def test_subscribers_get_what_passes(world: TopicsWorld) -> None:
    """Each subscription has its own filter; what it keeps back is counted by why."""
    topic = world.topic()
    red = world.subscribe(topic, world.queue("red"), FilterPolicy='{"colour":["red"]}')
    world.subscribe(topic, world.queue("all"))
    body = '{"colour":["red"]}'
    world.subscribe(topic, world.queue("body"), FilterPolicy=body, FilterPolicyScope=BODY)
    world.publish(topic, "one", MessageAttributes={"colour": text_attribute("red")})
    world.publish(topic, "two", MessageAttributes={"colour": text_attribute("blue")})
    world.publish(topic, '{"colour":"red"}')
    assert [note["Message"] for note in world.notices("red")] == ["one"]
    assert len(world.bodies("all")) == 3
    assert [note["Message"] for note in world.notices("body")] == ['{"colour":"red"}']
    world.set_attribute(red, "FilterPolicy", "")
    world.publish(topic, "three")
    assert len(world.bodies("red")) == 1
    name = "NumberOfNotificationsFilteredOut"
    assert world.counted(name) == 5
    assert world.counted(f"{name}-MessageAttributes") == 1
    assert world.counted(f"{name}-NoMessageAttributes") == 1
    assert world.counted(f"{name}-InvalidMessageBody") == 3


def test_scopes_are_changed_with_care(world: TopicsWorld) -> None:
    """A nested policy needs its scope first, and keeps it."""
    arn = world.subscribe(world.topic(), world.queue("q"))
    nested = '{"a":{"b":["x"]}}'
    with pytest.raises(ServiceError, match="does not support nested"):
        world.set_attribute(arn, "FilterPolicy", nested)
    world.set_attribute(arn, "FilterPolicyScope", BODY)
    world.set_attribute(arn, "FilterPolicy", nested)
    with pytest.raises(ServiceError, match="does not support nested"):
        world.set_attribute(arn, "FilterPolicyScope", SCOPES[0])
    assert world.attributes(arn)["FilterPolicyScope"] == BODY
