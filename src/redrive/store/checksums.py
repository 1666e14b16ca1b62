"""Page checksums: what the disk has changed by itself is an error, and never an answer.

    SQLite ──page──> [4,088 bytes | seal] ──> the database file
           <──page── [4,088 bytes | seal] <──    the seal is computed anew and compared

The last eight bytes of each page, which SQLite leaves alone (its "reserved bytes"), hold XXH3-64 of
the others, with the page's number as its seed: a page that lies in another's place fails too, and
so does one of zeros. SQLite's own cksumvfs does the same by a weaker sum that takes zeros for a
page, and only on the system's disk.

Only the database file is sealed. The log's frames have checksums of SQLite's own, looked at when it
is recovered (store/log.py). It is read and written as it is.

Invariants
1. Each page within the file's size is sealed: where SQLite leaves a gap behind the end, sealed
   zeros are written, and synced before anything is written beyond them. A crash may leave that gap
   half filled at the end of the file; `_end_of` takes it for not yet there.
2. A page that fails is PageDamaged, an IOError to SQLite: nothing of it is seen, and whoever asked
   hears it.
3. A database that was begun without seals (reserve 0) is passed through; store/renewal.py
   makes a sealed one of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import apsw
from xxhash import xxh3_64_digest

PAGE_BYTES = 4_096
SEAL_BYTES = 8
_BODY_BYTES = PAGE_BYTES - SEAL_BYTES
_ZEROS = bytes(_BODY_BYTES)
_HEADER_BYTES = 100  # of page 1; SQLite reads them before it knows the size of a page
_RESERVE_AT = 20  # in the header: how many bytes of each page are reserved
_START_BYTES = 64 * PAGE_BYTES  # what is looked at to tell whether there are seals
_READING = (apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_WAL, 0)
_MAGIC = b"SQLite format 3\0"

_names = count()


class PageDamaged(apsw.IOError):
    """A page is not what was written; the text names the file and the page."""


def seal_of(body: bytes, page: int) -> bytes:
    """Return the seal of a page's first 4,088 bytes; the first page of a file is 1."""
    return xxh3_64_digest(body, page)


def is_sealed(content: bytes, page: int) -> bool:
    """Tell whether a whole page carries its own seal."""
    return content[_BODY_BYTES:] == seal_of(content[:_BODY_BYTES], page)


