"""A leg: one thing that is owed from a rule, a topic or a schedule to one of its targets, and what
was seen of it.

The judges' own reading of AWS's retry policies: nothing here is shared with services/delivery.
An epoch ends with every crash and every group that was refused: what an attempt has come to may not
have been written down then, and the attempt is made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Ladder = Literal["events", "topics", "http"]

_TOPIC_MS = (0, 0, 0, 1_000, 1_000)
_FINAL_STATUSES = frozenset({400, 403, 404, 410})
"""What the simulated servers answer and no client repeats."""

PASSING = {
    "ThrottlingException": "THROTTLING",
    "InternalFailure": "INTERNAL_ERROR",
    "ServiceUnavailable": "INTERNAL_ERROR",
    "FetchTimeout": "TIMEOUT",
    "FetchFailed": "CONNECTION_FAILURE",
    "500": "ERROR_FROM_TARGET",
    "503": "ERROR_FROM_TARGET",
    "429": "THROTTLING",
}
"""What another attempt may get over, and its ERROR_CODE; all else is final."""

FINAL = {
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "QueueDoesNotExist": "NO_RESOURCE",
    "ResourceNotFoundException": "NO_RESOURCE",
    "NotFound": "NO_RESOURCE",
    "AccessDeniedException": "NO_PERMISSIONS",
    "AccessDenied": "NO_PERMISSIONS",
}


class Policy(NamedTuple):
    """How often and how long something is tried. retries_max: None without a limit of its own."""

    ladder: Ladder
    retries_max: int | None
    age_ms: int | None

    def wait_ms(self, number: int) -> tuple[int, int]:
        """Return the least and the most that passes before the retry of a number, from 1."""
        if self.ladder == "events":
            whole_ms = min(480_000, 1_000 * 2 ** min(number - 1, 20))
            return int(whole_ms * 0.8) - 1, int(whole_ms * 1.2) + 1
        if self.ladder == "http":
            return 20_000, 20_000
        if number <= len(_TOPIC_MS):
            return _TOPIC_MS[number - 1], _TOPIC_MS[number - 1]
        if number > 15:
            return 20_000, 20_000
        return 1_000, 20_000


class Letterhead(NamedTuple):
    """What a message to a dead-letter queue says of why it is there."""

    queue: str
    body: str
    attributes: dict[str, str]


@dataclass(eq=False)
class Try:
    """One attempt, at the target or at the dead-letter queue."""

    at_ms: int
    epoch: int
    request_id: str
    ended_ms: int | None = None
    error: str = ""
    is_lost: bool = False
    """The process has died over it."""
    letter: Letterhead | None = None

    @property
    def is_taken(self) -> bool:
        """Tell whether it was accepted."""
        return self.ended_ms is not None and not self.error

    @property
    def has_failed(self) -> bool:
        """Tell whether it was refused."""
        return self.ended_ms is not None and bool(self.error)

    @property
    def is_final(self) -> bool:
        """Tell whether no other attempt may follow."""
        if not self.error:
            return False
        if self.error.isdigit():
            return int(self.error) in _FINAL_STATUSES
        return self.error not in PASSING


Verdict = Literal["fresh", "open", "taken", "again", "over", "either"]


@dataclass(eq=False)
class Leg:
    """What is owed once; `owed_ms` has several instants where an earlier leg was repeated."""

    source: str
    target: str
    instance: str
    policy: Policy
    dlq: str | None
    lane: str | None = None
    place: int = 0
    is_found: bool = False
    """It was not foreseen but found to be right when it was seen (replays, schedules)."""
    owed_ms: list[int] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    letters: list[Try] = field(default_factory=list)
    letters_waiting: int = 0
    """How often a call of the dead-letter queue has begun to hang."""
    _counted: int = 0
    _sure: int = 0
    _failed: int = 0
    calm_until_ms: int = -1
    """Nothing is due of it before, as of so many attempts and that epoch."""
    calm_as_of: tuple[int, int] = (-1, -1)

    @property
    def deadline_ms(self) -> int | None:
        """Return after when no attempt begins."""
        return None if self.policy.age_ms is None else max(self.owed_ms) + self.policy.age_ms

    @property
    def is_single(self) -> bool:
        """Tell whether all that is seen is of one thing that is owed."""
        return len(self.owed_ms) == 1

    @property
    def is_placed(self) -> bool:
        """Tell whether its place among those of its lane is known."""
        return self.is_single and not self.is_found

    @property
    def taken(self) -> list[Try]:
        """Return the attempts that the target accepted."""
        return [one for one in self.tries if one.is_taken]

    def failures(self, epoch: int) -> tuple[int, int]:
        """Return how many failed attempts are counted, at least and at most.

        What has failed in an epoch that ended before the next attempt may not have been counted.
        """
        if not self.tries:
            return 0, 0
        while self._counted < len(self.tries) - 1:
            one, after = self.tries[self._counted], self.tries[self._counted + 1]
            self._sure += one.has_failed and one.epoch == after.epoch
            self._failed += one.has_failed
            self._counted += 1
        last = self.tries[-1]
        is_sure = last.has_failed and last.epoch == epoch
        return self._sure + is_sure, self._failed + last.has_failed

    def due_ms(self, epoch: int) -> tuple[int, int]:
        """Return when the next attempt is due after a failed one, at the earliest and at the
        latest.
        """
        last = self.tries[-1]
        assert last.ended_ms is not None
        least, most = self.failures(epoch)
        earliest, _ = self.policy.wait_ms(max(1, least))
        _, latest = self.policy.wait_ms(most)
        if last.epoch != epoch:
            earliest = 0
        return last.ended_ms + earliest, last.ended_ms + latest

    def verdict(self, epoch: int) -> Verdict:
        """Return what has to come next, as far as it is sure."""
        if not self.tries:
            return "fresh"
        last = self.tries[-1]
        if last.is_lost:
            return "again"
        if last.ended_ms is None:
            return "open"
        if last.is_taken:
            return "taken"
        decided = self._after_failure(last, epoch)
        return "either" if decided == "over" and last.epoch != epoch else decided

    def _after_failure(self, last: Try, epoch: int) -> Verdict:
        if last.is_final:
            return "over"
        least, most = self.failures(epoch)
        limit, found = self.policy.retries_max, "again"
        if limit is not None and least > limit:
            return "over"
        if limit is not None and most > limit:
            found = "either"
        if self.deadline_ms is not None:
            earliest, latest = self.due_ms(epoch)
            if earliest > self.deadline_ms:
                return "over"
            if latest > self.deadline_ms:
                found = "either"
        return "either" if found == "either" else "again"
