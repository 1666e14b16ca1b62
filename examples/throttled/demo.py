"""Concurrency 1 and batch size 1 bury healthy messages; MaximumConcurrency saves them. See it.

The same messages go through two queues of one server, to the same function that never fails. One
function has a reserved concurrency of 1: its mapping's pollers hold more batches than may run, each
throttled batch is tried until its visibility timeout ends, and its receive is spent for nothing.
The other may run twice at a time, and its mapping may ask for no more than that. Ends with 0 when
the first lost messages to its dead-letter queue and the second none, with 1 when it is not so.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from chart import Sample, draw, write_svg
from rich.console import Console

from redrive.testing import HostError, Serving, serving

EXAMPLE = Path(__file__).resolve().parent
MESSAGES_MIN = 30  # fewer are done before their receives are spent
LOOK_SECONDS = 0.25
LOOKS_MAX = 1_200
ROLE = "arn:aws:iam::000000000000:role/worker"


class Setting(NamedTuple):
    """How a function and its mapping are set."""

    name: str
    reserved: int
    maximum: int | None  # the mapping's MaximumConcurrency

    @property
    def title(self) -> str:
        """Return it in a line."""
        limit = "no MaximumConcurrency" if self.maximum is None else self.maximum
        shown = f"MaximumConcurrency {limit}" if self.maximum is not None else limit
        return f"reserved concurrency {self.reserved}, {shown}"


THROTTLED = Setting("throttled", 1, None)
CURED = Setting("cured", 2, 2)


class Outcome(NamedTuple):
    """What became of a setting's messages."""

    setting: Setting
    samples: list[Sample]
    processed: list[str]
    dead: dict[str, str]  # body -> message id

    @property
    def unseen(self) -> set[str]:
        """Return the dead messages that the function never saw."""
        return self.dead.keys() - set(self.processed)


class Line:
    """One queue with its dead-letter queue, its function and its mapping."""

    def __init__(self, server: Serving, setting: Setting, folder: Path, receives: int) -> None:
        self.setting = setting
        self.file = folder / f"{setting.name}.txt"
        self.file.write_text("")
        self._sqs = boto3.client("sqs", **server.settings, config=Config(proxies={}))
        self._lambda = boto3.client("lambda", **server.settings, config=Config(proxies={}))
        self._dead = self._sqs.create_queue(QueueName=f"{setting.name}-dead")["QueueUrl"]
        policy = {"deadLetterTargetArn": self._arn(self._dead), "maxReceiveCount": receives}
        attributes = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(policy)}
        made = self._sqs.create_queue(QueueName=setting.name, Attributes=attributes)
        self._queue = made["QueueUrl"]
        self._lambda.create_function(
            FunctionName=setting.name,
            Runtime="python3.12",
            Handler="worker.handler",
            Role=ROLE,
            Timeout=3,
            Code={"ZipFile": package()},
            Environment={"Variables": {"PROCESSED": str(self.file)}},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=setting.name)
        self._lambda.put_function_concurrency(
            FunctionName=setting.name, ReservedConcurrentExecutions=setting.reserved
        )

    def _arn(self, url: str) -> str:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def start(self, messages: int) -> None:
        """Fill the queue and map it to the function, one message a batch."""
        for first in range(0, messages, 10):
            count = min(10, messages - first)
            entries = [{"Id": str(n), "MessageBody": f"job {first + n}"} for n in range(count)]
            self._sqs.send_message_batch(QueueUrl=self._queue, Entries=entries)
        options: dict[str, Any] = {}
        if self.setting.maximum is not None:
            options["ScalingConfig"] = {"MaximumConcurrency": self.setting.maximum}
        self._lambda.create_event_source_mapping(
            FunctionName=self.setting.name,
            EventSourceArn=self._arn(self._queue),
            BatchSize=1,
            **options,
        )

    def look(self, seconds: float) -> Sample:
        """Return where the messages are now."""
        done = len(self.file.read_text().splitlines())
        return Sample(seconds, done, self._count(self._queue), self._count(self._dead))

    def _count(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def finish(self, samples: list[Sample]) -> Outcome:
        """Return what came of it; the dead messages are read and left there."""
        dead: dict[str, str] = {}
        for _ in range(samples[-1].dead):
            got = self._sqs.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10)
            dead |= {each["Body"]: each["MessageId"] for each in got.get("Messages", ())}
        return Outcome(self.setting, samples, self.file.read_text().splitlines(), dead)


