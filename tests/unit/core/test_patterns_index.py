"""The index over many patterns: order, changes, and how little is compared. That it says what the
patterns say is tested in tests/patterns.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.core import patterns_index
from redrive.core.patterns import Pattern, compile_pattern
from redrive.core.patterns_index import PatternIndex


def compiled(pattern: Any) -> Pattern:
    """A pattern from Python values."""
    return compile_pattern(json.dumps(pattern))


def index_of(*patterns: Any) -> PatternIndex[int]:
    """An index over patterns by their place."""
    return PatternIndex({at: compiled(pattern) for at, pattern in enumerate(patterns)})


def test_keys_come_in_order_and_once() -> None:
    """However many of its rules, alternatives and values lead to a pattern."""
    both = {"$or": [{"a": ["x", {"prefix": "x"}]}, {"b": [{"exists": True}]}]}
    index = index_of(*[{"a": ["y"]}, both, {"a": [{"suffix": "x"}]}] * 5)
    assert index.matching({"a": ["x", "xx"], "b": 1}) == [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]
    assert index.matching({"c": 1}) == []
    assert PatternIndex({}).matching({"a": 1}) == []


def test_changes_make_another_index() -> None:
    """A few or a thousand: it is as if it had been made of them; the first one stays as it was."""
    first = PatternIndex({f"k{n}": compiled({"a": [n % 10]}) for n in range(100)})
    index, kept = first, {f"k{n}": n % 10 for n in range(100)}
    for n in range(1_000):
        key, value = f"k{n * 7 % 150}", n % 10
        if n % 3:
            index = index.with_changes({key: compiled({"a": [value]})})
            kept[key] = value
        else:
            index = index.with_changes({key: None, "none": None})
            kept.pop(key, None)
    for value in range(10):
        found = index.matching({"a": value})
        assert len(set(found)) == len(found)
        assert set(found) == {key for key, own in kept.items() if own == value}
        assert first.matching({"a": value}) == [f"k{n}" for n in range(value, 100, 10)]
    assert first.with_changes({}).matching({"a": 3}) == first.matching({"a": 3})


RULES = 2_000


@pytest.mark.parametrize(
    ("name", "pattern", "event"),
    [
        ("source", lambda n: {"source": [f"s{n}"]}, {"source": "s77"}),
        ("number", lambda n: {"n": [n]}, {"n": 77.0}),
        (
            "two fields",
            lambda n: {"source": [f"s{n % 40}"], "kind": [f"k{n // 40}"]},
            {"source": "s37", "kind": "k1"},
        ),
        (
            "one of many",
            lambda n: {"source": ["s"], "x": [f"a{n}", f"b{n}", f"c{n}"]},
            {"source": "s", "x": "b77"},
        ),
        ("prefix", lambda n: {"x": [{"prefix": f"{n}/"}]}, {"x": "77/a"}),
        ("suffix", lambda n: {"x": [{"suffix": f"/{n}"}]}, {"x": "a/77"}),
        (
            "whatever the case",
            lambda n: {"x": [{"equals-ignore-case": f"A{n}"}]},
            {"x": "a77"},
        ),
        (
            "prefix whatever the case",
            lambda n: {"x": [{"prefix": {"equals-ignore-case": f"A{n}/"}}]},
            {"x": "a77/"},
        ),
        (
            "suffix whatever the case",
            lambda n: {"x": [{"suffix": {"equals-ignore-case": f"/A{n}"}}]},
            {"x": "/a77"},
        ),
        ("wildcard", lambda n: {"x": [{"wildcard": f"{n}/*.png"}]}, {"x": "77/a.png"}),
        ("wildcard's end", lambda n: {"x": [{"wildcard": f"*a*/{n}"}]}, {"x": "a/77"}),
        (
            "range",
            lambda n: {"x": [{"numeric": [">=", n, "<", n + 1]}]},
            {"x": 77.5},
        ),
        ("cidr", lambda n: {"x": [{"cidr": f"10.{n % 8}.{n // 8}.0/24"}]}, {"x": "10.5.9.3"}),
        ("being there", lambda n: {"d": {f"x{n}": [{"exists": True}]}}, {"d": {"x77": 0}}),
        ("a name each", lambda n: {"d": {f"x{n}": [{"anything-but": 1}]}}, {"d": {"x77": 0}}),
        (
            "objects in arrays",
            lambda n: {"d": {"a": [n], "b": ["x"]}},
            {"d": [{"a": 77, "b": "x"}, {"a": 78, "b": "y"}]},
        ),
    ],
)
def test_few_rules_are_compared(
    name: str, pattern: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two thousand that ask for something else each, not one in a hundred."""
    index = index_of(*(pattern(n) for n in range(RULES)))
    compared = 0
    is_met = patterns_index._is_met

    def count(candidate: Any, reader: Any) -> bool:
        nonlocal compared
        compared += 1
        return is_met(candidate, reader)

    monkeypatch.setattr(patterns_index, "_is_met", count)
    assert index.matching(event) == [77]
    assert compared <= RULES // 100
    assert index.matching({"other": 1}) == []
    assert compared <= RULES // 100


def test_patterns_of_many_fields_and_alternatives_are_compiled() -> None:
    """As large as AWS lets them be, and all alike but for one field."""
    wide = {f"f{n}": ["x", "y"] for n in range(300)}
    index = index_of(*({**wide, "n": [n % 2]} for n in range(12)))
    event = dict.fromkeys(wide, "y")
    assert index.matching({**event, "n": 1}) == [1, 3, 5, 7, 9, 11]
    assert index.matching({**event, "f7": "z", "n": 1}) == []
    texts = [f"a{n}" for n in range(300)]
    index = index_of(*({"a": texts, "b": texts, "n": [n]} for n in range(40)))
    assert index.matching({"a": "a7", "b": "a8", "n": 39}) == [39]


def test_unusual_events_are_judged() -> None:
    """Nested deeply, with names that are empty or have dots, with arrays in arrays."""
    index = index_of(*({"a": {"b": [n]}, "c": [{"exists": False}]} for n in range(10)))
    deep: Any = 1
    for _ in range(5_000):
        deep = [{"b": deep}]
    assert index.matching({"a": deep}) == []
    for event in (
        {"a.b": 5},
        {"a": {"b": 5}, "a.b": 6},
        {"": {"a": {"b": 5}}},
        {"a": [[{"b": [[5]]}], []]},
    ):
        expected = [n for n in range(10) if compiled({"a": {"b": [n]}}).matches(event)]
        assert 5 in expected
        assert index.matching(event) == expected
