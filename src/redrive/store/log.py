"""The write-ahead log at the start: was all that it was told to keep still in it?

SQLite takes its log to end where a frame's checksum fails: after a loss of power that is the torn
end of a commit that nobody was told of. A flipped bit looks the same and would take with it every
commit after it, without a word. Two things tell one from the other:

the mark    a file beside the log, rewritten after each commit and not synced: how many frames of
            which log have been acknowledged. It holds after a killed process to the last commit,
            after a loss of power perhaps to an earlier one; it never says too much.
the order   a commit is synced before the next one begins. A commit that is whole and is followed
            by a frame that continues it proves that everything before was on the platter. With
            relaxed durability that is not so: the mark says it, and tells of synced frames only.

    commit ──> mark (salts, frames)     all frames moved to the database ──> mark (salts, 0), synced
                                                  └──only then may SQLite begin the log anew

What this cannot see: after a loss of power that also lost the latest marks, a bit in the last
commit, or in the last frame of the last but one. And the log is looked at when it is opened: frames
that are read back later are trusted.

Layout: SQLite, "WAL-mode File Format". Invariant: nothing here changes the log.
"""

from __future__ import annotations

from contextlib import suppress
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import apsw

from redrive.store.checksums import PAGE_BYTES, SealedVfs

_HEADER = Struct(">8I")  # magic, version, page size, checkpoint number, two salts, two sums
_FRAME = Struct(">6I")  # page, pages of the database after a commit or 0, two salts, two sums
_FRAME_BYTES = _FRAME.size + PAGE_BYTES
_MAGICS = (0x377F0682, 0x377F0683)  # sums over little-endian words, over big-endian ones
_LOCK_PAGE = 0x40000000 // PAGE_BYTES + 1  # which SQLite never uses
_MARK = Struct(">4I")  # two salts, frames, whether it is relaxed; a CRC-32 of them follows

Salts = tuple[int, int]


class Mark(NamedTuple):
    """How many frames of a log hold what was acknowledged and is nowhere else."""

    salts: Salts
    frames: int
    is_relaxed: bool = False  # commits may have begun before the one in front of them was synced


class LogDamaged(Exception):
    """The log has lost what it was told to keep; the text says what is known of it."""


class LogMark:
    """The mark's file, written after each commit."""

    def __init__(self, base: str, path: str, *, is_relaxed: bool = False) -> None:
        """Open or create the mark of the database at `path`. Raises apsw.Error."""
        self._base = base
        self._is_relaxed = is_relaxed
        self._log_path = path + "-wal"
        self._log: apsw.VFSFile | None = None
        # As a log: then the first sync brings the file's name to the platter as well.
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_WAL
        self._file = apsw.VFSFile(base, path + "-mark", [flags, 0])
        self._salts: Salts | None = None  # of the log that is being written; None: look
        self.frames = 0  # of it that are needed, as marked last

    def read(self) -> Mark | None:
        """Return what was marked last, or None when there is nothing that could be read."""
        data = self._file.xRead(_MARK.size + 4, 0)
        if len(data) != _MARK.size + 4 or crc32(data[:-4]).to_bytes(4) != data[-4:]:
            return None
        one, two, frames, is_relaxed = _MARK.unpack(data[:-4])
        return Mark((one, two), frames, bool(is_relaxed))

    def keep(self, frames: int) -> None:
        """Mark that the log's first frames are acknowledged; they are on the platter already."""
        if frames == self.frames:
            return
        if frames < self.frames or self._salts is None:  # the log has begun anew
            self._salts = self._read_salts()
        self.frames = frames
        # On a full disk the older mark stays: it says less, and never too much.
        with suppress(apsw.FullError):
            self._write(self._salts, frames)

    def clear(self) -> None:
        """Mark that the log is needed no more, on the platter; before SQLite begins it anew."""
        if self.frames:
            self._write(self._salts or self._read_salts(), 0)
            self._file.xSync(apsw.SQLITE_SYNC_NORMAL)
        self._salts, self.frames = None, 0

    def begin(self, log: Log) -> None:
        """Take over a log that was looked at: what was recovered of it is needed until `clear`."""
        if log.recovered:
            self.keep(log.recovered)
        elif self._is_relaxed:
            self._write(log.salts or (0, 0), 0)
        if log.recovered or self._is_relaxed:
            self._file.xSync(apsw.SQLITE_SYNC_NORMAL)

    def close(self) -> None:
        """Release the files."""
        self._file.xClose()
        if self._log is not None:
            self._log.xClose()

    def _write(self, salts: Salts, frames: int) -> None:
        data = _MARK.pack(*salts, frames, self._is_relaxed)
        self._file.xWrite(data + crc32(data).to_bytes(4), 0)

    def _read_salts(self) -> Salts:
        if self._log is None:
            self._log = open_beside(self._base, self._log_path)
        header = self._log.xRead(_HEADER.size, 0)
        if len(header) < _HEADER.size:
            raise apsw.IOError(f"{self._log_path} has no header any more")
        _, _, _, _, one, two, _, _ = _HEADER.unpack(header)
        return one, two


def open_beside(base: str, path: str) -> apsw.VFSFile:
    """Open a file that is there, to read it beside SQLite."""
    return apsw.VFSFile(base, path, [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_WAL, 0])


