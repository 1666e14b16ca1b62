"""examples/fifo-ledger: the demo whole, and with queues that keep no order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from .rigs import CEILING_SECONDS, ORDERS

EXAMPLE = ORDERS.with_name("fifo-ledger")
ENTRIES = 14
ACCOUNTS = {"ada", "bob", "cyd", "dan", "eve"}
FROZEN = ENTRIES - 5  # of cyd, whose sixth entry cannot be booked at first
RUNS = {"whole": (), "standard": ("--standard",)}


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
            [sys.executable, EXAMPLE / "demo.py", "--entries", str(ENTRIES), "--json", *options],
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


def test_every_account_is_booked_in_order(runs: dict[str, Run]) -> None:
    """Sent twice, killed, dead and redriven: each entry is booked once, in the order of sending."""
    run = runs["whole"]
    assert run.code == 0, run.said
    assert run.summary["booked"].keys() == ACCOUNTS
    for numbers in run.summary["booked"].values():
        assert numbers == list(range(1, ENTRIES + 1))
    assert run.summary["twice"] == 0
    assert run.summary["dead"] == FROZEN
    assert run.summary["hung"] in run.summary["repeats"]


def test_demo_sees_standard_queues(runs: dict[str, Run]) -> None:
    """With queues that keep neither order nor duplicates apart the demo fails and says so."""
    run = runs["standard"]
    assert run.code == 1, run.said
    assert run.summary["twice"] == ENTRIES * len(ACCOUNTS)
    assert any("out of order" in line for line in run.summary["wrong"])
    assert "Wrong:" in run.said
