"""docs/testing.md holds what it promises: its example is run, by pytest and by unittest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from redrive.testing import RunningStack

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    (template,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    with_pytest, with_unittest = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "template.yaml").write_text(template)
    (tmp_path / "test_orders.py").write_text(with_pytest)
    (tmp_path / "test_cases.py").write_text(with_unittest)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["pytest", "-q", "-p", "no:cacheprovider", "test_orders.py"], "1 passed"),
        (["unittest", "test_cases.py"], "OK"),
    ],
)
def test_its_examples_pass(project: Path, command: list[str], text: str) -> None:
    """As a reader would run them."""
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, text in ran.stdout + ran.stderr) == (0, True), ran.stdout + ran.stderr


def test_it_names_what_a_stack_offers() -> None:
    """Every public name of a stack stands on the page."""
    offered = {name for name in vars(RunningStack) if not name.startswith("_")}
    assert {name for name in offered if f"`{name}" not in PAGE and f" {name}" not in PAGE} == set()