def check_log(path: str, disk: SealedVfs, recovered: int, size: int, mark: Mark | None) -> Log:
    """Look at the log of the database at `path`, of which SQLite has `recovered` so many frames.

    `size` is that of the database with its log, in pages. Raises LogDamaged.
    """
    file = open_beside(disk.base, path + "-wal")
    try:
        log = Log(file, recovered)
        log.check(mark)
        if size > disk.pages and recovered:
            log.check_covers(disk.pages, size)
        return log
    except LogDamaged as error:
        raise LogDamaged(f"{error}. {_ADVICE}") from None
    finally:
        file.xClose()


def sync_log(path: str, disk: SealedVfs) -> None:
    """Bring the log of the database at `path` to the platter, its length too."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_WAL
    file = apsw.VFSFile(disk.base, path + "-wal", [flags, 0])
    try:
        file.xSync(apsw.SQLITE_SYNC_NORMAL)
    finally:
        file.xClose()


def pages_in_log(path: str, base: str, recovered: int) -> frozenset[int]:
    """Return the pages of the database at `path` that its log holds a later version of."""
    file = open_beside(base, path + "-wal")
    try:
        return Log(file, recovered).pages()
    finally:
        file.xClose()


_ADVICE = (
    "Messages that were acknowledged cannot be read, so the store is not opened, and nothing was"
    " changed. Put back a copy of the data directory that is whole, or give up what is lost with"
    " `redrive verify --give-up-log`"
)


class Log:
    """A log as it lies there, with what SQLite has recovered of it."""

    def __init__(self, file: apsw.VFSFile, recovered: int) -> None:
        self._file = file
        self.recovered = recovered  # frames up to the last commit that is whole
        self.size = file.xFileSize()
        header = file.xRead(_HEADER.size, 0)
        self.salts: Salts | None = None  # None: the header is not whole
        if len(header) == _HEADER.size:
            magic, _version, _page_bytes, _number, one, two, *sums = _HEADER.unpack(header)
            self._order = "big" if magic == _MAGICS[1] else "little"
            is_whole = magic in _MAGICS and self._summed(header[:24], (0, 0)) == tuple(sums)
            self.salts = (one, two) if is_whole else None

    def check(self, mark: Mark | None) -> None:
        """Raise LogDamaged when the log lacks what was acknowledged."""
        if self.salts is None:
            self._check_headless(mark)
        elif mark is not None and mark.salts == self.salts and mark.frames > self.recovered:
            raise LogDamaged(
                f"frame {self.recovered + 1} or one soon after it is damaged: {mark.frames} frames"
                f" were acknowledged, {self.recovered} can be read"
            )
        elif mark is None or not mark.is_relaxed:
            number = self._proof()
            if number is not None:
                raise LogDamaged(
                    f"it can be read up to frame {self.recovered}, and frame {number} was written"
                    " after all before it had been synced"
                )

    def check_covers(self, pages: int, size: int) -> None:
        """Raise LogDamaged when the database's file ends before pages that are not in the log."""
        behind = {page for page in range(pages + 1, size + 1) if page != _LOCK_PAGE}
        missing = behind - self.pages()
        if missing:
            raise LogDamaged(f"page {min(missing)} is neither in it nor in the database")

    def pages(self) -> frozenset[int]:
        """Return the pages of the database that the log holds a later version of."""
        frames = (self._frame(number) for number in range(1, self.recovered + 1))
        return frozenset(frame[0] for frame in frames if frame is not None)

    def _check_headless(self, mark: Mark | None) -> None:
        """Judge a log whose header is not whole: torn when it was begun, or damaged since.

        SQLite syncs the header before the first frame: a new log's frame proves that its header was
        whole once.
        """
        first = self._frame(1)
        is_needed = mark is not None and mark.frames > 0
        if first is not None and (mark is None or first[2:4] != mark.salts):
            is_needed = True
        if is_needed:
            raise LogDamaged("it is missing or its header is damaged, and its frames are needed")

    def _proof(self) -> int | None:
        """Return a frame beyond the recovered ones that a synced commit lies in front of."""
        number = self.recovered + 1
        frame = self._frame(number)
        while frame is not None:
            following = self._frame(number + 1)
            if (
                frame[1]
                and following is not None
                and frame[2:4] == following[2:4] == self.salts
                and self._continues(number)
                and self._continues(number + 1)
            ):
                return number + 1
            number, frame = number + 1, following
        return None

    def _frame(self, number: int) -> tuple[int, ...] | None:
        """Return the head of a frame, counted from 1; None beyond the end."""
        data = self._file.xRead(_FRAME.size, _HEADER.size + (number - 1) * _FRAME_BYTES)
        return _FRAME.unpack(data) if len(data) == _FRAME.size else None

    def _continues(self, number: int) -> bool:
        """Tell whether a frame is whole, taken that the sums of the one before it are right."""
        at = _HEADER.size + (number - 1) * _FRAME_BYTES
        before = self._frame(number - 1) if number > 1 else None
        start = before[4:6] if before else _HEADER.unpack(self._file.xRead(_HEADER.size, 0))[6:8]
        data = self._file.xRead(_FRAME_BYTES, at)
        if len(data) < _FRAME_BYTES:
            return False
        body = data[:8] + data[_FRAME.size :]
        return self._summed(body, (start[0], start[1])) == _FRAME.unpack_from(data)[4:6]

    def _summed(self, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
        """Return SQLite's running checksum after `data`. SQLite, "Checksum Algorithm"."""
        words = Struct((">" if self._order == "big" else "<") + f"{len(data) // 4}I").unpack(data)
        one, two = start
        for even, odd in zip(words[::2], words[1::2], strict=True):
            one = (one + even + two) & 0xFFFFFFFF
            two = (two + odd + one) & 0xFFFFFFFF
        return one, two
