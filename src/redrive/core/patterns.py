"""Event patterns: the one language in which buses, mappings and topics choose events. Pure.

    {"source": ["a", "b"], "detail": {"n": [{"numeric": [">", 5]}]}, "$or": [{...}, {...}]}

An array holds alternatives, an object's fields must all match, $or needs one of its objects. A
pattern is compiled to rules without $or; a rule is a list of fields by path in the order of their
names, each with its alternatives as data, so that an index over many patterns can be made of them.

Array consistency: where an event has an array of objects, the fields of a rule below that array
must match within one and the same object. exists: false looks at the objects that the fields before
it (by path) have chosen, at all of them when none has.

Matching takes time bounded by the product of the sizes of pattern and event: of an array of objects
only those are compared that can be one and the same.
AWS: EventBridge User Guide, "Event patterns"; the order of evaluation as in aws/event-ruler. How
complex the wildcards of a field may be is bounded as by AWS, whose bound is not published
(patterns_complexity).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from redrive.core.patterns_grammar import OPERATOR_NAMES, PatternError, parse_alternatives
from redrive.core.patterns_operators import Literal, Operator, Scalar, literal

__all__ = [
    "Field",
    "Flat",
    "Pattern",
    "PatternError",
    "Rule",
    "compile_pattern",
    "flatten",
    "paths_to",
]

RULES_MAX = 1_000
"""AWS: EventBridge User Guide, "Comparison operators", on $or: at most 1,000 combinations."""

ARRAYS_MAX = 32
"""Arrays around a value whose elements are told apart; deeper ones are taken as one, so that an
event of nothing but brackets costs no more memory than another."""

CHOICES_MAX = 100_000
"""Elements, or combinations of them, that are followed at a time. An event of 1 MiB has fewer, but
where names with dots make two arrays of one; then it passes, because that loses nothing."""

Places = tuple[tuple[int, int], ...]
"""Where a value stands: (number of an array, index in it) for each array of objects around it."""

Flat = Mapping[str, Sequence[tuple[Scalar, Places]]]
"""An event by path: all values there, of all elements of all arrays on the way."""


class Field(NamedTuple):
    """What a value at one path may be. absent: there may also be none."""

    path: str  # names joined by dots, as AWS does: {"a": {"b": ...}} and {"a.b": ...} are the same
    literals: frozenset[Literal]
    operators: tuple[Operator, ...]
    absent: bool

    def holds(self, value: Scalar) -> bool:
        """Tell whether a value that is there is one of the alternatives."""
        if literal(value) in self.literals:
            return True
        return any(operator.holds(value) for operator in self.operators)


class Rule(NamedTuple):
    """Fields that must all match, in the order of their paths."""

    fields: tuple[Field, ...]

    def matches(self, event: Flat) -> bool:
        """Tell whether an event matches."""
        found: list[_Found] = []
        is_nested = False
        for field in self.fields:
            values = event.get(field.path, ())
            chosen = [places for value, places in values if field.holds(value)]
            if not chosen and not (field.absent and _may_be_absent(values)):
                return False
            is_nested = is_nested or any(places for _value, places in values)
            found.append(_Found(field, [places for _value, places in values], chosen))
        return not is_nested or _are_consistent(found)


class Pattern(NamedTuple):
    """A compiled pattern: an event must match one of its rules."""

    rules: tuple[Rule, ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event matches: a JSON object as Python values."""
        return self.matches_flat(flatten(event, paths_to(self.rules)))

    def matches_flat(self, event: Flat) -> bool:
        """Do the same for an event that is judged by many patterns."""
        return any(rule.matches(event) for rule in self.rules)


# --- events -------------------------------------------------------------------------------------


