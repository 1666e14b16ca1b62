"""What all commands that ask a server share: its options, its errors, JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from redrive.cli.client import Client, NoServer, Refusal, find_place
from redrive.config import ConfigError, load_config

F = TypeVar("F", bound=Callable[..., Any])


def asks(command: F) -> F:
    """Give a command the options of all that ask a server, and a connected Client as `client`.

    What the server refuses, and that there is none, is said in one line, with exit code 1.
    """

    @click.option(
        "--endpoint",
        metavar="URL",
        help="Server to ask.  [default: AWS_ENDPOINT_URL, else the one that holds --data, else"
        " http://127.0.0.1:4566]",
    )
    @click.option("--data", help="Its data directory.  [default: .redrive]")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @wraps(command)
    def asking(*args: Any, endpoint: str | None, data: str | None, **params: Any) -> Any:
        try:
            folder = Path(load_config(Path.cwd(), os.environ, {"data": data}).data)
            client = Client(find_place(os.environ, folder, endpoint))
            try:
                return command(*args, client=client, **params)
            finally:
                client.close()
        except (NoServer, Refusal, ConfigError) as error:
            raise click.ClickException(str(error)) from None

    return asking  # type: ignore[return-value]


def print_json(value: Any, *, indented: bool = True) -> None:
    """Print a value as JSON; with indented=False as one line, for streams."""
    option = orjson.OPT_INDENT_2 if indented else 0
    click.echo(orjson.dumps(value, option=option).decode())
