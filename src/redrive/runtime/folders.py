"""The private folders for temporary files: one for each environment, handed on after a reset.

AWS: Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle": an
environment that is reset after a crash or a timeout keeps its /tmp; a new one has an empty one.
"""

from __future__ import annotations

from pathlib import Path

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.process import Removals


class TemporaryFolders:
    """The folders below one root. Each is held by one environment at a time, or kept for the next
    of equal `Environment`."""

    def __init__(self, root: Path, now_ms: Millis) -> None:
        """Make the root, in the place of what a server that was killed has left there."""
        self._root = root
        self._removals = Removals()
        self._kept: dict[Environment, list[tuple[Path, Millis]]] = {}
        self._count = 0
        if root.exists():
            aside = root.with_name(f"{root.name}.{now_ms}")
            root.rename(aside)
        for old in root.parent.glob(f"{root.name}.*"):
            self._removals.remove(old)
        root.mkdir(mode=0o700)

    def take(self, environment: Environment) -> Path:
        """Return a folder: that of an equal environment that was reset, else a new one.

        Raises OSError when none can be made.
        """
        kept = self._kept.get(environment)
        if kept:
            folder, _ = kept.pop()
            if not kept:
                del self._kept[environment]
            if folder.is_dir():
                return folder
        self._count += 1
        folder = self._root / str(self._count)
        folder.mkdir(mode=0o700)
        return folder

    def give_back(
        self, environment: Environment, folder: Path, now_ms: Millis, *, is_reset: bool
    ) -> None:
        """Keep the folder of an environment that was reset; remove that of one that is gone."""
        if is_reset:
            self._kept.setdefault(environment, []).append((folder, now_ms))
        else:
            self._removals.remove(folder)

    def retire(self, function_arn: str, keep_revision: str | None) -> None:
        """Remove what was kept for a function's other revisions."""
        for environment in list(self._kept):
            of_function = environment.function_arn == function_arn
            if of_function and environment.revision != keep_revision:
                for folder, _ in self._kept.pop(environment):
                    self._removals.remove(folder)

    def tidy(self, before_ms: int) -> None:
        """Remove what was kept since before an instant and not asked for again."""
        for environment, kept in list(self._kept.items()):
            fresh = [each for each in kept if each[1] > before_ms]
            for folder, since_ms in kept:
                if since_ms <= before_ms:
                    self._removals.remove(folder)
            if fresh:
                self._kept[environment] = fresh
            else:
                del self._kept[environment]

    def close(self) -> None:
        """Remove everything, and wait for that."""
        self._removals.remove(self._root)
        self._removals.close()
