"""What a property or a field is compared with, and the expressions of such comparisons.

    expression   = conjunction { "||" conjunction }
    conjunction  = condition { "&&" condition }
    condition    = "(" expression ")" | operand operator literal
                 | operand "IS" ("NULL" | "TRUE" | "FALSE") | operand ["NOT"] "EXISTS"
    operator     = "=" | "!=" | "<" | "<=" | ">" | ">="

What an operand is, the caller says: a property of JSON text ($.a.b) or a field of a line.
A comparison with what is not there is false, that with != too (AWS does not say; a guess).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

Test = Callable[[Any], bool]
"""Of what an event holds: its JSON value, or its fields."""

Read = Callable[[Any], Any]
"""Finds an operand in what an event holds; MISSING when it is not there."""

MISSING = object()

DEPTH_MAX = 32
"""Parentheses within parentheses."""


class BadPattern(Exception):
    """A pattern that is none, in words for its author."""


class Token(NamedTuple):
    """A piece of a pattern. kind: text (quoted), word or mark."""

    kind: str
    text: str


_TOKEN = re.compile(
    r"""\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"
    |(?P<mark>&&|\|\||!=|<=|>=|[=<>(),])
    |(?P<word>\$(?:\['[^']*'\]|\["[^"]*"\]|\[[0-9*]+\]|\.(?!\.)|[^\s"(){},&|=<>!.\[\]])*
        |[^\s"(){},&|=<>!]+))""",
    re.VERBOSE,
)

_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def tokens_of(text: str) -> list[Token]:
    """Split a pattern without its outer brackets. Raises BadPattern."""
    tokens: list[Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise BadPattern(f"Unexpected character at position {at + 1}: {text[at : at + 10]}")
        kind = found.lastgroup or ""
        tokens.append(Token(kind, found[kind]))
        at = found.end()
    return tokens


def unquoted(text: str) -> str:
    """Return a quoted text without its escapes."""
    return re.sub(r"\\(.)", r"\1", text)


def number_of(text: str) -> float | None:
    """Return the number that a text is, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and not text.strip().isalpha() else None


class Expression:
    """Reads the conditions of one pattern. `read_of` makes a word into a Read."""

    def __init__(self, tokens: list[Token], read_of: Callable[[str], Read]) -> None:
        self._tokens = tokens
        self._at = 0
        self._read_of = read_of
        self._depth = 0

    def whole(self) -> Test:
        """Return the test of all tokens. Raises BadPattern."""
        test = self._either()
        if self._at < len(self._tokens):
            raise BadPattern(f"Unexpected '{self._tokens[self._at].text}'")
        return test

    def _peek(self) -> Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return Token("end", "")

    def _next(self) -> Token:
        token = self._peek()
        if token.kind == "end":
            raise BadPattern("The pattern ends too early")
        self._at += 1
        return token

    def _takes(self, mark: str) -> bool:
        if self._peek() != Token("mark", mark):
            return False
        self._at += 1
        return True

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda held: any(test(held) for test in tests)

    def _both(self) -> Test:
        tests = [self._condition()]
        while self._takes("&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda held: all(test(held) for test in tests)

    def _condition(self) -> Test:
        if self._takes("("):
            self._depth += 1
            if self._depth > DEPTH_MAX:
                raise BadPattern(f"More than {DEPTH_MAX} parentheses within each other")
            test = self._either()
            if not self._takes(")"):
                raise BadPattern("A closing parenthesis is missing")
            self._depth -= 1
            return test
        operand = self._next()
        if operand.kind != "word":
            raise BadPattern(f"Unexpected '{operand.text}'")
        read = self._read_of(operand.text)
        mark = self._next()
        if mark.kind == "word":
            return self._stated(read, mark.text.upper())
        if mark.kind != "mark" or mark.text not in ("=", "!=", *_ORDERS):
            raise BadPattern(f"Expected an operator after '{operand.text}'")
        return comparison(read, mark.text, self._next())

    def _stated(self, read: Read, word: str) -> Test:
        if word == "EXISTS":
            return lambda held: read(held) is not MISSING
        following = self._next().text.upper()
        if word == "NOT" and following == "EXISTS":
            return lambda held: read(held) is MISSING
        values = {"NULL": None, "TRUE": True, "FALSE": False}
        if word != "IS" or following not in values:
            raise BadPattern(f"Unexpected '{word} {following}'")
        value = values[following]
        return lambda held: read(held) is value


def comparison(read: Read, mark: str, literal: Token) -> Test:
    """Return the test of one comparison. Raises BadPattern.

    Texts may hold * for anything, quoted or not; a number compares with numbers by its value.
    """
    if literal.kind == "mark":
        raise BadPattern(f"Unexpected '{literal.text}'")
    text = unquoted(literal.text) if literal.kind == "text" else literal.text
    if len(text) > 1 and text[0] == text[-1] == "%":
        raise BadPattern("Regular expressions (%...%) are not supported by this server")
    number = None if literal.kind == "text" else number_of(text)
    if mark in _ORDERS:
        if number is None:
            raise BadPattern(f"'{mark}' compares with a number, and '{text}' is none")
        limit, order = number, _ORDERS[mark]
        return lambda held: _ordered(read(held), order, limit)
    fits = _fitting(text)
    is_equal = mark == "="

    def compared(held: Any) -> bool:
        value = read(held)
        if value is MISSING:
            return False
        return _is_alike(value, number, fits) == is_equal

    return compared


def _ordered(value: Any, order: Callable[[float, float], bool], limit: float) -> bool:
    if isinstance(value, str):
        value = number_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return order(value, limit)


def _is_alike(value: Any, number: float | None, fits: Callable[[str], bool]) -> bool:
    if isinstance(value, str):
        return fits(value) or (number is not None and number_of(value) == number)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (number is not None and value == number) or fits(str(value))


def _fitting(text: str) -> Callable[[str], bool]:
    """Return the test whether a text is this one, in which * stands for anything."""
    if "*" not in text:
        return lambda value: value == text
    first, *middle, last = text.split("*")

    def fits(value: str) -> bool:
        if len(value) < len(first) + len(last):
            return False
        if not (value.startswith(first) and value.endswith(last)):
            return False
        at, end = len(first), len(value) - len(last)
        for part in middle:
            found = value.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return fits
