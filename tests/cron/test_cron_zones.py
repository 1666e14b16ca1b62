"""A short form of `make cron`: zones whose clocks do something of their own."""

from __future__ import annotations

import pytest

from .judge import EXPRESSIONS, judge_changes, judge_expressions

SHORT = {name: EXPRESSIONS[name] for name in ("30 2 * * ? *", "0 0 * * ? *", "15 10 L * ? *")}


@pytest.mark.parametrize(
    ("zone", "changes", "left_out"),
    [
        ("UTC", 0, 0),
        ("Asia/Jerusalem", 40, 20),  # from 2:00 to 3:00
        ("Australia/Lord_Howe", 40, 0),  # half an hour: 2:30 is there again
        ("America/Havana", 40, 20),  # from midnight on
    ],
)
def test_a_zone_over_twenty_years(zone: str, changes: int, left_out: int) -> None:
    """Every instant is one of cronsim's, and what is left out is what the clock leaves out."""
    told = judge_expressions(zone, SHORT)
    assert told.alike > 2 * 7_000
    assert told.left_out == left_out
    assert judge_changes(zone).changes == changes
