"""Rounds of patterns and events, each judged by the reference, by Pattern and by PatternIndex."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from redrive.core.patterns import Pattern, compile_pattern, flatten
from redrive.core.patterns_index import PatternIndex

from . import reference
from .shapes import Shapes

PATTERNS = 40
EVENTS = 10
PAIRS = PATTERNS * EVENTS
"""Pairs of a pattern and an event in one round, which has one seed."""

ROUNDS = 40
"""Of a short run."""


class Wrong(AssertionError):
    """A judgement that differs; the text has all that is needed to repeat it."""


class Told(NamedTuple):
    """What a round has seen."""

    pairs: int
    matching: int


def judge_round(seed: int) -> Told:
    """Judge one round. Raises Wrong."""
    shapes = Shapes(seed)
    patterns = [shapes.pattern() for _ in range(PATTERNS)]
    compiled = [compile_pattern(json.dumps(pattern)) for pattern in patterns]
    indexes = _indexes(compiled)
    matching = 0
    for _ in range(EVENTS):
        event = json.loads(json.dumps(shapes.event(patterns)))
        expected = []
        for number, pattern in enumerate(patterns):
            is_met = reference.matches(pattern, event)
            if is_met:
                expected.append(number)
            _check_pattern(compiled[number], pattern, event, is_met)
        for name, index in indexes.items():
            found = index.matching(event)
            if found != expected:
                wrong = [patterns[number] for number in set(found) ^ set(expected)]
                raise Wrong(f"{name}: {found} instead of {expected}, {_told(wrong, event)}")
        matching += len(expected)
    return Told(PAIRS, matching)


def _check_pattern(one: Pattern, pattern: Any, event: Any, is_met: bool) -> None:
    if one.matches(event) is not is_met:
        raise Wrong(f"Pattern says {not is_met}: {_told(pattern, event)}")
    if one.matches_flat(flatten(event)) is not is_met:
        raise Wrong(f"Pattern of a flat event says {not is_met}: {_told(pattern, event)}")


def _indexes(compiled: list[Pattern]) -> dict[str, PatternIndex[int]]:
    """Return the index as it is made at once and as it is after changes."""
    numbered = dict(enumerate(compiled))
    others = {**numbered, 3: compiled[0], 7: compiled[1], -1: compiled[2]}
    changed = PatternIndex(others).with_changes({3: None, -1: None})
    changed = changed.with_changes({7: compiled[7]}).with_changes({3: compiled[3]})
    return {"index": PatternIndex(numbered), "changed index": changed}


def _told(pattern: Any, event: Any) -> str:
    return f"pattern {json.dumps(pattern)}, event {json.dumps(event)}"
