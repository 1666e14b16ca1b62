"""Every error that AWS was seen to give for buses, rules, targets and patterns, over the wire.

Each line is AWS's recorded answer (LocalStack's AWS-validated snapshots of test_events*, 2024 to
2025). Of patterns these are the ones about their JSON; the others are those of core/patterns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from buses_rig import Wire, bus_arn, entry, target
from events_world import ACCOUNT, REGION, World

VALIDATION, MISSING = "ValidationException", "ResourceNotFoundException"
PATTERN = "InvalidEventPatternException"
ONE = "1 validation error detected: Value "
IDS = "'targets.1.member.id' failed to satisfy constraint: "
EVENT = {"id": "1", "source": "s", "detail-type": "t", "account": ACCOUNT, "region": REGION}
TOKEN = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
ORDER = '{"command": "update-account"}'
ELEVEN = (
    "PutEventsRequestEntry(time=null, source=core, resources=null, detailType=order, detail="
    f"{ORDER}, eventBusName=b, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)"
)


class Line(NamedTuple):
    """One line of the sheet; `before` are requests that make what it needs."""

    code: str
    text: str
    operation: str
    params: dict[str, Any]
    before: tuple[tuple[str, dict[str, Any]], ...] = ()


def pattern(text: str, given: str) -> Line:
    """A pattern that is refused."""
    told = f"Event pattern is not valid. Reason: {text}"
    return Line(PATTERN, told, "PutRule", {"Name": "r", "EventPattern": given})


def source(text: str, column: int) -> str:
    """Where Jackson stands."""
    return f'\n at [Source: (String)"{text}"; line: 1, column: {column}]'


BUS = ("CreateEventBus", {"Name": "b"})
RULE = ("PutRule", {"Name": "r", "EventPattern": '{"source": ["s"]}'})
TARGET = ("PutTargets", {"Rule": "r", "Targets": [target(QUEUE)]})
PERMISSION = {"Action": "events:PutEvents", "Principal": "*", "StatementId": "s"}
TOO_LONG = "second-" + "invalid-" * 7 + "x-target-id"


def put_target(**members: Any) -> dict[str, Any]:
    """A request for one target."""
    return {"Rule": "r", "Targets": [target(QUEUE, **members)]}


SHEET = [
    Line(
        VALIDATION,
        "Total size of the entries in the request is over the limit.",
        "PutEvents",
        {"Entries": [entry(Detail='{"a": "' + "x" * 1_048_576 + '"}')]},
    ),
    Line(
        VALIDATION,
        f"{ONE}'[{', '.join([ELEVEN] * 11)}]' at 'entries' failed to satisfy constraint: "
        "Member must have length less than or equal to 10",
        "PutEvents",
        {"Entries": [entry("core", Detail=ORDER, EventBusName="b")] * 11},
    ),
    Line("ResourceAlreadyExistsException", "Event bus b already exists.", *BUS, before=(BUS,)),
    Line(MISSING, "Event bus b does not exist.", "DescribeEventBus", {"Name": "b"}),
    Line(VALIDATION, "Cannot delete event bus default.", "DeleteEventBus", {"Name": "default"}),
    Line(
        MISSING,
        "Statement with the provided id does not exist.",
        "RemovePermission",
        {"StatementId": "t", "EventBusName": "b"},
        (BUS, ("PutPermission", {**PERMISSION, "EventBusName": "b"})),
    ),
    Line(
        MISSING,
        "Statement with the provided id does not exist.",
        "RemovePermission",
        {"StatementId": "t"},
    ),
    Line(MISSING, "Rule r does not exist on EventBus default.", "DescribeRule", {"Name": "r"}),
    Line(
        VALIDATION,
        "Rule can't be deleted since it has targets.",
        "DeleteRule",
        {"Name": "r"},
        (RULE, TARGET),
    ),
    Line(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
        "PutTargets",
        {"Rule": "r", "Targets": [target(QUEUE, str(at)) for at in range(6)]},
        (RULE,),
    ),
    Line(
        VALIDATION,
        f"{ONE}'!@#$@!#$' at {IDS}Member must satisfy regular expression pattern: "
        r"[\.\-_A-Za-z0-9]+",
        "PutTargets",
        put_target(name="!@#$@!#$"),
        (RULE,),
    ),
    Line(
        VALIDATION,
        f"{ONE}'{TOO_LONG}' at {IDS}Member must have length less than or equal to 64",
        "PutTargets",
        put_target(name=TOO_LONG),
        (RULE,),
    ),
    Line(
        VALIDATION,
        "InputTemplate for target 1 contains invalid placeholder notdefinedkey.",
        "PutTargets",
        put_target(
            InputTransformer={
                "InputPathsMap": {"a": "$.detail"},
                "InputTemplate": '"<a> and <notdefinedkey>"',
            }
        ),
        (RULE,),
    ),
    Line(
        VALIDATION,
        "Only one of Input, InputPath, or InputTransformer must be provided for target 1.",
        "PutTargets",
        put_target(InputPath="$.detail", InputTransformer={"InputTemplate": '"a"'}),
        (RULE,),
    ),
    pattern('"int" must be an object or an array', '{"int": 42}'),
    pattern('"string" must be an object or an array', '{"string": "x"}'),
    pattern("Empty arrays are not allowed", '{"a": []}'),
    pattern("Unrecognized match type EXISTS", '{"a": [{"EXISTS": true}]}'),
    pattern("Unrecognized match type NUMERIC", '{"a": [{"NUMERIC": ["=", 5]}]}'),
    pattern("Bad numeric range operator: >", '{"a": [{"numeric": [">", 0, ">", 5]}]}'),
    pattern("Value of < must be numeric", '{"a": [{"numeric": [">", 0, "<", "5"]}]}'),
    pattern("Value of numeric must be an array.", '{"a": [{"numeric": 5}]}'),
    pattern("wildcard match pattern must be a string", '{"a": [{"wildcard": 5}]}'),
    pattern(
        "Rule is too complex - try using fewer wildcard characters or fewer repeating character "
        "sequences after a wildcard character",
        '{"a": [{"wildcard": "' + "*a" * 60 + '"}]}',
    ),
    pattern("prefix match pattern must be a string", '{"a": [{"prefix": ["x"]}]}'),
    pattern("suffix match pattern must be a string", '{"a": [{"suffix": 5}]}'),
    pattern("Malformed CIDR, one '/' required", '{"a": [{"cidr": "10.0.0.0"}]}'),
    pattern(
        "equals-ignore-case match pattern must be a string", '{"a": [{"equals-ignore-case": [1]}]}'
    ),
    *(
        pattern(text + source(given.replace("\\", ""), column), given)
        for text, given, column in (
            (
                f"Unrecognized token 'this': {TOKEN}",
                "this is valid json but not a dict",
                5,
            ),
            (
                "Unexpected character (''' (code 39)): was expecting double-quote to start field"
                " name",
                "{'bad': 'quotation'}",
                2,
            ),
            (f"Unrecognized token 'closed': {TOKEN}", '{"not": closed mark"', 15),
            ("Filter is not an object", '["not", "a", "dict", "but valid json"]', 2),
        )
    ),
    Line(
        VALIDATION,
        "Parameter Event is not valid.",
        "TestEventPattern",
        {"Event": "plain string", "EventPattern": '{"source": ["s"]}'},
    ),
    Line(
        VALIDATION,
        "ScheduleExpression is supported only on the default event bus.",
        "PutRule",
        {"Name": "r", "ScheduleExpression": "rate(1 minute)", "EventBusName": "b"},
        (BUS,),
    ),
    Line(
        VALIDATION,
        "Parameter ScheduleExpression is not valid.",
        "PutRule",
        {"Name": "r", "ScheduleExpression": "cron(INVALID)"},
    ),
    *(
        Line(MISSING, text, operation, {"ResourceARN": arn, **more})
        for operation, more in (
            ("TagResource", {"Tags": [{"Key": "k", "Value": "v"}]}),
            ("UntagResource", {"TagKeys": ["k"]}),
            ("ListTagsForResource", {}),
        )
        for text, arn in (
            (
                "Rule r does not exist on EventBus default.",
                f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r",
            ),
            (
                "Rule r does not exist on EventBus b.",
                f"arn:aws:events:{REGION}:{ACCOUNT}:rule/b/r",
            ),
            ("Event bus b does not exist.", bus_arn("b")),
        )
    ),
]


@pytest.mark.parametrize("line", SHEET, ids=lambda line: f"{line.operation}: {line.text[:50]}")
def test_the_sheet(world: World, line: Line) -> None:
    """Status, code and text, whole."""
    ask: Callable[..., Any] = Wire(world)
    for operation, params in line.before:
        assert "Error" not in ask(operation, **params)
    told = ask(line.operation, **line.params)
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert (told["Error"]["Code"], told["Error"]["Message"]) == (line.code, line.text)
