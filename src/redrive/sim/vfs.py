"""A disk in memory under SQLite: it knows what was synced, and forgets the rest in a crash.

    SQLite ──write───> live bytes + unsynced list ──sync──> the platter
           ──create──> live names                 ──sync of the directory──> the platter's names
                            └──crash: each unsynced write kept, dropped or torn,
                                      each unsynced name new or old──> next disk

Not a file system: one directory, no locks (the store locks exclusively), no shared memory.

Invariants
1. What was synced is in every later image of the disk.
2. A crash tears a write at sector borders only, and harms no byte outside of it (what SQLite calls
   powersafe overwrite).
3. The directory is synced where SQLite's unix VFS does it: by the first sync of a journal or a log
   after it was opened, and by a deletion that asks for it. Syncing the database does not.
4. A dead disk takes no writes any more: a connection may still be closed over it.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from redrive.sim.chance import Dice

SECTOR_BYTES = 512
_POWERSAFE_OVERWRITE = 0x1000  # SQLITE_IOCAP_POWERSAFE_OVERWRITE, as the unix VFS says
_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class ShortRead(Exception):
    """Raised by a `Disk.watch`: the read that follows brings half of what it should."""


class File:
    """One file: what the process sees, what the platter holds, and the writes between them."""

    __slots__ = ("live", "platter", "unsynced")

    def __init__(self, content: bytes = b"") -> None:
        self.live = bytearray(content)
        self.platter = bytearray(content)
        self.unsynced: list[tuple[int, bytes | None]] = []  # (offset, None) cuts the file there

    def write(self, offset: int, data: bytes) -> None:
        """Write at an offset; a hole before it is zeros."""
        put(self.live, offset, data)
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        """Cut the file."""
        put(self.live, size, None)
        self.unsynced.append((size, None))

    def sync(self) -> None:
        """Bring every write to the platter."""
        for offset, data in self.unsynced:
            put(self.platter, offset, data)
        self.unsynced.clear()

    def copied(self) -> File:
        """Return a file in the same state."""
        twin = File()
        twin.live, twin.platter = bytearray(self.live), bytearray(self.platter)
        twin.unsynced = list(self.unsynced)
        return twin

    def survivor(self, dice: Dice) -> bytes:
        """Return what a crash leaves of the content."""
        content = bytearray(self.platter)
        keep = dice.pick((0.0, 0.5, 0.9, 1.0))
        for offset, data in self.unsynced:
            if data is None or not dice.chance(0.2):
                if dice.chance(keep):
                    put(content, offset, data)
                continue
            for start in range(0, len(data), SECTOR_BYTES):
                if dice.chance(keep):
                    put(content, offset + start, data[start : start + SECTOR_BYTES])
        return bytes(content)


def put(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write data at an offset, zeros before it where nothing is; None cuts there."""
    if data is None:
        del content[offset:]
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """Files by name, and the faults that are to happen to them.

    is_full: writes are refused. sync_fails: the next sync fails. dies_in: so many more writes and
    syncs are carried out, then the machine is dead (None: it lives on) and every further one fails.
    is_off: nobody is left to hear of failures, and what is written is lost in silence.
    watch: called before each of SQLite's calls with its kind (open, delete, access, read, write,
    truncate, sync, size) and the file's name; what it raises is the call's failure.
    """

    def __init__(self, files: dict[str, File] | None = None) -> None:
        self.files = files or {}
        self.names = dict(self.files)  # the directory as it is on the platter
        self.is_full = False
        self.sync_fails = False
        self.is_dead = False
        self.is_off = False
        self.dies_in: int | None = None
        self.writes = 0
        self.watch: Callable[[str, str], None] | None = None

    def sync_names(self) -> None:
        """Bring the directory to the platter."""
        self.names = dict(self.files)

    def crashed(self, dice: Dice) -> Disk:
        """Return the disk as the next start finds it."""
        survivors = {}
        for name in sorted({*self.files, *self.names}):
            old, new = self.names.get(name), self.files.get(name)
            file = new if old is new or dice.chance(0.5) else old
            if file is not None:
                survivors[name] = File(file.survivor(dice))
        return Disk(survivors)

    def copied(self) -> Disk:
        """Return the disk as the next process finds it: nothing is lost, and nothing more synced
        than was.
        """
        twins = {file: file.copied() for file in (*self.files.values(), *self.names.values())}
        disk = Disk({name: twins[file] for name, file in self.files.items()})
        disk.names = {name: twins[file] for name, file in self.names.items()}
        return disk

    def meet(self, kind: str, name: str) -> None:
        """Let whoever watches hear of a call of SQLite's, and fail it."""
        if self.watch is not None and not self.is_off:
            self.watch(kind, name)

    def spend(self) -> bool:
        """Count one write or sync, and die when it is the last; return whether it is to be done."""
        if self.is_off:
            return False
        self.writes += 1
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.is_dead = True
        if self.is_dead:
            raise apsw.IOError("the machine is dead")
        return True


