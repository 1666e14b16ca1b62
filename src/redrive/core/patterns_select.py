"""Which of many alternatives at one path a value may meet, found without trying each. Pure.

An alternative is an Entry: a kind of comparison and what to compare with. Selector finds all
entries that a value meets, and now and then one that it does not meet: what is found by one that
is exact needs no second look. What no structure here can find by the value (anything-but,
exists: true, a wildcard with asterisks at both ends) is found by there being a value at all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from enum import Enum
from ipaddress import ip_address
from typing import Any, Generic, NamedTuple, TypeVar

from redrive.core.patterns import Field
from redrive.core.patterns_operators import (
    Cidr,
    Folded,
    Literal,
    Operator,
    Prefix,
    Range,
    Scalar,
    Suffix,
    Wildcard,
    literal,
)

T = TypeVar("T")


class Kind(Enum):
    """How an entry is compared."""

    EQUAL = 1  # key: a Literal
    FOLDED = 2  # text in lower case; so for the next ones that are folded
    PREFIX = 3
    FOLDED_PREFIX = 4
    SUFFIX = 5  # text from its end to its beginning; so for the next
    FOLDED_SUFFIX = 6
    RANGE = 7  # (low, high), both included, None for no bound
    ADDRESS = 8  # (first, last) as numbers of _address
    ANY = 9  # None


class Entry(NamedTuple):
    """One alternative. is_exact: what is found by it needs no second look."""

    kind: Kind
    key: Any


class Access(NamedTuple):
    """An entry that stands for an alternative. is_exact: both say yes to the same values."""

    entry: Entry
    is_exact: bool = True


_ANY = Access(Entry(Kind.ANY, None), is_exact=False)


def accesses(field: Field) -> tuple[Access, ...]:
    """Return the alternatives of a field, none when an event without the field may match."""
    if field.absent:
        return ()
    found = [Access(Entry(Kind.EQUAL, value)) for value in field.literals]
    found += [_access(operator) for operator in field.operators]
    return (_ANY,) if _ANY in found else tuple(found)


def _access(operator: Operator) -> Access:
    if isinstance(operator, Folded):
        return Access(Entry(Kind.FOLDED, operator.text))
    if isinstance(operator, Prefix):
        kind = Kind.FOLDED_PREFIX if operator.is_folded else Kind.PREFIX
        return Access(Entry(kind, operator.text))
    if isinstance(operator, Suffix):
        kind = Kind.FOLDED_SUFFIX if operator.is_folded else Kind.SUFFIX
        return Access(Entry(kind, operator.text[::-1]))
    if isinstance(operator, Wildcard):
        first, last = operator.parts[0], operator.parts[-1]
        is_exact = len(operator.parts) == 2 and not (first and last)
        if first:
            return Access(Entry(Kind.PREFIX, first), is_exact)
        return Access(Entry(Kind.SUFFIX, last[::-1]), is_exact) if last else _ANY
    if isinstance(operator, Range):
        return Access(Entry(Kind.RANGE, (operator.low, operator.high)), is_exact=False)
    if isinstance(operator, Cidr):
        base = operator.version << 128
        return Access(Entry(Kind.ADDRESS, (base + operator.first, base + operator.last)))
    return _ANY


def _address(text: str) -> int | None:
    """Return an address as a number; those of version 6 are all above those of version 4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.version << 128) + int(address)


