"""Many event patterns at once: which of them an event matches, without trying each. Pure.

A tree: a node holds rules, and knows of each at which path to look for it and behind which entries
(a literal, a prefix, a range, ...) of that path it stands. An event goes from the root to the nodes
behind the entries that its values meet. What it finds there as a leaf it is compared with, as far
as the way to there has not said enough.

          source                       detail-type              detail.amount
    root ────────> "shop" ── node ────────────────> "Order" ── node ─────────> 100 .. 200 ── leaf
          └──────> prefix "aws." ── leaf

Invariants
1. A rule that an event matches is in a leaf that the event reaches.
2. Nothing is said to match that was not compared: by exact entries and fields, or where there are
   arrays of objects by Rule.matches.
An event that meets no entry at the root costs what is read there: mostly its source.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from math import isqrt
from typing import Any, Generic, NamedTuple, TypeVar

from redrive.core.patterns import Field, Pattern, Rule
from redrive.core.patterns_reading import Paths, Reader
from redrive.core.patterns_select import Access, Entry, Selector, accesses

K = TypeVar("K", bound=Hashable)

LEAF_MAX = 4
"""Rules that are rather compared than divided once more."""

GAIN_MIN = 0.9
"""What may remain when candidates are divided, else they are left together."""

ROUNDS_MAX = 4
"""Paths of a node that are chosen for all of its rules at once; the rest choose for themselves."""

DEPTH_MAX = 16
"""Nodes from the root to a leaf."""

COPIES_MAX = 256
"""Leaves that one rule may stand in because of its alternatives at several paths."""

READS_MAX = 8
"""Paths that a node asks for one by one; where there are more, the event says which it has."""

CHANGES_FREE = 32
"""Patterns that may change before all are compiled anew; the more there are, the more may."""


class _Candidate(NamedTuple):
    """A rule on its way to a leaf."""

    number: int  # of its pattern
    rule: Rule
    rest: tuple[Field, ...]  # what has not been compared yet
    free: tuple[Field, ...]  # where it may still be divided by
    copies: int


class _Node:
    """Rules to compare with, and where to go on by path."""

    __slots__ = ("is_wide", "leaf", "selectors")

    def __init__(self, leaf: tuple[_Candidate, ...], selectors: dict[str, Selector[_Node]]) -> None:
        self.leaf = leaf
        self.selectors = selectors
        self.is_wide = len(selectors) > READS_MAX


class _Tree:
    """Rules, compiled."""

    __slots__ = ("_paths", "_root")

    def __init__(self, patterns: Iterable[tuple[int, Pattern]]) -> None:
        found = [
            _Candidate(number, rule, rule.fields, rule.fields, 1)
            for number, pattern in patterns
            for rule in pattern.rules
        ]
        self._paths = Paths({field.path for one in found for field in one.rest})
        self._root = _grow(found, 0)

    def matching(self, event: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the patterns that an event matches."""
        reader = Reader(event, self._paths)
        matching: set[int] = set()
        todo = [self._root]
        while todo:
            node = todo.pop()
            for candidate in node.leaf:
                if candidate.number not in matching and _is_met(candidate, reader):
                    matching.add(candidate.number)
            if not node.is_wide:
                for path, selector in node.selectors.items():
                    for value, _places in reader.read(path):
                        selector.select(value, todo)
                continue
            for path in reader.read_all():
                wanted = node.selectors.get(path)
                if wanted is not None:
                    for value, _places in reader.read(path):
                        wanted.select(value, todo)
        return matching


def _is_met(candidate: _Candidate, reader: Reader) -> bool:
    """Compare what has not been compared yet."""
    for field in candidate.rest:
        values = reader.read(field.path)
        for value, _places in values:
            if field.holds(value):
                break
        else:
            # Of values that stand in arrays of objects Rule.matches says whether they count.
            if not field.absent or (values and not reader.is_nested):
                return False
    if not reader.is_nested:
        return True
    paths = [field.path for field in candidate.rule.fields]
    return candidate.rule.matches({path: reader.read(path) for path in paths})


# --- growing ------------------------------------------------------------------------------------


class _Option(NamedTuple):
    """A candidate by one of its fields."""

    candidate: _Candidate
    field: Field
    accesses: tuple[Access, ...]


def _grow(candidates: list[_Candidate], depth: int) -> _Node:
    if len(candidates) <= LEAF_MAX or depth == DEPTH_MAX:
        return _Node(tuple(candidates), {})
    by_path = _options(candidates)
    chosen: dict[str, list[_Option]] = {}
    left = len(candidates)
    for _round in range(ROUNDS_MAX):
        path = _best(by_path, left)
        if path is None:
            break
        chosen[path] = by_path.pop(path)
        taken = {id(option.candidate) for option in chosen[path]}
        left -= len(taken)
        by_path = {
            path: kept
            for path, options in by_path.items()
            if (kept := [option for option in options if id(option.candidate) not in taken])
        }
    for option in _rarest(by_path, GAIN_MIN * len(candidates)):
        chosen.setdefault(option.field.path, []).append(option)
    placed = {id(option.candidate) for options in chosen.values() for option in options}
    leaf = tuple(one for one in candidates if id(one) not in placed)
    return _Node(leaf, {path: _selector(options, depth + 1) for path, options in chosen.items()})


