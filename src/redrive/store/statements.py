"""Named SQL statements and schema steps, read from the .sql file beside each service.

-- schema 1: one sentence            the statements of a migration step, run once, in order of
number
-- name: claim                       a named statement; the lines of comment after it say what it
does
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_MARK = re.compile(r"^-- (?:schema (?P<step>\d+): \S.*|name: (?P<name>\w+))$", re.MULTILINE)


class Statements(NamedTuple):
    """One service's SQL: the schema steps in order, and statement texts by name."""

    service: str
    steps: tuple[str, ...]
    texts: dict[str, str]


def parse_statements(service: str, text: str) -> Statements:
    """Split the text of a .sql file. Raises AssertionError where it does not keep to the form."""
    marks = list(_MARK.finditer(text))
    assert marks, f"{service}.sql names no statement"
    steps: list[str] = []
    texts: dict[str, str] = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : following.start() if following else len(text)].strip()
        if mark["step"]:
            assert int(mark["step"]) == len(steps) + 1, (
                f"{service}.sql: step {mark['step']} is out of order"
            )
            steps.append(body)
            continue
        assert mark["name"] not in texts, f"{service}.sql names {mark['name']} twice"
        assert body.startswith("--"), f"{service}.sql: {mark['name']} has no sentence of comment"
        # The comment is for readers; SQLite would carry it along in its statement cache.
        texts[mark["name"]] = "\n".join(
            line for line in body.splitlines() if not line.startswith("--")
        ).rstrip("; \n")
    return Statements(service, tuple(steps), texts)


def load_statements(files: Iterable[Path]) -> tuple[Statements, ...]:
    """Read .sql files; the service's name is the file's."""
    return tuple(parse_statements(path.stem, path.read_text("utf-8")) for path in files)