class Selector(Generic[T]):
    """Things by entry, of one path."""

    __slots__ = (
        "_addresses",
        "_any",
        "_equal",
        "_folded",
        "_folded_prefixes",
        "_folded_suffixes",
        "_is_plain",
        "_prefixes",
        "_ranges",
        "_suffixes",
    )

    def __init__(self, things: Mapping[Entry, T]) -> None:
        by_kind: dict[Kind, dict[Any, T]] = {kind: {} for kind in Kind}
        for entry, thing in things.items():
            by_kind[entry.kind][entry.key] = thing
        self._equal: dict[Literal, T] = by_kind[Kind.EQUAL]
        self._folded: dict[str, T] = by_kind[Kind.FOLDED]
        self._prefixes: Beginnings[T] = Beginnings(by_kind[Kind.PREFIX])
        self._folded_prefixes: Beginnings[T] = Beginnings(by_kind[Kind.FOLDED_PREFIX])
        self._suffixes: Beginnings[T] = Beginnings(by_kind[Kind.SUFFIX])
        self._folded_suffixes: Beginnings[T] = Beginnings(by_kind[Kind.FOLDED_SUFFIX])
        self._ranges: Ranges[T] = Ranges(by_kind[Kind.RANGE])
        self._addresses: Ranges[T] = Ranges(by_kind[Kind.ADDRESS])
        self._any: list[T] = list(by_kind[Kind.ANY].values())
        self._is_plain = all(entry.kind is Kind.EQUAL for entry in things)

    def select(self, value: Scalar, selected: list[T]) -> None:
        """Add the things whose entries a value may meet, each once for each such entry."""
        equal = self._equal.get(literal(value))
        if equal is not None:
            selected.append(equal)
        if self._is_plain:
            return
        selected += self._any
        if isinstance(value, str):
            self._select_by_text(value, selected)
        elif self._ranges.bounds and isinstance(value, (int, float)):
            self._ranges.select(value, selected)

    def _select_by_text(self, value: str, selected: list[T]) -> None:
        if self._prefixes.texts:
            self._prefixes.select(value, selected)
        if self._suffixes.texts:
            self._suffixes.select(value[::-1], selected)
        if self._folded or self._folded_prefixes.texts or self._folded_suffixes.texts:
            lower = value.lower()
            folded = self._folded.get(lower)
            if folded is not None:
                selected.append(folded)
            self._folded_prefixes.select(lower, selected)
            self._folded_suffixes.select(lower[::-1], selected)
        if self._addresses.bounds:
            number = _address(value)
            if number is not None:
                self._addresses.select(number, selected)


class Beginnings(Generic[T]):
    """Things by how a text begins.

    The last text in order that is not behind the value begins it, or shares with it all beginnings
    that are among the texts: so one search finds the chain in which all others are.
    """

    __slots__ = ("_shorter", "_things", "texts")

    def __init__(self, things: Mapping[str, T]) -> None:
        self.texts = sorted(things)
        self._things = [things[text] for text in self.texts]
        self._shorter: list[int] = []  # the longest other text that begins this one, -1 for none
        for at, text in enumerate(self.texts):
            before = at - 1
            while before >= 0 and not text.startswith(self.texts[before]):
                before = self._shorter[before]
            self._shorter.append(before)

    def select(self, value: str, selected: list[T]) -> None:
        """Add the things whose texts begin a value."""
        at = bisect_right(self.texts, value) - 1
        while at >= 0:
            if value.startswith(self.texts[at]):
                selected.append(self._things[at])
            at = self._shorter[at]


class Ranges(Generic[T]):
    """Things by a range of numbers: a tree over the bounds in which each range is a few nodes."""

    __slots__ = ("_leaves", "_nodes", "bounds")

    def __init__(self, things: Mapping[tuple[Any, Any], T]) -> None:
        self.bounds: list[Any] = sorted(
            {bound for key in things for bound in key if bound is not None}
        )
        # Before, at and behind each bound: place 2i + 1 is the bound i, 2i what is below it.
        self._leaves = 2 * len(self.bounds) + 1
        self._nodes: dict[int, list[T]] = {}
        for (low, high), thing in things.items():
            first = 0 if low is None else 2 * bisect_left(self.bounds, low) + 1
            last = self._leaves - 1 if high is None else 2 * bisect_left(self.bounds, high) + 1
            self._cover(first, last, thing)

    def _cover(self, first: int, last: int, thing: T) -> None:
        left, right = first + self._leaves, last + self._leaves + 1
        while left < right:
            if left & 1:
                self._nodes.setdefault(left, []).append(thing)
                left += 1
            if right & 1:
                right -= 1
                self._nodes.setdefault(right, []).append(thing)
            left >>= 1
            right >>= 1

    def select(self, value: Any, selected: list[T]) -> None:
        """Add the things in whose ranges a number is."""
        at = bisect_left(self.bounds, value)
        is_bound = at < len(self.bounds) and self.bounds[at] == value
        node = 2 * at + is_bound + self._leaves
        while node:
            here = self._nodes.get(node)
            if here is not None:
                selected += here
            node >>= 1
