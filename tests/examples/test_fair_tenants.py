"""examples/fair-tenants: the demo whole, and with a server to which nobody is noisy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from redrive.config import Config

from .rigs import CEILING_SECONDS, ORDERS

EXAMPLE = ORDERS.with_name("fair-tenants")
JOBS = 600
SMALL = 50
RUNS = {"whole": (), "deaf": ("--share", "1")}


class Run(NamedTuple):
    """How a run of the demo ended."""

    code: int
    summary: dict[str, Any]
    said: str


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Run]]:
    """Two runs of the demo, at once."""
    begun = {
        name: subprocess.Popen(
            [sys.executable, EXAMPLE / "demo.py", "--jobs", str(JOBS), "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, options in RUNS.items()
    }
    ended: dict[str, Run] = {}
    try:
        for name, process in begun.items():
            told, said = process.communicate(timeout=CEILING_SECONDS)
            ended[name] = Run(process.returncode, json.loads(told or "{}"), said)
        yield ended
    finally:
        for process in begun.values():
            process.terminate()
            process.communicate()


def test_small_tenants_overtake_the_flood(runs: dict[str, Run]) -> None:
    """With groups their last job is served soon, without them last of all; the demo says so."""
    run = runs["whole"]
    assert run.code == 0, run.said
    assert run.summary["last_small_without"] == JOBS + SMALL
    assert run.summary["last_small_with"] <= 30 + SMALL + 10
    assert run.said.count("megacorp") == 2


def test_demo_sees_unfairness(runs: dict[str, Run]) -> None:
    """When nobody is ever noisy the demo fails and says what it saw."""
    run = runs["deaf"]
    assert run.code == 1, run.said
    assert run.summary["last_small_with"] == JOBS + SMALL
    assert f"Not fair: with groups a small tenant's job still was number {JOBS + SMALL}" in run.said


def test_readme_knows_the_settings() -> None:
    """The README's table has every setting of fairness and its default."""
    text = (EXAMPLE / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(fair_\w+)` \| ([\d.]+) \|", text, re.MULTILINE))
    settings = {name for name in Config.__slots__ if name.startswith("fair_")}
    assert rows.keys() == settings
    assert all(float(value) == getattr(Config(), name) for name, value in rows.items())
