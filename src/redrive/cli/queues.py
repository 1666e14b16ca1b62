"""`redrive queues` and `redrive messages`: what lies where, without touching it."""

from __future__ import annotations

from typing import Any

import click

from redrive.cli.asking import asks, print_json
from redrive.cli.client import Client
from redrive.cli.naming import queue_named
from redrive.cli.screen import console, duration, is_terminal, print_table, say, shortened
from redrive.core.spans import parse_instant

_BODY_MAX = 100_000  # characters of a body where nothing is cut for a terminal's sake


@click.command(epilog="Example:  redrive queues --json | jq '.Queues[].Visible'")
@asks
def queues(client: Client, as_json: bool) -> None:
    """Show the queues and how many messages they hold.

    Visible messages can be received now; those in flight are with a consumer until it deletes them
    or their visibility timeout ends; delayed ones are not visible for the first time yet.
    """
    told = client.call("redrive", "DescribeQueues")
    if as_json:
        print_json(told)
        return
    if not told["Queues"]:
        say("no queues")
        return
    print_table(
        ["queue", "#visible", "#in flight", "#delayed", "#sent", "#deleted", "dead-letter queue"],
        [_row(queue) for queue in told["Queues"]],
    )


def _row(queue: dict[str, Any]) -> list[str]:
    counts = queue["Counts"]
    dlq = queue.get("DeadLetterQueue")
    return [
        queue["Name"],
        *(str(queue[name]) for name in ("Visible", "InFlight", "Delayed")),
        str(counts["sent"]),
        str(counts["deleted"]),
        f"{dlq} after {queue['MaxReceiveCount']}" if dlq else "",
    ]


@click.command(epilog="Example:  redrive messages orders-dlq --limit 3")
@click.argument("queue")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000))
@asks
def messages(client: Client, as_json: bool, queue: str, limit: int) -> None:
    """Look at the messages of QUEUE (a name or URL) without receiving them.

    Nothing changes by it: no receive is counted and no message is hidden. The oldest come first.
    """
    names = {each["Name"] for each in client.call("redrive", "DescribeQueues")["Queues"]}
    if not queue.startswith("arn:"):
        queue = queue_named(client, queue, names)
    told = client.call("redrive", "PeekMessages", Queue=queue, MaxResults=limit)
    if as_json:
        print_json(told)
        return
    if not told["Messages"]:
        say("no messages")
        return
    now_ms = parse_instant(client.clock()["now"])
    width = max(20, console().width - 75) if is_terminal() else _BODY_MAX
    print_table(
        ["message", "state", "#receives", "sent", "body"],
        [
            [
                message["MessageId"],
                message["State"],
                str(message["ReceiveCount"]),
                f"{duration(max(0, now_ms - message['SentMs']))} ago",
                shortened(message["Body"], width),
            ]
            for message in told["Messages"]
        ],
    )
