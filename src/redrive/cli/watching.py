"""Notices changes of a template and of the code that it names.

Every folder of the code is watched by itself, so that what is left out (node_modules, .git, the
data directory) costs neither watches nor wake-ups. A file is watched by its folder: editors replace
it. Code that is not there is watched by the nearest folder that is.

Invariant: a folder that appears is watched before its change is told, so that whoever reads the
code after the telling misses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from watchfiles._rust_notify import RustNotify

from redrive.cli.packages import is_left_out

STEP_MS = 10
"""A change is told when so long nothing followed it: a save by rename is three changes in one."""

BURST_MS = 60
"""A burst that does not end is told after so long; the rest of it is the next change."""

_TRIES = 5  # folders that vanish between being listed and being watched

_UNWATCHED = frozenset({"node_modules"})
"""Part of a package, but thousands of folders; what changes it changes a package.json as well."""


class Watcher:
    """Watches one template and its code, from now on."""

    def __init__(self, template: Path, code: Iterable[Path], data: Path) -> None:
        """Begin to watch. What lies in the data directory is not code.

        Raises OSError when the system has no more watches to give.
        """
        self._template = template
        self._data = data
        self._left: frozenset[Path] = frozenset()  # told by a watch that was replaced
        self._take(code)
        self._watch = self._begin()

    def cover(self, code: Iterable[Path]) -> None:
        """Watch other code from now on; what was not told yet is not lost."""
        self._take(code)
        self._renew()

    def _take(self, code: Iterable[Path]) -> None:
        sources = set(code)
        self._files = {self._template} | {source for source in sources if source.is_file()}
        self._folders = sources - self._files

    def changes(self, wait_ms: int) -> frozenset[Path]:
        """Return what has changed since the last time, or what does so within some milliseconds.

        Raises KeyboardInterrupt, as any wait does.
        """
        told = _told(self._watch, 1 if self._left else wait_ms)
        changed = self._left | told
        self._left = frozenset()
        if any(os.fspath(path) in self._watched or path.is_dir() for path in changed):
            self._renew()
        return frozenset(path for path in changed if self._counts(path))

    def _renew(self) -> None:
        """Watch the folders that there are now."""
        if frozenset(self._wanted()) != self._watched:
            old, self._watch = self._watch, self._begin()
            self._left |= _told(old, 1)
            old.close()

    def close(self) -> None:
        """Watch nothing any more."""
        self._watch.close()

    def _begin(self) -> RustNotify:
        for left in reversed(range(_TRIES)):
            self._watched = frozenset(self._wanted())
            try:
                return RustNotify(sorted(self._watched), False, False, 0, False, True)
            except FileNotFoundError:
                if not left:
                    raise
        raise AssertionError("the last try either succeeds or raises")

    def _wanted(self) -> Iterator[str]:
        """Yield every folder to watch; links to folders are followed, but not in a ring."""
        for file in self._files:
            yield os.fspath(_nearest(file.parent))
        for folder in self._folders:
            yield os.fspath(_nearest(folder.parent))  # it may be deleted, and come again
            if folder.is_dir():
                yield from self._below(os.fspath(folder), frozenset())

    def _below(self, folder: str, above: frozenset[str]) -> Iterator[str]:
        real = os.path.realpath(folder)
        if real in above:
            return
        yield folder
        try:
            with os.scandir(folder) as entries:
                inner = [entry.path for entry in entries if entry.is_dir()]
        except OSError:
            return  # it went away, or cannot be read: then it is not packaged either
        for path in inner:
            if self._is_code(Path(path)):
                yield from self._below(path, above | {real})

    def _counts(self, path: Path) -> bool:
        if path in self._files or any(folder.is_relative_to(path) for folder in self._folders):
            return True
        return any(
            path.is_relative_to(folder)
            and all(self._is_code(each) for each in _between(folder, path))
            for folder in self._folders
        )

    def _is_code(self, path: Path) -> bool:
        return path != self._data and path.name not in _UNWATCHED and not is_left_out(path)


def _told(watch: RustNotify, wait_ms: int) -> frozenset[Path]:
    told = watch.watch(BURST_MS, STEP_MS, wait_ms, None)
    if told == "signal":
        raise KeyboardInterrupt
    return frozenset() if isinstance(told, str) else frozenset(Path(text) for _, text in told)


def _nearest(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _between(folder: Path, path: Path) -> Iterator[Path]:
    """Yield what lies on the way from a folder down to a path, itself at the end."""
    while path != folder:
        yield path
        path = path.parent
