"""Loss of power at every write and sync of whole worlds: what was acknowledged is there."""

from __future__ import annotations

from itertools import count

import pytest

from redrive.sim.chance import Dice
from redrive.sim.vfs import Disk, File

from .images import FATES, images
from .inspector import SECOND_LIFE_EVERY
from .powerloss import campaign

STATES = 10_000


def test_every_state_holds_what_was_acknowledged() -> None:
    """10,000 distinct states that a loss of power may leave: each is a whole number of commits,
    and not one acknowledged commit less (more, and other seeds: `make powerloss N=…`).
    """
    inspector, findings = campaign(count(), STATES)
    assert inspector.seen >= STATES
    assert inspector.relived >= STATES // SECOND_LIFE_EVERY
    moments = {f"{kind} {name}" for kind, name in findings.deeds}
    for name in ("db", "db-wal", "db-journal"):
        assert {f"write {name}", f"sync {name}"} <= moments
    assert {"truncate db", "delete db-wal"} <= moments


@pytest.mark.parametrize("fate", FATES)
def test_no_fate_harms_what_was_synced(fate: str) -> None:
    """Every fate changes bytes of unsynced writes only, to the new ones, the old ones or zeros, and
    takes or gives a file's name only where the directory was not synced.
    """
    outcomes = set()
    for seed in range(60):
        disk = Disk()
        file = disk.files["kept"] = File()
        file.write(0, b"s" * 9_000)
        file.sync()
        disk.sync_names()
        file.write(3_000, b"a" * 2_000)
        file.write(9_000, b"b" * 1_000)
        disk.files["new"] = File(b"n")
        *_others, (_fate, image) = images(disk, Dice(seed, fate), (fate,))
        assert set(image) <= {"kept", "new"}
        content = image["kept"]
        assert content[:3_000] == b"s" * 3_000
        assert content[5_000:9_000] == b"s" * 4_000
        assert len(content[3_000:5_000]) == 2_000
        assert set(content[3_000:5_000]) <= set(b"sa\0")
        assert set(content[9_000:]) <= set(b"b\0")
        outcomes.add((content, "new" in image))
    extremes = {bytes(file.live), bytes(file.platter)}
    assert any(content not in extremes for content, _has_name in outcomes)
    assert {has_name for _content, has_name in outcomes} == {True, False}


def test_everything_and_nothing_come_first() -> None:
    """The first image is what the process sees, the second the platter; when all is synced there is
    one.
    """
    disk = Disk()
    file = disk.files["a"] = File(b"old")
    disk.sync_names()
    file.write(0, b"new")
    disk.files["b"] = File(b"b")
    found = dict(images(disk, Dice(1, "x"), ()))
    assert found["all"] == {"a": b"new", "b": b"b"}
    assert found["none"] == {"a": b"old"}
    assert found["new names"] == {"a": b"old", "b": b"b"}
    assert found["old names"] == {"a": b"new"}
    file.sync()
    disk.sync_names()
    assert [fate for fate, _image in images(disk, Dice(1, "x"), FATES)] == ["all"]
