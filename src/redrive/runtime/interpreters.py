"""Which Python runs a function whose runtime is named python3.X.

The one that is named if the machine has it, else the nearest that exists, and a sentence that says
so. Looks at file names only: no interpreter is started to ask for its version. Shims (scripts that
look for the real one) and the python of a virtual environment are passed over: the first may fail
to start, the second would put that environment's packages on the function's path.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

MINOR_MIN = 8
"""The bootstrap is written for 3.8 and later."""

_RUNTIME = re.compile(r"python3\.(\d{1,2})")
_GLOBS = (
    ".pyenv/versions/*/bin",
    ".local/share/uv/python/*/bin",
    ".local/bin",
)
_NAMED = {"UV_PYTHON_INSTALL_DIR": "*/bin", "XDG_DATA_HOME": "uv/python/*/bin"}
_FOLDERS = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/opt/python/bin")


class Interpreter(NamedTuple):
    """A program on this machine that runs functions.

    minor: what its runtimes are told apart by: of Python 3 the minor version, of Node.js the major
    one, 0 where there is nothing to tell apart.
    """

    minor: int
    path: str


class Choice(NamedTuple):
    """What a runtime gets; None if nothing fits. note is empty when it gets what it named."""

    interpreter: Interpreter | None
    note: str


def choose(runtime: str, installed: Iterable[Interpreter]) -> Choice:
    """Pick the interpreter for a runtime; of two equally near ones the newer."""
    match = _RUNTIME.fullmatch(runtime)
    if match is None:
        return Choice(
            None,
            f"{runtime} functions cannot run here: only those in Python, Node.js and custom"
            " runtimes (provided.al2 and provided.al2023) can.",
        )
    wanted = int(match[1])
    fit = [each for each in installed if each.minor >= MINOR_MIN]
    if not fit:
        return Choice(None, f"No Python 3.{MINOR_MIN} or later was found on this machine.")
    nearest = min(fit, key=lambda each: (abs(each.minor - wanted), -each.minor))
    if nearest.minor == wanted:
        return Choice(nearest, "")
    return Choice(
        nearest,
        f"{runtime} is not installed on this machine; "
        f"Python 3.{nearest.minor} ({nearest.path}) runs it instead.",
    )


def find_installed(variables: Mapping[str, str]) -> list[Interpreter]:
    """Return this machine's interpreters, one for each version.

    Searched in this order: the one that runs the server, PATH, and the places where pyenv, uv,
    Homebrew and distributions put theirs.
    """
    found: dict[int, Interpreter] = {}
    own = getattr(sys, "_base_executable", None) or sys.executable
    own_path = _real_python(Path(own))
    if own_path is not None:
        found[sys.version_info.minor] = Interpreter(sys.version_info.minor, str(own_path))
    folders = [Path(folder) for folder in variables.get("PATH", "").split(":") if folder]
    home = variables.get("HOME")
    if home:
        for pattern in _GLOBS:
            folders += sorted(Path(home).glob(pattern), reverse=True)
    for name, pattern in _NAMED.items():
        if variables.get(name):
            folders += sorted(Path(variables[name]).glob(pattern), reverse=True)
    folders += [Path(folder) for folder in _FOLDERS]
    for folder in folders:
        for candidate in sorted(folder.glob("python3.*")) if folder.is_dir() else ():
            match = _RUNTIME.fullmatch(candidate.name)
            minor = int(match[1]) if match else -1
            if minor < MINOR_MIN or minor in found:
                continue
            real = _real_python(candidate)
            if real is not None:
                found[minor] = Interpreter(minor, str(real))
    return sorted(found.values())


def _real_python(candidate: Path) -> Path | None:
    """Follow links to the file; None for scripts, virtual environments and unreadable ones."""
    try:
        real = candidate.resolve(strict=True)
        with real.open("rb") as file:
            is_script = file.read(2) == b"#!"
    except OSError:
        return None
    in_venv = any((folder / "pyvenv.cfg").exists() for folder in real.parents[:2])
    return None if is_script or in_venv else real
