"""examples/fifo-ledger: the demo whole, and with queues that keep no order."""

from __future__ import annotations

import pytest

from .rigs import ORDERS, Ended, run_demos

EXAMPLE = ORDERS.with_name("fifo-ledger")
ENTRIES = 14
ACCOUNTS = {"ada", "bob", "cyd", "dan", "eve"}
FROZEN = ENTRIES - 5  # of cyd, whose sixth entry cannot be booked at first
RUNS = {"whole": (), "standard": ("--standard",)}


@pytest.fixture(scope="module")
def runs() -> dict[str, Ended]:
    """Two runs of the demo, at once."""
    few = ("--entries", str(ENTRIES))
    return run_demos(EXAMPLE / "demo.py", {name: (*few, *more) for name, more in RUNS.items()})


def test_every_account_is_booked_in_order(runs: dict[str, Ended]) -> None:
    """Sent twice, killed, dead and redriven: each entry is booked once, in the order of sending."""
    run = runs["whole"]
    assert run.code == 0, run.said
    assert run.summary["booked"].keys() == ACCOUNTS
    for numbers in run.summary["booked"].values():
        assert numbers == list(range(1, ENTRIES + 1))
    assert run.summary["twice"] == 0
    assert run.summary["dead"] == FROZEN
    assert run.summary["hung"] in run.summary["repeats"]


def test_demo_sees_standard_queues(runs: dict[str, Ended]) -> None:
    """With queues that keep neither order nor duplicates apart the demo fails and says so."""
    run = runs["standard"]
    assert run.code == 1, run.said
    assert run.summary["twice"] == ENTRIES * len(ACCOUNTS)
    assert any("out of order" in line for line in run.summary["wrong"])
    assert "Wrong:" in run.said
