"""The README and ARCHITECTURE name what exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive.cli.main import cli
from redrive.config import Config

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


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([a-z]+/[\w/]+\.py)", ARCHITECTURE))))
def test_files_exist(path: str) -> None:
    """Each source file that ARCHITECTURE.md names is there, or is a test."""
    assert (ROOT / "src" / "redrive" / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize(
    "table", sorted(set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", ARCHITECTURE, re.M)))
)
def test_tables_exist(table: str) -> None:
    """Each table of ARCHITECTURE.md is in a service's schema."""
    schemas = "".join(p.read_text("utf-8") for p in (ROOT / "src").rglob("*.sql"))
    for name in re.findall(r"`(\w+)`", table):
        assert f"CREATE TABLE {name} (" in schemas, name


def test_settings_are_all_there_with_their_defaults() -> None:
    """The README's table of settings has each setting of Config, and no other."""
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", README, re.M))
    assert shown == {field.name: _shown(field.default) for field in fields(Config)}


def _shown(default: object) -> str:
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).lower() if default not in ("", ()) else "none"
