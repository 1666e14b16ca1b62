"""Bits that flip in a stopped store: they are told, or they do not matter; no row is ever wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random

import apsw
import pytest
from damage import (
    FRAME,
    LOG,
    MARK,
    PAGE,
    PATH,
    Image,
    Outcome,
    add_rows,
    flipped,
    image_of,
    killed,
    outcome,
    started,
    stopped,
    thing,
)
from engines import T0, THINGS, Thing, add, names

from redrive.store import checksums, log, opening
from redrive.store.inspection import give_up_log, inspect
from redrive.store.sqlite import SqliteStore
from redrive.store.store import StoreFailed


def judge(image: Image, name: str, bits: Iterable[int]) -> tuple[int, list[str]]:
    """Flip each bit alone; return how many were told, and what was wrong."""
    whole = outcome(image)
    assert whole.rows, whole.told
    told, wrong = 0, []
    for bit in bits:
        found = outcome(flipped(image, name, bit))
        told += found.rows is None
        if found.rows not in (None, whole.rows):
            wrong.append(f"bit {bit % 8} of byte {bit // 8} of {name}: other rows")
    return told, wrong


def some_bits(data: bytes, dice: Random, each: int) -> list[int]:
    """Return bits of every page: its first, one of its seal and others at random."""
    return [
        at * 8 + bit
        for at in range(0, len(data), PAGE)
        for bit in (0, PAGE * 8 - 3, *(dice.randrange(PAGE * 8) for _ in range(each)))
    ]


def test_a_bit_in_any_page_is_told_or_does_not_matter() -> None:
    """Each page of a stopped database, many bits: an error, or every row as it was."""
    image = stopped(60)
    bits = some_bits(image[PATH], Random(2), 6)
    told, wrong = judge(image, PATH, bits)
    assert not wrong
    assert told > len(bits) // 2, "hardly anything was found"


def test_a_bit_in_the_header_is_told_or_does_not_matter() -> None:
    """Every bit of the database's header, the one that says that pages have checksums too."""
    image = stopped(8)
    told, wrong = judge(image, PATH, range(800))
    assert (told, wrong) == (800, [])


def test_a_bit_anywhere_in_a_larger_store() -> None:
    """Bits at random in a database of some hundred pages."""
    image = stopped(400, seed=3)
    dice = Random(4)
    told, wrong = judge(image, PATH, (dice.randrange(len(image[PATH]) * 8) for _ in range(150)))
    assert not wrong
    assert told > 100