def paths_to(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the paths that rules ask for, and those on the way to them."""
    paths = {""}  # a name may be empty, and then adds nothing to its path
    for rule in rules:
        for field in rule.fields:
            names = field.path.split(".")
            paths.update(".".join(names[:end]) for end in range(1, len(names) + 1))
    return frozenset(paths)


def flatten(event: Mapping[str, Any], wanted: Collection[str] | None = None) -> Flat:
    """Return an event's values by path. Empty arrays and objects have none.

    wanted: of paths_to, None for all. An event may hold far more than anybody asks for, and all the
    paths of one that is nested deeply are as long as the square of its length.
    """
    flat: dict[str, list[tuple[Scalar, Places]]] = {}
    arrays = 0
    todo: list[tuple[str, Any, Places]] = [("", event, ())]
    while todo:  # not by recursion: events may be nested as deep as their senders like
        path, value, places = todo.pop()
        if isinstance(value, dict):
            for name, member in value.items():
                here = f"{path}.{name}" if path else name
                if wanted is None or here in wanted:
                    todo.append((here, member, places))
        elif isinstance(value, list):
            arrays += 1
            for index, member in enumerate(value):
                is_deeper = len(places) < ARRAYS_MAX and isinstance(member, dict | list)
                inside = (*places, (arrays, index)) if is_deeper else places
                todo.append((path, member, inside))
        else:
            flat.setdefault(path, []).append((value, places))
    return flat


# --- arrays of objects --------------------------------------------------------------------------


class _Found(NamedTuple):
    """One field of a rule, and what an event has at its path."""

    field: Field
    places: list[Places]  # of all values
    chosen: list[Places]  # of those that match


def _may_be_absent(values: Sequence[tuple[Scalar, Places]]) -> bool:
    """Tell whether values may all stand in objects that are not looked at."""
    return all(places for _value, places in values)


def _are_consistent(found: Sequence[_Found]) -> bool:
    """Tell whether one element of each array can be chosen in which all fields match.

    What has been chosen of an array is forgotten when no later field stands below it, so that
    arrays beside each other do not multiply.
    """
    needed: list[set[int]] = [set()]
    for one in reversed(found):
        needed.append(needed[-1] | {array for places in one.places for array, _index in places})
    needed.reverse()  # needed[i]: the arrays of fields i and later
    choices: set[Places] = {()}
    for at, one in enumerate(found):
        later = needed[at + 1]
        ahead: set[Places] = set()
        chosen = _Tree(one.chosen)
        there = _Tree(one.places) if one.field.absent else None
        for choice in choices:
            known = dict(choice)
            if there is not None and next(there.agreeing(known), None) is None:
                ahead.add(_only(known, later))
            for places in chosen.agreeing(known):
                ahead.add(_only(known | dict(places), later))
                if not later:
                    break  # the others would add the same
                if len(ahead) > CHOICES_MAX:
                    return True
        choices = ahead
        if not choices:
            return False
    return True


class _Tree:
    """Places by array and index, so that nobody has to look through all of them."""

    __slots__ = ("_arrays", "_end")

    def __init__(self, all_places: Iterable[Places] = ()) -> None:
        self._arrays: dict[int, dict[int, _Tree]] = {}
        self._end: Places | None = None
        for places in all_places:
            node = self
            for array, index in places:
                elements = node._arrays.setdefault(array, {})
                node = elements.get(index) or elements.setdefault(index, _Tree())
            node._end = places

    def agreeing(self, known: Mapping[int, int]) -> Iterator[Places]:
        """Yield the places, each once, that are in the elements that are known."""
        todo = [self]
        while todo:
            node = todo.pop()
            if node._end is not None:
                yield node._end
            for array, elements in node._arrays.items():
                index = known.get(array)
                if index is None:
                    todo.extend(elements.values())
                elif index in elements:
                    todo.append(elements[index])


def _only(known: Mapping[int, int], needed: set[int]) -> Places:
    return tuple(sorted((array, index) for array, index in known.items() if array in needed))


# --- compiling ----------------------------------------------------------------------------------


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern's JSON text. Raises PatternError with AWS's reason."""
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(parsed, dict):
            raise PatternError("Filter is not an object")
        rules = _compile_object(parsed, "")
    except json.JSONDecodeError as error:
        raise PatternError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        raise PatternError("The pattern is nested too deeply") from None
    return Pattern(tuple(Rule(tuple(sorted(rule, key=_path_of))) for rule in rules))


def _path_of(field: Field) -> str:
    return field.path


def _refuse_constant(name: str) -> NoReturn:
    raise PatternError(f"{name} is not a JSON value")


_Fields = tuple[Field, ...]


def _compile_object(given: Mapping[str, Any], path: str) -> list[_Fields]:
    """Return the rules of an object, at least one, each with at least one field."""
    if not given:
        raise PatternError("Empty patterns are not allowed")
    rules: list[_Fields] = [()]
    for name, value in given.items():
        here = f"{path}.{name}" if path else name
        if name == "$or" and _is_choice(value):
            made = [rule for choice in value for rule in _compile_object(choice, path)]
        elif isinstance(value, dict):
            made = _compile_object(value, here)
        elif isinstance(value, list):
            made = [(Field(here, *parse_alternatives(value)),)]
        else:
            raise PatternError(f'"{name}" must be an object or an array')
        if len(rules) * len(made) > RULES_MAX:
            raise PatternError(f"Rule is too complex: more than {RULES_MAX} combinations by $or")
        rules = [(*one, *other) for one in rules for other in made]
    return rules


def _is_choice(value: Any) -> bool:
    """Tell whether $or is the operator and not a field of that name.

    AWS: EventBridge User Guide, "Or matching": two objects or more, none with an operator's name.
    """
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(item, dict) and not item.keys() & OPERATOR_NAMES for item in value)
    )
