"""The `redrive` command: its families, loaded when they are asked for."""

from __future__ import annotations

import sys
from importlib import import_module

import click

import redrive

_COMMANDS = {
    "up": ("redrive.cli.up", "Run a template on this machine, and show what happens."),
    "serve": ("redrive.cli.serve", "Run the server alone, in the foreground."),
    "check": ("redrive.cli.check", "Find what has cost others messages, before it does."),
    "queues": ("redrive.cli.queues", "Show the queues and how many messages they hold."),
    "messages": ("redrive.cli.queues", "Look at a queue's messages without receiving them."),
    "explain": ("redrive.cli.explain", "Tell what happened to a message, from its sending on."),
    "move": ("redrive.cli.move", "Move a dead-letter queue's messages back, and wait for it."),
    "logs": ("redrive.cli.logs", "Show what functions wrote, merged."),
    "invoke": ("redrive.cli.invoke", "Invoke a function and print its answer."),
    "events": ("redrive.cli.invoke", "Print a sample event, as services hand it to functions."),
    "clock": ("redrive.cli.clock", "Show the server's clock, or move one that stands still."),
    "verify": ("redrive.cli.verify", "Read all of a stopped store, and say what is damaged."),
}
"""Each command's module and what the list of commands says of it, so that the list loads none."""


class _Lazy(click.Group):
    """Loads a command's module when it is named, so that none pays for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_module, said) in _COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `redrive up` in a folder that has a template.yaml.",
)
@click.version_option(redrive.__version__, prog_name="redrive")
def cli() -> None:
    """Queues, functions and redrive on this machine, behind AWS's wire protocols."""


def main() -> None:
    """Run the command line."""
    if not __debug__:
        # The checks that turn a bug of ours into a rolled back transaction are assertions.
        sys.exit("redrive does not run under python -O: its invariants are assertions")
    cli(prog_name="redrive")
