"""The code store: unpacked packages by content hash. The only file I/O of this service;
synchronous.

    <root>/<sha256>/       one package, complete and on stable storage; files are read-only
    <root>/deps-<sha256>/  what packages have installed in common; their files are links to these
    <root>/.of-<sha256>    a package's line: the name of the tree that it was linked from
    <root>/.new/           a package that is being unpacked
    <root>/.old-<sha256>/  a package that is being removed

A package whose installed part is here costs no more than its code and its links, and the folder of
what it shares is the same for all versions of the code: see runtime/parents.py.

Invariants
1. A directory named by a hash is complete: it gets that name by a rename, after its files are
   synced, and loses it by a rename before the first of its files goes.
2. `put_*` returns after the rename is on stable storage, so that a row that is committed afterwards
   never names missing code, whatever the moment of a crash.
3. Nothing is written outside of the root, whatever a package's names and links say.
4. A package is whole by its links alone: it outlives the tree that it was linked from.

The data directory is locked by one process, and that process calls from one thread: fixed names
suffice.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from redrive.core.errors import ServiceError, Unavailable
from redrive.services.functions.refusals import invalid

ZIPPED_BYTES_MAX = 52_428_800
UNZIPPED_BYTES_MAX = 262_144_000
"""AWS: Lambda quotas, "Deployment package (.zip file archive) size"."""

CHUNK_BYTES = 1 << 20
SYNC_EACH_MAX = 32
"""Up to so many files are synced one by one; more by one sync of everything, where that call waits
for the disk (Linux): half a second for a package of 5,000 files on an idle disk."""

_NEW = ".new"
_OLD = ".old-"
_OF = ".of-"
_DEPENDENCIES = "deps-"
_UNZIP_TROUBLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)
_BAD_NAME = (
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EINVAL,
    errno.EILSEQ,
)


class Code(NamedTuple):
    """A package in the store."""

    hash: str  # sha256 in hex: of the zip file, or of a directory's names, modes and contents
    bytes: int  # of the zip file, or of the directory's files


class _Entry(NamedTuple):
    path: str  # relative, normalised
    kind: str  # "file" | "link"
    executable: bool
    info: zipfile.ZipInfo


class _Parts(NamedTuple):
    """What a package says of itself: see `_parts_of`."""

    installed: Path
    names: tuple[str, ...]  # of the code's files


class CodeStore:
    """Packages below one directory."""

    def __init__(self, root: Path) -> None:
        """Open or create the store; what a crash left unfinished is removed."""
        self.root = root.absolute()
        self._recent: set[str] = set()
        self._bases: dict[str, str] = {}
        self._installed: dict[Path, tuple[tuple[int, ...], Code]] = {}
        self.root.mkdir(parents=True, exist_ok=True)
        for path in self.root.iterdir():
            if path.name == _NEW or path.name.startswith(_OLD):
                shutil.rmtree(path)
            elif path.name.startswith(_OF):
                code_hash = path.name[len(_OF) :]
                if self.path(code_hash).is_dir():
                    self._bases[code_hash] = path.read_text()
                else:
                    path.unlink()

    def path(self, code_hash: str) -> Path:
        """Return where a package lies."""
        return self.root / code_hash

    def base(self, code_hash: str) -> str:
        """Name the tree of dependencies that a package has in common with others, or "".

        All of it is in the package too, and nothing of the code has the name of anything in it.
        """
        return self._bases.get(code_hash, "")

    def put_zip(self, package: bytes, *, uploaded: bool = True, dry_run: bool = False) -> Code:
        """Unpack a zip file, unless it is here already; with dry_run only check it.

        Only an uploaded one is limited in its zipped size. Raises AWS's errors for packages that
        are too large, empty or broken, Unavailable when the disk fails or is full.
        """
        if uploaded and len(package) > ZIPPED_BYTES_MAX:
            raise ServiceError(
                "RequestEntityTooLargeException",
                f"Zipped size must be smaller than {ZIPPED_BYTES_MAX} bytes",
                status=413,
            )
        code = Code(hashlib.sha256(package).hexdigest(), len(package))
        self._recent.add(code.hash)  # before the look: a sweep may come between the two
        if self.path(code.hash).exists():
            return code
        try:
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                entries = _plan(archive.infolist())
                if dry_run:
                    return code
                new = self._begin()
                for entry in entries:
                    _unpack(archive, entry, new)
        except _BAD_ZIP as error:
            raise invalid(_UNZIP_TROUBLE) from error
        except OSError as error:
            if error.errno in _BAD_NAME:
                raise invalid(_UNZIP_TROUBLE) from error
            raise Unavailable(f"the code could not be stored: {error}") from error
        self._finish(new, code)
        return code

    def put_local(self, source: Path, *, dry_run: bool = False) -> Code:
        """Copy a zip file or a directory of this machine.

        A directory's links to files become files; links to directories are refused. The server's
        own data directory is left out when it lies inside. A package that says what was installed
        for it (`_parts_of`) is linked to that, which is read once.
        """
        if not source.is_file() and not source.is_dir():
            raise invalid(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
                "S3 Error Message: The specified key does not exist."
            )
        try:
            if source.is_file():
                return self.put_zip(source.read_bytes(), uploaded=False, dry_run=dry_run)
            parts = _parts_of(source)
            if parts is not None:
                return self._put_parts(source, parts, dry_run=dry_run)
            files = sorted(self._walk(source))
            if not files:
                raise invalid("Uploaded file must be a non-empty zip")
            new = None if dry_run else self._begin()
            code = _copy(files, source, new)
        except OSError as error:
            raise Unavailable(f"{source} could not be copied: {error}") from error
        if new is not None:
            self._finish(new, code)
        return code

    def unpacked_bytes(self, code_hash: str) -> int:
        """Return the size of a package's files."""
        return sum(
            (Path(folder) / name).lstat().st_size
            for folder, _names, names in os.walk(self.path(code_hash), onerror=_raise)
            for name in names
        )

    def hashes(self) -> list[str]:
        """Name all packages in the store, and the trees of dependencies."""
        return [path.name for path in self.root.iterdir() if not path.name.startswith(".")]

    def take_recent(self) -> frozenset[str]:
        """Name the packages that were put since this was last asked, new or known."""
        recent, self._recent = frozenset(self._recent), set()
        return recent

    def remove(self, code_hash: str) -> None:
        """Remove a package that no row names and no invocation uses."""
        old = self.root / f"{_OLD}{code_hash}"
        self.path(code_hash).rename(old)
        _sync(self.root)
        if self._bases.pop(code_hash, ""):
            (self.root / f"{_OF}{code_hash}").unlink(missing_ok=True)
        shutil.rmtree(old)

    def _put_parts(self, source: Path, parts: _Parts, *, dry_run: bool) -> Code:
        """Store a package of code and what is installed for it."""
        base = self._put_installed(parts.installed, dry_run=dry_run)
        digest = hashlib.sha256(f"redrive parts {base.hash}\n".encode())
        total_bytes = base.bytes
        own = []
        for name in parts.names:
            content, executable = _read(source / name)
            covered = parts.installed / name
            total_bytes += len(content) - (covered.stat().st_size if covered.is_file() else 0)
            _check_bytes(total_bytes)
            _feed(digest, name, executable, content)
            own.append((name, content, executable))
        code = Code(digest.hexdigest(), total_bytes)
        if dry_run:
            return code
        self._recent.add(code.hash)
        if self.path(code.hash).exists():
            return code
        new = self._begin()
        _link_tree(os.fspath(self.path(base.hash)), os.fspath(new), "", frozenset(parts.names))
        for name, content, executable in own:
            _put(new / name, content, executable)
        if not _tops(parts.names) & _tops(path.name for path in parts.installed.iterdir()):
            note = self.root / f"{_OF}{code.hash}"
            note.write_text(base.hash)
            _sync(note)
            self._bases[code.hash] = base.hash
        self._finish(new, code, is_linked=True)
        return code

    def _put_installed(self, installed: Path, *, dry_run: bool) -> Code:
        """Copy a tree of dependencies, unless it is here: it does not change under its name."""
        found = installed.stat()
        marks = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        known = self._installed.get(installed)
        if known is not None and known[0] == marks:
            self._recent.add(known[1].hash)  # before the look, as in put_zip
            if dry_run or self.path(known[1].hash).exists():
                return known[1]
        new = None if dry_run else self._begin()
        code = _copy(sorted(self._walk(installed)), installed, new)
        base = Code(f"{_DEPENDENCIES}{code.hash}", code.bytes)
        if new is not None:
            self._finish(new, base)
        self._installed[installed] = marks, base
        return base

    def _walk(self, source: Path) -> Iterator[Path]:
        for folder, names, files in os.walk(source, onerror=_raise):
            here = Path(folder)
            names[:] = [name for name in names if here / name != self.root.parent]
            for name in names:
                if (here / name).is_symlink():
                    raise invalid(f"{here / name} is a link to a directory, which is not followed.")
            yield from (here / name for name in files if (here / name).is_file())

    def _begin(self) -> Path:
        new = self.root / _NEW
        if new.exists():
            shutil.rmtree(new)  # an earlier package that turned out to be broken
        new.mkdir()
        return new

    def _finish(self, new: Path, code: Code, *, is_linked: bool = False) -> None:
        """Make the unpacked package durable and give it its name (invariants 1 and 2).

        is_linked: it is made of links, in so many folders that counting them is not worth it.
        """
        self._recent.add(code.hash)
        try:
            _sync_tree(new, at_once=is_linked)
            if self.path(code.hash).exists():
                shutil.rmtree(new)
            else:
                new.rename(self.path(code.hash))
            _sync(self.root)
        except OSError as error:
            raise Unavailable(f"the code could not be stored: {error}") from error


