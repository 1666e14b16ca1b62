"""A function's code becomes a folder that never changes: its files, and what it asks for.

Folders are named by their content, so that equal code is packaged once and changed code gets a new
name. What has not changed is neither read nor copied again: a Builder remembers the files that it
has read, and links those that a package of it has already. Not here: starting a process (`run` is
given), choosing an interpreter, and how a tool is called (`installing`).

    <cache>/requirements/<hash>/    what one requirements.txt or package.json installs
    <cache>/packages/<hash>/        that, with the code on top
    <cache>/packages/<hash>.parts   which folder that was and which files are the code's: the server
                                    takes what is installed from there, once for all packages

Invariants:
1. A folder under its final name is complete: it is built beside it, synced and renamed.
2. A crash leaves at most a folder whose name ends in .tmp, which the next build removes.
3. A file of a package is never written to: others are links to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from redrive.cli.installing import Installer, PackageError, Progress, Recipe, find_recipe
from redrive.services.stacks.archive import zip_bytes

__all__ = [
    "Builder",
    "Installer",
    "Package",
    "PackageError",
    "Progress",
    "build_package",
    "is_left_out",
]

ZIP_BYTES_MAX = 52_428_800
"""The largest zip that CreateFunction takes (AWS: Lambda quotas, "Deployment package")."""
LEFT_OUT = frozenset(
    {
        ".DS_Store",
        ".aws-sam",
        ".git",
        ".hypothesis",
        ".idea",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".redrive",
        ".ruff_cache",
        ".tox",
        ".venv",
        ".vscode",
        "__pycache__",
    }
)
SCRATCH_ENDINGS = (".pyc", ".pyo", ".swo", ".swp", ".swx", "~")
"""Of what editors and interpreters leave beside the code."""
SYNC_EACH_MAX = 32
"""Up to so many new files and folders are synced one by one, more by one sync of everything."""


class Entry(NamedTuple):
    """A file of the code. content: of one in a zip file, while it is wanted; file: of any other."""

    name: str  # with slashes
    sha256: str
    executable: bool
    content: bytes | None
    file: Path | None


class _Seen(NamedTuple):
    """What tells that a file was not written to since, and what was in it."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with everything that a function imports.

    sha256: of the code's names, contents and modes, and of what its requirements say.
    """

    path: Path
    sha256: str

    def zip_bytes(self) -> bytes | None:
        """Return the folder as a zip, always the same, or None when it is too large to be sent."""
        files = list(_files(self.path, is_code=False))
        # A zip that much smaller than its content does not happen with code: do not try.
        if sum(file.stat().st_size for _, file in files) > 8 * ZIP_BYTES_MAX:
            return None
        packed = zip_bytes((name, file.read_bytes(), _executable(file)) for name, file in files)
        return packed if len(packed) <= ZIP_BYTES_MAX else None


def build_package(
    source: Path, cache: Path, installer: Installer, progress: Progress = lambda _: None
) -> Package:
    """Return the package of a folder, a zip file or a single file, as `Builder.build` does."""
    return Builder(cache).build(source, installer, progress)


class Builder:
    """Builds packages in one cache."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._seen: dict[Path, _Seen] = {}
        self._places: dict[tuple[str, bool], Path] = {}  # by content and mode, in a package

    def forget(self, paths: Iterable[Path]) -> None:
        """Read files again though they look as before: a clock's tick is longer than a save."""
        for path in paths:
            self._seen.pop(path, None)

    def build(
        self,
        source: Path,
        installer: Installer,
        progress: Progress = lambda _: None,
        *,
        make: str = "",
        below: str = "",
        installs: bool = True,
    ) -> Package:
        """Return the package of a folder, a zip file or a single file, building it when it is new.

        requirements.txt at the top of a folder is installed once for its content and Python version
        (its -r and -c files counted; a local path in it is not watched), package.json when there is
        no node_modules beside it. A zip is taken as complete, as on AWS. make: the target of the
        folder's Makefile that makes the code. below: the folder of the package in which all of it
        is put; installs: whether anything is installed (a layer may not). Raises PackageError, with
        the last lines of the tool when it failed.
        """
        self._cache.mkdir(parents=True, exist_ok=True)
        cache = self._cache = self._cache.resolve()
        _sweep(cache)
        if not source.exists():
            raise PackageError(f"there is no code at {source}")
        try:
            if make:
                source = self._made(source, installer, progress, make)
            recipe = find_recipe(source, installer) if installs else None
            installed = None if recipe is None else _install(recipe, cache, installer, progress)
            prefix = f"{below}/" if below else ""
            # Hashed before it is copied, so that what is there already costs no copy; and what is
            # new is hashed again as it is copied, so that an editor saving in between cannot give
            # it a wrong name.
            entries = [each._replace(content=None) for each in self._entries(source, prefix)]
            digest = _digest(entries, installed)
            if (cache / "packages" / digest).is_dir():
                self._remember(entries, cache / "packages" / digest)
            else:
                digest, entries = self._build(source, installed, prefix)
            if installed is not None and not below:
                _note_parts(cache / "packages" / digest, installed, entries)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise PackageError(f"{source} cannot be packaged: {error}") from error
        return Package(cache / "packages" / digest, digest)

    def _made(self, source: Path, installer: Installer, progress: Progress, make: str) -> Path:
        """Return the folder that a Makefile's target fills, run once for equal sources.

        The sources are copied first, as SAM does, so that nothing is made among them.
        """
        digest = hashlib.sha256(
            f"{make}\0{_digest(self._entries(source), None)}".encode()
        ).hexdigest()
        target = self._cache / "requirements" / digest
        if not target.is_dir():
            copied, scratch = _scratch(self._cache, "make"), _scratch(target.parent, digest)
            try:
                for _entry, _is_new in self._written(self._entries(source), copied):
                    pass
                where = [f"ARTIFACTS_DIR={scratch}", make]
                command = ["make", "--no-print-directory", "-C", str(copied), *where]
                installer.carry_out(command, source / "Makefile", progress)
                _settle(scratch, target, None)
            finally:
                shutil.rmtree(copied, ignore_errors=True)
                shutil.rmtree(scratch, ignore_errors=True)
        return target

    def _build(self, source: Path, installed: Path | None, prefix: str) -> tuple[str, list[Entry]]:
        """Put what is installed, and the code on top, into a folder; return its name, a hash, and
        the files of the code.
        """
        scratch = _scratch(self._cache / "packages", "build")
        try:
            if installed is not None:
                _link_tree(os.fspath(installed), os.fspath(scratch / prefix))
            placed = list(self._written(self._entries(source, prefix), scratch))
            entries = [entry for entry, _is_new in placed]
            digest = _digest(entries, installed)
            target = self._cache / "packages" / digest
            _settle(scratch, target, [scratch / each.name for each, is_new in placed if is_new])
            self._remember(entries, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return digest, entries

    def _remember(self, entries: Iterable[Entry], package: Path) -> None:
        for entry in entries:
            self._places[entry.sha256, entry.executable] = package / entry.name

    def _entries(self, source: Path, prefix: str = "") -> Iterator[Entry]:
        """Yield the files of the code, always in the same order."""
        if source.is_dir():
            for name, file in _files(source, is_code=True, cache=self._cache, prefix=prefix):
                yield self._entry(name, file)
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for each in archive.infolist():
                    if not each.is_dir():
                        content, mode = archive.read(each), each.external_attr >> 16
                        yield Entry(each.filename, _sha(content), bool(mode & 0o100), content, None)
        else:
            yield self._entry(source.name, source)

    def _entry(self, name: str, file: Path) -> Entry:
        """Return a file, read unless it is known as it stands."""
        stat = file.stat()
        marks = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
        executable = bool(stat.st_mode & 0o100)
        seen = self._seen.get(file)
        if seen is not None and seen[:4] == marks:
            return Entry(name, seen.sha256, executable, None, file)
        digest = _sha(file.read_bytes())
        self._seen[file] = _Seen(*marks, digest)
        return Entry(name, digest, executable, None, file)

    def _written(self, entries: Iterable[Entry], target: Path) -> Iterator[tuple[Entry, bool]]:
        """Put entries below `target`; yield each as it was put there, and whether it is no link."""
        root = target.resolve()
        for entry in entries:
            place = (root / entry.name).resolve()
            if not place.is_relative_to(root):
                raise PackageError(f"{entry.name} points out of the package")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)  # a link to what is installed: not to be written to
            known = self._places.get((entry.sha256, entry.executable))
            if known is not None and known.is_file():
                _link(known, place)
                yield entry._replace(content=None), False
                continue
            content = entry.file.read_bytes() if entry.file is not None else entry.content
            assert content is not None
            place.write_bytes(content)
            place.chmod(0o755 if entry.executable else 0o644)
            yield entry._replace(content=None, sha256=_sha(content)), True


