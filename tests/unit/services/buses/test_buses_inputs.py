"""What targets get of an event: constants, parts, templates; and what is refused of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from buses_rig import attributes, entry, put, rule, target
from events_world import ACCOUNT, REGION, World

from redrive.core.errors import ServiceError

RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"
DETAIL = {"id": "i-1", "n": 5, "who": {"name": 'Ann "A"', "tags": ["x", 2]}, "none": None}
PATHS = {
    "id": "$.detail.id",
    "n": "$.detail.n",
    "who": "$.detail.who",
    "name": "$.detail.who.name",
    "first": "$['detail']['who'].tags[0]",
    "tags": "$.detail.who.tags[*]",
    "none": "$.detail.none",
    "gone": "$.detail.gone",
    "detail-type": "$.detail-type",
}

SHOWN = [
    ({}, None),
    ({"Input": '{ "a":  [1] }'}, '{ "a":  [1] }'),
    ({"InputPath": "$.detail.who.tags"}, '["x",2]'),
    ({"InputPath": "$.detail-type"}, '"order"'),
    ({"InputPath": "$.detail.gone"}, "null"),
    ('{"a": <id>, "b": "<id>!", "n": <n>}', '{"a": "i-1", "b": "i-1!", "n": 5}'),
    ('{"w": <who>}', '{"w": {"name":"Ann \\"A\\"","tags":["x",2]}}'),
    ('{"t": <tags>, "f": [<first>], "0": <none>}', '{"t": ["x",2], "f": ["x"], "0": null}'),
    ('{"name": <name>}', '{"name": "Ann \\"A\\""}'),
    ('{"g": <gone>, "h": "[<gone>]"}', '{"g": "", "h": "[]"}'),
    ('"<detail-type> of <id>, <n>: <gone>."', '"order of i-1, 5: ."'),
    ('"<id>\\n<tags>"', '"i-1\n[x,2]"'),
    ('"<id>"\n"says \\"<n>\\""', '"i-1"\n"says "5""'),
    ("<who>", '{"name":"Ann \\"A\\"","tags":["x",2]}'),
    ('"1 < 2"', '"1 < 2"'),
    ('"caf\\u00e9 <id> \\ud83d\\ude00\\ud83d"', '"café i-1 😀\ufffd"'),
    (f'{{"n": {"9" * 5000}}}', f'{{"n": {"9" * 5000}}}'),
    (
        '{"r": <aws.events.rule-arn>, "n": "<aws.events.rule-name>"}',
        f'{{"r": "{RULE}", "n": "r"}}',
    ),
    ('{"t": <aws.events.event.ingestion-time>}', '{"t": "2027-01-15T08:00:00Z"}'),
]


def members(given: Any) -> dict[str, Any]:
    """The members of a target: a text is a template with all paths."""
    if isinstance(given, dict):
        return given
    return {"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": given}}


@pytest.mark.parametrize(("given", "shown"), SHOWN, ids=[str(given)[:40] for given, _ in SHOWN])
def test_what_a_target_gets(world: World, given: Any, shown: str | None) -> None:
    """An event's parts in the place of placeholders, as JSON or as text."""
    rule(world, target(world.queue("q"), **members(given)))
    put(world, entry(Detail=json.dumps(DETAIL)))
    (body,) = world.bodies("q")
    if shown is None:
        assert json.loads(body)["detail"] == DETAIL
    else:
        assert body == shown


def test_the_whole_event_in_a_template(world: World) -> None:
    """aws.events.event.json is all of it, aws.events.event leaves the detail out."""
    template = '{"all": <aws.events.event.json>, "head": <aws.events.event>}'
    rule(world, target(world.queue("q"), InputTransformer={"InputTemplate": template}))
    put(world, entry(Detail=json.dumps(DETAIL)))
    (body,) = world.bodies("q")
    told = json.loads(body)
    assert told["all"].pop("detail") == DETAIL
    assert told["all"] == told["head"]


def test_a_filled_template_that_is_no_json_is_not_delivered(world: World) -> None:
    """An object in quotes, or a value with a quotation mark: AWS escapes nothing in quotes."""
    dead = {"DeadLetterConfig": {"Arn": world.queue("dead")}}
    for number, template in enumerate(('{"a": "<who>"}', '{"a": "<name>"}')):
        rule(world, target(world.queue("q"), str(number), **members(template), **dead))
    put(world, entry(Detail=json.dumps(DETAIL)))
    assert world.bodies("q") == []
    first, second = world.messages("dead")
    assert json.loads(first["Body"])["detail"] == DETAIL
    told = attributes(second)
    assert (told["ERROR_CODE"], told["RULE_ARN"]) == ("INVALID_JSON", RULE)


REFUSED = [
    ('{"a": NaN}', "Invalid InputTemplate for target 1 : "),
    ('{"a": -Infinity}', "Invalid InputTemplate for target 1 : "),
    (
        {"Input": "1", "InputPath": "$.detail"},
        "Only one of Input, InputPath, or InputTransformer must be provided for target 1.",
    ),
    ({"Input": "{"}, "JSON syntax error in input for target 1: "),
    ({"InputPath": "detail"}, "Invalid JsonPath detail for target 1: a path begins with $."),
    ({"InputPath": "$..a"}, "Invalid JsonPath $..a for target 1: it cannot be read from"),
    ("<nope>", "InputTemplate for target 1 contains invalid placeholder nope."),
    ('{"a": "<aws.events.nope>"}', "InputTemplate for target 1 contains invalid placeholder aws."),
    (
        "<id> is in state <n>",
        "Invalid InputTemplate for target 1 : "
        '[Source: (String)"null is in state null"; line: 1, column: 6].',
    ),
    ('{"a": <id>} {"b": 1}', "Invalid InputTemplate for target 1 : "),
    (
        {"InputTransformer": {"InputPathsMap": {"awsx": "$.a"}, "InputTemplate": '"a"'}},
        "InputPathsMap for target 1 contains reserved key awsx.",
    ),
]


@pytest.mark.parametrize(("given", "text"), REFUSED, ids=[str(given)[:40] for given, _ in REFUSED])
def test_what_is_refused(world: World, given: Any, text: str) -> None:
    """A target that could never be given anything is told of when it is put."""
    rule(world)
    with pytest.raises(ServiceError) as caught:
        world.call(
            "events", "PutTargets", Rule="r", Targets=[target(world.queue("q"), **members(given))]
        )
    assert caught.value.code == "ValidationException"
    assert caught.value.message.startswith(text)


def test_a_value_that_adds_a_huge_number_harms_nobody(world: World) -> None:
    """What stands in quotes may become JSON of its own; its numbers are nobody's business."""
    paths = {"v": "$.detail.v"}
    transformer = {"InputPathsMap": paths, "InputTemplate": '{"a": "<v>"}'}
    rule(world, target(world.queue("q"), InputTransformer=transformer))
    digits = "9" * 5000
    told = put(world, entry(Detail=json.dumps({"v": f'", "b": {digits}, "c": "'})))
    assert told["FailedEntryCount"] == 0
    assert world.bodies("q") == [f'{{"a": "", "b": {digits}, "c": ""}}']
