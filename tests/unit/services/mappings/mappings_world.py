"""Queues, functions and mappings together: the real services and store, under a virtual clock.

Functions are scripts: from an event to an answer, or to None to leave the invocation running.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stand_ins import ACCOUNT, REGION, CountedChance, answering, caller, package

from redrive.core.arn import queue_arn
from redrive.core.effects import Caller, Params, Ran, Reply, Run, Step
from redrive.core.errors import Unavailable
from redrive.core.time import NEVER, Millis
from redrive.services.dispatch import Dispatch
from redrive.services.functions import operations as functions
from redrive.services.functions.code import CodeStore
from redrive.services.functions.room import Functions
from redrive.services.mappings import operations as mappings
from redrive.services.mappings.poller import Poller
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.tally import Tally
from redrive.services.queues import operations as queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

CALLER = caller()
T0 = Millis(1_800_000_000_000)
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:worker"
QUEUE_ARN = queue_arn(REGION, ACCOUNT, "orders")

_SERVICES = {"queues": queues, "functions": functions, "mappings": mappings}
SQL = [
    Path(module.__file__).parent.parent / f"{name}.sql"  # type: ignore[arg-type]
    for name, module in (*_SERVICES.items(), ("fifo", queues))
]


class SpiedRegistry(Registry):
    """The registry, with a list of what was asked for and a switch for a store that is away."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        self.asked: list[tuple[str, str, Params]] = []
        self.away: set[str] = set()

    def operate(self, service: str, operation: str, params: Params, context: Any) -> Any:
        self.asked.append((service, operation, params))
        if operation in self.away:
            raise Unavailable("the disk is full")
        return super().operate(service, operation, params, context)


