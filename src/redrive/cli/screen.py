"""Text for people: tables and coloured lines on a terminal, the same words plainly elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

Part = str | tuple[str, str]
"""Text, or text with a style of rich's."""

NUMBER = "#"
"""The first character of a column's title that holds numbers, which stand at its right."""

_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def is_terminal() -> bool:
    """Tell whether a person looks at what is printed."""
    return sys.stdout.isatty()


def console() -> Console:
    """Return where coloured text goes. User text is given as Text, never as markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(*parts: Part) -> None:
    """Print one line of coloured parts."""
    if not is_terminal():
        click.echo("".join(part if isinstance(part, str) else part[0] for part in parts))
        return
    console().print(Text.assemble(*parts))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under titles. Elsewhere than on a terminal nothing is cut or wrapped."""
    plain = [title.removeprefix(NUMBER) for title in titles]
    numeric = [title.startswith(NUMBER) for title in titles]
    if is_terminal():
        table = Table(box=None, header_style="bold", pad_edge=False)
        for at, (title, is_number) in enumerate(zip(plain, numeric, strict=True)):
            justify: JustifyMethod = "right" if is_number else "left"
            # What a row is about stays in one piece, so that it can be copied.
            table.add_column(title, justify=justify, overflow="fold", no_wrap=at == 0)
        for row in rows:
            table.add_row(*map(Text, row))
        Console(highlight=False).print(table)
        return
    lines = [[title.upper() for title in plain], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(plain))]
    for line in lines:
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def duration(ms: float) -> str:
    """Return a length of time in the unit in which a person says it."""
    if 0 < ms < 10:
        return f"{ms:.1f} ms"
    if ms < SECOND_MS:
        return f"{ms:.0f} ms"
    if ms < MINUTE_MS:
        return f"{ms / SECOND_MS:.1f} s"
    if ms < HOUR_MS:
        return f"{ms // MINUTE_MS:.0f} min {ms % MINUTE_MS // SECOND_MS:.0f} s"
    if ms < DAY_MS:
        return f"{ms // HOUR_MS:.0f} h {ms % HOUR_MS // MINUTE_MS:.0f} min"
    return f"{ms // DAY_MS:.0f} d {ms % DAY_MS // HOUR_MS:.0f} h"


def clock_time(at_ms: int) -> str:
    """Return an instant's time of day here, for what happens now: 09:30:00.123."""
    moment = datetime.fromtimestamp(at_ms / SECOND_MS, UTC).astimezone()
    return moment.strftime("%H:%M:%S.") + f"{at_ms % SECOND_MS:03d}"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th..."""
    end = "th" if 10 <= number % 100 <= 20 else _ORDINALS.get(number % 10, "th")
    return f"{number}{end}"


def shortened(text: str, length: int) -> str:
    """Return a text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
