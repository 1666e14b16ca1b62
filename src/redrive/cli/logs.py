"""`redrive logs`: what one, several or all functions wrote, merged, a colour for each."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from redrive.cli.asking import asks, print_json
from redrive.cli.client import Client
from redrive.cli.naming import function_named
from redrive.cli.screen import clock_time, say
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from redrive.shell.sources import wall_ms

FOLLOW_S = 20.0  # one long poll; the next one follows at once
LIMIT_MAX = 1_000

COLOURS = (
    "cyan",
    "magenta",
    "yellow",
    "green",
    "blue",
    "bright_red",
    "bright_cyan",
    "bright_green",
)

_PLATFORM = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ")
_UNITS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")


def since_ms(
    _context: click.Context | None, _param: click.Parameter | None, text: str | None
) -> int | None:
    """Return an instant: so long ago (90s, 10m, 2h, 3d, 1w), or a date and time of ISO 8601.

    Raises BadParameter.
    """
    if text is None:
        return None
    found = _AGO.fullmatch(text.strip())
    if found is not None:
        return max(0, wall_ms() - int(found[1]) * _UNITS[found[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text} is neither like 10m nor like 2026-11-21T09:30:00Z", param_hint="--since"
        ) from None
    return max(0, round(moment.timestamp() * SECOND_MS))


@click.command(epilog="Example:  redrive logs --follow --since 10m orders-consumer mailer")
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--limit",
    default=None,
    type=click.IntRange(1, LIMIT_MAX),
    help="How many of the latest pieces to begin with.  [default: 100; with --since 1000]",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=since_ms,
    help="Only from then on: 10m, 2h, 3d ago, or 2026-11-21T09:30:00Z.",
)
@click.option("--filter", "text", metavar="TEXT", help="Only lines that hold it, in any case.")
@click.option("--request", "request_id", metavar="ID", help="Only of this invocation.")
@asks
def logs(
    client: Client,
    as_json: bool,
    functions: tuple[str, ...],
    follow: bool,
    limit: int | None,
    since: int | None,
    text: str | None,
    request_id: str | None,
) -> None:
    """Show what each FUNCTION (a name, an ARN, or what a template calls it) wrote, and the
    platform's lines around it; what all functions wrote when none is named.

    With --json each piece of the log is an object on a line of its own.
    """
    functions = tuple(function_named(client, function) for function in functions)
    asked: dict[str, Any] = {"FunctionNames": list(functions) or None, "RequestId": request_id}
    asked["Containing"] = text
    view = LogView(functions, as_json)
    limit = limit or (100 if since is None else LIMIT_MAX)
    told = client.call("redrive", "ReadLogs", **asked, Limit=limit, SinceMs=since)
    _check_names(client, functions, told["Logs"])
    view.show(told["Logs"])
    try:
        while follow:
            told = client.call(
                "redrive",
                "ReadLogs",
                **asked,
                Cursor=told["Cursor"],
                Limit=LIMIT_MAX,
                WaitSeconds=FOLLOW_S,
            )
            view.show(told["Logs"])
    except KeyboardInterrupt:
        sys.exit(0)


def _check_names(
    client: Client, functions: Sequence[str], pieces: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse a name that neither has written nor exists: it is a slip of the pen."""
    written = {piece["FunctionName"] for piece in pieces}
    for function in functions:
        if function not in written and not client.has_function(function):
            raise click.ClickException(f"there is no function {function}")


class LogView:
    """Prints pieces of logs. Of one function only its lines; of several, whose they are, and when.

    Each function has its colour, in the order in which they are named or first seen.
    """

    def __init__(self, functions: Sequence[str], as_json: bool) -> None:
        self._is_one = len(functions) == 1
        self._as_json = as_json
        self._colours: dict[str, str] = {}
        self._width = 0

    def show(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        """Print some pieces."""
        for piece in pieces:
            self._width = max(self._width, len(piece["FunctionName"]))
        for piece in pieces:
            if self._as_json:
                print_json(piece, indented=False)
                continue
            for line in piece["Text"].splitlines():
                shown = (line, "dim") if is_platform_line(line) else line
                if self._is_one:
                    say(shown)
                else:
                    name = piece["FunctionName"]
                    who = (f"{name.ljust(self._width)}  ", self._colour(name))
                    say((f"{clock_time(piece['AtMs'])}  ", "dim"), who, shown)

    def _colour(self, name: str) -> str:
        if name not in self._colours:
            self._colours[name] = COLOURS[len(self._colours) % len(COLOURS)]
        return self._colours[name]


def is_platform_line(line: str) -> bool:
    """Tell whether a log line is Lambda's own and not the function's."""
    return line.startswith(_PLATFORM)
