"""JSON paths as EventBridge has them: a subset of JSONPath. Pure.

    $.detail.state   $.detail-type   $.resources[0]   $.detail.items[*].id   $['detail']["a.b"]

A path with a wildcard finds a list of all that is there, another one the one value.
AWS: EventBridge User Guide, "Input transformation": dot and bracket notation, indexes, wildcards.
Filters, slices and `..` are not a part of it.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]\s'"*]+)"""
    r"""|\[(?P<index>[0-9]{1,18})\]"""
    r"""|(?P<all>\.\*|\[\*\])"""
    r"""|\['(?P<single>[^']*)'\]"""
    r"""|\["(?P<double>[^"]*)"\]"""
)


class PathError(Exception):
    """A text that is no path; the text says what is wrong."""


class _Missing:
    """What a path finds where there is nothing; JSON's null is something."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


class _All(NamedTuple):
    """Every element of an array, every value of an object."""


Step = str | int | _All


class JsonPath(NamedTuple):
    """A compiled path."""

    steps: tuple[Step, ...]

    def find(self, document: Any) -> Any:
        """Return what is there, MISSING when nothing is; a list when there is a wildcard."""
        found = [document]
        is_many = False
        for step in self.steps:
            if isinstance(step, _All):
                is_many = True
                found = [item for value in found for item in _members(value)]
            else:
                found = [item for value in found for item in _member(value, step)]
        if is_many:
            return found
        return found[0] if found else MISSING


def compile_path(text: str) -> JsonPath:
    """Compile a path. Raises PathError."""
    if not text.startswith("$"):
        raise PathError("a path begins with $")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise PathError(f"it cannot be read from character {at + 1} on")
        steps.append(_step(match))
        at = match.end()
    return JsonPath(tuple(steps))


def text_at(text: str, document: Any) -> str | None:
    """Return what stands at a path as a text: a string as it is, else as JSON.

    None: nothing is there, null, or something that is nested too deeply to be a text. Raises
    PathError.
    """
    found = _compiled(text).find(document)
    if found is MISSING or found is None:
        return None
    if isinstance(found, str):
        return found
    try:
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return None


@lru_cache(1_024)
def _compiled(text: str) -> JsonPath:
    return compile_path(text)


def _step(match: re.Match[str]) -> Step:
    if match["all"] is not None:
        return _All()
    if match["index"] is not None:
        return int(match["index"])
    return next(match[group] for group in ("name", "single", "double") if match[group] is not None)


def _member(value: Any, step: str | int) -> list[Any]:
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    return [value[step]] if isinstance(value, list) and step < len(value) else []


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []
