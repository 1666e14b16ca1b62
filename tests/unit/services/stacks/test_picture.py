"""A template becomes the picture that the lessons look at, whatever it holds besides."""

from __future__ import annotations

import pytest

from redrive.core.lessons.catalogue import find
from redrive.core.lessons.graph import Graph
from redrive.services.stacks.model import World
from redrive.services.stacks.picture import picture
from redrive.services.stacks.template import load

WORLD = World.named("000000000000", "us-east-1", "shop")
ARN = "arn:aws:sqs:us-east-1:000000000000:"


def drawn(resources: str, more: str = "", **given: str) -> Graph:
    return picture(load(f"Resources:\n{resources}\n{more}"), given, WORLD, file="t.yaml")


QUEUE = "  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}\n"
FUNCTION = "  F: {Type: AWS::Lambda::Function, Properties: {FunctionName: f}}\n"
ALIAS = "  A: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !Ref F}}\n"


@pytest.mark.parametrize(
    ("source", "function", "joined"),
    [
        ("!GetAtt Q.Arn", "!Ref F", ("Q", "F")),
        ("!Sub '${Q.Arn}'", "!GetAtt F.Arn", ("Q", "F")),
        (f"{ARN}q", "f", ("Q", "F")),
        ("!Sub 'arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:q'", "f:live", ("Q", "F")),
        ("!GetAtt Q.Arn", "arn:aws:lambda:us-east-1:000000000000:function:f:7", ("Q", "F")),
        ("!GetAtt Q.Arn", "!Ref A", ("Q", "F")),
        ("!GetAtt Q.Arn", "!Sub '${F}:live'", ("Q", "F")),
        (f"{ARN}other", "other", (f"{ARN}other", "other")),
        (
            "arn:aws:sqs:us-east-1:999999999999:q",
            "f",
            ("arn:aws:sqs:us-east-1:999999999999:q", "F"),
        ),
        ("!ImportValue queue", "!Ref F", (None, "F")),
    ],
)
def test_what_joins_a_mapping(
    source: str, function: str, joined: tuple[str | None, str | None]
) -> None:
    """Queue and function are found by reference, ARN, name, alias and qualifier."""
    mapping = (
        "  M:\n    Type: AWS::Lambda::EventSourceMapping\n"
        f"    Properties: {{EventSourceArn: {source}, FunctionName: {function}}}\n"
    )
    (found,) = drawn(QUEUE + FUNCTION + ALIAS + mapping).mappings
    assert (found.queue, found.function) == joined


@pytest.mark.parametrize(
    "properties",
    [
        "EventSourceArn: !GetAtt T.StreamArn, FunctionName: f, StartingPosition: LATEST",
        "EventSourceArn: arn:aws:kinesis:us-east-1:000000000000:stream/s, FunctionName: f",
        "EventSourceArn: !ImportValue s, FunctionName: f, StartingPosition: LATEST",
        "SelfManagedEventSource: {}, FunctionName: f",
    ],
)
def test_streams_are_left_out(properties: str) -> None:
    """A mapping of a stream is none of the lessons' business."""
    text = f"  M: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{{properties}}}}}\n"
    table = "  T: {Type: AWS::DynamoDB::Table}\n"
    assert drawn(text + table).mappings == ()


@pytest.mark.parametrize(
    ("resource", "callers"),
    [
        ("AWS::Lambda::Permission, Properties: {FunctionName: f, Principal: p}", {"p"}),
        ("AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref A}", {"url"}),
        ("AWS::Scheduler::Schedule, Properties: {T: !GetAtt F.Arn}", {"scheduler.amazonaws.com"}),
        (
            "AWS::StepFunctions::StateMachine, Properties: {D: !Sub 'x ${F.Arn}'}",
            {"AWS::StepFunctions::StateMachine"},
        ),
        ("AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub '/aws/lambda/${F}'}", set()),
    ],
)
def test_who_invokes_a_function(resource: str, callers: set[str]) -> None:
    """Permissions, and resources that name a function, say who invokes it."""
    graph = drawn(FUNCTION + ALIAS + f"  X: {{Type: {resource}}}\n")
    assert graph.functions["F"].callers == callers


def test_what_is_not_known_is_not_guessed() -> None:
    """A parameter without a value and what is imported leave a number unknown, not defaulted."""
    text = "  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !Ref P}}\n"
    parameters = "Parameters: {P: {Type: Number}}"
    assert drawn(text, parameters).queues["Q"].visibility_s is None
    assert drawn(text, parameters, P="7").queues["Q"].visibility_s == 7
    assert drawn(QUEUE).queues["Q"].visibility_s == 30
    assert drawn(text, parameters).troubles == ()


