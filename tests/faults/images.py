"""What a loss of power may leave of a disk: every fate of the writes that were not yet synced.

    platter + unsynced writes ──fate──> each kept, dropped, torn, or only its length kept ──> image
    platter's names + live names ─────> each old or new ───────────────────────────────────────┘

A fate is one way for all of a file's unsynced writes; chance picks which one of them is meant where
the fate does not say. What is torn keeps pieces that end at sector borders (512 or 4,096 bytes, or
anywhere at all), with old bytes or zeros in the others. Nothing outside of a write is harmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from redrive.sim.chance import Dice
from redrive.sim.vfs import Disk, File, put

Image = Mapping[str, bytes]
"""The files that the next start finds, by name."""

FATES = (
    "but last",  # all in order, and then the power went
    "only last",  # the disk took the last one first
    "but one",
    "only one",
    "some",
    "most",
    "torn last",
    "torn one",
    "torn some",
    "lengths",  # dropped writes, but the file has grown all the same
    "zeroed one",  # the file has grown, and one write is not in it
)
_TEARS = (512, 512, 4_096, 1)


def images(disk: Disk, dice: Dice, fates: tuple[str, ...]) -> Iterator[tuple[str, Image]]:
    """Yield what may be left if the power goes now, each with what tells how.

    Everything kept and nothing kept come first, then one image a fate.
    """
    files = {*disk.files.values(), *disk.names.values()}
    # Made once: images share the bytes of files that they agree on, and are compared by hash.
    platter = {file: bytes(file.platter) for file in files}
    live = {file: bytes(file.live) if file.unsynced else platter[file] for file in files}
    yield "all", {name: live[file] for name, file in disk.files.items()}
    if disk.names == disk.files and not any(file.unsynced for file in files):
        return
    yield "none", {name: platter[file] for name, file in disk.names.items()}
    if disk.names != disk.files:
        yield "new names", {name: platter[file] for name, file in disk.files.items()}
        yield "old names", {name: live[file] for name, file in disk.names.items()}
    for fate in fates:
        yield fate, _image(disk, platter, dice, fate)


def _image(disk: Disk, platter: Mapping[File, bytes], dice: Dice, fate: str) -> Image:
    image = {}
    for name in sorted({*disk.files, *disk.names}):
        old, new = disk.names.get(name), disk.files.get(name)
        file = new if old is new or dice.chance(0.5) else old
        if file is not None:
            image[name] = _remains(file, dice, fate) if file.unsynced else platter[file]
    return image


def _remains(file: File, dice: Dice, fate: str) -> bytes:
    content = bytearray(file.platter)
    last = len(file.unsynced) - 1
    one = last if fate.endswith("last") else dice.between(0, last)
    sector = dice.pick(_TEARS)
    for n, (offset, data) in enumerate(file.unsynced):
        kind = _kind(fate, n == one, dice)
        if kind == "keep" or (data is None and kind != "drop"):
            put(content, offset, data)
        elif data is None or kind == "drop":
            pass
        elif kind == "zero":
            put(content, offset, bytes(len(data)))
        elif kind == "length":
            content.extend(bytes(max(0, offset + len(data) - len(content))))
        else:
            _tear(content, offset, data, sector, dice)
    return bytes(content)


def _kind(fate: str, is_meant: bool, dice: Dice) -> str:
    """Return what becomes of one write."""
    match fate.split()[0]:
        case "but":
            return "drop" if is_meant else "keep"
        case "only":
            return "keep" if is_meant else "drop"
        case "some" | "most":
            return "keep" if dice.chance(0.5 if fate == "some" else 0.9) else "drop"
        case "lengths":
            return "keep" if dice.chance(0.5) else "length"
        case "zeroed":
            return "zero" if is_meant else "keep"
        case "torn" if fate == "torn some":
            return dice.pick(("keep", "drop", "tear"))
        case "torn":
            return "tear" if is_meant else "keep"
    raise AssertionError(fate)


def _tear(content: bytearray, offset: int, data: bytes, sector: int, dice: Dice) -> None:
    """Write some sectors of a write: the first ones, the last ones or any."""
    way = dice.pick(("first", "last", "any"))
    end = offset + len(data)
    first_border = (offset // sector + 1) * sector
    borders = [offset, *range(first_border, end, sector), end]
    cut = dice.between(0, len(borders) - 1)
    has_zeros = dice.chance(0.5)
    if sector == 1:  # a byte is no sector: torn once, anywhere
        borders, cut = [offset, dice.between(offset, end), end], 1
        way = dice.pick(("first", "last"))
    for n, (start, stop) in enumerate(pairwise(borders)):
        piece = data[start - offset : stop - offset]
        is_kept = dice.chance(0.5) if way == "any" else (n < cut) == (way == "first")
        if is_kept:
            put(content, start, piece)
        elif has_zeros:
            put(content, start, bytes(len(piece)))
