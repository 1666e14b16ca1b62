"""A short run of what `make patterns` does at length."""

from __future__ import annotations

from typing import Any

import pytest

from . import reference
from .judge import PAIRS, ROUNDS, judge_round


def test_patterns_and_their_index_say_what_the_reference_says() -> None:
    """Of many pairs; a share of them matches, else nothing would be said."""
    told = [judge_round(seed) for seed in range(ROUNDS)]
    assert sum(round_.pairs for round_ in told) == ROUNDS * PAIRS
    assert sum(round_.matching for round_ in told) > ROUNDS * PAIRS // 50


@pytest.mark.parametrize(
    ("pattern", "event", "is_met"),
    [
        ({"a": [300]}, {"a": 300.0}, True),
        ({"a": [True]}, {"a": 1}, False),
        ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]}, False),
        ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"b": {"c": 1}}}, True),
        ({"$or": [{"a": [1]}, {"b": [{"numeric": [">", 0, "<=", 5]}]}]}, {"b": 5}, True),
        ({"$or": [{"prefix": "x"}, "y"]}, {"$or": "xy"}, True),
        ({"a": [{"wildcard": r"a\**"}]}, {"a": "a*\n"}, True),
        ({"a": [{"anything-but": {"suffix": ["x", "y"]}}]}, {"a": "zx"}, False),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.0"}, False),
    ],
)
def test_the_reference_reads_the_words_of_aws(pattern: Any, event: Any, is_met: bool) -> None:
    """Examples of the documents, so that the judge is judged."""
    assert reference.matches(pattern, event) is is_met
