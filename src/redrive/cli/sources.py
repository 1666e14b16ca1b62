"""The sources of a function's code, as far as a static look can use them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from redrive.cli.packages import LEFT_OUT
from redrive.core.lessons.graph import Code
from redrive.core.lessons.node_code import SUFFIXES

FILES_MAX = 1_000
BYTES_MAX = 1 << 20
"""More files than this, or a larger one, are not somebody's handlers: nothing is judged then."""
_SUFFIXES = frozenset((".py", *SUFFIXES))
_LEFT_OUT = LEFT_OUT | {"node_modules"}


def read_sources(place: Path, root: str) -> Code | None:
    """Return the Python and Node.js sources of a folder or of one file; None when there are none to
    be had (a zip file, nothing there, too much).

    Installed packages are left out: they are not the handler's. root: how the folder is called
    where a line of it is shown.
    """
    files: dict[str, str] = {}
    try:
        if place.is_file():
            if place.suffix not in _SUFFIXES:
                return None
            return Code({place.name: place.read_text("utf-8")}, root.rpartition("/")[0])
        for path in _sources(place):
            if len(files) == FILES_MAX or path.stat().st_size > BYTES_MAX:
                return None
            files[path.relative_to(place).as_posix()] = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return Code(files, root) if files else None


def _sources(folder: Path) -> Iterator[Path]:
    left_out = _LEFT_OUT | _installed(folder)
    todo = [folder]
    while todo:
        for path in sorted(todo.pop().iterdir()):
            if path.name in left_out or path.is_symlink():
                continue
            if path.is_dir():
                todo.append(path)
            elif path.suffix in _SUFFIXES:
                yield path


def _installed(folder: Path) -> frozenset[str]:
    """Return the top names of what pip has put into a folder, as its records tell."""
    names = set()
    for record in folder.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as lines:
            names |= {Path(row[0]).parts[0] for row in csv.reader(lines) if row and row[0]}
    return frozenset(names)
