"""A template brought up inside of this program, with a clock that stands still until it is moved.

It is deployed as `redrive up` deploys it; functions run as processes, as they do there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redrive.cli.client import Client, Place
from redrive.cli.project import Project, find_template, stack_name_of
from redrive.cli.reloading import Reloader
from redrive.cli.summary import FUNCTION, QUEUE
from redrive.config import Config
from redrive.services.stacks.model import World
from redrive.services.stacks.records import encode_stack
from redrive.testing import moves
from redrive.testing.inside import Inside
from redrive.testing.moves import Advanced, Span
from redrive.testing.server import ACCOUNT, REGION, environment_for, settings_for

_MESSAGES_MAX = 1_000
_LOGS_MAX = 1_000


class FunctionFailed(Exception):
    """A function that was invoked has raised, or was ended. payload: Lambda's error body."""

    def __init__(self, payload: Any) -> None:
        told = payload if isinstance(payload, dict) else {}
        super().__init__(f"{told.get('errorType')}: {told.get('errorMessage')}")
        self.payload = payload


class RunningStack:
    """A deployed template. Queues and functions go by their logical ids, or by their names.

    What is sent is worked on at once, in real time, while the clock stands still. `settle` and
    `advance` return when all of it has happened.
    """

    def __init__(self, client: Client, name: str) -> None:
        self.url = client.place.endpoint
        self.settings: Mapping[str, str] = settings_for(self.url)
        """Keyword arguments for `boto3.client`, but for the service."""
        self.environment: Mapping[str, str] = environment_for(self.url)
        """Variables for programs that shall use this server."""
        self._client = client
        told = client.call("redrive", "DescribeStack", StackName=name)
        self.resources: dict[str, str] = {
            each["LogicalId"]: each["PhysicalId"] for each in told["Resources"]
        }
        """Physical ids by logical ids."""
        self.outputs: dict[str, Any] = {each["Name"]: each["Value"] for each in told["Outputs"]}
        """The template's outputs."""
        self._types = {each["LogicalId"]: each["Type"] for each in told["Resources"]}
        self._logical = {physical: logical for logical, physical in self.resources.items()}
        self._cursor = client.call("redrive", "ReadEvents")["Cursor"]

    # --- time ------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What the clock shows, with its zone, which is UTC."""
        return moves.now_of(self._client)

    def advance(self, span: Span) -> Advanced:
        """Let time pass: "6h", "90m", "1d12h", a number of seconds, or a timedelta.

        Everything that is due in between happens in order, functions really run, and it returns
        when all is at rest. Raises Refusal when that never comes.
        """
        return self._named(moves.advance(self._client, span))

    def advance_to(self, instant: str | datetime) -> Advanced:
        """Let time pass up to an instant; one without an offset is UTC."""
        return self._named(moves.advance_to(self._client, instant))

    def settle(self) -> Advanced:
        """Let everything that is to happen now happen, and no time pass."""
        return self.advance(0)

    def _named(self, advanced: Advanced) -> Advanced:
        runs = {self._logical.get(name, name): n for name, n in advanced.functions.items()}
        return advanced._replace(functions=runs)

    # --- queues ----------------------------------------------------------------------------------

    def client(self, service: str, **options: Any) -> Any:
        """Return boto3's client of a service, such as "sqs"."""
        try:
            boto3 = import_module("boto3")
        except ImportError:
            raise RuntimeError(
                "boto3 is not installed here: pip install boto3, or use what this object offers"
            ) from None
        return boto3.client(service, **self.settings, **options)

    def queue_url(self, queue: str) -> str:
        """Return a queue's URL. Raises Refusal when there is none of that name."""
        if self._types.get(queue) == QUEUE:
            return self.resources[queue]
        if "://" in queue:
            return queue
        return str(self._client.call("sqs", "GetQueueUrl", QueueName=queue)["QueueUrl"])

    def send(self, queue: str, body: Any, **more: Any) -> str:
        """Send a message, and return its id. What is not text is sent as JSON.

        more: SendMessage's further parameters, such as MessageGroupId or DelaySeconds.
        """
        text = body if isinstance(body, str) else json.dumps(body)
        url = self.queue_url(queue)
        sent = self._client.call("sqs", "SendMessage", QueueUrl=url, MessageBody=text, **more)
        return str(sent["MessageId"])

    def receive(self, queue: str, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        """Receive up to ten messages, as ReceiveMessage shows them, without waiting."""
        url = self.queue_url(queue)
        asked = {"MaxNumberOfMessages": count, "WaitTimeSeconds": 0, **more}
        told = self._client.call("sqs", "ReceiveMessage", QueueUrl=url, **asked)
        return list(told.get("Messages", ()))

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Return the messages of a queue without receiving them, the oldest first, up to 1000.

        Of each: MessageId, Body, State (visible, in flight or delayed), ReceiveCount, SentMs, ….
        """
        url = self.queue_url(queue)
        told = self._client.call("redrive", "PeekMessages", Queue=url, MaxResults=_MESSAGES_MAX)
        return list(told["Messages"])

    def depth(self, queue: str) -> int:
        """Return how many messages a queue holds: visible, in flight and delayed ones."""
        url = self.queue_url(queue)
        for each in self._client.call("redrive", "DescribeQueues")["Queues"]:
            if each["Url"] == url:
                return int(each["Visible"] + each["InFlight"] + each["Delayed"])
        raise KeyError(queue)

    # --- functions -------------------------------------------------------------------------------

    def function_name(self, function: str) -> str:
        """Return a function's name."""
        return self.resources[function] if self._types.get(function) == FUNCTION else function

    def invoke(self, function: str, event: Any = None) -> Any:
        """Invoke a function and return what it answers. Raises FunctionFailed, Refusal."""
        name = self.function_name(function)
        invoked = self._client.invoke(name, json.dumps(event).encode())
        answer = json.loads(invoked.payload) if invoked.payload else None
        if invoked.error is not None:
            raise FunctionFailed(answer)
        return answer

    def logs(self, function: str) -> str:
        """Return the latest that a function has written, START and REPORT lines too."""
        names = [self.function_name(function)]
        told = self._client.call("redrive", "ReadLogs", FunctionNames=names, Limit=_LOGS_MAX)
        return "".join(str(piece["Text"]) for piece in told["Logs"])

    def events(self) -> list[dict[str, Any]]:
        """Return what has happened since it was up, the oldest first: Kind, AtMs, Detail of each.

        Kinds are invocation, batch, buried and others: what `redrive up` shows.
        """
        found: list[dict[str, Any]] = []
        cursor = self._cursor
        while True:
            told = self._client.call("redrive", "ReadEvents", Cursor=cursor)
            if not told["Events"]:
                return found
            found += told["Events"]
            cursor = told["Cursor"]


@contextmanager
def template_up(
    template: str | Path,
    *,
    parameters: Mapping[str, str] | None = None,
    start: str | datetime | None = None,
    packages: Path | None = None,
    **settings: Any,
) -> Iterator[RunningStack]:
    """Bring a template up inside of this program until the block ends; all of it goes then.

    template: a file, or a folder that has one. start: where its clock starts, else now. packages: a
    folder where packaged code may stay from one time to the next. settings: others of redrive.toml,
    such as sandbox; that file itself and REDRIVE_… variables are not read.
    Raises FileNotFoundError, TemplateError with all that is wrong with the template,
    DeploymentFailed, and ConfigError for settings that cannot be had.
    """
    path = find_template(str(template), Path.cwd())
    instant = start.isoformat() if isinstance(start, datetime) else start or ""
    world = World.named(ACCOUNT, REGION, stack_name_of(path))
    with ExitStack() as undo:
        data = Path(undo.enter_context(TemporaryDirectory(prefix="redrive-")))
        project = Project(path, dict(parameters or {}), world, packages or data / "packages")
        packaged = Reloader(project, lambda _document: None).prepare(
            project.read(), lambda _line: None
        )
        chosen: dict[str, Any] = {
            "port": 0,
            "data": str(data / "data"),
            "durability": "relaxed",  # what goes with the test need not survive a loss of power
            "clock": "manual",
            "clock_start": instant,
            **settings,
        }
        server = Inside(Config(**chosen))
        undo.callback(server.stop)
        client = undo.enter_context(closing(Client(Place(server.url, ACCOUNT, REGION))))
        plan = encode_stack(packaged)
        told = client.call("redrive", "Deploy", StackName=world.stack, Plan=plan)
        if told["Failures"]:
            raise DeploymentFailed(told["Failures"])
        yield RunningStack(client, world.stack)


class DeploymentFailed(Exception):
    """What of a template could not be made."""

    def __init__(self, failures: list[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(f"{each['LogicalId']}: {each['Message']}" for each in failures))
        self.failures = failures
