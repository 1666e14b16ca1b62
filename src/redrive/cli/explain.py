"""`redrive explain`: a message's life-line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from redrive.cli.asking import asks, print_json
from redrive.cli.causes import add_causes, short_paths
from redrive.cli.client import Client
from redrive.cli.screen import Part, duration, ordinal, say
from redrive.core.time import iso

_STYLES = {
    "buried": "bold red",
    "deleted": "green",
    "expired": "red",
    "failed": "red",
    "redriven": "cyan",
    "throttled": "yellow",
}
_INDENT = " " * 49  # beneath the words of an event
SAME = "same error as above"


@click.command(epilog="Example:  redrive explain 5d1c8f0a-6b5e-4c57-9f0b-0a1c3d4e5f60")
@click.argument("message_id")
@asks
def explain(client: Client, as_json: bool, message_id: str) -> None:
    """Tell what happened to a message, from its sending to now.

    When it was sent, received by which invocation, failed with which traceback, returned,
    throttled, buried in a dead-letter queue, redriven, deleted. The life-line goes on when a
    redrive gives the message a new id: any of its ids will do.
    """
    told = client.call("redrive", "ExplainMessage", MessageId=message_id)
    add_causes(client, told)
    if as_json:
        print_json(told)
        return
    for line in life_line(told):
        say(*line)


def life_line(told: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
    """Yield the lines that tell a life-line.

    An error's traceback is shown when it first comes, and for the last failure; in between, a
    repeated one is only named as such.
    """
    yield from _state(told)
    events = told["Events"]
    sent_ms = events[0]["AtMs"] if events else 0
    errors = [at for at, event in enumerate(events) if _cause(event.get("Detail", {}))]
    seen: list[Any] = []
    for at, event in enumerate(events):
        kind, detail = event["Kind"], event.get("Detail", {})
        after = "" if not at else f"+{duration(event['AtMs'] - sent_ms)}"
        yield (
            (iso(event["AtMs"]), "dim"),
            f"  {after:>11}  ",
            (f"{kind:9}", _STYLES.get(kind, "bold")),
            f" {_words(event, detail)}",
        )
        cause = _cause(detail)
        if not cause:
            continue
        if cause in seen and at != errors[-1]:
            yield (_INDENT, (SAME, "dim"))
            continue
        seen.append(cause)
        for line in cause:
            yield (_INDENT, (line, "dim"))


def _cause(detail: Mapping[str, Any]) -> list[str]:
    """Return the lines that say why: the function's error, or what it logged of the message."""
    error = detail.get("error")
    return list(_traceback(error)) if error else list(detail.get("logged", ()))


def _state(told: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
    message = told.get("Message")
    if message is None:
        yield ("no longer in any queue",)
    else:
        count = message["ReceiveCount"]
        times = "not yet received" if not count else f"received {count} time{'s' * (count > 1)}"
        queue = told["Queue"].rpartition(":")[2]
        yield (f"in {queue}, {message['State']}, {times}",)
    yield ("",)


def _words(event: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    kind = event["Kind"]
    count = ordinal(detail["count"]) if "count" in detail else ""
    queue = _last(detail.get("queue"))
    if kind == "sent":
        return f"as {event['MessageId']}" if "MessageId" in event else ""
    if kind == "received":
        return f"for the {count} time" + (f" from {queue}" if queue else "")
    if kind in ("failed", "throttled"):
        error = detail.get("error") or {}
        told = (error.get("errorType"), error.get("errorMessage"))
        reason = ": ".join(str(text).split("\n", 1)[0] for text in told if text)
        reason = reason or ("named in batchItemFailures" if kind == "failed" else "")
        function = _last(detail.get("function"))
        by = f" ({function}, request {detail['request']})" if detail.get("request") else ""
        return f"{reason}{by}".strip()
    if kind == "returned":
        return f"visible again: the {count} receive's visibility timeout ended"
    if kind == "buried":
        source = queue or _last(detail.get("source"))
        counted = f"{detail.get('count')} receives of {source}"
        most = detail.get("receives_max")
        return f"in {_last(detail.get('dlq'))}: {counted}, maxReceiveCount is {most}"
    if kind == "redriven":
        return f"to {_last(detail.get('destination'))} as {detail.get('new')}"
    if kind == "deleted":
        if detail.get("reason") == "filtered":
            return f"from {queue}: no filter of its mapping lets it through"
        by = f" (request {detail['request']})" if detail.get("request") else ""
        return f"from {queue}{by}"
    if kind == "expired":
        return f"in {queue}: its retention period ended"
    return ", ".join(f"{name} {value}" for name, value in detail.items() if name != "error")


def _last(arn: str | None) -> str:
    return (arn or "").rpartition(":")[2]


def _traceback(error: Mapping[str, Any]) -> Iterator[str]:
    trace = error.get("stackTrace") or ()
    message = str(error.get("errorMessage") or "")
    if trace:
        yield "Traceback (most recent call last):"
    for entry in trace:
        yield from short_paths(str(entry)).rstrip("\n").split("\n")
    if trace or "\n" in message:
        yield from short_paths(f"{error.get('errorType', 'Error')}: {message}").splitlines()
