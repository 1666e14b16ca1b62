"""`redrive clock`: shown and moved from a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
OPTIONS = ("--clock", "manual", "--clock-start", "2030-01-01", "--durability", "relaxed")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server whose clock stands still."""
    host = Host(tmp_path_factory.mktemp("standing"), 0, PLACE, options=OPTIONS)
    made = host.connect()
    yield made
    made.close()
    assert host.stop(lambda: None) == 0


@pytest.fixture
def clock(standing: Client) -> Callable[..., Result]:
    """Run the command against it."""

    def run(*words: str) -> Result:
        given = ["clock", *words, "--endpoint", standing.place.endpoint]
        return CliRunner().invoke(cli, given, env=NO_AWS)

    return run


def test_it_is_moved_and_shown(clock: Callable[..., Result]) -> None:
    """By a length of time, to an instant, and what it shows in between."""
    shown = clock()
    assert shown.exit_code == 0, shown.output
    assert "2030-01-01T00:00:00.000Z  (manual: it stands still)" in shown.output
    assert "next is due 2030-01-01T00:00:" in shown.output
    moved = clock("advance", "90m")
    assert "it is 2030-01-01T01:30:00.000Z, 1 h 30 min later; " in moved.output
    assert moved.output.endswith("instants were due, no function ran\n")
    told: dict[str, Any] = json.loads(clock("to", "2030-01-01T02:00Z", "--json").output)
    assert (told["now"], told["invocations"]) == ("2030-01-01T02:00:00.000Z", 0)
    assert "2030-01-01T02:00:00.000Z  (manual" in clock("stop").output
    kind = json.loads(clock("--json").output)["clock"]
    assert kind == "manual"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("advance",), "say how far: redrive clock advance 6h"),
        (("stop", "6h"), "say how far"),
        (("advance", "soon"), "'soon' is not a length of time: write 6h"),
        (("to", "soon"), "'soon' is not an instant"),
        (("to", "2020-01-01"), "has passed: the clock shows 2030-01-01"),
        (("back", "6h"), "'back' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said(
    clock: Callable[..., Result], words: tuple[str, ...], text: str
) -> None:
    """In one line, with an exit code."""
    result = clock(*words)
    assert result.exit_code in (1, 2)
    assert text in result.output


def test_the_machines_clock_is_shown_and_not_moved(redrive: Callable[..., Result]) -> None:
    """A server without --clock manual."""
    assert "(the machine's)" in redrive("clock").output
    result = redrive("clock", "advance", "6h")
    assert (result.exit_code, "start the server with --clock manual" in result.output) == (1, True)


def up(folder: Path, data: str) -> subprocess.CompletedProcess[str]:
    """Run `redrive up --clock manual` and leave the server running."""
    words = ["up", str(folder), "--clock", "manual", "--no-watch", "--detach", "--port", "0"]
    return subprocess.run(
        [sys.executable, "-m", "redrive", *words, "--data", data],
        env={name: text for name, text in os.environ.items() if not name.startswith("AWS_")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_up_has_it_too(standing: Client, client: Client, tmp_path: Path) -> None:
    """With a server of that clock; one that was running before by the machine's is refused."""
    (tmp_path / "template.yaml").write_text("Resources: {Orders: {Type: AWS::SQS::Queue}}")
    ran = up(tmp_path, client.health()["data"])
    assert (ran.returncode, "by the machine's clock: stop it first" in ran.stderr) == (1, True)
    ran = up(tmp_path, standing.health()["data"])
    assert ran.returncode == 0, ran.stderr
    assert "The clock stands at 2030-01-01T" in ran.stdout


def test_up_starts_one(tmp_path: Path) -> None:
    """A server of its own has the clock that was asked for."""
    (tmp_path / "template.yaml").write_text("Resources: {Orders: {Type: AWS::SQS::Queue}}")
    data = tmp_path / "data"
    ran = up(tmp_path, str(data))
    assert ran.returncode == 0, ran.stderr
    made = Host(data, 0, PLACE).connect()
    try:
        assert made.clock()["clock"] == "manual"
    finally:
        os.kill(made.health()["pid"], signal.SIGTERM)
        made.close()


def test_the_settings_are_checked(tmp_path: Path) -> None:
    """A start without a manual clock, and one that is no instant."""
    for words, text in (
        (("--clock-start", "2030-01-01"), "clock_start is for a clock that stands still"),
        (("--clock", "manual", "--clock-start", "soon"), "clock_start: 'soon' is not an instant"),
        (("--clock", "manual", "--clock-start", "2200-01-01"), "ends with the year 2199"),
    ):
        result = CliRunner().invoke(cli, ["serve", "--data", str(tmp_path / "d"), *words])
        assert (result.exit_code, text in result.output) == (1, True), result.output
