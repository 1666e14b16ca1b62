"""The worker that reclaims space: a chunk at a time, soon again while there is more."""

from __future__ import annotations

from redrive.core.chores import Chore
from redrive.core.effects import Caller, Result
from redrive.core.limits import REAP_INTERVAL_MS
from redrive.core.time import Millis

_PAUSE_MS = 5
"""Between two chunks, so that requests go first."""


class Reaper(Chore):
    """Never in a hurry: nothing that it removes can be received any more."""

    def __init__(self, caller: Caller) -> None:
        super().__init__("reaper", caller, service="sqs", operation="Reap", topics=())

    def next_ms(self, told: Result | None, now_ms: Millis) -> int:
        """Come again soon if there is more, else after the interval."""
        has_more = told is not None and told["More"]
        return now_ms + (_PAUSE_MS if has_more else REAP_INTERVAL_MS)
