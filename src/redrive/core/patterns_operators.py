"""What one value of an event may be asked for: the operators of event patterns, as data. Pure.

A value is what stands at a leaf of a JSON document: text, a number, true, false or null. Numbers
are compared by value (300 is 300.0), and text is never a number.
AWS: EventBridge User Guide, "Comparison operators for use in event patterns"; aws/event-ruler.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple, Protocol

Scalar = str | int | float | bool | None


class Fixed(Enum):
    """Literals that must not be mixed up with numbers: Python's True is its 1."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"


Literal = str | int | float | Fixed


def literal(value: Scalar) -> Literal:
    """Return a value as it stands in a set of literals."""
    if isinstance(value, str):
        return value
    if value is None:
        return Fixed.NULL
    if isinstance(value, bool):
        return Fixed.TRUE if value else Fixed.FALSE
    return value


class Operator(Protocol):
    """One alternative that is more than a literal."""

    def holds(self, value: Scalar) -> bool:
        """Tell whether a value of the event meets it."""
        ...


class Present(NamedTuple):
    """exists: true. Whatever the value is, it is there."""

    def holds(self, value: Scalar) -> bool:
        """Say yes."""
        del value
        return True


class Prefix(NamedTuple):
    """How a text begins."""

    text: str  # in lower case when is_folded
    is_folded: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare the beginning."""
        if not isinstance(value, str):
            return False
        return (value.lower() if self.is_folded else value).startswith(self.text)


class Suffix(NamedTuple):
    """How a text ends."""

    text: str  # in lower case when is_folded
    is_folded: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare the end."""
        if not isinstance(value, str):
            return False
        return (value.lower() if self.is_folded else value).endswith(self.text)


class Folded(NamedTuple):
    """equals-ignore-case."""

    text: str  # in lower case

    def holds(self, value: Scalar) -> bool:
        """Compare without regard to case."""
        return isinstance(value, str) and value.lower() == self.text


class Wildcard(NamedTuple):
    """A text with any number of characters in the place of each *: two parts at least."""

    parts: tuple[str, ...]

    def holds(self, value: Scalar) -> bool:
        """Look for the parts in their order, in time bounded by the product of the lengths."""
        if not isinstance(value, str):
            return False
        first, last = self.parts[0], self.parts[-1]
        at, end = len(first), len(value) - len(last)
        if at > end or not value.startswith(first) or not value.endswith(last):
            return False
        for part in self.parts[1:-1]:
            found = value.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


class Range(NamedTuple):
    """numeric: with one bound or two; None is no bound."""

    low: float | None
    high: float | None
    is_low_open: bool = False
    is_high_open: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare by value."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.low is not None and (value < self.low or (self.is_low_open and value == self.low)):
            return False
        return self.high is None or not (
            value > self.high or (self.is_high_open and value == self.high)
        )


class Cidr(NamedTuple):
    """A range of IP addresses as numbers, both ends included."""

    version: int
    first: int
    last: int

    def holds(self, value: Scalar) -> bool:
        """Read the address and compare."""
        if not isinstance(value, str):
            return False
        try:
            address = ip_address(value)
        except ValueError:
            return False
        return address.version == self.version and self.first <= int(address) <= self.last


class AnythingBut(NamedTuple):
    """Any value that is none of the literals and meets none of the operators.

    A value of another kind is something else, too: 5 is anything but the prefix "a".
    """

    literals: frozenset[Literal]
    operators: tuple[Operator, ...] = ()

    def holds(self, value: Scalar) -> bool:
        """Tell whether it is something else."""
        if literal(value) in self.literals:
            return False
        return not any(operator.holds(value) for operator in self.operators)
