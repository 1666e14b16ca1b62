"""SIGKILL at random moments under load, on the same files again and again."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from .campaign import run_campaign


@pytest.mark.parametrize("part", range(2))
def test_nothing_acknowledged_is_lost(tmp_path: Path, part: int) -> None:
    """After 25 kills every acknowledged effect is there (again: `make crash N=25 SEED=…`)."""
    outcome = run_campaign(SystemRandom().getrandbits(32), tmp_path, kills=25)
    assert not outcome.violations, str(outcome)
    assert outcome.kills == 25
    assert outcome.deletes > 0
