"""The alternatives of one field of an event pattern, from JSON values to operators. Pure.

The words of refusals are those of aws/event-ruler, which EventBridge puts behind "Event pattern is
not valid. Reason: ". AWS: as captured (event patterns, filter policies).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple, NoReturn

from redrive.core.patterns_complexity import complexity
from redrive.core.patterns_operators import (
    AnythingBut,
    Cidr,
    Folded,
    Literal,
    Operator,
    Prefix,
    Present,
    Range,
    Suffix,
    Wildcard,
    literal,
)

OPERATOR_NAMES = frozenset(
    [
        "anything-but",
        "cidr",
        "equals-ignore-case",
        "exists",
        "numeric",
        "prefix",
        "suffix",
        "wildcard",
    ]
)


COMPLEXITY_MAX = 100
"""Places of one field's wildcards at which a reader can be at once. A guess, and rather too high
than too low: AWS has a bound and does not publish it."""


class PatternError(ValueError):
    """A pattern that is not valid; its text is the reason, without AWS's words around it."""


class _Exactly(NamedTuple):
    """An operator that has turned out to be a literal."""

    value: Literal


class Alternatives(NamedTuple):
    """What a field may be. absent: it may also be missing."""

    literals: frozenset[Literal]
    operators: tuple[Operator, ...]
    absent: bool


def parse_alternatives(items: Sequence[Any]) -> Alternatives:
    """Return what an array of a pattern allows. Raises PatternError."""
    if not items:
        _fail("Empty arrays are not allowed")
    literals: set[Literal] = set()
    operators: list[Operator] = []
    absent = False
    for item in items:
        if isinstance(item, list):
            _fail("Match value must be String, number, true, false, or null")
        if not isinstance(item, dict):
            literals.add(literal(item))
        elif isinstance(made := _expression(item), bool):
            absent = True
        elif isinstance(made, _Exactly):
            literals.add(made.value)
        else:
            operators.append(made)
    wildcards = [one.parts for one in _innermost(operators) if isinstance(one, Wildcard)]
    if wildcards and complexity(wildcards) > COMPLEXITY_MAX:
        _fail(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character"
            " sequences after a wildcard character"
        )
    return Alternatives(frozenset(literals), tuple(operators), absent)


def _innermost(operators: Iterable[Operator]) -> Iterator[Operator]:
    for operator in operators:
        if isinstance(operator, AnythingBut):
            yield from operator.operators
        else:
            yield operator


def _expression(item: Mapping[str, Any]) -> Operator | _Exactly | bool:
    """Return an operator, or False for exists: false."""
    if len(item) != 1:
        _fail("Only one key allowed in match expression")
    ((name, value),) = item.items()
    if name == "exists":
        if not isinstance(value, bool):
            _fail("exists match pattern must be either true or false.")
        return Present() if value else False
    if name == "numeric":
        return _numeric(value)
    if name == "cidr":
        return _cidr(value)
    if name == "anything-but":
        return _anything_but(value)
    if name in ("prefix", "suffix"):
        return _affix(name, value)
    if name == "equals-ignore-case":
        return Folded(_text(value, "equals-ignore-case match pattern must be a string").lower())
    if name == "wildcard":
        return _wildcard(_text(value, "wildcard match pattern must be a string"))
    raise PatternError(f"Unrecognized match type {name}")


def _affix(name: str, value: Any) -> Operator:
    kind = Prefix if name == "prefix" else Suffix
    reason = f"{name} match pattern must be a string"
    if isinstance(value, dict):
        if list(value) != ["equals-ignore-case"]:
            _fail(reason)
        return kind(_text(value["equals-ignore-case"], reason).lower(), is_folded=True)
    return kind(_text(value, reason))


def _wildcard(text: str) -> Operator | _Exactly:
    r"""Split at each *; \* is an asterisk and \\ a backslash."""
    parts = [""]
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
            if text[at : at + 1] not in ("*", "\\"):
                _fail(f"Invalid escape character at pos {_position(text, at)}")
            parts[-1] += text[at]
        elif sign == "*":
            if text[at + 1 : at + 2] == "*":
                _fail(f"Consecutive wildcard characters at pos {_position(text, at + 1)}")
            parts.append("")
        else:
            parts[-1] += sign
        at += 1
    return _Exactly(parts[0]) if len(parts) == 1 else Wildcard(tuple(parts))


def _position(text: str, at: int) -> int:
    """Return an index as AWS counts it: in bytes."""
    return len(text[:at].encode())


# --- numbers and addresses ----------------------------------------------------------------------