def _plan(infos: Iterable[zipfile.ZipInfo]) -> list[_Entry]:
    """Check an archive's names, links and sizes before the first byte is written (invariant 3)."""
    entries: dict[str, _Entry] = {}
    total_bytes = 0
    for info in infos:
        path = PurePosixPath(info.filename)
        mode = info.external_attr >> 16
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or not path.parts:
            raise invalid(_UNZIP_TROUBLE)
        if info.is_dir():
            continue
        total_bytes += info.file_size
        if total_bytes > UNZIPPED_BYTES_MAX:
            raise invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
        kind = "link" if stat.S_ISLNK(mode) else "file"
        # A name that comes twice: the last one counts, as with unzip.
        entries[str(path)] = _Entry(str(path), kind, bool(mode & 0o111), info)
    if not entries:
        raise invalid("Uploaded file must be a non-empty zip")
    for entry in entries.values():
        for parent in PurePosixPath(entry.path).parents:
            if str(parent) in entries:  # a file or, worse, a link in the place of a directory
                raise invalid(_UNZIP_TROUBLE)
    return list(entries.values())


def _unpack(archive: zipfile.ZipFile, entry: _Entry, root: Path) -> None:
    path = root / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "file":
        with archive.open(entry.info) as source:
            _write(path, source, entry.executable)
        return
    target = archive.read(entry.info).decode("utf-8")
    _check_link(PurePosixPath(entry.path), PurePosixPath(target))
    path.symlink_to(target)


