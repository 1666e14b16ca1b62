"""The README and ARCHITECTURE name what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive.cli.main import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w./]+)`", README))))
def test_guarantees_have_their_tests(path: str) -> None:
    """Each guarantee names a test that is there."""
    assert (ROOT / path).exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    """Each link of the README leads to a file or folder."""
    assert (ROOT / link).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^\$ redrive (\w+)", README, re.M))))
def test_commands_exist(command: str) -> None:
    """Each command that the README shows has a help text."""
    told = CliRunner().invoke(cli, [command, "--help"])
    assert told.exit_code == 0
    assert "Usage" in told.output


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|\$ )make (\w+)", README))))
def test_make_targets_exist(target: str) -> None:
    """Each make target that the README names is in the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.M)


@pytest.mark.parametrize(
    "table", sorted(set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", ARCHITECTURE, re.M)))
)
def test_tables_exist(table: str) -> None:
    """Each table of ARCHITECTURE.md is in a service's schema."""
    schemas = "".join(p.read_text("utf-8") for p in (ROOT / "src").rglob("*.sql"))
    for name in re.findall(r"`(\w+)`", table):
        assert f"CREATE TABLE {name} (" in schemas, name