def _numeric(value: Any) -> Operator | _Exactly:
    if not isinstance(value, list):
        _fail("Value of numeric must be an array.")
    name = value[0] if value else "]"
    if not isinstance(name, str) or not value:
        _fail(f"Invalid member in numeric match: {_shown(name)}")
    if name not in ("=", "<", "<=", ">", ">="):
        _fail(f"Unrecognized numeric range operator: {name}")
    bound = _number(value[1:2], "equals" if name == "=" else name)
    if name == "=":
        if len(value) > 2:
            _fail("Too many elements in numeric expression")
        return _Exactly(bound)
    if name in ("<", "<="):
        if len(value) > 2:
            _fail("Too many elements in numeric expression")
        return Range(None, bound, is_high_open=name == "<")
    if len(value) == 2:
        return Range(bound, None, is_low_open=name == ">")
    second = value[2]
    if not isinstance(second, str):
        _fail(f"Bad value in numeric range: {_shown(second)}")
    if second not in ("<", "<="):
        _fail(f"Bad numeric range operator: {second}")
    top = _number(value[3:4], second)
    if len(value) > 4:
        _fail("Too many terms in numeric range expression")
    if bound >= top:
        _fail("Bottom must be less than top")
    return Range(bound, top, is_low_open=name == ">", is_high_open=second == "<")


def _number(given: Sequence[Any], name: str) -> int | float:
    if not given or isinstance(given[0], bool) or not isinstance(given[0], int | float):
        _fail(f"Value of {name} must be numeric")
    number: int | float = given[0]
    return number


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cidr(value: Any) -> Operator:
    parts = _text(value, "prefix match pattern must be a string").split("/")
    if len(parts) != 2:
        _fail("Malformed CIDR, one '/' required")
    try:
        bits = int(parts[1])
    except ValueError:
        _fail("Malformed CIDR, mask bits must be an integer")
    if bits < 0:
        _fail("Malformed CIDR, mask bits must not be negative")
    try:
        address = ip_address(parts[0])
    except ValueError:
        _fail(f"Nonstandard IP address: {parts[0]}")
    if bits >= address.max_prefixlen:
        _fail(f"IPv{address.version} mask bits must be < {address.max_prefixlen}")
    free = address.max_prefixlen - bits
    first = int(address) >> free << free
    return Cidr(address.version, first, first + (1 << free) - 1)


# --- anything-but -------------------------------------------------------------------------------


def _anything_but(value: Any) -> Operator:
    if isinstance(value, dict):
        return _anything_but_operators(value)
    if isinstance(value, list):
        if not value:
            _fail("Empty arrays are not allowed")
        if any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in value):
            _fail("Inside anything but list, start|null|boolean is not supported.")
        if len({isinstance(v, str) for v in value}) > 1:
            _fail(
                "Inside anything but list, either all values are number or string, mixed type is"
                " not supported"
            )
        return AnythingBut(frozenset(literal(v) for v in value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        _fail("Value of anything-but must be an array or single string/number value.")
    return AnythingBut(frozenset([literal(value)]))


def _anything_but_operators(value: Mapping[str, Any]) -> Operator:
    if len(value) != 1:
        _fail("Only one key allowed in match expression")
    ((name, given),) = value.items()
    if name not in ("prefix", "suffix", "wildcard", "equals-ignore-case"):
        _fail(f"Unsupported anything-but pattern: {name}")
    if isinstance(given, dict):
        _fail("Value of anything-but must be an array or single string/number value.")
    texts = given if isinstance(given, list) else [given]
    if not texts:
        _fail("Empty arrays are not allowed")
    if any(not isinstance(text, str) for text in texts):
        if name in ("prefix", "suffix"):
            is_list = isinstance(given, list)
            _fail(f"{'prefix/suffix' if is_list else name} match pattern must be a string")
        _fail(f"Inside anything-but/{name} list, number|start|null|boolean is not supported.")
    if name in ("prefix", "suffix") and not all(texts):
        _fail("Null prefix/suffix not allowed")
    if name == "equals-ignore-case":
        return AnythingBut(frozenset(), tuple(Folded(text.lower()) for text in texts))
    if name != "wildcard":
        kind = Prefix if name == "prefix" else Suffix
        return AnythingBut(frozenset(), tuple(kind(text) for text in texts))
    made = [_wildcard(text) for text in texts]
    return AnythingBut(
        frozenset(found.value for found in made if isinstance(found, _Exactly)),
        tuple(found for found in made if not isinstance(found, _Exactly)),
    )


def _text(value: Any, reason: str) -> str:
    if not isinstance(value, str):
        _fail(reason)
    return value


def _fail(reason: str) -> NoReturn:
    raise PatternError(reason)
