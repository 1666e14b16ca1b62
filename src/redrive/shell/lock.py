"""The data directory belongs to one process at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path


class DataLocked(Exception):
    """Another server holds the data directory."""


class DataLock:
    """An advisory lock that goes when the process does, however it goes."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises DataLocked, naming the holder, or why there can be none."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "lock").open("a+")
        except OSError as error:
            raise DataLocked(f"{folder} cannot hold data: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise DataLocked(f"{folder} is in use by {holder}") from None

    def say(self, text: str) -> None:
        """Write down who holds the lock, for whoever finds it taken."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text + "\n")
        self._file.flush()

    def release(self) -> None:
        """Let the directory go."""
        self._file.close()
