"""`redrive serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from redrive.app import serve as serve_app
from redrive.config import ConfigError, load_config
from redrive.shell.lock import DataLocked
from redrive.shell.logs import set_up_logs
from redrive.store.migrations import SchemaTooNew
from redrive.store.store import StoreFailed


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 4566]")
@click.option("--data", help="Directory that holds the state.  [default: .redrive]")
@click.option(
    "--allow-reset", is_flag=True, default=None, help="Let POST /_redrive/reset empty an account."
)
@click.option(
    "--drain-s", type=float, help="Seconds that SIGTERM gives to what is under way.  [default: 10]"
)
@click.option("--log-format", type=click.Choice(["auto", "text", "json"]), help="Form of the logs.")
def serve(**flags: Any) -> None:
    """Run the server in the foreground until SIGTERM or Ctrl-C.

    Settings come from redrive.toml in this folder, then REDRIVE_… variables, then these options.
    """
    try:
        config = load_config(Path.cwd(), os.environ, flags)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    set_up_logs(config.log_format)
    try:
        sys.exit(serve_app(config))
    except (DataLocked, SchemaTooNew, StoreFailed) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {config.host}:{config.port}: {error.strerror}"
        ) from None
