"""Asynchronous events, layers and provisioned concurrency on a live server, through boto3."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from live import LiveServer

REGION, ACCOUNT = "us-east-1", "111122223333"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
HANDLER = """
import greeting

def handler(event, context):
    if event.get("fail"):
        raise ValueError("no stock")
    return {"said": greeting.WORD}
"""


def package(**files: str) -> bytes:
    """A zip file; __ in a name stands for a slash."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return held.getvalue()


class Shop:
    """A server with a function that imports from a layer, and queues for what comes of it."""

    def __init__(self, folder: Path) -> None:
        self.server = LiveServer(folder)
        self.functions: Any = self._client("lambda")
        self.sqs: Any = self._client("sqs")

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="x",
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def build(self) -> None:
        """Create all of it."""
        for name in ("done", "failed", "dead"):
            self.sqs.create_queue(QueueName=name)
        layer = self.functions.publish_layer_version(
            LayerName="greetings",
            Content={"ZipFile": package(python__greeting="WORD = 'hello'\n")},
            CompatibleRuntimes=["python3.12"],
        )
        self.functions.create_function(
            FunctionName="orders",
            Runtime="python3.12",
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": package(app=HANDLER)},
            Layers=[layer["LayerVersionArn"]],
            DeadLetterConfig={"TargetArn": f"{QUEUES}:dead"},
            Publish=True,
        )
        self.functions.put_function_event_invoke_config(
            FunctionName="orders",
            MaximumRetryAttempts=0,
            DestinationConfig={
                "OnSuccess": {"Destination": f"{QUEUES}:done"},
                "OnFailure": {"Destination": f"{QUEUES}:failed"},
            },
        )

    def send(self, **event: Any) -> None:
        """Invoke asynchronously."""
        self.functions.invoke(
            FunctionName="orders", InvocationType="Event", Payload=json.dumps(event)
        )

    def receive(self, name: str, wait_s: int = 20) -> Any:
        """Take a message, or None."""
        found = self.sqs.receive_message(
            QueueUrl=f"http://127.0.0.1:{self.server.port}/{ACCOUNT}/{name}",
            WaitTimeSeconds=wait_s,
            MessageAttributeNames=["All"],
        )
        return next(iter(found.get("Messages", ())), None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, built."""
    made = Shop(tmp_path_factory.mktemp("shop"))
    made.build()
    yield made
    assert made.server.health()["faults"] == 0
    made.server.close()


def test_a_success_reaches_its_destination(shop: Shop) -> None:
    """The function runs with its layer, and the record says what it returned."""
    shop.send(n=1)
    message = shop.receive("done")
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"] == {"said": "hello"}


def test_a_failure_reaches_both(shop: Shop) -> None:
    """On-failure gets the record, the dead-letter queue the event as it came."""
    shop.send(fail=True)
    record = json.loads(shop.receive("failed")["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorMessage"] == "no stock"
    dead = shop.receive("dead")
    assert json.loads(dead["Body"]) == {"fail": True}
    attributes = dead["MessageAttributes"]
    assert attributes["ErrorMessage"]["StringValue"] == "no stock"
    assert attributes["RequestID"]["StringValue"] == record["requestContext"]["requestId"]


def test_provisioned_concurrency_becomes_ready(shop: Shop) -> None:
    """Environments are started ahead of the first invocation, and the status tells when."""
    given = {"FunctionName": "orders", "Qualifier": "1"}
    told = shop.functions.put_provisioned_concurrency_config(
        **given, ProvisionedConcurrentExecutions=2
    )
    assert (told["Status"], told["AllocatedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    while told["Status"] == "IN_PROGRESS":
        # Each look at the queue that stays empty lets a second pass.
        assert shop.receive("done", wait_s=1) is None
        told = shop.functions.get_provisioned_concurrency_config(**given)
    assert told["AvailableProvisionedConcurrentExecutions"] == 2
    answer = shop.functions.invoke(**given, Payload=b"{}", LogType="Tail")
    assert json.loads(answer["Payload"].read()) == {"said": "hello"}
    shop.functions.delete_provisioned_concurrency_config(**given)


def test_what_cannot_be_delivered_is_refused(shop: Shop) -> None:
    """A destination of a service that this server does not have is refused when it is set."""
    with pytest.raises(ClientError) as refused:
        shop.functions.put_function_event_invoke_config(
            FunctionName="orders",
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::told"}},
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert "this server has no service s3" in str(refused.value)


def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    """An event that was answered with 202 is run and its record delivered after a SIGKILL."""
    before = Shop(tmp_path)
    before.build()
    for number in range(5):
        before.send(n=number)
    before.server.process.kill()
    before.server.close()
    after = Shop(tmp_path)
    seen = set()
    while len(seen) < 5:
        message = after.receive("done")
        assert message is not None, f"only {seen} arrived"
        seen.add(json.loads(message["Body"])["requestPayload"]["n"])
    after.server.close()
