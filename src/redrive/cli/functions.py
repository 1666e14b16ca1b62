"""`redrive logs` and `redrive invoke`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from redrive.cli.asking import asks, print_json
from redrive.cli.client import Client
from redrive.cli.screen import say

FOLLOW_S = 20.0  # one long poll; the next one follows at once

_PLATFORM = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ")


@click.command(epilog="Example:  redrive logs orders-consumer --follow")
@click.argument("function")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many of the latest pieces to begin with.",
)
@click.option("--request", "request_id", metavar="ID", help="Only of this invocation.")
@asks
def logs(
    client: Client,
    as_json: bool,
    function: str,
    follow: bool,
    limit: int,
    request_id: str | None,
) -> None:
    """Show what FUNCTION (a name or ARN) wrote, and the platform's lines around it.

    With --json each piece of the log is an object on a line of its own.
    """
    told = client.call(
        "redrive", "ReadLogs", FunctionName=function, Limit=limit, RequestId=request_id
    )
    if not told["Logs"] and not client.has_function(function):
        raise click.ClickException(f"there is no function {function}")
    _print_logs(told["Logs"], as_json)
    try:
        while follow:
            told = client.call(
                "redrive",
                "ReadLogs",
                FunctionName=function,
                RequestId=request_id,
                Cursor=told["Cursor"],
                Limit=1000,
                WaitSeconds=FOLLOW_S,
            )
            _print_logs(told["Logs"], as_json)
    except KeyboardInterrupt:
        sys.exit(0)


def _print_logs(pieces: list[dict[str, Any]], as_json: bool) -> None:
    for piece in pieces:
        if as_json:
            print_json(piece, indented=False)
            continue
        for line in piece["Text"].splitlines():
            say((line, "dim") if is_platform_line(line) else line)


def is_platform_line(line: str) -> bool:
    """Tell whether a log line is Lambda's own and not the function's."""
    return line.startswith(_PLATFORM)


@click.command(epilog="Example:  redrive invoke orders-consumer --event @event.json --log")
@click.argument("function")
@click.option(
    "--event",
    default="{}",
    show_default=True,
    metavar="JSON|@FILE|-",
    help="The event: JSON, a file that holds it, or standard input.",
)
@click.option("--log", "with_log", is_flag=True, help="Also print the end of its log, on stderr.")
@asks
def invoke(client: Client, as_json: bool, function: str, event: str, with_log: bool) -> None:
    """Invoke FUNCTION (a name or ARN) and print its answer.

    The exit code is 1 when the function failed; its error is then printed as Lambda tells it.
    """
    answer = client.invoke(function, _event(event), with_log=with_log)
    if with_log and not as_json:
        click.echo(answer.log, err=True)
    if as_json:
        print_json(
            {
                "RequestId": answer.request_id,
                "FunctionError": answer.error,
                "Payload": _value(answer.payload),
                "Log": answer.log if with_log else None,
            }
        )
    else:
        click.echo(answer.payload.decode("utf-8", "replace"))
    sys.exit(1 if answer.error else 0)


def _event(given: str) -> bytes:
    """Return the event's JSON text. Raises BadParameter."""
    try:
        if given == "-":
            text = sys.stdin.buffer.read()
        elif given.startswith("@"):
            text = Path(given[1:]).read_bytes()
        else:
            text = given.encode()
        orjson.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{given[1:]}: {error.strerror}", param_hint="--event") from None
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--event") from None
    return text


def _value(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
