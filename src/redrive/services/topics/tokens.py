"""JSON text as tokens, each with the place that AWS's errors name. Pure.

AWS reads filter policies with Jackson, and its errors end with where Jackson stood: after a token
that is short, after the opening quote of a text that nobody has looked at yet, and, because it
looks ahead, after a name at the same place of the value that follows. So is it here.
AWS: as captured (filter policies), "; line: 1, column: 10]".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

DEPTH_MAX = 100
NUMBER_LENGTH_MAX = 1_000

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_$]+")
_WORDS = {"true": True, "false": False, "null": None}
_EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_HIDDEN = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"


class Token(NamedTuple):
    """One token. kind: a bracket, or name, text, number, word. at: the index at which the reader
    stands once it has been met; end: once it has been read, which differs for texts.
    """

    kind: str
    value: Any
    at: int
    end: int


class Malformed(ValueError):
    """The text is no JSON; what this says is the reason, with its place."""


def place(text: str, at: int, source: str | None = None) -> str:
    """Return AWS's words for a place; source: as it shows the text, None where it hides it."""
    before = text[:at]
    line = before.count("\n") + 1
    column = at - (before.rfind("\n") + 1) + 1
    shown = _HIDDEN if source is None else source
    return f"\n at [Source: {shown}; line: {line}, column: {column}]"


def fail(text: str, reason: str, at: int) -> NoReturn:
    """Raise Malformed with a reason and its place."""
    raise Malformed(f"{reason}{place(text, at)}")


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens of a JSON object, up to its end. Raises Malformed."""
    at = _skip(text, 0)
    yield from _value(text, at, 0)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _value(text: str, at: int, depth: int) -> Iterator[Token]:
    """Yield the tokens of the value that begins at an index, which is no blank."""
    if depth > DEPTH_MAX:
        fail(text, f"Document nesting depth ({depth}) exceeds the maximum allowed", at)
    sign = text[at : at + 1]
    if sign == "{":
        yield Token("{", None, at + 1, at + 1)
        yield from _members(text, at + 1, depth)
    elif sign == "[":
        yield Token("[", None, at + 1, at + 1)
        yield from _items(text, at + 1, depth)
    else:
        yield _scalar(text, at)


def _scalar(text: str, at: int) -> Token:
    sign = text[at : at + 1]
    if sign == '"':
        end, value = _string(text, at)
        return Token("text", value, at + 1, end)
    number = _NUMBER.match(text, at)
    if number is not None:
        return Token("number", _number(text, number), number.end(), number.end())
    word = _WORD.match(text, at)
    if word is not None and word[0] in _WORDS:
        return Token("word", _WORDS[word[0]], word.end(), word.end())
    if word is not None:
        fail(text, f"Unrecognized token '{word[0]}': was expecting {_EXPECTED}", word.end())
    if not sign:
        fail(text, "Unexpected end-of-input", at)
    fail(text, f"{_unexpected(sign)}: expected a valid value {_EXPECTED}", at)


def _number(text: str, found: re.Match[str]) -> int | float:
    """AWS: Jackson's own limit is 1,000 digits."""
    if len(found[0]) > NUMBER_LENGTH_MAX:
        length = len(found[0])
        reason = f"Number value length ({length}) exceeds the maximum allowed"
        fail(text, f"{reason} ({NUMBER_LENGTH_MAX})", found.end())
    value: int | float = json.loads(found[0])
    return value


def _string(text: str, at: int) -> tuple[int, str]:
    found = _STRING.match(text, at)
    if found is None:
        fail(text, "Unexpected end-of-input or illegal character in a String value", len(text))
    value: str = json.loads(found[0])
    return found.end(), value


def _unexpected(sign: str) -> str:
    return f"Unexpected character ('{sign}' (code {ord(sign)}))"


def _members(text: str, at: int, depth: int) -> Iterator[Token]:
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        yield Token("}", None, at + 1, at + 1)
        return
    while True:
        if text[at : at + 1] != '"':
            if at >= len(text):
                fail(text, "Unexpected end-of-input", at)
            reason = "was expecting double-quote to start field name"
            fail(text, f"{_unexpected(text[at])}: {reason}", at)
        at, name = _string(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            _miss(text, at, "a colon to separate field name and value")
        at = _skip(text, at + 1)
        inner = _value(text, at, depth + 1)
        first = next(inner)
        yield Token("name", name, first.at, first.at)
        yield first
        last = first
        for last in inner:
            yield last
        at = _skip(text, last.end)
        sign = text[at : at + 1]
        at += 1
        if sign == "}":
            yield Token("}", None, at, at)
            return
        if sign != ",":
            _miss(text, at - 1, "comma to separate Object entries")
        at = _skip(text, at)


def _items(text: str, at: int, depth: int) -> Iterator[Token]:
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        yield Token("]", None, at + 1, at + 1)
        return
    while True:
        last = None
        for last in _value(text, at, depth + 1):
            yield last
        assert last is not None, "a value has a token"
        at = _skip(text, last.end)
        sign = text[at : at + 1]
        at += 1
        if sign == "]":
            yield Token("]", None, at, at)
            return
        if sign != ",":
            _miss(text, at - 1, "comma to separate Array entries")
        at = _skip(text, at)


def _miss(text: str, at: int, wanted: str) -> NoReturn:
    if at >= len(text):
        fail(text, "Unexpected end-of-input", at)
    fail(text, f"{_unexpected(text[at])}: was expecting {wanted}", at)
