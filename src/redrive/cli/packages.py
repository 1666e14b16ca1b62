"""A function's code becomes a folder that never changes: its files, and what requirements.txt asks
for.

Folders are named by their content, so that equal code is packaged once and changed code gets a new
name. Not here: starting a process (`run` is given) and choosing an interpreter.

    <cache>/requirements/<hash>/    what one requirements.txt installs for one Python version
    <cache>/packages/<hash>/        that, with the code on top

Invariants:
1. A folder under its final name is complete: it is built beside it, synced and renamed.
2. A crash leaves at most a folder whose name ends in .tmp, which the next build removes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from redrive.services.stacks.archive import zip_bytes

ZIP_BYTES_MAX = 52_428_800
"""The largest zip that CreateFunction takes (AWS: Lambda quotas, "Deployment package")."""
LEFT_OUT = frozenset({".aws-sam", ".git", ".redrive", ".venv", "__pycache__"})
TOOL_LINES_MAX = 15  # of what a failed tool said last; enough for the reason, few enough to be read

Entry = tuple[str, bytes, bool]  # path with slashes, content, whether it may be executed
Progress = Callable[[str], None]
Run = Callable[[list[str], Progress], int]
"""Runs a command, gives each line that it writes to the second, returns its exit code."""


class PackageError(Exception):
    """Code that cannot be packaged, told to the person whose code it is."""


@dataclass(frozen=True, slots=True)
class Installer:
    """How requirements are installed. uv: its path, or None to use the interpreter's own pip.

    python: the version of the interpreter (`3.12`), since the same requirements install
    differently.
    """

    interpreter: str
    python: str
    run: Run
    uv: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with everything that a function imports.

    sha256: of the code's names, contents and modes, and of what its requirements say.
    """

    path: Path
    sha256: str

    def zip_bytes(self) -> bytes | None:
        """Return the folder as a zip, always the same, or None when it is too large to be sent."""
        files = list(_files(self.path, frozenset()))
        # A zip that much smaller than its content does not happen with code: do not try.
        if sum(file.stat().st_size for _, file in files) > 8 * ZIP_BYTES_MAX:
            return None
        packed = zip_bytes((name, file.read_bytes(), _executable(file)) for name, file in files)
        return packed if len(packed) <= ZIP_BYTES_MAX else None


def build_package(
    source: Path, cache: Path, installer: Installer, progress: Progress = lambda _: None
) -> Package:
    """Return the package of a folder, a zip file or a single file, building it when it is new.

    requirements.txt at the top of a folder is installed once for its content and Python version
    (its -r and -c files counted; a local path in it is not watched). A zip is taken as complete, as
    on AWS. Raises PackageError, with the last lines of the tool when an installation failed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    cache = cache.resolve()
    _sweep(cache)
    if not source.exists():
        raise PackageError(f"there is no code at {source}")
    requirements = source / "requirements.txt"
    installed = None
    try:
        if source.is_dir() and requirements.is_file() and _wanted(requirements):
            installed = _install(requirements, cache / "requirements", installer, progress)
        # Hashed before it is copied, so that what is there already costs no copy; and hashed again
        # as it is copied, so that an editor saving in between cannot give it a wrong name.
        digest = _digest(_entries(source, cache), installed)
        if not (cache / "packages" / digest).is_dir():
            digest = _build(source, cache, installed)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise PackageError(f"{source} cannot be packaged: {error}") from error
    return Package(cache / "packages" / digest, digest)


def _build(source: Path, cache: Path, installed: Path | None) -> str:
    """Put installed packages, and the code on top, into a folder; return its name, their hash."""
    scratch = _scratch(cache / "packages", "build")
    try:
        if installed is not None:
            shutil.copytree(installed, scratch, dirs_exist_ok=True)
        digest = _digest(_written(_entries(source, cache), scratch), installed)
        _settle(scratch, cache / "packages" / digest)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return digest


def _install(requirements: Path, cache: Path, installer: Installer, progress: Progress) -> Path:
    digest = hashlib.sha256(installer.python.encode())
    for text in _texts(requirements, set()):
        digest.update(b"\0" + text)
    target = cache / digest.hexdigest()
    if target.is_dir():
        return target
    scratch = _scratch(cache, digest.hexdigest())
    where = ["--target", str(scratch), "--requirement", str(requirements.resolve())]
    # Our own pip, told to install for the other: that one may have none (Debian's python3 has not).
    if find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", installer.interpreter]
    else:
        pip = [installer.interpreter, "-m", "pip"]
    command = [*pip, "install", "--disable-pip-version-check"]
    command += ["--no-input", *where]
    if installer.uv:
        command = [installer.uv, "pip", "install", "--python", installer.interpreter, *where]
    last: deque[str] = deque(maxlen=TOOL_LINES_MAX)

    def hear(line: str) -> None:
        last.append(line.rstrip())
        progress(line.rstrip())

    code = installer.run(command, hear)
    if code != 0:
        shutil.rmtree(scratch)
        tool = "uv" if installer.uv else "pip"
        said = "\n".join(f"  {line}" for line in last)
        raise PackageError(f"{requirements}: {tool} ended with code {code}:\n{said}")
    _settle(scratch, target)
    return target


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


def _digest(entries: Iterable[Entry], installed: Path | None) -> str:
    digest = hashlib.sha256(installed.name.encode() if installed else b"")
    for name, content, executable in entries:
        line = f"\0{name}\0{hashlib.sha256(content).hexdigest()}\0{executable:d}"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _entries(source: Path, cache: Path) -> Iterator[Entry]:
    """Yield the files of the code, always in the same order."""
    if source.is_dir():
        for name, file in _files(source, LEFT_OUT, cache):
            yield name, file.read_bytes(), _executable(file)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    mode = entry.external_attr >> 16
                    yield entry.filename, archive.read(entry), bool(mode & 0o100)
    else:
        yield source.name, source.read_bytes(), _executable(source)


def _written(entries: Iterable[Entry], target: Path) -> Iterator[Entry]:
    """Yield the entries on, each after it was written below `target`."""
    root = target.resolve()
    for name, content, executable in entries:
        place = (root / name).resolve()
        if not place.is_relative_to(root):
            raise PackageError(f"{name} points out of the package")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if executable else 0o644)
        yield name, content, executable


def _files(
    folder: Path, left_out: frozenset[str], cache: Path | None = None, prefix: str = ""
) -> Iterator[tuple[str, Path]]:
    """Yield (path with slashes, file) below a folder; links are followed, but not in a ring."""
    for entry in sorted(folder.iterdir()):
        if entry.name in left_out:
            continue
        if entry.is_dir():
            real = entry.resolve()
            inside = folder.resolve()
            if real != cache and not inside.is_relative_to(real):
                yield from _files(entry, left_out, cache, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield prefix + entry.name, entry


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)


def _scratch(folder: Path, name: str) -> Path:
    """Return a new empty folder of this process, to be renamed when it is complete."""
    scratch = folder / f"{name}.{os.getpid()}.tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch


def _settle(scratch: Path, target: Path) -> None:
    if target.is_dir():  # the same content, from before or from another process
        shutil.rmtree(scratch)
        return
    os.sync()  # names by content are trusted for ever: the content must be on the disk before
    try:
        scratch.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(scratch)


def _sweep(cache: Path) -> None:
    """Remove what crashed builds left; a folder of a process that still runs is not touched."""
    for scratch in cache.glob("*/*.tmp"):
        owner = scratch.name.rsplit(".", 2)[-2]
        if not owner.isdigit() or not _runs(int(owner)):
            shutil.rmtree(scratch, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
