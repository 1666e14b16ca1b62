"""How what a function requires is installed: pip or uv for Python, npm for Node.js.

A Recipe says what is to be installed, named by all that decides the outcome, so that it is done
once. Not here: where the outcome is kept (`packages`), and starting a process (`run` is given).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

TOOL_LINES_MAX = 15  # of what a failed tool said last; enough for the reason, few enough to be read

Progress = Callable[[str], None]
Run = Callable[[list[str], Progress], int]
"""Runs a command, gives each line that it writes to the second, returns its exit code."""

_NPM_FILES = ("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc")
_NPM_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")


class PackageError(Exception):
    """Code that cannot be packaged, told to the person whose code it is."""


@dataclass(frozen=True, slots=True)
class Installer:
    """How requirements are installed. uv: its path, or None to use the interpreter's own pip.

    python: the version of the interpreter (`3.12`), since the same requirements install
    differently. node: the version of Node.js (`v20.1.0`) for functions of that runtime, else "".
    """

    interpreter: str
    python: str
    run: Run
    uv: str | None = None
    node: str = ""

    def carry_out(self, command: list[str], subject: Path, progress: Progress) -> None:
        """Run a tool for a file. Raises PackageError with the end of what the tool said."""
        last: deque[str] = deque(maxlen=TOOL_LINES_MAX)

        def hear(line: str) -> None:
            last.append(line.rstrip())
            progress(line.rstrip())

        code = self.run(command, hear)
        if code != 0:
            tool = "uv" if command[0] == self.uv else Path(command[0]).name
            tool = "pip" if "pip" in command[1:3] and command[0] != self.uv else tool
            said = "\n".join(f"  {line}" for line in last)
            raise PackageError(f"{subject}: {tool} ended with code {code}:\n{said}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Something to install. file: what asks for it, at the top of the code."""

    file: Path
    sha256: str

    def fill(self, folder: Path, installer: Installer, progress: Progress) -> None:
        """Install into an empty folder. Raises PackageError."""
        if self.file.name == "package.json":
            _fill_by_npm(self.file.parent, folder, installer, progress)
            return
        where = ["--target", str(folder), "--requirement", str(self.file.resolve())]
        # Our own pip, told to install for the other: that one may have none (Debian's has not).
        if find_spec("pip") is not None:
            pip = [sys.executable, "-m", "pip", "--python", installer.interpreter]
        else:
            pip = [installer.interpreter, "-m", "pip"]
        command = [*pip, "install", "--disable-pip-version-check", "--no-input", *where]
        if installer.uv:
            command = [installer.uv, "pip", "install", "--python", installer.interpreter, *where]
        installer.carry_out(command, self.file, progress)


def find_recipe(source: Path, installer: Installer) -> Recipe | None:
    """Return what a folder asks to have installed for its runtime, or None."""
    if installer.node:
        return _node_recipe(source, installer.node)
    requirements = source / "requirements.txt"
    if not (source.is_dir() and requirements.is_file() and _wanted(requirements)):
        return None
    digest = hashlib.sha256(installer.python.encode())
    for text in _texts(requirements, set()):
        digest.update(b"\0" + text)
    return Recipe(requirements, digest.hexdigest())


def _node_recipe(source: Path, node: str) -> Recipe | None:
    """Return what package.json asks for, unless node_modules is there or nothing is asked for."""
    package = source / "package.json"
    if not needs_packages(source):
        return None
    digest = hashlib.sha256(f"node {node}".encode())
    for name in _NPM_FILES:
        if (source / name).is_file():
            digest.update(f"\0{name}\0".encode() + (source / name).read_bytes())
    return Recipe(package, digest.hexdigest())


def needs_packages(source: Path) -> bool:
    """Tell whether a folder's package.json asks for packages that are not beside it."""
    package = source / "package.json"
    if not package.is_file() or (source / "node_modules").is_dir():
        return False
    try:
        said = json.loads(package.read_bytes())
    except ValueError as error:
        raise PackageError(f"{package}: not JSON: {error}") from None
    wanted = ("dependencies", "optionalDependencies")
    return isinstance(said, dict) and any(said.get(name) for name in wanted)


def _fill_by_npm(source: Path, folder: Path, installer: Installer, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            f"{source / 'package.json'}: npm is not on the PATH: install it, or put node_modules"
            " beside the file"
        )
    has_lock = any((source / name).is_file() for name in _NPM_LOCKS)
    for name in _NPM_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    command = [npm, "--prefix", str(folder), "ci" if has_lock else "install"]
    command += ["--omit=dev", "--no-audit", "--no-fund"]
    installer.carry_out(command, source / "package.json", progress)
    for name in _NPM_FILES:  # the code has its own
        (folder / name).unlink(missing_ok=True)


def _texts(requirements: Path, seen: set[Path]) -> Iterator[bytes]:
    """Yield the contents of a requirements file and of those that it takes in."""
    path = requirements.resolve()
    if path in seen or not path.is_file():
        return
    seen.add(path)
    content = path.read_bytes()
    yield content
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.replace("=", " ").split()
        if len(words) >= 2 and words[0] in ("-r", "--requirement", "-c", "--constraint"):
            yield from _texts(path.parent / words[1], seen)


def _wanted(requirements: Path) -> bool:
    lines = requirements.read_text("utf-8", "replace").splitlines()
    return any(line.strip() and not line.strip().startswith("#") for line in lines)
