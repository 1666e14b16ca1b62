"""`redrive up`: a template in, a running system out, and what happens shown until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from redrive.cli.check import values_of
from redrive.cli.client import NoServer, Place, find_place
from redrive.cli.project import Project, find_template, stack_name_of
from redrive.cli.session import Session
from redrive.config import Config, ConfigError, load_config, load_keys
from redrive.services.stacks.model import World


@click.command(epilog="Example:  redrive up --parameter Stage=dev")
@click.argument("template", required=False)
@click.option("--stack-name", help="Name of the stack.  [default: the template's folder]")
@click.option(
    "--parameter",
    "-p",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value for a parameter of the template; may be repeated.",
)
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 4566]")
@click.option("--data", help="Directory that holds the state.  [default: .redrive]")
@click.option(
    "--clock",
    type=click.Choice(["system", "manual"]),
    help="manual: it stands still until `redrive clock` moves it.  [default: system]",
)
@click.option("--strict", is_flag=True, help="Do not run what `redrive check` warns of.")
@click.option(
    "--debug",
    "debug",
    multiple=True,
    metavar="FUNCTION",
    help="Start this function with a debugger, by its logical id or name; may be repeated.",
)
@click.option("--no-watch", is_flag=True, help="Do not take up changes of template and code.")
@click.option("--detach", is_flag=True, help="Leave the server running, and return.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, for programs.")
def up(
    template: str | None,
    stack_name: str | None,
    parameters: tuple[str, ...],
    port: int | None,
    data: str | None,
    clock: str | None,
    strict: bool,
    debug: tuple[str, ...],
    no_watch: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Run TEMPLATE, of SAM or CloudFormation, on this machine.

    Without TEMPLATE it is template.yaml, template.yml or template.json in this folder. Queues and
    functions are made, or changed in place when they are there from last time; then what happens is
    shown as it happens, and changes of the template and of the code are taken up. Ctrl-C lets what
    is under way finish, and stops. All state is there at the next `up`.
    """
    try:
        path = find_template(template, Path.cwd())
        config = load_config(Path.cwd(), os.environ, {"data": data, "port": port, "clock": clock})
        folder = Path(config.data).absolute()
        place = _place(config, folder)
    except (FileNotFoundError, ConfigError, NoServer) as error:
        raise click.ClickException(str(error)) from None
    world = World.named(place.account, place.region, stack_name or stack_name_of(path))
    project = Project(path, values_of(parameters), world, folder / "packages")
    # A process manager's SIGTERM ends us as a person's Ctrl-C does: drained, with exit code 0.
    signal.signal(signal.SIGTERM, _interrupt)
    session = Session(
        project,
        place,
        folder,
        config.port,
        as_json=as_json,
        is_strict=strict,
        debug=debug,
        clock=config.clock,
    )
    sys.exit(session.run(is_watching=not no_watch, is_detaching=detach))


def _place(config: Config, folder: Path) -> Place:
    """Return as whom the server is asked; one with keys says whose account a key is."""
    place = find_place(os.environ, folder)
    keys = load_keys(config)
    if not keys:
        return place._replace(key=None)
    known = keys.get(place.key.id) if place.key is not None else None
    if known is None:
        raise ConfigError(
            f"the server asks for signatures with a key of {config.keys_file}: set"
            " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    return place._replace(account=known.account)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