def has_no_seals(start: bytes, read_log: Callable[[], bytes]) -> bool:
    """Tell whether a database was begun without seals, by its first pages and those of its log.

    Its header says so, but a flipped bit or a torn write may say it too: not when any of the pages
    is sealed, the first one once its word is put right, or when the log has a first page that says
    otherwise.
    """
    if not start.startswith(_MAGIC) or start[_RESERVE_AT : _RESERVE_AT + 1] != b"\0":
        return False
    righted = bytearray(start)
    righted[_RESERVE_AT] = SEAL_BYTES
    for at in range(0, len(righted) - PAGE_BYTES + 1, PAGE_BYTES):
        if is_sealed(bytes(righted[at : at + PAGE_BYTES]), at // PAGE_BYTES + 1):
            return False
    log = read_log()
    said = log.find(_MAGIC)
    return said < 0 or log[said + _RESERVE_AT : said + _RESERVE_AT + 1] != bytes((SEAL_BYTES,))


class SealedVfs(apsw.VFS):
    """The VFS `base` ("" is the default one) with sealed database files, until `unregister`."""

    def __init__(self, base: str) -> None:
        self.name = f"redrive-sealed-{next(_names)}"
        self.base = base
        self.is_unsealed = False  # the database opened last has no seals
        self.pages = 0  # of the database opened last, whole ones in its file
        super().__init__(self.name, base)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file; only a database is sealed."""
        if not flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return apsw.VFSFile(self.base, name, flags)
        file = SealedFile(self.base, name, flags)
        self.is_unsealed = not file.has_seals
        self.pages = file.xFileSize() // PAGE_BYTES
        return file


class SealedFile(apsw.VFSFile):
    """An open database file; the method names are SQLite's."""

    def __init__(self, base: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(base, name, flags)
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        size = super().xFileSize()
        start = super().xRead(_START_BYTES, 0).ljust(min(size, _START_BYTES), b"\0")
        self.has_seals = not has_no_seals(start, partial(self._read_log, base))
        self._end = self._end_of(size) if self.has_seals else 0

    def xRead(self, amount: int, offset: int) -> bytes:
        """Return a page that is what was written. Raises PageDamaged."""
        data = super().xRead(amount, offset)
        if not self.has_seals:
            return data
        page, rest = divmod(offset, PAGE_BYTES)
        if amount == PAGE_BYTES and not rest:
            # Nothing at all lies behind the end of the file: a page that was made and given up in
            # one transaction. That the file has its length is seen at the start (store/log.py).
            if not data or (len(data) == PAGE_BYTES and is_sealed(data, page + 1)):
                return data
        elif offset + amount <= _HEADER_BYTES:
            return data  # whatever it says, the whole first page is read and judged after it
        raise PageDamaged(f"page {page + 1} of {self._name} is not what was written there")

    def xWrite(self, data: bytes, offset: int) -> None:
        """Seal a page and write it."""
        if self.has_seals:
            page, rest = divmod(offset, PAGE_BYTES)
            assert len(data) == PAGE_BYTES and not rest, "SQLite writes whole pages"
            if offset > self._end:
                self._fill(offset)
            body = bytes(data[:_BODY_BYTES])
            data = body + seal_of(body, page + 1)
            if offset == self._end:
                self._end = offset + PAGE_BYTES
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        """Cut the file, or let it grow by sealed zeros."""
        if self.has_seals:
            if size > self._end:
                self._fill(size)
            self._end = min(self._end, size)
        super().xTruncate(size)

    def xDeviceCharacteristics(self) -> int:
        """Say what the base says, but that no part of a page may be read alone."""
        return super().xDeviceCharacteristics() & ~apsw.SQLITE_IOCAP_SUBPAGE_READ

    def _read_log(self, base: str) -> bytes:
        """Return the beginning of the log beside the file."""
        try:
            log = apsw.VFSFile(base, self._name + "-wal", [*_READING])
        except apsw.CantOpenError:
            return b""
        try:
            return log.xRead(_START_BYTES, 0)
        finally:
            log.xClose()

    def _fill(self, until: int) -> None:
        for offset in range(self._end, until, PAGE_BYTES):
            super().xWrite(_ZEROS + seal_of(_ZEROS, offset // PAGE_BYTES + 1), offset)
        super().xSync(apsw.SQLITE_SYNC_NORMAL)
        self._end = until

    def _end_of(self, size: int) -> int:
        """Return where the file ends, without the pages of zeros at its end (invariant 1)."""
        end = size - size % PAGE_BYTES
        while end and super().xRead(PAGE_BYTES, end - PAGE_BYTES)[:_BODY_BYTES] == _ZEROS:
            end -= PAGE_BYTES
        return end


def damaged_pages(file: apsw.VFSFile, spared: frozenset[int]) -> Iterator[int]:
    """Yield the pages of a sealed database file that fail, but for the `spared` ones.

    The file is one of the base VFS. Reads all of it, a megabyte at a time.
    """
    chunk = 256 * PAGE_BYTES
    size = file.xFileSize()
    for start in range(0, size, chunk):
        # A read across the end of the file comes without the zeros at its end.
        data = file.xRead(chunk, start).ljust(min(chunk, size - start), b"\0")
        for at in range(0, len(data), PAGE_BYTES):
            page = (start + at) // PAGE_BYTES + 1
            if page not in spared and not is_sealed(data[at : at + PAGE_BYTES], page):
                yield page
