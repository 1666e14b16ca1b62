"""Event patterns against a naive oracle, which knows no paths and no places.

The oracle takes AWS's word for array consistency literally: of each array one element is chosen, in
every possible way, and what is left is an event without arrays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.patterns import compile_pattern

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.sampled_from(["", "a", "ab", "abc", "B", "1", "10.0.0.1"]),
    st.sampled_from([0, 1, 1.0, 2, 2.5, -1]),
    st.booleans(),
    st.none(),
)
EVENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=3,
)
TEXTS = st.sampled_from(["a", "ab", "B", "c"])
NUMBERS = st.sampled_from([0, 1, 2, 2.5])


def _range(low: str, bottom: float, high: str, wide: float) -> dict[str, Any]:
    return {"numeric": [low, bottom, high, bottom + wide]}


OPERATORS = st.one_of(
    st.builds(lambda text: {"prefix": text}, TEXTS),
    st.builds(lambda text: {"prefix": {"equals-ignore-case": text}}, TEXTS),
    st.builds(lambda text: {"suffix": text}, TEXTS),
    st.builds(lambda text: {"equals-ignore-case": text}, TEXTS),
    st.builds(
        lambda text: {"wildcard": text}, st.sampled_from(["*", "a*", "*b*", "a*c", "*a*b*c"])
    ),
    st.builds(
        lambda sign, n: {"numeric": [sign, n]},
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        NUMBERS,
    ),
    st.builds(
        _range,
        st.sampled_from([">", ">="]),
        NUMBERS,
        st.sampled_from(["<", "<="]),
        st.sampled_from([0.5, 2]),
    ),
    st.just({"exists": True}),
    st.just({"cidr": "10.0.0.0/8"}),
    st.builds(lambda texts: {"anything-but": texts}, st.lists(TEXTS, min_size=1, max_size=2)),
    st.builds(lambda numbers: {"anything-but": numbers}, st.lists(NUMBERS, min_size=1, max_size=2)),
    st.builds(
        lambda name, texts: {"anything-but": {name: texts}},
        st.sampled_from(["prefix", "suffix", "equals-ignore-case"]),
        st.lists(TEXTS, min_size=1, max_size=2),
    ),
)
LEAVES = st.lists(st.one_of(SCALARS, OPERATORS), min_size=1, max_size=3)
OBJECTS = st.recursive(
    st.dictionaries(NAMES, LEAVES, min_size=1, max_size=3),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, st.one_of(LEAVES, inner), min_size=1, max_size=3),
        st.builds(
            lambda own, choices: {**own, "$or": choices},
            st.dictionaries(NAMES, LEAVES, max_size=1),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=5,
)


def choices(value: Any) -> Iterator[Any]:
    """Yield a value with one element chosen of each array in it, in all ways; none of an empty."""
    if isinstance(value, list):
        for element in value:
            yield from choices(element)
    elif isinstance(value, dict):
        ways = [
            [(name, made) for made in choices(member)] or [None] for name, member in value.items()
        ]
        for way in product(*ways):
            yield dict(pair for pair in way if pair is not None)
    else:
        yield value


def holds(operator: Any, value: Any) -> bool:
    """Judge one value by one alternative."""
    if not isinstance(operator, dict):
        return isinstance(operator, bool) == isinstance(value, bool) and operator == value
    ((name, given),) = operator.items()
    if name == "exists":
        return True
    if name == "anything-but":
        if isinstance(given, dict):
            ((inner, texts),) = given.items()
            return not any(holds({inner: text}, value) for text in texts)
        return not any(holds(other, value) for other in given)
    if name == "numeric":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        pairs = zip(given[::2], given[1::2], strict=True)
        return all(_compare(value, sign, bound) for sign, bound in pairs)
    if not isinstance(value, str):
        return False
    if name == "cidr":
        return value.startswith("10.")
    if name == "wildcard":
        return fnmatchcase(value, given)
    if isinstance(given, dict):
        given, value = given["equals-ignore-case"].upper(), value.upper()
    if name == "equals-ignore-case":
        return value.upper() == str(given).upper()
    return value.startswith(given) if name == "prefix" else value.endswith(given)


def _compare(value: float, sign: str, bound: float) -> bool:
    return {
        "=": value == bound,
        "<": value < bound,
        "<=": value <= bound,
        ">": value > bound,
        ">=": value >= bound,
    }[sign]


def judge(pattern: Any, event: Any) -> bool:
    """Judge an event without arrays."""
    if not isinstance(event, dict):
        return False
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(judge(choice, event) for choice in wanted):
                return False
        elif isinstance(wanted, dict):
            if not judge(wanted, event.get(name)):
                return False
        else:
            found = event.get(name, {})  # an object is no value, nor is what is missing
            if isinstance(found, dict) or not any(holds(one, found) for one in wanted):
                return False
    return True


@given(OBJECTS, EVENTS)
def test_a_pattern_matches_what_the_oracle_says(pattern: Any, event: Any) -> None:
    """Whatever pattern and event, array by array."""
    expected = any(judge(pattern, way) for way in choices(event))
    assert compile_pattern(json.dumps(pattern)).matches(event) is expected


@given(OBJECTS, EVENTS, st.sampled_from(["a", "b", "c", "d"]))
def test_a_field_that_must_be_missing_is_missing_everywhere(
    pattern: Any, event: Any, name: str
) -> None:
    """exists: false of a field of the event itself stands beside everything else."""
    pattern = {key: value for key, value in pattern.items() if key != name}
    wanted = {**pattern, name: [{"exists": False}]}
    has_leaf = any(
        name in way and not isinstance(way[name], dict)
        for way in choices({name: event[name]} if name in event else {})
    )
    expected = not has_leaf and any(judge(pattern, way) for way in choices(event))
    assert compile_pattern(json.dumps(wanted)).matches(event) is expected


@given(st.text(max_size=30))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    """No text is an error of ours."""
    with suppress(ValueError):
        compile_pattern(text)