def _check_link(link: PurePosixPath, target: PurePosixPath) -> None:
    """Refuse a link that leaves the package.

    Its parents are real directories, so leading ".." climb truly; a later ".." could climb out of
    another link's target and is refused.
    """
    parts = target.parts
    climbs = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(link.parts) - 1
    if target.is_absolute() or ".." in parts[climbs:] or climbs > depth or not parts:
        raise invalid(_UNZIP_TROUBLE)


def _copy(files: list[Path], source: Path, new: Path | None) -> Code:
    """Hash a directory's files and, unless `new` is None, copy what was hashed."""
    digest = hashlib.sha256(b"redrive directory\n")
    total_bytes = 0
    for file in files:
        name = file.relative_to(source).as_posix()
        content, executable = _read(file)
        total_bytes += len(content)
        _check_bytes(total_bytes)
        _feed(digest, name, executable, content)
        if new is not None:
            _put(new / name, content, executable)
            # Compiled modules hold the time of their source, and are of no use with another.
            found = file.stat()
            os.utime(new / name, ns=(found.st_mtime_ns, found.st_mtime_ns))
    return Code(digest.hexdigest(), total_bytes)


def _parts_of(source: Path) -> _Parts | None:
    """Return what a package's maker has put beside it, as <package>.parts, or None.

    {"installed": a folder, "code": names}: the package is that folder with these files on top, and
    neither will ever change under its name. Redrive's own packages say so: see cli/packages.py.
    """
    try:
        said = json.loads(Path(f"{source}.parts").read_bytes())
        installed, names = Path(said["installed"]), tuple(str(name) for name in said["code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    paths = [PurePosixPath(name) for name in names]
    if any(path.is_absolute() or ".." in path.parts or not path.parts for path in paths):
        return None
    return _Parts(installed, names) if installed.is_absolute() and installed.is_dir() else None


def _link_tree(source: str, target: str, prefix: str, left_out: frozenset[str]) -> None:
    """Give the files of a tree a second name in another; see invariant 4."""
    with os.scandir(source) as entries:
        for entry in entries:
            name, place = prefix + entry.name, f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                Path(place).mkdir()
                _link_tree(entry.path, place, f"{name}/", left_out)
            elif name not in left_out:
                try:
                    os.link(entry.path, place)
                except FileNotFoundError:  # the interpreter was writing a compiled module
                    continue
                except OSError:  # the file system has no links, or no more for this file
                    shutil.copy2(entry.path, place)


def _tops(names: Iterable[str]) -> set[str]:
    """Return the names by which what lies at the top of a folder would be imported."""
    return {name.split("/", 1)[0].split(".", 1)[0] for name in names}


def _read(file: Path) -> tuple[bytes, bool]:
    """Return a file's content and whether it can be executed."""
    return file.read_bytes(), bool(file.stat().st_mode & 0o111)


def _check_bytes(total_bytes: int) -> None:
    if total_bytes > UNZIPPED_BYTES_MAX:
        raise invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")


def _feed(digest: hashlib._Hash, name: str, executable: bool, content: bytes) -> None:
    """Let a file count: its name and its content cannot run together."""
    size = len(name.encode(errors="surrogateescape"))
    header = f"{size}:{name}:{executable:d}:{len(content)}\n"
    digest.update(header.encode(errors="surrogateescape"))
    digest.update(content)


def _put(path: Path, content: bytes, executable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, io.BytesIO(content), executable)


def _write(path: Path, source: IO[bytes], executable: bool) -> None:
    mode = 0o555 if executable else 0o444
    with path.open("xb") as target:
        shutil.copyfileobj(source, target, CHUNK_BYTES)
        os.fchmod(target.fileno(), mode)


def _sync_tree(root: Path, *, at_once: bool) -> None:
    """Put a directory's files and names on stable storage."""
    if at_once and os.uname().sysname == "Linux":
        os.sync()
        _sync(root)
        return
    folders, files = [], []
    for folder, _names, names in os.walk(root, onerror=_raise):
        folders.append(Path(folder))
        files += [Path(folder) / name for name in names]
    if len(files) > SYNC_EACH_MAX and os.uname().sysname == "Linux":
        os.sync()
        _sync(root)
        return
    for path in (*files, *folders):
        if not path.is_symlink():
            _sync(path)


def _sync(path: Path) -> None:
    """Sync a file or a directory itself."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _raise(error: OSError) -> None:
    raise error
