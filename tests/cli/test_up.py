"""`redrive up` as a person runs it: a process of its own, a template, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redrive.cli.client import Client, NoServer, Place
from redrive.cli.project import Project
from redrive.services.stacks.model import TemplateError, World

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Parameters:
      Greeting: {Type: String, Default: hello}
    Resources:
      Dead: {Type: AWS::SQS::Queue}
      Orders:
        Type: AWS::SQS::Queue
        Properties:
          VisibilityTimeout: 1
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}
      Consumer:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.12
          Handler: app.handler
          CodeUri: src
          Timeout: 1
          Environment: {Variables: {GREETING: !Ref Greeting}}
          Events:
            Job: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn, BatchSize: 1}}
    Outputs:
      OrdersUrl: {Value: !Ref Orders}
"""
CODE = """
import os

def handler(event, context):
    body = event["Records"][0]["body"]
    print(os.environ["GREETING"], body)
    if body == "poison":
        raise KeyError("id")
"""


class Up:
    """One `redrive up --json` and what it has printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "redrive", "up", "--port", "0", "--json", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until something is told; fail when it ends before."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(json.loads(line))
            if wanted(self.told[-1]):
                return self.told[-1]
        raise AssertionError(f"it ended with {self._process.wait()}: {self.told}")

    def ready(self) -> dict[str, Any]:
        """Wait until it is up; return what it made."""
        return self.until(lambda told: told["Kind"] == "ready")

    def wait(self) -> int:
        """Let it end by itself; return its exit code."""
        self._process.communicate(timeout=60)
        return self._process.returncode

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait()


@pytest.fixture
def project(folder: Path) -> Path:
    """A template with its code."""
    (folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text(CODE)
    return folder


@pytest.fixture
def up(project: Path) -> Iterator[Callable[..., Up]]:
    """Start `redrive up`; what is still running at the end is stopped."""
    started: list[Up] = []

    def start(*options: str) -> Up:
        started.append(Up(project, *options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def save(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody sees half of it."""
    beside = path.parents[1] / "being-saved"
    beside.write_text(text)
    beside.replace(path)


def client_of(ready: dict[str, Any]) -> Client:
    """Return a client of a running `up`."""
    return Client(Place(ready["Endpoint"], "000000000000", "us-east-1"))


def send(ready: dict[str, Any], body: str) -> str:
    """Send an order; return its id."""
    client = client_of(ready)
    url = ready["Outputs"]["OrdersUrl"]
    identity = client.call("sqs", "SendMessage", QueueUrl=url, MessageBody=body)["MessageId"]
    client.close()
    return str(identity)


def prints(text: str) -> Callable[[dict[str, Any]], bool]:
    """Tell whether something is a log with a text in it."""
    return lambda told: told["Kind"] == "log" and text in told["Text"]


def test_the_main_job(project: Path, up: Callable[..., Up]) -> None:
    """It makes what the template says, shows what happens, takes up changes, drains at Ctrl-C, and
    has its state at the next start."""
    first = up()
    ready = first.ready()
    assert {queue["LogicalId"] for queue in ready["Queues"]} == {"Dead", "Orders"}
    assert [function["LogicalId"] for function in ready["Functions"]] == ["Consumer"]
    assert ready["Environment"]["AWS_ENDPOINT_URL"] == ready["Endpoint"]
    created = {e["Detail"]["LogicalId"] for e in first.told if e["Kind"] == "deployment"}
    assert {"Dead", "Orders", "Consumer", "ConsumerJob", "ConsumerRole"} <= created

    send(ready, "tea")
    first.until(prints("hello tea"))
    poison = send(ready, "poison")
    failed = first.until(lambda t: t["Kind"] == "invocation" and t["Detail"]["Status"] == "error")
    assert failed["Detail"]["ErrorType"] == "KeyError"
    buried = first.until(lambda told: told["Kind"] == "buried")
    assert buried["Detail"]["MessageId"] == poison

    code = project / "src" / "app.py"
    code.write_text(CODE.replace('print(os.environ["GREETING"], body)', 'print("mended", body)'))
    first.until(
        lambda t: (
            t["Kind"] == "deployment"
            and t["Detail"]["LogicalId"] == "Consumer"
            and t["Detail"]["Action"] == "update"
        )
    )
    send(ready, "cake")
    first.until(prints("mended cake"))

    template = project / "template.yaml"
    template.write_text(template.read_text().replace("VisibilityTimeout", "VisibleTimeout"))
    problems = first.until(lambda told: told["Kind"] == "problems")["Problems"]
    assert [(p["LogicalId"], p["Line"]) for p in problems] == [("Orders", 10)]
    send(ready, "pie")
    first.until(prints("mended pie"))
    template.write_text(textwrap.dedent(TEMPLATE))
    assert first.stop() == 0
    with pytest.raises(NoServer):
        send(ready, "nobody hears")

    second = up("--parameter", "Greeting=bye", "--no-watch")
    again = second.ready()
    names = [[queue["Name"] for queue in made["Queues"]] for made in (ready, again)]
    assert names[0] == names[1]
    client = client_of(again)
    (message,) = client.call(
        "redrive", "PeekMessages", Queue=buried["Detail"]["DeadLetterQueueName"]
    )["Messages"]
    assert message["MessageId"] == poison
    told = client.call("redrive", "ExplainMessage", MessageId=poison)
    request_id = next(e["Detail"]["request"] for e in told["Events"] if e["Kind"] == "failed")
    logs = client.call(
        "redrive", "ReadLogs", FunctionName=again["Functions"][0]["Name"], RequestId=request_id
    )["Logs"]
    assert "hello poison" in "".join(log["Text"] for log in logs)
    client.close()
    assert second.stop() == 0


