"""`redrive verify`: read every page of a stopped store, and say what is damaged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from redrive.shell.lock import DataLock, DataLocked
from redrive.store import inspection
from redrive.store.inspection import Findings
from redrive.store.store import StoreFailed

_PAGES_SHOWN = 10


@click.command(epilog="Example:  redrive verify --data .redrive && tar cf copy.tar .redrive")
@click.option("--data", default=".redrive", show_default=True, help="Directory of the state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option(
    "--give-up-log",
    is_flag=True,
    help="Go on from what can be read of a damaged log; what was acknowledged later is lost.",
)
def verify(data: str, as_json: bool, give_up_log: bool) -> None:
    """Read every page of a stopped store and check it against its checksum.

    Nothing is changed. The exit code is 0 when everything that was acknowledged can be read, and 1
    when something is damaged. A server finds the same damage when it reads the page in question,
    and stops with code 74 instead of answering.
    """
    folder = Path(data)
    path = folder / "redrive.db"
    if not path.is_file():
        raise click.ClickException(f"{folder} holds no store: there is no {path.name} in it")
    try:
        lock = DataLock(folder)
    except DataLocked as error:
        raise click.ClickException(f"{error}; only a stopped store can be verified") from None
    try:
        if give_up_log:
            _give_up(str(path))
        found = inspection.inspect(str(path))
    except StoreFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        lock.release()
    if as_json:
        click.echo(json.dumps({**found._asdict(), "is_whole": found.is_whole}))
    else:
        _tell(str(path), found)
    sys.exit(0 if found.is_whole else 1)


def _give_up(path: str) -> None:
    if inspection.give_up_log(path):
        click.echo("the damaged end of the log was given up", err=True)
    else:
        click.echo("the log is not damaged: nothing was given up", err=True)


def _tell(path: str, found: Findings) -> None:
    size = f"{path}: {found.pages} pages of 4 KiB"
    click.echo(f"{size}, {found.frames} more in the log" if found.frames else size)
    if not found.is_sealed:
        click.echo("it was begun without page checksums; the next start adds them")
    if found.damaged:
        shown = ", ".join(map(str, found.damaged[:_PAGES_SHOWN]))
        more = len(found.damaged) - _PAGES_SHOWN
        click.echo(f"damaged pages: {shown}" + (f" and {more} more" if more > 0 else ""))
    if found.log_problem:
        click.echo(f"the log: {found.log_problem}")
    for problem in found.problems:
        click.echo(f"SQLite says: {problem}")
    if found.is_whole:
        click.echo("everything is whole")
    else:
        click.echo("put back a copy of the data directory that is whole")