def test_without_the_check_a_wrong_row_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: a store that does not look at checksums serves wrong rows."""
    image = stopped(60)
    monkeypatch.setattr(checksums, "is_sealed", lambda content, page: True)
    _told, wrong = judge(image, PATH, some_bits(image[PATH], Random(2), 6))
    assert len(wrong) > 20


@pytest.mark.parametrize("harm", ["zeros", "another page", "an earlier half", "a lost end"])
def test_a_page_that_was_lost_is_told(harm: str) -> None:
    """Whole pages that are zero, in the wrong place, half written or cut off are no pages."""
    image = stopped(60)
    whole, data = outcome(image), image[PATH]
    told = 0
    for at in range(PAGE, len(data), PAGE):
        page = data[at : at + PAGE]
        other = {
            "zeros": bytes(PAGE),
            "another page": data[at - PAGE : at],
            "an earlier half": page[:2_048] + bytes(2_048),
            "a lost end": b"",
        }[harm]
        rest = b"" if harm == "a lost end" else data[at + PAGE :]
        found = outcome({**image, PATH: data[:at] + other + rest})
        assert found.rows in (None, whole.rows), f"page {at // PAGE + 1}"
        told += found.rows is None
    assert told > 20


def test_a_page_that_fails_while_running_ends_the_store() -> None:
    """What was whole at the start and is damaged later is StoreFailed, then and ever after."""
    image = stopped(400)
    with started(image) as (store, disk):
        store._connection.execute("PRAGMA cache_size = 1")
        pages = len(image[PATH]) // PAGE
        for page in range(2, pages):
            disk.files[PATH].live[page * PAGE + 3_000] ^= 1
        with pytest.raises(StoreFailed, match=r"page \d+ of /things\.db is not what was written"):
            names(store)
        with pytest.raises(StoreFailed):
            add(store, "more")
        with pytest.raises(StoreFailed):
            store.commit(T0)


# --- the log ------------------------------------------------------------------------------------


def log_bits(data: bytes, dice: Random) -> list[int]:
    """Return all bits of the log's header, some of each frame's head, and some of its page."""
    bits = list(range(32 * 8))
    for at in range(32, len(data), FRAME):
        bits += [at * 8 + dice.randrange(24 * 8) for _ in range(6)]
        bits += [(at + 24) * 8 + dice.randrange(PAGE * 8) for _ in range(4)]
    return bits


def test_a_bit_in_the_log_of_a_killed_process_is_told() -> None:
    """The mark holds to the last commit: not one bit of the log can be lost unseen."""
    image, states = killed(6)
    assert outcome(image).rows == states[-1]
    bits = log_bits(image[LOG], Random(5))
    told, wrong = judge(image, LOG, bits)
    assert (told, wrong) == (len(bits), [])


def test_a_start_that_only_reads_leaves_the_mark() -> None:
    """What an earlier process wrote is needed as long as it is in the log alone."""
    image, _states = killed(4)
    with started(image) as (store, disk):
        names(store)
        store.commit(T0)
        store.maintain(idle=True)
        image = image_of(disk)
    told, wrong = judge(image, LOG, log_bits(image[LOG], Random(5))[256:300])
    assert (told, wrong) == (44, [])


def test_a_bit_in_the_mark_costs_nothing() -> None:
    """The mark is a witness, not a store: damaged it says nothing."""
    image, _states = killed(3)
    told, wrong = judge(image, MARK, range(len(image[MARK]) * 8))
    assert (told, wrong) == (0, [])


def test_without_the_mark_the_order_of_commits_tells() -> None:
    """After a loss of power that took the mark, only the last two commits could be a torn end."""
    image, states = killed(6)
    del image[MARK]
    seen = set[int]()
    for bit in log_bits(image[LOG], Random(6)):
        found = outcome(flipped(image, LOG, bit))
        if found.rows is not None:
            assert found.rows in states[-3:], f"byte {bit // 8}"
            seen.add(len(found.rows))
    assert seen <= {len(state) for state in states[-3:]}


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "zeros in it"])
def test_a_log_that_lacks_frames_is_told(harm: str) -> None:
    """A log that somebody has removed or cut held acknowledged rows; the store says so."""
    image, _states = killed(4)
    data = image.pop(LOG)
    at = 32 + FRAME
    harmed = {"empty": b"", "cut": data[:-FRAME], "zeros in it": data[:at] + bytes(FRAME)}
    if harm != "gone":
        image[LOG] = harmed[harm] + (data[at + FRAME :] if harm == "zeros in it" else b"")
    found = outcome(image)
    assert found.rows is None
    assert "/things.db-wal" in found.told
    assert "redrive verify" in found.told


def test_a_torn_end_is_no_damage() -> None:
    """What a power loss leaves of a commit that nobody was told of is dropped without a word."""
    image, states = killed(5)
    with started(image) as (store, disk):
        before = image_of(disk)
        add_rows(store, [thing(1_000, Random(7))])
        after = image_of(disk)
    end = len(before[LOG])
    for cut in (1, 24, 25, 600, FRAME - 1, FRAME, FRAME + 30, len(after[LOG]) - end - 1):
        torn = {**before, LOG: after[LOG][: end + cut]}
        assert outcome(torn) == Outcome(states[-1])
    holes = bytearray(after[LOG])
    holes[end + 100 : end + 600] = bytes(500)
    assert outcome({**before, LOG: bytes(holes)}) == Outcome(states[-1])


def test_a_damaged_log_is_left_as_it_is() -> None:
    """A start that is refused changes no file, so that another attempt sees the same."""
    image, _states = killed(4)
    image = flipped(image, LOG, (32 + FRAME + 400) * 8)
    disk_after: Image = {}

    with pytest.raises(StoreFailed), started(image) as (_store, disk):
        disk_after = image_of(disk)
    assert not disk_after
    first, second = outcome(image), outcome(image)
    assert first == second
    assert first.rows is None


def test_without_the_look_at_the_log_rows_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: SQLite alone takes a flipped bit for the end of the log."""
    image, _states = killed(6)
    monkeypatch.setattr(log.Log, "check", lambda *_arguments: None)
    _told, wrong = judge(image, LOG, log_bits(image[LOG], Random(5)))
    assert len(wrong) > 50


