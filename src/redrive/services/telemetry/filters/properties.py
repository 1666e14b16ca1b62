"""Patterns of JSON events: { $.eventType = "UpdateTrail" && $.code >= 500 }."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from redrive.services.telemetry.filters.comparing import (
    MISSING,
    BadPattern,
    Expression,
    Read,
    tokens_of,
)

_STEP = re.compile(
    r"""\.?\[(?:'(?P<one>[^']+)'|"(?P<two>[^"]+)"|(?P<place>[0-9]{1,6}|\*))\]"""
    r"""|\.(?P<name>[^\s.\[\]]+)"""
)


def json_test(pattern: str) -> Callable[[str], bool]:
    """Return the test of a pattern in braces. Raises BadPattern.

    An event that is not a JSON object matches nothing.
    """
    tokens = tokens_of(pattern[1:-1])
    if not tokens:
        raise BadPattern("There is no condition between the braces")
    test = Expression(tokens, _read_of).whole()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            value = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        return test(value)

    return matches


def _read_of(selector: str) -> Read:
    if not selector.startswith("$"):
        raise BadPattern(f"'{selector}' is no property: they begin with $.")
    steps: list[str | int] = []
    at = 1
    while at < len(selector):
        found = _STEP.match(selector, at)
        if found is None:
            raise BadPattern(f"Invalid property selector '{selector}'")
        place = found["place"]
        if place == "*":
            raise BadPattern(f"[*] is not supported by this server: '{selector}'")
        if place is not None:
            steps.append(int(place))
        else:
            steps.append(next(name for name in found.group("one", "two", "name") if name))
        at = found.end()
    if not steps:
        raise BadPattern(f"Invalid property selector '{selector}'")
    return lambda value: _found(value, steps)


def _found(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
    return value