def package() -> bytes:
    """Return the function as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(EXAMPLE / "worker.py", "worker.py")
    return buffer.getvalue()


def play(server: Serving, messages: int, receives: int, settings: list[Setting]) -> list[Outcome]:
    """Let all settings run side by side until no message waits."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [Line(server, setting, Path(folder), receives) for setting in settings]
        for line in lines:
            line.start(messages)
        taken: list[list[Sample]] = [[] for _ in lines]
        pause = threading.Event()
        for number in range(LOOKS_MAX):
            for line, samples in zip(lines, taken, strict=True):
                if not samples or samples[-1].waiting:
                    samples.append(line.look(number * LOOK_SECONDS))
            if not any(samples[-1].waiting for samples in taken):
                break
            pause.wait(LOOK_SECONDS)
        return [line.finish(samples) for line, samples in zip(lines, taken, strict=True)]


def judge(throttled: Outcome, cured: Outcome, messages: int) -> str | None:
    """Return what is wrong, or None."""
    for outcome in (throttled, cured):
        if outcome.samples[-1].waiting:
            return f"{outcome.setting.name}: {outcome.samples[-1].waiting} messages still wait"
        if len(set(outcome.processed) | outcome.dead.keys()) != messages:
            return f"{outcome.setting.name}: a message is neither processed nor dead"
    if not throttled.unseen:
        return "no healthy message died: nothing is shown"
    if cured.dead:
        return f"{len(cured.dead)} messages died although no batch should have been throttled"
    return None


def explain(server: Serving, identity: str) -> str:
    """Return what Redrive knows of a message's life."""
    command = [sys.executable, "-m", "redrive", "explain", identity, "--endpoint", server.url]
    found = subprocess.run(command, env=server.environment, capture_output=True, text=True)
    return found.stdout or found.stderr


def show(console: Console, server: Serving, outcomes: list[Outcome]) -> None:
    """Print both charts, and the life of one message that died."""
    for outcome in outcomes:
        console.print(f"[bold]{outcome.setting.name}[/]: {outcome.setting.title}, batch size 1")
        console.print(draw(outcome.samples))
        told = f"{len(outcome.processed)} runs, {len(outcome.dead)} dead"
        console.print(f"{told}, {len(outcome.unseen)} of them never seen by the function\n")
    victim = next(iter(outcomes[0].unseen), None)
    if victim is not None:
        console.print(f"[bold]the life of {victim!r}[/], by `redrive explain`")
        console.print(explain(server, outcomes[0].dead[victim]), markup=False)


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--messages", type=int, default=60, help="of each queue (default: 60)")
    parser.add_argument("--receives", type=int, default=2, help="maxReceiveCount (default: 2)")
    parser.add_argument("--plot", type=Path, help="also write both charts to this SVG file")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    if given.messages < MESSAGES_MIN:
        parser.error(f"--messages is at least {MESSAGES_MIN}, so that receives are spent")
    console = Console(stderr=given.json, highlight=False)
    try:
        with serving() as server:
            outcomes = play(server, given.messages, given.receives, [THROTTLED, CURED])
            show(console, server, outcomes)
    except HostError as error:
        console.print(f"[bold red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130
    if given.plot is not None:
        charts = {f"{each.setting.name}: {each.setting.title}": each.samples for each in outcomes}
        write_svg(given.plot, charts)
        console.print(f"both charts are in {given.plot}")
    throttled, cured = outcomes
    wrong = judge(throttled, cured, given.messages)
    if given.json:
        dead = {each.setting.name: len(each.dead) for each in outcomes}
        unseen = {each.setting.name: len(each.unseen) for each in outcomes}
        print(json.dumps({"ok": wrong is None, "wrong": wrong, "dead": dead, "unseen": unseen}))
    if wrong is not None:
        console.print(f"[bold red]Not as it should be:[/] {wrong}")
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
