"""An error of the disk at its n-th call, for each n and each error that the call can have."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from redrive.sim.vfs import Disk

from .errors import ERRORS, FIRST_GROUPS, GROUPS, Groups, Trial
from .machine import START_MS, Base, build

STARTS = {
    "on an empty disk": (Base(Disk(), ("no handle", "none"), START_MS), FIRST_GROUPS),
    "after a stop": (build(), GROUPS),
    "after a kill": (build(stops=False), GROUPS),
}


@pytest.mark.parametrize("start", STARTS)
def test_no_error_costs_what_was_acknowledged(start: str) -> None:
    """Whichever call fails, once or from then on: what was accepted is there, what was refused is
    not, answers are right, the process ends or goes on, and no sync follows a failed one.
    """
    base, groups = STARTS[start]
    trial = Trial(base, groups)
    outcomes: Counter[tuple[str, str]] = Counter()
    for fault in trial.faults():
        run = trial.run(fault)
        outcome = "failed" if run.failed else "refused" if run.refused else "whole"
        outcomes[fault.error, outcome] += 1
    assert {error for error, _outcome in outcomes} == set(ERRORS)
    for error in ERRORS:
        if error == "FULL" and start != "on an empty disk":
            assert not outcomes[error, "failed"], "a full disk is no reason to end"
            assert outcomes[error, "refused"]
        elif error not in ("FULL", "IOERR_DELETE"):
            assert outcomes[error, "failed"]
            assert not outcomes[error, "refused"], f"{error} is no reason to go on"


def test_a_disk_that_has_room_again_takes_the_next_group() -> None:
    """A write that was refused once refuses its own group, and no other."""
    trial = Trial(*STARTS["after a stop"])
    groups: Groups = GROUPS
    total = sum(len(group) for group in groups)
    refusals = set()
    for fault in trial.faults():
        if fault.error == "FULL" and not fault.lasts:
            run = trial.run(fault)
            assert len(run.accepted) + len(run.refused) == total
            refusals.add(run.refused)
    ends = [sum(len(group) for group in groups[:n]) for n in range(len(groups) + 1)]
    own = [set(range(*bounds)) for bounds in pairwise(ends)]
    assert len(refusals) > len(groups) / 2
    assert all(any(set(refused) <= group for group in own) for refused in refusals)
