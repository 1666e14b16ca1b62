"""`redrive serve` in a process of its own, on a free port and on an empty directory that goes with
it, unless one is given.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from redrive.cli.client import Client, Place
from redrive.cli.hosting import Host
from redrive.testing.moves import Advanced, Span, advance

ACCOUNT = "000000000000"
REGION = "us-east-1"
_FOREIGN = ("AWS_", "REDRIVE_")


def settings_for(url: str) -> dict[str, str]:
    """Return keyword arguments for `boto3.client`, but for the service."""
    return {
        "endpoint_url": url,
        "region_name": REGION,
        "aws_access_key_id": ACCOUNT,
        "aws_secret_access_key": "redrive",
    }


def environment_for(url: str) -> dict[str, str]:
    """Return variables for programs that shall use a server, with nothing of AWS's own in them."""
    return _clean() | {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "redrive",
    }


def _clean() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}


class Serving(NamedTuple):
    """A server that runs.

    url: where it is. settings: keyword arguments for `boto3.client`, but for the service.
    environment: variables for programs that shall use it, with nothing of AWS's own in them.
    """

    url: str
    settings: Mapping[str, str]
    environment: Mapping[str, str]

    def advance(self, span: Span) -> Advanced:
        """Move the clock of a server with `--clock manual`: by "6h", "90m", or a timedelta.

        Returns when all that was due in between has happened. Raises Refusal.
        """
        with closing(Client(Place(self.url, ACCOUNT, REGION))) as client:
            return advance(client, span)


@contextmanager
def serving(*options: str, data: Path | None = None) -> Iterator[Serving]:
    """Run a server with options of `redrive serve` until the block ends.

    Raises HostError, with what the server said, when it does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Place("", ACCOUNT, REGION)
        home = Path(folder)  # where no redrive.toml of somebody else lies
        path = home / "data" if data is None else data.absolute()
        host = Host(path, 0, place, options=options, environment=_clean(), home=home)
        try:
            with closing(host.connect()) as client:
                url = client.place.endpoint
            yield Serving(url, settings_for(url), environment_for(url))
        finally:
            host.stop(lambda: None)
