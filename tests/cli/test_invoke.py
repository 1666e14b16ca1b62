"""`redrive invoke` and `redrive events` against a live server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from redrive.cli.client import Client
from redrive.cli.main import cli
from redrive.cli.samples import SAMPLES

Redrive = Callable[..., Result]

CODE = """
def handler(event, context):
    print("seen", event)
    return {"event": event, "arn": context.invoked_function_arn}
"""
ORDERS = "arn:aws:sqs:us-east-1:000000000000:sampled"


@pytest.fixture(scope="module")
def echo(client: Client) -> Iterator[str]:
    """A function that returns its event, mapped to a queue."""
    function = {
        "FunctionName": "echo",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"ZipFile": CODE},
    }
    mapping = {"EventSourceArn": ORDERS, "FunctionName": "echo"}
    plan = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "sampled"}},
            "Echo": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "DependsOn": ["Queue", "Echo"],
                "Properties": mapping,
            },
        }
    }
    assert client.call("redrive", "Deploy", StackName="echo", Plan=plan)["Failures"] == []
    yield "echo"
    client.call("redrive", "DeleteStack", StackName="echo")


def test_a_sample_of_a_queue_is_what_the_queue_delivers(
    client: Client, echo: str, redrive: Redrive
) -> None:
    """A sampled record has the members and forms of a delivered one, and comes from the queue that
    the function is mapped to."""
    done = redrive("invoke", echo, "--event", "sqs", "--body", "tea")
    assert done.exit_code == 0, done.output
    (sampled,) = json.loads(done.stdout)["event"]["Records"]
    assert (sampled["body"], sampled["eventSourceARN"]) == ("tea", ORDERS)

    client.call("sqs", "SendMessage", QueueUrl="/000000000000/sampled", MessageBody="tea")
    delivered = None
    told: dict[str, Any] = {"Cursor": None}
    while delivered is None:  # each look waits for the next line at the server
        cursor = {"Cursor": told["Cursor"], "WaitSeconds": 20} if told["Cursor"] else {}
        told = client.call("redrive", "ReadLogs", FunctionName=echo, **cursor)
        for piece in told["Logs"]:
            for line in piece["Text"].splitlines():
                if line.startswith("seen ") and sampled["messageId"] not in line:
                    (delivered,) = eval(line.removeprefix("seen "))["Records"]  # noqa: S307
    assert sampled.keys() == delivered.keys()
    assert sampled["attributes"].keys() == delivered["attributes"].keys()
    same = ("body", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion", "messageAttributes")
    for name in same:
        assert sampled[name] == delivered[name]
    assert sampled["attributes"]["SenderId"] == delivered["attributes"]["SenderId"]


def printed(*words: str) -> Result:
    """Run `redrive events`, which asks no server."""
    return CliRunner().invoke(cli, ["events", *words])


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_an_event(echo: str, redrive: Redrive, name: str) -> None:
    """Each sample is printed as JSON, with a new id each time, and a function takes it."""
    first, second = (printed(name) for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.stdout != second.stdout
    assert json.loads(first.stdout).keys() == json.loads(second.stdout).keys()
    done = redrive("invoke", echo, "--event", name)
    assert json.loads(done.stdout)["event"].keys() == json.loads(first.stdout).keys()
    assert name in printed().stdout.splitlines()


def test_events_from_files(echo: str, redrive: Redrive, tmp_path: Path) -> None:
    """A file may be named with or without @."""
    file = tmp_path / "event.json"
    file.write_text('{"from": "a file"}')
    for given in (str(file), f"@{file}"):
        done = redrive("invoke", echo, "--event", given)
        assert json.loads(done.stdout)["event"] == {"from": "a file"}


def test_qualifiers_and_async(echo: str, redrive: Redrive) -> None:
    """A version is invoked by its qualifier; --async answers at once with the request's id."""
    qualified = redrive("invoke", echo, "--qualifier", "$LATEST", "--json")
    told = json.loads(qualified.stdout)
    assert told["ExecutedVersion"] == "$LATEST"
    assert told["Payload"]["arn"].endswith(":function:echo:$LATEST")
    absent = redrive("invoke", echo, "--qualifier", "7")
    assert absent.exit_code == 1
    assert "ResourceNotFoundException" in absent.stderr
    handed = redrive("invoke", echo, "--async", "--json")
    assert handed.exit_code == 0, handed.output
    assert json.loads(handed.stdout).keys() == {"RequestId"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--event", "kafka"], "kafka is neither a sample (sqs, sqs-fifo,"),
        (["-e", "s3", "--body", "x"], "a sample of s3 has no body"),
        (["--event", "eventbridge", "--body", "x"], "is a JSON object"),
        (["--event", "{}", "--body", "x"], "only a sample has a body"),
        (["--async", "--log"], "which --async does not wait for"),
        (["--event", "/nope.json"], "/nope.json: No such file"),
    ],
)
def test_what_makes_no_sense_is_told(
    echo: str, redrive: Redrive, words: list[str], said: str
) -> None:
    """Mistakes are told in a line, and nothing is invoked."""
    done = redrive("invoke", echo, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_what_a_template_calls_a_function_is_a_name_too(echo: str, redrive: Redrive) -> None:
    """Logical ids are found in the stacks; what nothing is called is told as it was given."""
    done = redrive("invoke", "Echo", "--event", '{"a": 1}')
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["arn"].endswith(f":function:{echo}")
    assert "seen {'a': 1}" in redrive("logs", "Echo").output
    missing = redrive("invoke", "Nobody", "--event", "{}")
    assert (missing.exit_code, "function:Nobody" in missing.output) == (1, True)


def test_a_sample_comes_from_the_queue_of_an_alias(
    client: Client, echo: str, redrive: Redrive
) -> None:
    """SAM's AutoPublishAlias maps queues to the alias, which is the function to who invokes it."""
    queue = "arn:aws:sqs:us-east-1:000000000000:sampled.fifo"
    fifo = {"QueueName": "sampled.fifo", "FifoQueue": True}
    alias = {"FunctionName": echo, "Name": "live", "FunctionVersion": "$LATEST"}
    mapping = {"EventSourceArn": queue, "FunctionName": f"{echo}:live", "Enabled": False}
    plan = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": fifo},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "DependsOn": ["Queue", "Alias"],
                "Properties": mapping,
            },
        }
    }
    try:
        assert client.call("redrive", "Deploy", StackName="alias", Plan=plan)["Failures"] == []
        done = redrive("invoke", echo, "--event", "sqs-fifo")
        (sampled,) = json.loads(done.stdout)["event"]["Records"]
        assert sampled["eventSourceARN"] == queue
    finally:
        client.call("redrive", "DeleteStack", StackName="alias")
