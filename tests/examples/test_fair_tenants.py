"""examples/fair-tenants: the demo whole, and with a server to which nobody is noisy."""

from __future__ import annotations

import re

import pytest

from redrive.config import Config

from .rigs import ORDERS, Ended, run_demos

EXAMPLE = ORDERS.with_name("fair-tenants")
JOBS = 600
SMALL = 50
RUNS = {"whole": (), "deaf": ("--share", "1")}


@pytest.fixture(scope="module")
def runs() -> dict[str, Ended]:
    """Two runs of the demo, at once."""
    few = ("--jobs", str(JOBS))
    return run_demos(EXAMPLE / "demo.py", {name: (*few, *more) for name, more in RUNS.items()})


def test_small_tenants_overtake_the_flood(runs: dict[str, Ended]) -> None:
    """With groups their last job is served soon, without them last of all; the demo says so."""
    run = runs["whole"]
    assert run.code == 0, run.said
    assert run.summary["last_small_without"] == JOBS + SMALL
    assert run.summary["last_small_with"] <= 30 + SMALL + 10
    assert run.said.count("megacorp") == 2


def test_demo_sees_unfairness(runs: dict[str, Ended]) -> None:
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
