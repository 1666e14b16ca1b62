"""Which Node.js runs a function whose runtime is named nodejsX.x.

The one that is named if the machine has it, else the nearest that exists, and a sentence that says
so. The version is read from the folder's name where a version manager made it, or from the header
that is installed along; only one that has neither is started and asked, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from redrive.runtime.interpreters import Choice, Interpreter

MAJOR_MIN = 18
"""The bootstrap is written for 18 and later, as are the runtimes that AWS still offers."""

_RUNTIME = re.compile(r"nodejs(\d{1,2})\.x")
_VERSION = re.compile(r"v?(\d{1,3})\.\d+\.\d+")
_DEFINED = re.compile(rb"#define NODE_MAJOR_VERSION (\d+)")
_GLOBS = (
    ".nvm/versions/node/*/bin",
    ".local/share/fnm/node-versions/*/installation/bin",
    ".fnm/node-versions/*/installation/bin",
    "Library/Application Support/fnm/node-versions/*/installation/bin",
    ".volta/tools/image/node/*/bin",
    ".asdf/installs/nodejs/*/bin",
    ".local/share/mise/installs/node/*/bin",
)
_FOLDERS = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/opt/node/bin")
Ask = Callable[[str], str]


class Found(NamedTuple):
    """A node on this machine. major: 0 where its place does not tell."""

    major: int
    path: str


def serves(runtime: str) -> bool:
    """Tell whether a runtime is one of Node.js."""
    return _RUNTIME.fullmatch(runtime) is not None


def choose_node(runtime: str, installed: Iterable[Interpreter]) -> Choice:
    """Pick the node for a runtime; of two equally near ones the newer."""
    match = _RUNTIME.fullmatch(runtime)
    assert match is not None, runtime
    wanted = int(match[1])
    fit = [each for each in installed if each.minor >= MAJOR_MIN]
    if not fit:
        return Choice(None, f"No Node.js {MAJOR_MIN} or later was found on this machine.")
    nearest = min(fit, key=lambda each: (abs(each.minor - wanted), -each.minor))
    if nearest.minor == wanted:
        return Choice(nearest, "")
    return Choice(
        nearest,
        f"{runtime} is not installed on this machine; "
        f"Node.js {nearest.minor} ({nearest.path}) runs it instead.",
    )


def find_nodes(variables: Mapping[str, str], ask: Ask) -> list[Interpreter]:
    """Return this machine's Node.js, one for each major version, the first that is found.

    Searched in this order: PATH, the folders of nvm, fnm, Volta, asdf and mise, and where
    distributions and Homebrew put theirs. ask: returns what `PROGRAM --version` prints.
    """
    versions: dict[int, Interpreter] = {}
    for found in _places(variables):
        match = None if found.major else _VERSION.match(ask(found.path))
        major = found.major or (int(match[1]) if match else 0)
        if major:
            versions.setdefault(major, Interpreter(major, found.path))
    return sorted(versions.values())


def _places(variables: Mapping[str, str]) -> list[Found]:
    """Return the programs named node, each real one once; scripts and shims are passed over."""
    folders = [Path(folder) for folder in variables.get("PATH", "").split(":") if folder]
    home = variables.get("HOME")
    nvm = variables.get("NVM_DIR")
    if nvm:
        folders += sorted(Path(nvm).glob("versions/node/*/bin"), reverse=True)
    for pattern in _GLOBS if home else ():
        folders += sorted(Path(str(home)).glob(pattern), reverse=True)
    folders += [Path(folder) for folder in _FOLDERS]
    places: dict[str, Found] = {}
    for folder in folders:
        try:
            real = (folder / "node").resolve(strict=True)
            with real.open("rb") as file:
                is_script = file.read(2) == b"#!"
        except OSError:
            continue
        if is_script or not real.name.startswith("node"):  # a shim is a link to its manager
            continue
        tells = [_VERSION.fullmatch(part) for part in real.parts]
        major = next((int(match[1]) for match in tells if match), 0)
        places.setdefault(str(real), Found(major or _major_of(real), str(real)))
    return list(places.values())


def _major_of(program: Path) -> int:
    """Return what the header beside a program says, or 0."""
    header = program.parents[1] / "include" / "node" / "node_version.h"
    try:
        match = _DEFINED.search(header.read_bytes())
    except OSError:
        return 0
    return int(match[1]) if match else 0
