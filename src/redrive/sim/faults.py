"""Crashes before and after a commit: a store around the shipped one.

What must be survived: a crash at any commit, before or after it; a crash at any write or sync of
the disk (`vfs.Disk.dies_in`); a failed sync; a full disk; the loss of every write that was not
synced, or of none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from redrive.core.errors import Unavailable
from redrive.core.time import Millis
from redrive.store.sqlite import SqliteStore

T = TypeVar("T")


class Crash(BaseException):
    """The process is gone. Not an Exception: nothing in it may catch its own death."""


class CrashingStore:
    """The shipped store; it tells of each group's end, and crashes where it is told to.

    crash_in: how many commits succeed before the one that crashes, None for no crash; crash_after
    says on which side of that commit.
    """

    def __init__(
        self, inner: SqliteStore, committed: Callable[[], None], refused: Callable[[], None]
    ) -> None:
        self.inner = inner
        self.crash_in: int | None = None
        self.crash_after = False
        self._committed = committed
        self._refused = refused

    def transact(self, work: Callable[..., T], *args: Any) -> T:
        """Run a work in the open group."""
        return self.inner.transact(work, *args)

    @property
    def has_group(self) -> bool:
        """Tell whether works have run since the last commit."""
        return self.inner.has_group

    @property
    def has_writes(self) -> bool:
        """Tell whether the open group has something to sync."""
        return self.inner.has_writes

    def woken(self) -> tuple[str, ...]:
        """Return what the open group has woken."""
        return self.inner.woken()

    def commit(self, now_ms: Millis) -> tuple[str, ...]:
        """Commit the group, or crash beside the commit."""
        dies = self.crash_in == 0
        if self.crash_in is not None:
            self.crash_in -= 1
        if dies and not self.crash_after:
            self._refused()
            raise Crash
        try:
            topics = self.inner.commit(now_ms)
        except Unavailable:
            self._refused()
            raise
        self._committed()
        if dies:
            raise Crash
        return topics

    @property
    def sync_due_ms(self) -> Millis:
        """Return when the store is to be synced."""
        return self.inner.sync_due_ms

    def sync(self, now_ms: Millis) -> None:
        """Let the store sync."""
        self.inner.sync(now_ms)

    def maintain(self, *, idle: bool = False) -> bool:
        """Let the store do its own work."""
        return self.inner.maintain(idle=idle)

    def close(self) -> None:
        """Release the files."""
        self.inner.close()
