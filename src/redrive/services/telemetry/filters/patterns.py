"""A filter pattern as a test of messages: terms, JSON in braces, fields in brackets."""

from __future__ import annotations

import re
from collections.abc import Callable

from redrive.services.telemetry.filters.comparing import BadPattern, unquoted
from redrive.services.telemetry.filters.fields import fields_test
from redrive.services.telemetry.filters.properties import json_test

Matches = Callable[[str], bool]

_TERM = re.compile(r'\s*(?P<sign>[-?]?)(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))')


def parse_pattern(pattern: str) -> Matches | None:
    """Return the test of a filter pattern; None for the empty one, which everything matches.

    Raises BadPattern. Terms are parts of the message, in their case; all must be there but those
    after a minus, which must not. Of terms after a question mark one must be there, and they are
    ignored beside others. AWS: "Filter pattern syntax", "Match terms in log events".
    """
    text = pattern.strip()
    if not text:
        return None
    if text.startswith("{"):
        return json_test(_closed(text, "}"))
    if text.startswith("["):
        return fields_test(_closed(text, "]"))
    return _terms_test(text)


def _closed(text: str, end: str) -> str:
    if not text.endswith(end):
        raise BadPattern(f"A closing {end} is missing")
    return text


def _terms_test(text: str) -> Matches:
    wanted: list[str] = []
    unwanted: list[str] = []
    optional: list[str] = []
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise BadPattern("A closing quotation mark is missing")
        quoted, word = found["text"], found["word"]
        term = unquoted(quoted) if quoted is not None else _checked(word)
        {"": wanted, "-": unwanted, "?": optional}[found["sign"]].append(term)
        at = found.end()
    if not (wanted or unwanted):
        return lambda message: any(term in message for term in optional)
    return lambda message: (
        all(term in message for term in wanted) and not any(term in message for term in unwanted)
    )


def _checked(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] == "%":
        raise BadPattern("Regular expressions (%...%) are not supported by this server")
    if not word.replace("_", "").isalnum():
        raise BadPattern(f"Invalid character(s) in term '{word}'")
    return word
