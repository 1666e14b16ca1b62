"""The `redrive` command: its families, loaded when they are asked for."""

from __future__ import annotations

import sys
from importlib import import_module

import click

import redrive

_COMMANDS = {
    "serve": "redrive.cli.serve",
}


class _Lazy(click.Group):
    """Loads a command's module when it is named, so that `serve` does not pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(module), cmd_name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(redrive.__version__, prog_name="redrive")
def cli() -> None:
    """Queues, functions and redrive on this machine, behind AWS's wire protocols."""


def main() -> None:
    """Run the command line."""
    if not __debug__:
        # The checks that turn a bug of ours into a rolled back transaction are assertions.
        sys.exit("redrive does not run under python -O: its invariants are assertions")
    cli(prog_name="redrive")
