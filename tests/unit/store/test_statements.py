"""The form of .sql files."""

from __future__ import annotations

from pathlib import Path

import pytest

from redrive.store.statements import load_statements, parse_statements

GOOD = """
-- schema 1: the first step
CREATE TABLE a (b);
-- an inner comment
CREATE TABLE c (d);
-- schema 2: the second step
CREATE TABLE e (f);

-- name: one
-- A sentence.
-- Another one.
SELECT b  -- which is b
FROM a;

-- name: two
-- A sentence.
DELETE FROM a ;
"""


def test_steps_and_statements_are_told_apart() -> None:
    """Steps come in order with all their statements; texts lose their comments and their end."""
    parsed = parse_statements("x", GOOD)
    assert parsed.service == "x"
    assert [step.count("CREATE") for step in parsed.steps] == [2, 1]
    assert parsed.texts == {"one": "SELECT b  -- which is b\nFROM a", "two": "DELETE FROM a"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no statement"),
        ("SELECT 1;", "names no statement"),
        ("-- schema 2: late\nCREATE TABLE a (b);", "step 2 is out of order"),
        ("-- schema 1: a\nX;\n-- schema 1: b\nY;", "step 1 is out of order"),
        ("-- name: a\n-- S.\nSELECT 1;\n-- name: a\n-- S.\nSELECT 2;", "names a twice"),
        ("-- name: a\nSELECT 1;", "a has no sentence of comment"),
    ],
)
def test_a_file_that_breaks_the_form_is_refused(text: str, complaint: str) -> None:
    """The file and what is wrong in it are named."""
    with pytest.raises(AssertionError, match=complaint):
        parse_statements("x", text)


def test_a_file_names_its_service(tmp_path: Path) -> None:
    """The service is the file's name."""
    path = tmp_path / "things.sql"
    path.write_text(GOOD)
    assert [group.service for group in load_statements([path])] == ["things"]