def test_the_log_is_begun_anew_only_when_it_is_needed_no_more() -> None:
    """After a checkpoint the mark lets go, and follows the new log from its first commit on."""
    dice = Random(8)
    with started({}) as (store, disk):
        for number in range(8):
            add_rows(store, [thing(number, dice)])
            image = image_of(disk)
            assert outcome(image).rows is not None
            if number % 3 == 2:
                store._empty_log()
                header_torn = flipped(image_of(disk), LOG, 70)
                rows = outcome(header_torn).rows
                assert rows is not None, "the log is needed no more"
                assert len(rows) == number + 1
        image = image_of(disk)
    told, wrong = judge(image, LOG, log_bits(image[LOG], Random(9))[:400])
    assert not wrong
    assert told > 256, "old frames lie behind the new ones"


# --- a person's look ----------------------------------------------------------------------------


def laid_out(image: Image, folder: Path) -> str:
    """Write an image into a folder and return the database's path."""
    for name, data in image.items():
        (folder / name.lstrip("/")).write_bytes(data)
    return str(folder / PATH.lstrip("/"))


def test_inspection_finds_nothing_in_a_whole_store(tmp_path: Path) -> None:
    """A store that was stopped, and one that was killed, are whole; looking changes neither."""
    for number, image in enumerate((stopped(60), killed(4)[0])):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = laid_out(image, folder)
        found = inspect(path)
        assert found.is_whole, found
        assert found.is_sealed
        assert found.pages == len(image[PATH]) // PAGE
        assert bool(found.frames) == (LOG in image)
        for name, data in image.items():
            assert (folder / name.lstrip("/")).read_bytes() == data


def test_inspection_names_every_damaged_page(tmp_path: Path) -> None:
    """Free pages too, which no read would have met."""
    image = stopped(60)
    pages = len(image[PATH]) // PAGE
    for page in range(1, pages + 1):
        image = flipped(image, PATH, ((page - 1) * PAGE + 4_000) * 8)
    image[PATH] = image[PATH][:-PAGE] + bytes(PAGE)
    found = inspect(laid_out(image, tmp_path))
    assert found.damaged == tuple(range(1, pages + 1))
    assert found.problems
    assert not found.is_whole


def test_a_page_with_a_later_version_in_the_log_is_not_damaged(tmp_path: Path) -> None:
    """A crash in the middle of a checkpoint leaves torn pages that the log makes good."""
    image, _states = killed(4)
    image = flipped(image, PATH, 4_000 * 8)
    found = inspect(laid_out(image, tmp_path))
    assert found.is_whole, found


def test_giving_the_log_up_goes_on_from_what_can_be_read(tmp_path: Path) -> None:
    """A person may choose to lose what a damaged log held; nothing else is lost."""
    image, states = killed(5)
    path = laid_out(flipped(image, LOG, (len(image[LOG]) - 50) * 8), tmp_path)
    with pytest.raises(StoreFailed, match="damaged"):
        SqliteStore(path, (THINGS,))
    assert inspect(path).log_problem
    assert give_up_log(path) is True
    store = SqliteStore(path, (THINGS,))
    assert tuple(store.transact(lambda tx: tx.rows(Thing, "things.all"))) == states[-2]
    add(store, "on")
    store.commit(T0)
    store.close()
    assert give_up_log(path) is False
    assert inspect(path).is_whole


# --- stores begun without checksums -------------------------------------------------------------


def unsealed(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool) -> str:
    """Make a store as the versions before did, with and without a log left behind."""
    path = folder / "old.db"
    with monkeypatch.context() as patch:
        patch.setattr(opening, "SEAL_BYTES", 0)
        patch.setattr(checksums, "has_no_seals", lambda start, read_log: bool(start))
        patch.setattr(checksums.SealedFile, "xWrite", apsw.VFSFile.xWrite)
        patch.setattr(checksums.SealedFile, "xTruncate", apsw.VFSFile.xTruncate)
        patch.setattr(checksums.SealedFile, "xRead", apsw.VFSFile.xRead)
        store = SqliteStore(str(path), (THINGS,))
        dice = Random(11)
        add_rows(store, [thing(n, dice) for n in range(200)])
        if is_killed:
            left = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
        store.close()
    Path(f"{path}-mark").unlink()
    if is_killed:
        for end, data in left.items():
            Path(f"{path}{end}").write_bytes(data)
    assert path.read_bytes()[20] == 0
    return str(path)