def is_left_out(path: Path) -> bool:
    """Tell whether a file or folder is not part of the code, whatever folder it lies in."""
    name = path.name
    if name in LEFT_OUT or name.endswith(SCRATCH_ENDINGS) or name.startswith(".#"):
        return True
    return (path / "pyvenv.cfg").is_file()


def _install(recipe: Recipe, cache: Path, installer: Installer, progress: Progress) -> Path:
    target = cache / "requirements" / recipe.sha256
    if target.is_dir():
        return target
    scratch = _scratch(cache / "requirements", recipe.sha256)
    try:
        recipe.fill(scratch, installer, progress)
        _settle(scratch, target, None)
    except PackageError:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return target


def _digest(entries: Iterable[Entry], installed: Path | None) -> str:
    digest = hashlib.sha256(installed.name.encode() if installed else b"")
    for entry in entries:
        line = f"\0{entry.name}\0{entry.sha256}\0{entry.executable:d}"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(
    folder: Path, *, is_code: bool, cache: Path | None = None, prefix: str = ""
) -> Iterator[tuple[str, Path]]:
    """Yield (path with slashes, file) below a folder; links are followed, but not in a ring."""
    for entry in sorted(folder.iterdir()):
        if is_code and is_left_out(entry):
            continue
        if entry.is_dir():
            real = entry.resolve()
            inside = folder.resolve()
            if real != cache and not inside.is_relative_to(real):
                inner = f"{prefix}{entry.name}/"
                yield from _files(entry, is_code=is_code, cache=cache, prefix=inner)
        elif entry.is_file():
            yield prefix + entry.name, entry


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)


