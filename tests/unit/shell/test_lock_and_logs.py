"""Whose the data directory is, and what a line of the log says."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from redrive.shell.lock import DataLock, DataLocked
from redrive.shell.logs import JsonLines, Text


def test_a_second_lock_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    """The folder is made; the holder's own words are in the refusal; release lets go."""
    folder = tmp_path / "a" / "b"
    lock = DataLock(folder)
    with pytest.raises(DataLocked, match="is in use by another process"):
        DataLock(folder)
    lock.say("redrive 1, process 7")
    lock.say("redrive 1, process 8")
    with pytest.raises(DataLocked, match=r"b is in use by redrive 1, process 8$"):
        DataLock(folder)
    lock.release()
    DataLock(folder).release()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """A file in the way is told as what it is, not as a port that is busy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataLocked, match="file/data cannot hold data: Not a directory"):
        DataLock(tmp_path / "file" / "data")


def record(message: str, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("redrive", level, "file", 1, message, ("x",), None)
    made.created = 1_800_000_000.25
    vars(made).update(extra)
    return made


def test_lines_for_programs() -> None:
    """One JSON object a line, with what was given beside the message."""
    line = JsonLines().format(record("hello\n%s", function="f", count=3))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "info",
        "message": "hello\nx",
        "function": "f",
        "count": 3,
    }


def test_lines_for_people() -> None:
    """Time of day, a level only when it matters, extras."""
    assert Text().format(record("hello %s", n=1)) == "08:00:00.250 hello x n=1"
    assert Text().format(record("oh %s", logging.WARNING)) == "08:00:00.250 WARNING oh x"


@pytest.mark.parametrize("form", [JsonLines(), Text()])
def test_tracebacks_are_kept(form: logging.Formatter) -> None:
    """An exception's traceback is in the log."""
    try:
        raise KeyError("inner")
    except KeyError:
        made = record("bug %s")
        made.exc_info = sys.exc_info()
    assert "KeyError: 'inner'" in form.format(made)