def test_conditions() -> None:
    """What a condition leaves out is not there; one that is not known leaves nothing out."""
    text = "  Q: {Type: AWS::SQS::Queue, Condition: C}\n  R: {Type: AWS::SQS::Queue}\n"

    def condition(side: str) -> str:
        return f"Parameters: {{P: {{Type: String}}}}\nConditions: {{C: !Equals [{side}, x]}}"

    assert set(drawn(text, condition("y")).queues) == {"R"}
    assert set(drawn(text, condition("x")).queues) == {"Q", "R"}
    unknown = drawn(text, condition("!Ref P"))
    assert set(unknown.queues) == {"Q", "R"}
    assert unknown.troubles == ()
    assert set(drawn(text, condition("!Ref P"), P="y").queues) == {"R"}
    nested = condition("!Ref P").replace("{C:", "{D:")
    nested = nested.replace("x]}", "x], C: !Not [Condition: D]}")
    assert set(drawn(text, nested).queues) == {"Q", "R"}


def test_a_policy_as_text() -> None:
    """A redrive policy may be the text of its JSON."""
    policy = f'\'{{"deadLetterTargetArn": "{ARN}q", "maxReceiveCount": "4"}}\''
    text = f"  R: {{Type: AWS::SQS::Queue, Properties: {{RedrivePolicy: {policy}}}}}\n"
    queue = drawn(QUEUE + text).queues["R"]
    assert (queue.dlq, queue.receives_max) == ("Q", 4)


def test_inline_code_has_the_templates_lines() -> None:
    """A source that stands in the template is shown by the template's lines."""
    text = (
        "  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.13\n"
        "      Code:\n        ZipFile: |\n          import os\n          x = 1\n"
    )
    code = drawn(text).functions["F"].code
    assert code is not None
    assert code.files == {"index.py": "import os\nx = 1\n"}
    assert code.place("index.py", 2) == ("t.yaml", 9)


def test_troubles_have_lines() -> None:
    """What CloudFormation would refuse is a trouble; what only this server lacks is none."""
    text = (
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      DelaySeconds: !Ref Nobody\n"
        "      VisibilityTimeout: !ImportValue v\n      Unheard: 1\n"
        "  T: {Type: AWS::DynamoDB::Table, Properties: {X: !GetAtt Q.Arn}}\n"
    )
    (trouble,) = drawn(text).troubles
    assert (trouble.line, trouble.name, trouble.file) == (5, "Q", "t.yaml")
    assert "no parameter or resource Nobody" in trouble.message


_PROPERTIES = {
    "AWS::SQS::Queue": ("FifoQueue QueueName RedriveAllowPolicy RedrivePolicy VisibilityTimeout"),
    "AWS::Lambda::Function": (
        "Code Environment FunctionName Handler Layers Runtime Timeout DeadLetterConfig"
    ),
    "AWS::Lambda::EventSourceMapping": (
        "BatchSize Enabled EventSourceArn FilterCriteria FunctionName FunctionResponseTypes"
        " MaximumBatchingWindowInSeconds ScalingConfig StartingPosition"
    ),
    "AWS::Lambda::EventInvokeConfig": "DestinationConfig FunctionName MaximumRetryAttempts",
    "AWS::Lambda::Permission": "FunctionName Principal",
    "AWS::Lambda::Alias": "FunctionName",
    "AWS::CloudWatch::Alarm": "Dimensions",
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in _PROPERTIES.items() for name in names.split()],
)
def test_wrong_forms_are_survived(kind: str, name: str) -> None:
    """A property of a form that it cannot have is left to CloudFormation; rules go on."""
    for value in ("5", "x", "''", "[]", "{}", "[5]", "{a: [5]}", "null", "true", "1.5", "!Ref Q"):
        mapping = (
            "  M: {Type: AWS::Lambda::EventSourceMapping,"
            " Properties: {EventSourceArn: !GetAtt Q.Arn, FunctionName: f}}\n"
        )
        head = f"  X:\n    Type: {kind}\n    Metadata: {value}\n"
        text = f"{head}    Properties:\n      {name}: {value}\n"
        find(drawn(QUEUE + FUNCTION + mapping + text, f"Metadata: {{Redrive: {value}}}"))