def _link(source: str | Path, target: str | Path) -> None:
    """Give a file that never changes a second name; copy it where the file system has no links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def _link_tree(source: str, target: str) -> None:
    """Give the files of a folder that never changes a second place; its links stay links."""
    Path(target).mkdir(parents=True, exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                _link_tree(entry.path, place)
            else:
                _link(entry.path, place)


def _note_parts(package: Path, installed: Path, entries: Iterable[Entry]) -> None:
    """Write down what a package is made of, as services/functions/code.py reads it."""
    note = package.with_name(f"{package.name}.parts")
    if note.is_file():
        return
    scratch = package.with_name(f"{note.name}.{os.getpid()}.tmp")
    said = {"installed": os.fspath(installed), "code": [entry.name for entry in entries]}
    scratch.write_text(json.dumps(said))
    _sync(scratch)
    scratch.rename(note)


def _scratch(folder: Path, name: str) -> Path:
    """Return a new empty folder of this process, to be renamed when it is complete."""
    scratch = folder / f"{name}.{os.getpid()}.tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch


def _settle(scratch: Path, target: Path, fresh: list[Path] | None) -> None:
    """Give a complete folder its name. fresh: what of its files is new; None: any may be."""
    if target.is_dir():  # the same content, from before or from another process
        shutil.rmtree(scratch)
        return
    # Names by content are trusted for ever: the content must be on the disk before.
    walk = (Path(folder) for folder, _names, _files in os.walk(scratch))
    folders = list(islice(walk, SYNC_EACH_MAX + 1))
    if fresh is None or len(fresh) + len(folders) > SYNC_EACH_MAX:
        os.sync()
    else:
        for path in (*fresh, *folders):
            _sync(path)
    try:
        scratch.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(scratch)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sweep(cache: Path) -> None:
    """Remove what crashed builds left; a folder of a process that still runs is not touched."""
    for scratch in (*cache.glob("*.tmp"), *cache.glob("*/*.tmp")):
        owner = scratch.name.rsplit(".", 2)[-2]
        if not owner.isdigit() or not _runs(int(owner)):
            if scratch.is_file():
                scratch.unlink(missing_ok=True)
            else:
                shutil.rmtree(scratch, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
