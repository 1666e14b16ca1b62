"""`redrive move`: StartMessageMoveTask, and its progress until it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from redrive.cli.asking import asks, print_json
from redrive.cli.client import Client
from redrive.cli.naming import queue_named
from redrive.cli.screen import console, is_terminal, say

LOOK_S = 0.2
"""Between two looks at a task: often enough for a bar that moves."""

_GOING = ("RUNNING", "CANCELLING")


@click.command(epilog="Example:  redrive move orders-dlq --rate 50")
@click.argument("dlq")
@click.option("--to", metavar="QUEUE", help="Move there.  [default: where each message came from]")
@click.option("--rate", type=click.IntRange(1, 500), help="At most so many messages a second.")
@asks
def move(client: Client, as_json: bool, dlq: str, to: str | None, rate: int | None) -> None:
    """Move the messages of DLQ back to the queues that they came from, and wait until it is done.

    This is SQS's own StartMessageMoveTask: it goes on if you press Ctrl-C here, and across
    restarts of the server.
    """
    arns = {q["Name"]: q["Arn"] for q in client.call("redrive", "DescribeQueues")["Queues"]}
    source = _arn(client, dlq, arns)
    client.call(
        "sqs",
        "StartMessageMoveTask",
        SourceArn=source,
        DestinationArn=None if to is None else _arn(client, to, arns),
        MaxNumberOfMessagesPerSecond=rate,
    )
    try:
        task = _shown(client, source, is_quiet=as_json or not is_terminal())
    except KeyboardInterrupt:
        say("the task goes on: `redrive queues` shows how far it is")
        sys.exit(130)
    if as_json:
        print_json(task)
    elif task["Status"] == "COMPLETED":
        count = task["ApproximateNumberOfMessagesMoved"]
        say((f"moved {count} message{'' if count == 1 else 's'} from {_name(source)}", "green"))
    else:
        reason = task.get("FailureReason", "")
        say((f"{task['Status'].lower()}: {reason}".rstrip(": "), "red"))
    sys.exit(0 if task["Status"] == "COMPLETED" else 1)


def _arn(client: Client, queue: str, arns: dict[str, str]) -> str:
    """Return the ARN of a queue that is given by name, URL, ARN, or as a template calls it."""
    if queue.startswith("arn:"):
        return queue
    name = queue_named(client, queue, arns)
    if name not in arns:
        known = ", ".join(sorted(arns)) or "none"
        raise click.ClickException(f"there is no queue {name}; there are: {known}")
    return arns[name]


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _watched(client: Client, source: str) -> Iterator[dict[str, Any]]:
    """Yield how far the task is, again and again until it has ended."""
    cursor = client.call("redrive", "ReadEvents")["Cursor"]
    while True:
        task: dict[str, Any] = client.call("sqs", "ListMessageMoveTasks", SourceArn=source)[
            "Results"
        ][0]
        yield task
        if task["Status"] not in _GOING:
            return
        # Waiting for news is also what keeps this loop from spinning.
        told = client.call("redrive", "ReadEvents", Cursor=cursor, WaitSeconds=LOOK_S)
        cursor = told["Cursor"]


def _shown(client: Client, source: str, *, is_quiet: bool) -> dict[str, Any]:
    """Follow the task, with a bar unless quiet; return it as it ended."""
    if is_quiet:
        return list(_watched(client, source))[-1]
    task: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(), auto_refresh=False, transient=True) as bar:
        line = bar.add_task(f"moving from {_name(source)}", total=None)
        for task in _watched(client, source):
            moved = task["ApproximateNumberOfMessagesMoved"]
            total = max(moved, task["ApproximateNumberOfMessagesToMove"])
            bar.update(line, completed=moved, total=total)
            bar.refresh()
    return task