class World:
    """One server's worth of services in a directory."""

    def __init__(self, folder: Path, now_ms: Millis = T0, tally: Tally | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.now_ms = now_ms
        self.scripts: dict[str, Callable[[Any], Ran | None]] = {}
        self.runs: list[Run] = []
        self.held: list[Callable[[Ran], None]] = []
        self.faults: list[BaseException] = []
        self.store = SqliteStore(str(folder / "redrive.db"), load_statements(SQL))
        chance = CountedChance()
        self.registry = SpiedRegistry(self.store)
        queues.register(self.registry, Queues(self.store, chance))
        functions.register(self.registry, Functions(CodeStore(folder / "code"), chance))
        mappings.register(self.registry, Mappings(chance))
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=chance,
            run=self._run,
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )
        self.poller = Poller(CALLER, chance, tally)
        self.dispatch.post(self.poller)
        self.settle()

    def _run(self, run: Run, ended: Callable[[Ran], None]) -> None:
        self.runs.append(run)
        script = self.scripts.get(run.environment.function_name, answering(None))
        ran = script(json.loads(run.event))
        if ran is None:
            self.held.append(ended)
        else:
            ended(ran)

    # --- time ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do all that is to be done at this instant; ours must not fail."""
        while not self.dispatch.is_idle or self.dispatch.next_ms <= self.now_ms:
            self.dispatch.advance()
            self.dispatch.settle()
            if self.faults:
                raise self.faults[0]

    def pass_s(self, seconds: float) -> None:
        """Let the clock jump from one due instant to the next, for some seconds."""
        until_ms = Millis(self.now_ms + int(seconds * 1000))
        while self.dispatch.next_ms <= until_ms and self.dispatch.next_ms != NEVER:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.settle()
        self.now_ms = until_ms

    # --- requests --------------------------------------------------------------------------------

    def call(self, service: str, operation: str, who: Caller = CALLER, /, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        reply = self.reply(service, operation, who, **params)
        if reply.error is not None:
            raise reply.error
        return reply.result

    def reply(self, service: str, operation: str, who: Caller = CALLER, /, **params: Any) -> Reply:
        """Return an operation's reply, at its first commit; the poller has not moved by then."""
        replies: list[Reply] = []
        self.dispatch.enter(service, operation, params, who, replies.append)
        while not replies:
            self.dispatch.settle()
        self.settle()
        return replies[0]

    def queue(self, name: str = "orders", **attributes: Any) -> str:
        """Create a queue; return its ARN."""
        given = {key: str(value) for key, value in attributes.items()}
        self.call("sqs", "CreateQueue", QueueName=name, Attributes=given)
        return queue_arn(REGION, ACCOUNT, name)

    def function(self, name: str = "worker", **members: Any) -> None:
        """Create a function."""
        params = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/worker",
            "Handler": "app.handler",
            "Code": {"ZipFile": package()},
            **members,
        }
        self.call("lambda", "CreateFunction", **params)

    def map(self, queue: str = "orders", function: str = "worker", **options: Any) -> Any:
        """Create a mapping."""
        arn = queue_arn(REGION, ACCOUNT, queue)
        return self.call(
            "lambda",
            "CreateEventSourceMapping",
            EventSourceArn=arn,
            FunctionName=function,
            **options,
        )

    def ready(self, queue: dict[str, Any] | None = None, **options: Any) -> str:
        """Create the queue `orders`, the function `worker` and a mapping; return its UUID."""
        self.queue(**(queue or {}))
        self.function()
        return str(self.map(**options)["UUID"])

    def mapping(self, uuid: str) -> Any:
        """Show a mapping."""
        return self.call("lambda", "GetEventSourceMapping", UUID=uuid)

    def send(self, *bodies: str, queue: str = "orders", **members: Any) -> list[str]:
        """Send messages, then let the rest happen; return their ids."""
        ids = []
        for body in bodies:
            replies: list[Reply] = []
            params = {"QueueUrl": f"/{ACCOUNT}/{queue}", "MessageBody": body, **members}
            self.dispatch.enter("sqs", "SendMessage", params, CALLER, replies.append)
            ids.append(replies)
        self.settle()
        return [found[0].result["MessageId"] for found in ids]  # type: ignore[index]

    # --- what to see -----------------------------------------------------------------------------

    def counts(self, queue: str = "orders") -> tuple[int, int]:
        """Count a queue's visible messages and those in flight."""
        found = self.call(
            "sqs", "GetQueueAttributes", QueueUrl=f"/{ACCOUNT}/{queue}", AttributeNames=["All"]
        )["Attributes"]
        return (
            int(found["ApproximateNumberOfMessages"]),
            int(found["ApproximateNumberOfMessagesNotVisible"]),
        )

    def events(self) -> list[list[str]]:
        """Return the bodies of each invocation, in order."""
        return [[r["body"] for r in json.loads(run.event)["Records"]] for run in self.runs]

    def story(self, message_id: str) -> list[str]:
        """Return the kinds of a message's life-line."""
        line = self.call("redrive", "ExplainMessage", MessageId=message_id)["Events"]
        return [event["Kind"] for event in line]

    def asked(self, operation: str) -> list[Params]:
        """Return the parameters of all calls of an operation."""
        return [params for _service, name, params in self.registry.asked if name == operation]


REPORTS = ["ReportBatchItemFailures"]


def update(world: World, uuid: str, **change: Any) -> Any:
    """Change a mapping."""
    return world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, **change)


def reserve(world: World, count: int) -> None:
    """Reserve concurrency for the function; 0 throttles all of it."""
    world.call(
        "lambda",
        "PutFunctionConcurrency",
        FunctionName="worker",
        ReservedConcurrentExecutions=count,
    )


def watch_steps(world: World) -> list[Step]:
    """Return a list that every step of the poller's is added to."""
    steps: list[Step] = []
    done, step = world.poller.done, world.poller.step

    def note(made: Step) -> Step:
        steps.append(made)
        return made

    world.poller.done = lambda *given: note(done(*given))  # type: ignore[method-assign]
    world.poller.step = lambda *given: note(step(*given))  # type: ignore[method-assign]
    return steps
