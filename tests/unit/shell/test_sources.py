"""The clock that never goes back and never stands still, and chance."""

from __future__ import annotations

import pytest

from redrive.core.time import Millis
from redrive.shell import sources
from redrive.shell.sources import SystemChance, SystemClock, wall_ms


class Wall:
    """Both clocks of the machine, in milliseconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_ms = 1_800_000_000_000
        self.steady_ms = 5
        monkeypatch.setattr(sources.time, "time_ns", lambda: self.wall_ms * 1_000_000)
        monkeypatch.setattr(sources.time, "monotonic_ns", lambda: self.steady_ms * 1_000_000)

    def pass_time(self, ms: int) -> None:
        self.wall_ms += ms
        self.steady_ms += ms


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The machine's clocks, in our hands."""
    return Wall(monkeypatch)


def test_it_is_the_wall_clock(wall: Wall) -> None:
    """Also over a jump forward, which is taken as it is."""
    clock = SystemClock(Millis(0))
    assert clock() == wall.wall_ms
    wall.wall_ms += 3_600_000
    assert clock() == wall.wall_ms


def test_the_raw_clock_goes_back(wall: Wall) -> None:
    """What the age of signatures is judged by says what the wall says."""
    clock = SystemClock(Millis(0))
    clock()
    wall.wall_ms -= 3_600_000
    assert wall_ms() == wall.wall_ms < clock()


def test_it_never_goes_back_and_goes_on(wall: Wall) -> None:
    """After the wall clock was set back an hour, instants still grow by the time that passes."""
    clock = SystemClock(Millis(0))
    start = clock()
    wall.wall_ms -= 3_600_000
    assert clock() == start
    for _ in range(3):
        wall.pass_time(250)
        clock()
    assert clock() == start + 750
    wall.wall_ms -= 10_000
    wall.pass_time(250)
    assert clock() == start + 1_000


def test_the_wall_clock_takes_over_again(wall: Wall) -> None:
    """Once it is ahead it is the truth, and a second fall is borne like the first."""
    clock = SystemClock(Millis(0))
    start = clock()
    wall.wall_ms -= 1_000
    clock()
    wall.pass_time(100)
    assert clock() == start + 100
    wall.wall_ms = start + 5_000
    assert clock() == start + 5_000
    wall.wall_ms -= 1
    assert clock() == start + 5_000
    wall.pass_time(10)
    assert clock() >= start + 5_009


def test_a_restart_goes_on_from_the_high_water_mark(wall: Wall) -> None:
    """With a wall clock that stands behind what is on disk, time starts there and passes."""
    floor = Millis(wall.wall_ms + 86_400_000)
    clock = SystemClock(floor)
    assert clock() == floor
    wall.pass_time(1_500)
    assert clock() == floor + 1_500


def test_chance_gives_what_is_asked_for() -> None:
    """As many bytes as wanted, beyond the pool too, and never the same."""
    chance = SystemChance()
    assert [len(chance.token(n)) for n in (1, 16, 4_096, 10_000, 0)] == [1, 16, 4_096, 10_000, 0]
    assert len({chance.token(16) for _ in range(2_000)}) == 2_000