def test_an_error_of_a_template(project: Path) -> None:
    """All problems are told with logical id and line, nothing is left running, exit code 1."""
    bad = TEMPLATE.replace("VisibilityTimeout", "Visibility").replace("Timeout: 1", "Timeoutt: 1")
    (project / "template.yaml").write_text(textwrap.dedent(bad))
    done = subprocess.run(
        [sys.executable, "-m", "redrive", "up", "--port", "0"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "template.yaml:" in done.stderr
    assert "Consumer.Timeoutt: unknown property" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_problems_of_a_sam_template_come_together(tmp_path: Path) -> None:
    """What is wrong beside a SAM resource is told with what is wrong in it, each at its line."""
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources:\n"
        "  Q:\n"
        "    Type: AWS::SQS::Queue\n"
        "    Properties: {VisibilityTimout: 3}\n"
        "  T: {Type: AWS::DynamoDB::Table}\n"
        "  F:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties: {Foo: 1, Runtime: python3.12, Handler: a.b, InlineCode: x}\n"
    )
    world = World.named("000000000000", "us-east-1", "shop")
    project = Project(tmp_path / "template.yaml", {}, world, tmp_path / "cache")
    with pytest.raises(TemplateError) as told:
        project.resolve(project.read())
    said = [str(problem) for problem in told.value.problems]
    assert len(said) == 3
    for place in ("Q.VisibilityTimout", "T.Type", "F.Foo"):
        assert any(place in line for line in said)


def test_a_refused_resource(project: Path) -> None:
    """What AWS refuses is told with the logical id, the line and AWS's words, exit code 1."""
    bad = TEMPLATE.replace("VisibilityTimeout: 1", "VisibilityTimeout: 99999")
    (project / "template.yaml").write_text(textwrap.dedent(bad))
    done = subprocess.run(
        [sys.executable, "-m", "redrive", "up", "--port", "0"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "template.yaml:7: Orders: InvalidAttributeValue" in done.stderr
    assert "ConsumerJob: not begun" in done.stderr


def test_a_running_server_is_used_and_left(up: Callable[..., Up]) -> None:
    """A second `up` on the same data uses the server that is there, and leaves it running."""
    first = up().ready()
    second = up("--stack-name", "other")
    other = second.ready()
    assert other["Endpoint"] == first["Endpoint"]
    assert other["StackName"] == "other"
    assert second.stop() == 0
    client = client_of(first)
    assert client.health()["status"] == "ok"
    assert len(client.call("redrive", "ListStacks")["Stacks"]) == 2
    client.close()


def test_a_port_that_is_taken(project: Path, up: Callable[..., Up]) -> None:
    """A server that cannot listen is told with its own words, exit code 1."""
    port = up().ready()["Endpoint"].rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "redrive", "up", "--port", port, "--data", "elsewhere"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_a_server_that_dies(up: Callable[..., Up]) -> None:
    """When the server is gone, `up` says so and ends with exit code 1."""
    running = up()
    client = client_of(running.ready())
    pid = client.health()["pid"]
    client.close()
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
    told = running.until(lambda told: told["Kind"] == "error")
    assert "server" in told["Message"]
    assert running.wait() == 1


def test_detached(up: Callable[..., Up]) -> None:
    """With --detach it returns when all is up, and the server goes on."""
    detached = up("--detach")
    client = client_of(detached.ready())
    pid = client.health()["pid"]
    try:
        assert detached.wait() == 0
        assert client.health()["pid"] == pid
    finally:
        client.close()
        subprocess.run(["kill", str(pid)], check=True)


def test_no_template(folder: Path) -> None:
    """Without a template it says what it looked for."""
    done = subprocess.run(
        [sys.executable, "-m", "redrive", "up"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no template: looked for" in done.stderr
