"""The person's commands against a live server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

from redrive.cli.client import Client, Refusal

Redrive = Callable[..., Result]

CODE = """
import json

def handler(event, context):
    print("asked for", event.get("name"))
    if event.get("name") == "nobody":
        raise KeyError("name")
    return {"hello": event.get("name")}
"""


@pytest.fixture(scope="module")
def stack(client: Client) -> Iterator[Client]:
    """A queue with its dead-letter queue, and a function, deployed as a stack."""
    arn = "arn:aws:sqs:us-east-1:000000000000:"
    properties = {
        "FunctionName": "greeter",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"ZipFile": CODE},
    }
    plan = {
        "Resources": {
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders-dead"}},
            "Orders": {
                "Type": "AWS::SQS::Queue",
                "DependsOn": ["Dead"],
                "Properties": {
                    "QueueName": "orders",
                    "VisibilityTimeout": 0,
                    "RedrivePolicy": {
                        "deadLetterTargetArn": arn + "orders-dead",
                        "maxReceiveCount": 1,
                    },
                },
            },
            "Greeter": {"Type": "AWS::Lambda::Function", "Properties": properties},
        }
    }
    told = client.call("redrive", "Deploy", StackName="shop", Plan=plan)
    assert told["Failures"] == []
    yield client
    client.call("redrive", "DeleteStack", StackName="shop")


@pytest.fixture
def poison(stack: Client) -> Iterator[str]:
    """The id of a message that is in the dead-letter queue."""
    url = {"QueueUrl": "/000000000000/orders"}
    identity = stack.call("sqs", "SendMessage", **url, MessageBody="bad\norder")["MessageId"]
    for _ in range(2):  # the second receive is one too many, and buries it
        stack.call("sqs", "ReceiveMessage", **url)
    yield identity
    stack.call("sqs", "PurgeQueue", QueueUrl="/000000000000/orders-dead")


def test_queues_messages_explain_move(
    stack: Client, poison: str, redrive: Redrive, redrive_json: Callable[..., Any]
) -> None:
    """A poison message is seen where it lies, explained, and moved back."""
    table = redrive("queues").stdout.splitlines()
    assert table[0].split("  ")[0] == "QUEUE"
    assert any(
        line.startswith("orders ") and line.endswith("orders-dead after 1") for line in table
    )
    visible = {queue["Name"]: queue["Visible"] for queue in redrive_json("queues")["Queues"]}
    assert visible == {"orders": 0, "orders-dead": 1}

    shown = redrive("messages", "orders-dead").stdout
    assert poison in shown
    assert "bad order" in shown
    (message,) = redrive_json("messages", "orders-dead")["Messages"]
    assert (message["MessageId"], message["Body"]) == (poison, "bad\norder")
    assert message["ReceiveCount"] == 1, "looking is not receiving"

    told = redrive("explain", poison).stdout
    assert told.startswith("in orders-dead, visible, received 1 time\n")
    kinds = [event["Kind"] for event in redrive_json("explain", poison)["Events"]]
    assert [kind for kind in kinds if kind in ("sent", "buried")] == ["sent", "buried"]

    moved = redrive("move", "orders-dead", "--rate", "500")
    assert moved.stdout == "moved 1 message from orders-dead\n"
    assert moved.exit_code == 0
    visible = {queue["Name"]: queue["Visible"] for queue in redrive_json("queues")["Queues"]}
    assert visible == {"orders": 1, "orders-dead": 0}
    told = redrive("explain", poison).stdout
    assert "redriven  to orders as " in told
    task = redrive_json("move", "orders-dead", "--to", "orders")
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["messages", "nope"], "QueueDoesNotExist"),
        (["explain", "nope"], "is not the id of a message"),
        (["move", "nope"], "there is no queue nope; there are: orders, orders-dead"),
        (["move", "orders"], "must be configured as a Dead Letter Queue"),
        (["logs", "nope"], "there is no function nope"),
        (["invoke", "nope"], "ResourceNotFoundException"),
        (["invoke", "greeter", "--event", "{"], "not JSON"),
        (["invoke", "greeter", "--event", "@/nope.json"], "/nope.json: No such file"),
    ],
)
def test_mistakes_are_told(stack: Client, redrive: Redrive, words: list[str], said: str) -> None:
    """What cannot be done is said in a line, with an exit code that is not 0."""
    result = redrive(*words)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_invoke_and_logs(stack: Client, redrive: Redrive, redrive_json: Callable[..., Any]) -> None:
    """invoke prints the answer and tells failure by its exit code; logs has what was printed."""
    done = redrive("invoke", "greeter", "--event", '{"name":"ada"}', "--log")
    assert (done.exit_code, done.stdout) == (0, '{"hello": "ada"}\n')
    assert "asked for ada" in done.stderr
    by_pipe = redrive("invoke", "greeter", "--event", "-", stdin='{"name":"bob"}')
    assert by_pipe.stdout == '{"hello": "bob"}\n'
    failed = redrive("invoke", "greeter", "--event", '{"name":"nobody"}')
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["errorType"] == "KeyError"
    told = json.loads(redrive("invoke", "greeter", "--event", '{"name":"c"}', "--json").stdout)
    assert (told["Payload"], told["FunctionError"]) == ({"hello": "c"}, None)

    lines = redrive("logs", "greeter").stdout.splitlines()
    printed = [line for line in lines if line.startswith("asked for")]
    assert printed == [f"asked for {name}" for name in ("ada", "bob", "nobody", "c")]
    only = redrive("logs", "greeter", "--request", told["RequestId"]).stdout
    assert "asked for c" in only
    assert "asked for ada" not in only
    pieces = redrive("logs", "greeter", "--json").stdout.splitlines()
    assert {json.loads(piece)["FunctionName"] for piece in pieces} == {"greeter"}


def test_client_tells_accounts_apart(stack: Client) -> None:
    """Another account's key sees none of it."""
    other = Client(stack.place._replace(account="111122223333"))
    assert other.call("redrive", "DescribeQueues") == {"Queues": []}
    with pytest.raises(Refusal, match="does not exist"):
        other.call("redrive", "DescribeStack", StackName="shop")
    other.close()
