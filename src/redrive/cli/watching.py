"""Notices changes of a template and of the code that it names."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path

from watchfiles import Change, watch

from redrive.cli.packages import LEFT_OUT

SETTLE_MS = 300  # editors and formatters write in bursts
NOW_MS = 1  # how long a look takes when nothing has changed

_Changes = Generator[set[tuple[Change, str]], None, None]


class Watcher:
    """Watches one template and its code. A file is watched by its folder: editors replace it."""

    def __init__(self, template: Path, code: Iterable[Path], data: Path) -> None:
        """Begin to watch. What lies in the data directory is not code."""
        sources = set(code)
        self._data = data
        self._files = {template} | {source for source in sources if source.is_file()}
        self._folders = {source for source in sources if source.is_dir()}
        self._watches = [self._begin({file.parent for file in self._files}, recursive=False)]
        if self._folders:
            self._watches.append(self._begin(self._folders, recursive=True))
        self.has_changes()  # a generator watches from its first step on

    def has_changes(self) -> bool:
        """Tell whether something has changed since the last look."""
        found = [next(changes) for changes in self._watches]  # all of them, so that none piles up
        return any(found)

    def _begin(self, folders: Iterable[Path], *, recursive: bool) -> _Changes:
        return watch(
            *folders,
            watch_filter=self._counts,
            debounce=SETTLE_MS,
            rust_timeout=NOW_MS,
            yield_on_timeout=True,
            recursive=recursive,
        )

    def _counts(self, _change: Change, text: str) -> bool:
        path = Path(text)
        if path in self._files:
            return True
        if path.is_relative_to(self._data):
            return False
        return any(
            path.is_relative_to(folder) and not LEFT_OUT & set(path.relative_to(folder).parts)
            for folder in self._folders
        )