@pytest.mark.parametrize("is_killed", [False, True])
def test_an_older_store_gets_checksums_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    """Nothing of it is lost, each page has a checksum afterwards, and nothing is left beside it."""
    path = unsealed(tmp_path, monkeypatch, is_killed=is_killed)
    assert inspect(path).is_sealed is False
    dice = Random(11)
    expected = [Thing(*thing(n, dice)) for n in range(200)]
    for _ in range(2):
        store = SqliteStore(path, (THINGS,))
        assert store.transact(lambda tx: tx.rows(Thing, "things.all")) == expected
        assert store._connection.pragma("auto_vacuum") == 2
        store.close()
        found = inspect(path)
        assert found.is_sealed
        assert found.is_whole, found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.db", "old.db-mark"]


def test_a_renewal_that_was_cut_off_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier attempt left beside the store is not taken for anything."""
    path = unsealed(tmp_path, monkeypatch, is_killed=False)
    Path(path + "-renewed").write_bytes(b"half a copy")
    store = SqliteStore(path, (THINGS,))
    assert len(names(store)) == 200
    store.close()


def test_an_older_store_that_is_corrupt_is_not_given_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage that SQLite can see is not sealed in."""
    path = unsealed(tmp_path, monkeypatch, is_killed=False)
    data = bytearray(Path(path).read_bytes())
    data[PAGE * 3 : PAGE * 4] = bytes(PAGE)
    Path(path).write_bytes(data)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        SqliteStore(path, (THINGS,))
    assert Path(path).read_bytes() == data


def test_a_gap_behind_the_end_is_sealed() -> None:
    """Where a file grows by more than a page, what lies between is zeros with a checksum."""
    with started({}) as (store, disk):
        add(store, "a")
        store.commit(T0)
        store._empty_log()
        end = len(disk.files[PATH].live)
        vfs = apsw.VFSFile(store._disk.base, PATH, [apsw.SQLITE_OPEN_READWRITE, 0])
        vfs.xClose()
        file = checksums.SealedFile(store._disk.base, PATH, [apsw.SQLITE_OPEN_READWRITE, 0])
        file.xWrite(b"x" * PAGE, end + 3 * PAGE)
        file.xTruncate(end + 6 * PAGE)
        data = bytes(disk.files[PATH].live)
        assert len(data) == end + 6 * PAGE
        for at in range(0, len(data), PAGE):
            assert checksums.is_sealed(data[at : at + PAGE], at // PAGE + 1)
        # A crash may have left the last gap half filled: it is filled again.
        del disk.files[PATH].live[end + 5 * PAGE + 100 :]
        disk.files[PATH].live[end + 4 * PAGE + PAGE - 8 : end + 5 * PAGE] = bytes(8)
        file = checksums.SealedFile(store._disk.base, PATH, [apsw.SQLITE_OPEN_READWRITE, 0])
        file.xWrite(b"y" * PAGE, end + 7 * PAGE)
        data = bytes(disk.files[PATH].live)
        for at in range(0, len(data), PAGE):
            assert checksums.is_sealed(data[at : at + PAGE], at // PAGE + 1)


def test_the_sum_of_the_log_is_sqlites() -> None:
    """The order of commits is told by SQLite's own checksums, computed anew."""
    image, _states = killed(3)
    with started(image) as (store, _disk):
        file = log.open_beside(store._disk.base, LOG)
        frames, _moved = store._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        looked = log.Log(file, frames)
        assert frames == (len(image[LOG]) - 32) // FRAME
        assert all(looked._continues(number) for number in range(1, frames + 1))
        assert not looked._continues(frames + 1)
        file.xClose()


def test_a_torn_first_page_is_not_taken_for_an_older_store() -> None:
    """A checkpoint that lost its power half way may leave a header that speaks of no checksums."""
    image, states = killed(4)
    torn = image[PATH][:20] + bytes(PAGE - 20)
    assert outcome({**image, PATH: torn + image[PATH][PAGE:]}).rows == states[-1]
    with started({}) as (store, disk):
        add(store, "first")
        store.commit(T0)
        image = image_of(disk)
    assert len(image[PATH]) == PAGE
    found = outcome({**image, PATH: image[PATH][:20] + bytes(PAGE - 20)})
    assert found.rows is not None, found.told
    assert [row.name for row in found.rows] == ["first"]
