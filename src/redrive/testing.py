"""A server for the length of a test or of a demo.

    from redrive.testing import serving

    with serving() as server:
        sqs = boto3.client("sqs", **server.settings)

It is `redrive serve` in a process of its own, on a free port and on an empty directory that goes
with it, unless one is given.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from redrive.cli.client import Place
from redrive.cli.hosting import Host, HostError

__all__ = ("HostError", "Serving", "serving")

ACCOUNT = "000000000000"
REGION = "us-east-1"
_FOREIGN = ("AWS_", "REDRIVE_")


class Serving(NamedTuple):
    """A server that runs.

    url: where it is. settings: keyword arguments for `boto3.client`, but for the service.
    environment: variables for programs that shall use it, with nothing of AWS's own in them.
    """

    url: str
    settings: Mapping[str, str]
    environment: Mapping[str, str]


@contextmanager
def serving(*options: str, data: Path | None = None) -> Iterator[Serving]:
    """Run a server with options of `redrive serve` until the block ends.

    Raises HostError, with what the server said, when it does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        clean = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
        place = Place("", ACCOUNT, REGION)
        home = Path(folder)  # where no redrive.toml of somebody else lies
        path = home / "data" if data is None else data.absolute()
        host = Host(path, 0, place, options=options, environment=clean, home=home)
        try:
            with closing(host.connect()) as client:
                url = client.place.endpoint
            settings = {
                "endpoint_url": url,
                "region_name": REGION,
                "aws_access_key_id": ACCOUNT,
                "aws_secret_access_key": "redrive",
            }
            names = {
                "AWS_ENDPOINT_URL": url,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": ACCOUNT,
                "AWS_SECRET_ACCESS_KEY": "redrive",
            }
            yield Serving(url, settings, clean | names)
        finally:
            host.stop(lambda: None)
