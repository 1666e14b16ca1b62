"""Seeds through all that starts work, with targets that fail, crashes and full disks."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pytest

from redrive.sim.__main__ import main
from redrive.sim.events_checkers import EventChecker
from redrive.sim.events_judge import EventsJudge
from redrive.sim.events_legs import Leg, Try
from redrive.sim.events_world import EventsWorld
from redrive.sim.replay import EVENTS_STEPS_DEFAULT, Failure, play

CHUNK = 10


@pytest.mark.parametrize("start", range(0, 60, CHUNK))
def test_every_event_is_delivered_or_in_one_dead_letter_queue(start: int) -> None:
    """Rules, topics, schedules and pipes, crashes and dead targets: each invariant holds."""
    for seed in range(start, start + CHUNK):
        outcome = play(seed, is_of_events=True)
        assert not isinstance(outcome, Failure), outcome.told(EVENTS_STEPS_DEFAULT)


def test_seed_is_the_whole_run_of_events() -> None:
    """Equal seeds give equal traces."""
    assert play(5, is_of_events=True) == play(5, is_of_events=True)


def test_command_of_events(capsys: pytest.CaptureFixture[str]) -> None:
    """--events plays these worlds."""
    assert main(["--events", "--seeds", "1", "--start", "2", "--steps", "5"]) == 0
    assert "1 seeds from 2: no invariant failed" in capsys.readouterr().out


class Met(EventChecker):
    """Counts what worlds meet."""

    seen_of: ClassVar[Counter[str]] = Counter()

    def ended(self, leg: Leg, one: Try) -> None:
        """Count attempts by how they end, and the ways of what is owed."""
        self.seen_of[one.error or "taken"] += 1
        self.seen_of[leg.target.split(":")[2] if leg.target.startswith("arn") else "https"] += 1
        self.seen_of[leg.source.split(":")[2]] += 1
        self.seen_of["in order"] += leg.lane is not None
        self.seen_of["replayed"] += "@rp" in leg.instance
        self.seen_of["repeated"] += bool(leg.tries) and leg.tries[0].is_taken

    def buried(self, leg: Leg, one: Try) -> None:
        """Count burials."""
        assert one.letter is not None
        condition = one.letter.attributes.get("EXHAUSTED_RETRY_CONDITION", "final")
        self.seen_of[f"buried: {condition}"] += 1


def test_worlds_of_events_meet_what_they_are_for() -> None:
    """Seeds in which nothing fails, hangs, is replayed or given up would prove nothing."""
    Met.seen_of.clear()
    for seed in range(20):
        world = EventsWorld(seed, f"met-{seed}", judge=EventsJudge([Met]))
        world.play(EVENTS_STEPS_DEFAULT)
        world.close()
    expected = {
        *("taken", "ThrottlingException", "InternalFailure", "FetchTimeout", "QueueDoesNotExist"),
        *("ResourceNotFoundException", "500", "404", "sqs", "lambda", "sns", "events", "https"),
        *("scheduler", "in order", "replayed", "repeated", "buried: final"),
        *("buried: MaximumRetryAttempts", "buried: MaximumEventAgeInSeconds"),
    }
    assert {name for name in expected if not Met.seen_of[name]} == set(), Met.seen_of
