"""Every sequence of up to three mutating operations, against every sync of it."""

from __future__ import annotations

from .inspector import Inspector
from .machine import STATEMENTS
from .sequences import DEEDS, Walk, changed

LENGTH = 3


def test_each_operation_changes_something() -> None:
    """From the base each operation alone changes rows; the store's own work changes none."""
    walk = Walk(Inspector(STATEMENTS))
    walk.every(1)
    assert {name for name in DEEDS if not changed(walk, name)} == {"checkpoint"}


def test_every_sequence_is_before_or_after() -> None:
    """Whatever is lost at a sync of any sequence, the rows are those of before the operation or of
    after it; and of after it once that is acknowledged.
    """
    walk = Walk(Inspector(STATEMENTS))
    walk.every(LENGTH)
    letters = len(DEEDS)
    assert walk.sequences == sum(letters**length for length in range(1, LENGTH + 1))
    assert walk.syncs > walk.sequences * 0.8
