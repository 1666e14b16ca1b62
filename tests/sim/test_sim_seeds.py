"""Seeds through the shipped services: no invariant fails, and a seed says everything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from redrive.sim.__main__ import main
from redrive.sim.evidence import Violation
from redrive.sim.replay import Failure, play
from redrive.sim.world import World

CHUNK = 25


@pytest.mark.parametrize("start", range(0, 300, CHUNK))
def test_no_invariant_fails(start: int) -> None:
    """Clients, functions, crashes, full disks, set clocks: every guarantee holds at each step."""
    for seed in range(start, start + CHUNK):
        outcome = play(seed)
        assert not isinstance(outcome, Failure), outcome.told(150)


def test_seed_is_the_whole_run() -> None:
    """Equal seeds give equal traces, in another process with another hash seed too."""
    command = [sys.executable, "-m", "redrive.sim", "--seeds", "3", "--start", "4", "--hash"]
    told = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    (lines,) = told
    assert lines.splitlines()[:3] == [f"{seed} {play(seed)}" for seed in (4, 5, 6)]
    assert len({play(seed) for seed in (4, 5, 6)}) == 3


def test_failure_tells_how_to_play_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing seed is printed with its step, its invariant, the last events and the command."""

    def step(world: World) -> None:
        world.steps += 1
        if world.steps == 7:
            raise Violation("lease exclusivity", "m1 was delivered twice")

    monkeypatch.setattr(World, "step", step)
    assert main(["--seeds", "3", "--start", "11", "--steps", "20"]) == 1
    told = capsys.readouterr().out
    assert "seed 11 fails in step 7" in told
    assert "lease exclusivity: m1 was delivered twice" in told
    assert "CreateQueue" in told
    assert "python -m redrive.sim --start 11 --seeds 1 --steps 20" in told