def _options(candidates: list[_Candidate]) -> dict[str, list[_Option]]:
    """Return by which paths candidates can be divided."""
    by_path: dict[str, list[_Option]] = {}
    for one in candidates:
        for field in one.free:
            found = accesses(field)
            if found and (one.copies == 1 or one.copies * len(found) <= COPIES_MAX):
                by_path.setdefault(field.path, []).append(_Option(one, field, found))
    return by_path


def _counts(options: Iterable[_Option]) -> dict[Entry, int]:
    counts: dict[Entry, int] = {}
    for option in options:
        for access in option.accesses:
            counts[access.entry] = counts.get(access.entry, 0) + 1
    return counts


def _best(by_path: Mapping[str, list[_Option]], left: int) -> str | None:
    """Return the path that leaves the fewest candidates for an event of the kind that the
    candidates ask for, None when no path leaves notably fewer than there are.
    """
    best, least = None, GAIN_MIN * left
    for path, options in by_path.items():
        counts = _counts(options)
        behind = sum(count * count for count in counts.values()) / sum(counts.values())
        remaining = behind + left - len(options)
        if remaining < least:
            best, least = path, remaining
    return best


def _rarest(by_path: Mapping[str, list[_Option]], most: float) -> Iterable[_Option]:
    """Return, for each candidate, its option whose entries the fewest others stand behind, unless
    more than `most` do.
    """
    rarest: dict[int, tuple[int, _Option]] = {}
    for options in by_path.values():
        counts = _counts(options)
        for option in options:
            number = sum(counts[access.entry] for access in option.accesses)
            if number > most:
                continue
            known = rarest.get(id(option.candidate))
            if known is None or number < known[0]:
                rarest[id(option.candidate)] = (number, option)
    return [option for _number, option in rarest.values()]


def _selector(options: Iterable[_Option], depth: int) -> Selector[_Node]:
    behind: dict[Entry, list[_Candidate]] = {}
    for candidate, field, found in options:
        free = tuple(other for other in candidate.free if other is not field)
        rest = tuple(other for other in candidate.rest if other is not field)
        copies = candidate.copies * len(found)
        exact = candidate._replace(rest=rest, free=free, copies=copies)
        loose = candidate._replace(free=free, copies=copies)
        for entry, is_exact in found:
            behind.setdefault(entry, []).append(exact if is_exact else loose)
    grown: dict[tuple[int, ...], _Node] = {}
    nodes: dict[Entry, _Node] = {}
    for entry, candidates in behind.items():
        # Entries that the same candidates stand behind lead to the same node.
        key = tuple(id(one) for one in candidates)
        if key not in grown:
            grown[key] = _grow(candidates, depth)
        nodes[entry] = grown[key]
    return Selector(nodes)


# --- the index ----------------------------------------------------------------------------------


class PatternIndex(Generic[K]):
    """Patterns by key, compiled together. It never changes."""

    __slots__ = ("_changed", "_keys", "_numbers", "_patterns", "_stale", "_tree")

    def __init__(self, patterns: Mapping[K, Pattern]) -> None:
        self._keys = list(patterns)
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._patterns = dict(enumerate(patterns.values()))
        self._tree = _Tree(self._patterns.items())
        self._changed = _Tree(())
        self._stale: frozenset[int] = frozenset()  # what is not to be asked of the first tree

    def matching(self, event: Mapping[str, Any]) -> list[K]:
        """Return the keys of the patterns that an event (a JSON object) matches, each once.

        They are in the order of the mapping; what was added by changes comes behind.
        """
        found = self._tree.matching(event)
        if self._stale:
            found = (found - self._stale) | self._changed.matching(event)
        return [self._keys[number] for number in sorted(found)] if found else []

    def with_changes(self, changed: Mapping[K, Pattern | None]) -> PatternIndex[K]:
        """Return an index in which some patterns are added or replaced, or with None left out.

        It is the cheaper the less was changed since all was compiled: a few patterns of ten
        thousand cost some milliseconds.
        """
        keys, numbers = list(self._keys), dict(self._numbers)
        patterns = dict(self._patterns)
        stale = set(self._stale)
        for key, pattern in changed.items():
            number = numbers.setdefault(key, len(keys))
            if number == len(keys):
                keys.append(key)
            stale.add(number)
            patterns.pop(number, None)
            if pattern is not None:
                patterns[number] = pattern
        if len(stale) > CHANGES_FREE + 4 * isqrt(len(patterns)):
            return PatternIndex({keys[number]: patterns[number] for number in sorted(patterns)})
        index: PatternIndex[K] = PatternIndex({})
        index._tree = self._tree
        index._keys, index._numbers, index._patterns = keys, numbers, patterns
        index._stale = frozenset(stale)
        index._changed = _Tree((n, patterns[n]) for n in sorted(stale) if n in patterns)
        return index
