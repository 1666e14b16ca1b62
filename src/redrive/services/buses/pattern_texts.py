"""Event patterns as requests give them: what is wrong with their JSON, in AWS's words. Pure.

AWS reads JSON with Jackson, whose sentences and positions are these; as captured.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from redrive.core.patterns import Pattern, PatternError, compile_pattern
from redrive.services.buses.refusals import bad_pattern

_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_TOKEN = re.compile(r"[\w$]+")
_SHOWN_MAX = 500
"""Characters of the text that Jackson shows."""

_EXPECTED = {
    "Expecting property name enclosed in double quotes": (
        "was expecting double-quote to start field name"
    ),
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
    "Expecting ',' delimiter": "was expecting comma to separate entries",
    "Expecting value": f"expected a valid value {_VALUES}",
}


class _Problem(NamedTuple):
    message: str
    at: int  # character, from 0, before which the reader stands


def checked_pattern(text: str) -> Pattern:
    """Compile a pattern. Raises InvalidEventPatternException."""
    problem = _problem_with(text)
    if problem is not None:
        raise bad_pattern(f"{problem.message}\n at {_place(text, problem.at)}")
    try:
        return compile_pattern(text)
    except PatternError as error:
        raise bad_pattern(str(error)) from error


def _problem_with(text: str) -> _Problem | None:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        return _told(text, error)
    except RecursionError:
        return None  # the compiler has a word for that
    if isinstance(parsed, dict):
        return None
    begun = len(text) - len(text.lstrip())
    return _Problem("Filter is not an object", begun + 1)


def _told(text: str, error: json.JSONDecodeError) -> _Problem:
    at = error.pos
    if at >= len(text):
        return _Problem("Unexpected end-of-input", at)
    token = _TOKEN.match(text, at)
    if token is not None and error.msg in ("Expecting value", "Extra data"):
        sentence = f"Unrecognized token '{token[0]}': was expecting {_VALUES}"
        return _Problem(sentence, token.end())
    expected = _EXPECTED.get(error.msg)
    if expected is None:
        return _Problem(error.msg, at)
    return _Problem(f"Unexpected character ('{text[at]}' (code {ord(text[at])})): {expected}", at)


def _place(text: str, at: int) -> str:
    shown, rest = text[:_SHOWN_MAX], len(text) - _SHOWN_MAX
    cut = f"[truncated {rest} chars]" if rest > 0 else ""
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return f'[Source: (String)"{shown}"{cut}; line: {line}, column: {column}]'
