"""Finds the syntax errors of code before it is taken up, so that what ran before goes on."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from redrive.runtime.interpreters import Interpreter
from redrive.runtime.tools import run_tool
from redrive.services.stacks.model import Problem

_SCRIPTS = (".js", ".cjs", ".mjs")
_NODE_PLACE = re.compile(r"^.*:(\d+)$")
_CHECK = "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])"


def find_errors(files: Iterable[Path], pythons: Iterable[Interpreter]) -> list[Problem]:
    """Return the syntax error of each file that has one: Python's by ast, JavaScript's by node.

    pythons: those that run the functions. What our own Python does not understand is shown to them,
    who may be newer; it is an error when any of them says so too. Files that are gone have none.
    """
    found = []
    for file in sorted(files):
        problem = None
        if file.suffix == ".py":
            problem = _python_error(file, tuple(pythons))
        elif file.suffix in _SCRIPTS:
            problem = _script_error(file)
        if problem is not None:
            found.append(problem)
    return found


def _python_error(file: Path, pythons: tuple[Interpreter, ...]) -> Problem | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(file.read_bytes(), os.fspath(file))
    except OSError:
        return None
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        others = [each for each in pythons if each.minor != sys.version_info.minor]
        if others and not any(_refuses(each.path, file) for each in others):
            return None
        line = getattr(error, "lineno", None)
        words = getattr(error, "msg", None) or str(error)
        return Problem(f"{type(error).__name__}: {words}", (), line, os.fspath(file))
    return None


def _refuses(python: str, file: Path) -> bool:
    return run_tool([python, "-I", "-c", _CHECK, os.fspath(file)], _silent) != 0


def _script_error(file: Path) -> Problem | None:
    node = shutil.which("node")
    if node is None or not file.is_file():
        return None
    said: list[str] = []
    if run_tool([node, "--check", os.fspath(file)], said.append) == 0:
        return None
    places = (_NODE_PLACE.match(line.strip()) for line in said)
    line = next((int(place[1]) for place in places if place), None)
    words = next((each.strip() for each in said if each.startswith("SyntaxError")), "")
    if not words and file.is_file():
        return None  # node itself failed: the function will tell
    return Problem(words, (), line, os.fspath(file)) if words else None


def _silent(_line: str) -> None:
    """Hear nothing."""