class MemoryVfs(apsw.VFS):
    """The disk as a VFS of SQLite's, registered under a name until `unregister`."""

    def __init__(self, name: str, disk: Disk, now_ms: Callable[[], int]) -> None:
        self._disk = disk
        self._now_ms = now_ms
        super().__init__(name, "", maxpathname=256)

    def unregister(self) -> None:
        """Be no VFS any more, and hold nothing of the world: SQLite's side keeps this object."""
        super().unregister()
        self._now_ms = int

    def xOpen(  # type: ignore[override]  # a file need not derive from apsw's
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> OpenFile:
        """Open or create a file."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else name or "(temporary)"
        self._disk.meet("open", text)
        file = self._disk.files.get(text)
        if file is None:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(text)
            file = self._disk.files[text] = File()
        flags[1] = flags[0]
        return OpenFile(self._disk, text, file, syncs_names=bool(flags[0] & _JOURNALS))

    def xDelete(self, name: str, syncdir: bool) -> None:
        """Remove a file; the platter's directory knows of it only when that is synced."""
        self._disk.meet("delete", name)
        if not self._disk.spend():
            return
        if self._disk.files.pop(name, None) is None:
            raise apsw.IOError(name)
        if syncdir:
            self._disk.sync_names()

    def xAccess(self, name: str, flags: int) -> bool:
        """Tell whether a file exists."""
        self._disk.meet("access", name)
        return name in self._disk.files

    def xFullPathname(self, name: str) -> str:
        """Return the name itself: there are no directories."""
        return name

    def xRandomness(self, count: int) -> bytes:
        """Return no chance at all: what SQLite draws (a log's salt) shall follow from the seed."""
        return self._disk.writes.to_bytes(8, "little").ljust(count, b"\x5a")[:count]

    def xSleep(self, microseconds: int) -> int:
        """Pass no time."""
        return 0

    def xCurrentTimeInt64(self) -> int:
        """Return the virtual instant as Julian milliseconds."""
        return 210_866_760_000_000 + self._now_ms()

    def xCurrentTime(self) -> float:
        """Return the virtual instant as a Julian day."""
        return self.xCurrentTimeInt64() / 86_400_000

    def xGetLastError(self) -> tuple[int, str]:
        """Return that no error is known."""
        return 0, ""


class OpenFile:
    """An open file of a `Disk`; the method names are SQLite's."""

    __slots__ = ("_disk", "_file", "_name", "_syncs_names")

    def __init__(self, disk: Disk, name: str, file: File, *, syncs_names: bool) -> None:
        self._disk = disk
        self._name = name
        self._file = file
        self._syncs_names = syncs_names  # the next sync is one of the directory, too

    def xRead(self, amount: int, offset: int) -> bytes:
        """Return what is there."""
        if self._disk.watch is not None:  # asked here: there are more reads than all else
            try:
                self._disk.meet("read", self._name)
            except ShortRead:
                amount //= 2
        return bytes(self._file.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write, unless the disk is full."""
        self._disk.meet("write", self._name)
        if not self._disk.spend():
            return
        if self._disk.is_full:
            raise apsw.FullError("the disk is full")
        self._file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        """Cut the file."""
        self._disk.meet("truncate", self._name)
        if self._disk.spend():
            self._file.truncate(size)

    def xSync(self, flags: int) -> None:
        """Bring the writes to the platter, or fail and leave them to chance."""
        self._disk.meet("sync", self._name)
        if not self._disk.spend():
            return
        if self._disk.sync_fails:
            self._disk.is_dead = True
            raise apsw.IOError("the sync failed")
        self._file.sync()
        if self._syncs_names:
            self._disk.sync_names()
            self._syncs_names = False

    def xFileSize(self) -> int:
        """Return the size in bytes."""
        self._disk.meet("size", self._name)
        return len(self._file.live)

    def xLock(self, level: int) -> None:
        """Lock nothing: a world has one process at a time."""

    def xUnlock(self, level: int) -> None:
        """Unlock nothing."""

    def xCheckReservedLock(self) -> bool:
        """Tell that nobody else holds a lock."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Know no request."""
        return False

    def xSectorSize(self) -> int:
        """Return how many bytes are written whole or not at all."""
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        """Say what the unix VFS says."""
        return _POWERSAFE_OVERWRITE

    def xClose(self) -> None:
        """Close nothing."""
