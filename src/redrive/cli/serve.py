"""`redrive serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from redrive.app import serve as serve_app
from redrive.config import ConfigError, load_config
from redrive.core.errors import Unavailable
from redrive.shell.lock import DataLocked
from redrive.shell.logs import set_up_logs
from redrive.store.migrations import SchemaTooNew
from redrive.store.store import StoreFailed


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 4566]")
@click.option("--data", help="Directory that holds the state.  [default: .redrive]")
@click.option("--keys-file", help="File of the access keys that may ask.  [default: anybody may]")
@click.option(
    "--authorisation",
    type=click.Choice(["off", "on"]),
    help="Whether policies bind the callers of a queue's own account too.  [default: off]",
)
@click.option(
    "--durability",
    type=click.Choice(["full", "relaxed"]),
    help="Whether a reply waits until its message is synced.  [default: full]",
)
@click.option(
    "--sync-ms", type=int, help="With relaxed durability, between two syncs.  [default: 100]"
)
@click.option(
    "--encryption",
    type=click.Choice(["off", "on"]),
    help="Whether message bodies are sealed on disk.  [default: off]",
)
@click.option(
    "--encryption-key-file",
    help="File of the keys for it, made when there is none.  [default: redrive.key in --data]",
)
@click.option(
    "--clock",
    type=click.Choice(["system", "manual"]),
    help="manual: it stands still until `redrive clock` moves it.  [default: system]",
)
@click.option(
    "--clock-start",
    metavar="INSTANT",
    help="Where a manual clock starts, as 2026-12-01T00:00Z, if that is not behind the data."
    "  [default: now]",
)
@click.option("--sandbox", help="How functions are confined; see the README.  [default: rlimits]")
@click.option(
    "--node-sdk",
    help="Folder with the AWS SDK for JavaScript, for functions that bring none.  [default: none]",
)
@click.option(
    "--environments-max", type=int, help="Processes of functions at a time.  [default: 1000]"
)
@click.option(
    "--http-private",
    is_flag=True,
    default=None,
    help="Let HTTP targets be on this machine and in private networks.",
)
@click.option(
    "--allow-reset", is_flag=True, default=None, help="Let POST /_redrive/reset empty an account."
)
@click.option(
    "--drain-s", type=float, help="Seconds that SIGTERM gives to what is under way.  [default: 10]"
)
@click.option(
    "--fair-share", type=float, help="Share above which a message group is noisy.  [default: 0.1]"
)
@click.option(
    "--fair-in-flight-min", type=int, help="In flight, below which it is not.  [default: 30]"
)
@click.option(
    "--fair-processing-s-min",
    type=float,
    help="Seconds of processing, below which it is not.  [default: 30]",
)
@click.option("--fair-window-s", type=float, help="How far back processing counts.  [default: 300]")
@click.option(
    "--fair-silence-s", type=float, help="Silence that makes it quiet again.  [default: 300]"
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
    except (ConfigError, DataLocked, SchemaTooNew, StoreFailed, Unavailable) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {config.host}:{config.port}: {error.strerror}"
        ) from None
