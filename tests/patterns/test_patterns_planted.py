"""Proof that the short run finds what is wrong: bugs are planted in what it judges.

Only in interpreted modules can anything be planted.
"""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core import patterns, patterns_index, patterns_operators, patterns_reading
from redrive.core.patterns_select import Beginnings, Ranges

from .judge import ROUNDS, Wrong, judge_round


def _says(answer: Any) -> Any:
    return lambda *_: answer


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (patterns, "_are_consistent", _says(True)),
        (patterns, "_may_be_absent", _says(True)),
        (patterns_operators.Range, "holds", lambda own, value: value == own.low),
        (patterns_index, "_is_met", _says(True)),
        (Beginnings, "select", _says(None)),
        (Ranges, "select", _says(None)),
        (patterns_reading.Reader, "_look_into", _says([])),
        (patterns_reading, "_ends", lambda path: [len(path)]),
    ],
)
def test_a_planted_bug_is_found(
    owner: Any, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In patterns, in their operators, in the index: the short run would not pass."""
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(Wrong):
        for seed in range(ROUNDS):
            judge_round(seed)
