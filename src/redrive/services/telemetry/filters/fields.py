"""Patterns of lines of fields: [ip, user, ..., status = 4*, bytes > 1000]."""

from __future__ import annotations

import re
from collections.abc import Callable

from redrive.services.telemetry.filters.comparing import (
    MISSING,
    BadPattern,
    Expression,
    Read,
    Test,
    Token,
    tokens_of,
)

_FIELD = re.compile(r'\[([^\]]{0,1024})\]|"([^"]{0,1024})"|(\S+)')
"""Bounded, so that a line full of brackets costs no more than a few times its length."""

_ELLIPSIS = Token("word", "...")


def fields_test(pattern: str) -> Callable[[str], bool]:
    """Return the test of a pattern in brackets. Raises BadPattern.

    A line has as many fields as the pattern, but where an ellipsis stands for any number of them.
    What is in brackets or quotation marks is one field.
    """
    before: list[Test | None] = []
    after: list[Test | None] = []
    has_ellipsis = False
    for tokens in _split(tokens_of(pattern[1:-1])):
        if tokens == [_ELLIPSIS]:
            if has_ellipsis:
                raise BadPattern("There may be one ellipsis")
            has_ellipsis = True
        else:
            (after if has_ellipsis else before).append(_test_of(tokens))

    def matches(message: str) -> bool:
        fields = [found[found.lastindex or 0] for found in _FIELD.finditer(message)]
        count = len(before) + len(after)
        if len(fields) < count or (len(fields) > count and not has_ellipsis):
            return False
        ends = fields[len(fields) - len(after) :]
        pairs = [*zip(before, fields, strict=False), *zip(after, ends, strict=True)]
        return all(test is None or test(field) for test, field in pairs)

    return matches


def _split(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token == Token("mark", ","):
            parts.append([])
        else:
            parts[-1].append(token)
    if [] in parts:
        raise BadPattern("A field has no name")
    return parts


def _test_of(tokens: list[Token]) -> Test | None:
    names = [token.text for token in tokens if token.kind == "word" and token.text != "..."]
    if not names:
        raise BadPattern("A field has no name")
    if len(tokens) == 1:
        return None
    own = next(token.text for token in tokens if token.kind == "word")

    def read_of(name: str) -> Read:
        if name != own:
            raise BadPattern(f"'{name}' in the condition of the field '{own}'")
        return lambda field: MISSING if field is None else field

    return Expression(tokens, read_of).whole()
