"""A live server, and the command in this process asking it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from redrive.cli.client import Client, Place
from redrive.cli.hosting import Host
from redrive.cli.main import cli

PLACE = Place("", "000000000000", "us-east-1")
NO_AWS = dict.fromkeys(
    ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_REGION"]
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server of this module's own."""
    host = Host(tmp_path_factory.mktemp("data"), 0, PLACE)
    made = host.connect()
    yield made
    made.close()
    assert host.stop(lambda: None) == 0


@pytest.fixture
def redrive(client: Client) -> Callable[..., Result]:
    """Run a command against that server."""

    def run(*words: str, stdin: str | None = None) -> Result:
        given = [*words, "--endpoint", client.place.endpoint]
        return CliRunner().invoke(cli, given, input=stdin, env=NO_AWS)

    return run


@pytest.fixture
def redrive_json(redrive: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command that succeeds and return what it prints for programs."""

    def run(*words: str) -> Any:
        result = redrive(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder named for a stack."""
    made = tmp_path / "shop"
    made.mkdir()
    return made
