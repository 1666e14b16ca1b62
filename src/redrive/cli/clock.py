"""`redrive clock`: what the server's clock shows; a manual one is moved."""

from __future__ import annotations

from typing import Any

import click

from redrive.cli.asking import asks, print_json
from redrive.cli.client import Client, NoServer, Refusal
from redrive.cli.screen import duration, say
from redrive.core.spans import parse_instant, parse_span
from redrive.core.time import Millis, iso


@click.command(epilog="Example:  redrive serve --clock manual, and then  redrive clock advance 6h")
@click.argument("what", required=False, type=click.Choice(["advance", "to", "stop"]))
@click.argument("when", required=False)
@asks
def clock(client: Client, as_json: bool, what: str | None, when: str | None) -> None:
    """Show the server's clock, or move it.

    \b
    redrive clock                        what it shows, and when something is due
    redrive clock advance 6h             by 6h, 90m, 1d12h, 250ms, or a number of seconds
    redrive clock to 2026-12-01T00:00Z   to an instant; without an offset it is UTC
    redrive clock stop                   wherever somebody else's advance has come to

    With `redrive serve --clock manual`, or `redrive up --clock manual`, time stands still until it
    is moved: everything that is due in between happens then, in order, and functions really run.
    The command returns when all has come to rest; Ctrl-C stops the clock where it is.
    """
    if (what in ("advance", "to")) != (when is not None):
        raise click.UsageError(_USAGE)
    if when is None:
        _show(client.change_clock(stop=True) if what == "stop" else client.clock(), as_json)
        return
    try:
        parse_span(when) if what == "advance" else parse_instant(when)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _move(client, as_json, **{str(what): when})


def _move(client: Client, as_json: bool, **asked: str) -> None:
    before = client.clock()
    try:
        told = client.change_clock(**asked)
    except KeyboardInterrupt:
        told = _stopped(client)
    if as_json:
        print_json(told)
        return
    passed_ms = parse_instant(told["now"]) - parse_instant(before["now"])
    runs = ", ".join(f"{name} {count} times" for name, count in told.get("functions", {}).items())
    did = f"functions ran: {runs}" if runs else "no function ran"
    verb = "it was stopped at" if told.get("stopped") else "it is"
    say(
        f"{verb} {told['now']}, {duration(passed_ms)} later; ",
        f"{_counted(told.get('instants', 0), 'instant was', 'instants were')} due, {did}",
    )


def _stopped(client: Client) -> dict[str, Any]:
    """Stop what this command has begun; return how far it came."""
    other = Client(client.place)
    try:
        figures = other.clock().get("advancing", {})
        now = other.change_clock(stop=True)["now"]
    except (NoServer, Refusal) as error:
        raise click.ClickException(str(error)) from None
    finally:
        other.close()
    return {**figures, "now": now, "stopped": True}


_USAGE = "say how far: redrive clock advance 6h, or redrive clock to 2026-12-01T00:00Z"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _show(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    kind = "manual: it stands still" if told["clock"] == "manual" else "the machine's"
    under_way = told.get("advancing")
    if under_way is not None:
        kind = f"manual, on its way to {under_way['until']}"
    say(f"{told['now']}  ", (f"({kind})", "dim"))
    if told["next"] is not None:
        ahead_ms = parse_instant(told["next"]) - parse_instant(told["now"])
        when = "now" if ahead_ms <= 0 else f"in {duration(Millis(ahead_ms))}"
        say((f"next is due {iso(parse_instant(told['next']))}, {when}", "dim"))
