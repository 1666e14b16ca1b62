"""FilterCriteria: what reaches the function, and what becomes of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mappings_world import World, reserve, update


def criteria(*patterns: Any) -> dict[str, Any]:
    """FilterCriteria of these patterns."""
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


OBJECT = {"body": {"kind": ["a"]}}
TEXT = {"body": ["plain", "5"]}
REST = {"messageAttributes": {"tint": {"stringValue": ["blue"]}}}
BLUE = {"tint": {"DataType": "String", "StringValue": "blue"}}


@pytest.mark.parametrize(
    ("pattern", "body", "attributes", "passes"),
    [
        # The table of the SQS page, row by row: body of the message, body in the pattern.
        (TEXT, "plain", {}, True),
        (TEXT, "other", {}, False),
        (REST, "plain", BLUE, True),
        (REST, "plain", {}, False),
        (OBJECT, "plain", {}, False),
        (TEXT, '"plain"', {}, False),
        (TEXT, "5", {}, False),
        (REST, '{"kind": "a"}', BLUE, True),
        (REST, '{"kind": "a"}', {}, False),
        (OBJECT, '{"kind": "a"}', {}, True),
        (OBJECT, '{"kind": "b"}', {}, False),
        # And what the captured tests have.
        ({"body": {"n": [{"numeric": [">", 100]}]}}, '{"n": 105}', {}, True),
        ({"body": {"n": [{"numeric": [">", 100]}]}}, "this is a test string", {}, False),
        ({"body": {"n": [{"exists": False}]}}, "this is a test string", {}, False),
        ({"body": {"n": [{"exists": False}]}}, '{"m": 1}', {}, True),
        ({"body": {"n": ["x"]}}, '[{"n": "y"}, {"n": "x"}]', {}, True),
        ({**OBJECT, **REST}, '{"kind": "a"}', {}, False),
        ({**OBJECT, **REST}, '{"kind": "a"}', BLUE, True),
        ({"attributes": {"ApproximateReceiveCount": ["1"]}}, "plain", {}, True),
        ({"eventSource": ["aws:sqs"]}, "plain", {}, True),
        ({"awsRegion": [{"anything-but": "us-east-1"}]}, "plain", {}, False),
        ({"$or": [OBJECT, TEXT]}, "plain", {}, True),
        ({"$or": [OBJECT, TEXT]}, '{"kind": "a"}', {}, True),
        ({"body": {"kind": ["a"]}, "$or": [TEXT, REST]}, '{"kind": "a"}', {}, False),
    ],
)
def test_a_filter_judges_the_record_that_the_function_would_get(
    world: World, pattern: Any, body: str, attributes: Any, passes: bool
) -> None:
    """What matches is invoked; what does not is deleted; nothing stays."""
    world.ready(FilterCriteria=criteria(pattern))
    world.send(body, MessageAttributes=attributes)
    assert world.events() == ([[body]] if passes else [])
    assert world.counts() == (0, 0)


def test_one_of_several_filters_is_enough(world: World) -> None:
    """Filters are alternatives."""
    world.ready(FilterCriteria=criteria({"body": ["a"]}, {"body": ["b"]}))
    world.send("a", "b", "c")
    assert sorted(body for batch in world.events() for body in batch) == ["a", "b"]
    assert world.counts() == (0, 0)


def test_messages_are_filtered_before_they_are_batched(world: World) -> None:
    """Of twenty messages ten pass: with a window they make one full batch."""
    uuid = world.ready(
        FilterCriteria=criteria({"body": [{"prefix": "in"}]}),
        MaximumBatchingWindowInSeconds=5,
        Enabled=False,
    )
    world.send(*(f"{'in' if n % 2 else 'out'}-{n}" for n in range(20)))
    update(world, uuid, Enabled=True)
    assert [len(batch) for batch in world.events()] == [10]


def last(world: World, message_id: str) -> Any:
    """Return what is told of the last event of a message's life."""
    return world.call("redrive", "ExplainMessage", MessageId=message_id)["Events"][-1]["Detail"]


def test_what_is_filtered_out_is_told_so(world: World) -> None:
    """A life-line ends with the reason, at the first receive as at a later one."""
    uuid = world.ready(FilterCriteria=criteria({"body": [{"prefix": "in"}]}))
    (first,) = world.send("out")
    assert world.story(first) == ["sent", "received", "deleted"]
    assert last(world, first)["reason"] == "filtered"
    reserve(world, 0)
    (second,) = world.send("in")
    world.pass_s(29)
    update(world, uuid, FilterCriteria=criteria({"body": ["else"]}))
    world.pass_s(31)
    assert world.story(second)[-2:] == ["received", "deleted"]
    assert last(world, second)["reason"] == "filtered"
    assert world.counts() == (0, 0)


def test_an_update_replaces_the_filters_and_an_empty_one_removes_them(world: World) -> None:
    """The configuration shows patterns as they were given; {} shows and filters nothing more."""
    text = '{ "body" : ["a"] }'
    uuid = world.ready(FilterCriteria={"Filters": [{"Pattern": text}]})
    assert world.mapping(uuid)["FilterCriteria"] == {"Filters": [{"Pattern": text}]}
    update(world, uuid, BatchSize=5)
    assert world.mapping(uuid)["FilterCriteria"] == {"Filters": [{"Pattern": text}]}
    update(world, uuid, FilterCriteria=criteria({"body": ["b"]}))
    world.send("a", "b")
    assert world.events() == [["b"]]
    update(world, uuid, FilterCriteria={})
    assert "FilterCriteria" not in world.mapping(uuid)
    world.send("c")
    assert world.events() == [["b"], ["c"]]


def test_a_key_of_kms_is_a_label(world: World) -> None:
    """KMSKeyArn is shown and changes nothing; an empty one takes it away."""
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    uuid = world.ready(KMSKeyArn=key, FilterCriteria=criteria({"body": ["a"]}))
    shown = world.mapping(uuid)
    assert (shown["KMSKeyArn"], "FilterCriteria" in shown) == (key, True)
    update(world, uuid, KMSKeyArn="")
    assert "KMSKeyArn" not in world.mapping(uuid)


def test_filtered_messages_are_deleted_once_the_store_is_back(world: World) -> None:
    """A deletion that the store refuses is tried again; nothing is invoked meanwhile."""
    world.ready(FilterCriteria=criteria({"body": ["a"]}))
    world.registry.away.add("SettleBatch")
    world.send("b")
    assert world.counts() == (0, 1)
    world.pass_s(5)
    world.registry.away.clear()
    world.pass_s(10)
    assert world.counts() == (0, 0)
    assert world.runs == []


def test_filters_survive_a_restart_of_the_pump(world: World) -> None:
    """A mapping that is disabled and enabled again filters as before."""
    uuid = world.ready(FilterCriteria=criteria({"body": ["a"]}))
    update(world, uuid, Enabled=False)
    update(world, uuid, Enabled=True)
    world.send("a", "b")
    assert world.events() == [["a"]]
