"""A naive matcher of event patterns, written from AWS's words alone; it shares no line with ours.

A pattern is read as it stands, at each match anew. Choosing elements of arrays is done by trying
all ways. AWS: EventBridge User Guide, "Creating event patterns", "Comparison operators"; for arrays
of objects and exists: false the README of aws/event-ruler and the order in which it evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from ipaddress import ip_address, ip_network
from typing import Any

OPERATORS = {
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
}

Place = tuple[Any, ...]
Chosen = dict[Place, int]
Leaf = tuple[str, Any, Chosen]
Wanted = list[tuple[str, list[Any]]]


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Tell whether an event matches a pattern that is valid."""
    leaves = list(_leaves(event, "", (), {}))
    return any(_fits(sorted(rule, key=_path), leaves, {}) for rule in _rules(pattern, ""))


def _path(wanted: tuple[str, list[Any]]) -> str:
    return wanted[0]


def _rules(pattern: dict[str, Any], path: str) -> list[Wanted]:
    """Return the ways to match: in each, all (path, alternatives) must."""
    ways: list[Wanted] = [[]]
    for name, value in pattern.items():
        here = _joined(path, name)
        if isinstance(value, dict):
            more = _rules(value, here)
        elif name == "$or" and is_choice(value):
            more = [way for choice in value for way in _rules(choice, path)]
        else:
            more = [[(here, value)]]
        ways = [way + other for way in ways for other in more]
    return ways


def _joined(path: str, name: str) -> str:
    return name if path == "" else path + "." + name


def is_choice(value: list[Any]) -> bool:
    """Tell whether the value of $or is its choices, and not those of a field of that name."""
    if len(value) < 2:
        return False
    return all(isinstance(one, dict) and not OPERATORS & set(one) for one in value)


def _leaves(value: Any, path: str, place: Place, chosen: Chosen) -> Iterator[Leaf]:
    """Yield each value with its path and with what must be chosen of arrays to have it."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, _joined(path, name), (*place, name), chosen)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            is_told_apart = isinstance(member, dict | list)
            inside = {**chosen, place: index} if is_told_apart else chosen
            yield from _leaves(member, path, (*place, index), inside)
    else:
        yield path, value, chosen


def _fits(wanted: Wanted, leaves: list[Leaf], chosen: Chosen) -> bool:
    """Tell whether the wanted fields can be had together with what is chosen of arrays."""
    if not wanted:
        return True
    (path, alternatives), *others = wanted
    there = [
        (value, own)
        for at, value, own in leaves
        if at == path and all(chosen.get(array, index) == index for array, index in own.items())
    ]
    for value, own in there:
        is_met = any(_meets(value, one) for one in alternatives)
        if is_met and _fits(others, leaves, chosen | own):
            return True
    may_be_missing = any(one == {"exists": False} for one in alternatives)
    return may_be_missing and not there and _fits(others, leaves, chosen)


def _meets(value: Any, alternative: Any) -> bool:
    """Tell whether a value that is there meets one alternative."""
    if not isinstance(alternative, dict):
        return _equal(value, alternative)
    ((name, given),) = alternative.items()
    if name == "exists":
        return bool(given)
    if name == "anything-but":
        if isinstance(given, dict):
            ((inner, texts),) = given.items()
            return not any(_meets(value, {inner: one}) for one in _list(texts))
        return not any(_equal(value, one) for one in _list(given))
    if name == "numeric":
        return _is_number(value) and _in_range(Fraction(value), given)
    return isinstance(value, str) and _text_meets(value, name, given)


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _equal(value: Any, other: Any) -> bool:
    if _is_number(value) and _is_number(other):
        return Fraction(value) == Fraction(other)
    return type(value) is type(other) and bool(value == other)


def _in_range(value: Fraction, given: list[Any]) -> bool:
    for sign, bound in zip(given[::2], map(Fraction, given[1::2]), strict=True):
        below, at = value < bound, value == bound
        told = {"=": at, "<": below, "<=": below or at, ">": not (below or at), ">=": not below}
        if not told[sign]:
            return False
    return True


def _text_meets(value: str, name: str, given: Any) -> bool:
    if isinstance(given, dict):
        value, given = value.lower(), given["equals-ignore-case"].lower()
    if name == "equals-ignore-case":
        return value.lower() == given.lower()
    if name == "prefix":
        return value[: len(given)] == given
    if name == "suffix":
        return value[max(0, len(value) - len(given)) :] == given
    if name == "wildcard":
        return re.fullmatch(_as_expression(given), value, re.DOTALL) is not None
    assert name == "cidr"
    try:
        return ip_address(value) in ip_network(given, strict=False)
    except ValueError:
        return False


def _as_expression(wildcard: str) -> str:
    parts = re.findall(r"\\[*\\]|[^\\]", wildcard, re.DOTALL)
    return "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)
