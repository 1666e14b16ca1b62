"""What seeds of events have found, each as the smallest play that shows it."""

from __future__ import annotations

import orjson
import pytest

from redrive.core.time import DAY_MS, NEVER, Millis
from redrive.sim.events_targets import NO_FUNCTION
from redrive.sim.events_troubles import Trouble
from redrive.sim.events_world import EventsWorld
from redrive.sim.evidence import arn_of
from redrive.sim.replay import EVENTS_STEPS_DEFAULT, Failure, play
from redrive.sim.workload import url_of


def test_dead_letter_is_not_lost_while_nobody_runs() -> None:
    """A process that dies while its dead-letter queue hangs, and begins again two days later, has
    the event in the queue: it does not grow too old.
    """
    world = EventsWorld(7, "found", has_faults=False)
    world.call("CreateQueue", QueueName="dead")
    world.call("PutRule", "events", Name="r1", EventPattern='{"source": ["shop"]}')
    target = {"Id": "t", "Arn": NO_FUNCTION, "DeadLetterConfig": {"Arn": arn_of("dead")}}
    world.call("PutTargets", "events", Rule="r1", Targets=[target])
    world.hamper(arn_of("dead"), Trouble("hang", NEVER))
    detail = '{"word": "word-1", "n": 1}'
    entry = {"Source": "shop", "DetailType": "order", "Detail": detail}
    world.call("PutEvents", "events", Entries=[entry])
    world.heal(arn_of("dead"))
    world.raw_ms = Millis(world.raw_ms + 2 * DAY_MS)
    world.crash(power=False)
    (message,) = world.call("ReceiveMessage", QueueUrl=url_of("dead"))["Messages"]
    assert orjson.loads(message["Body"])["detail"]["word"] == "word-1"
    world.close()


# Seeds that found a fault in the services when they found it.
FOUND = (1298,)


@pytest.mark.parametrize("seed", FOUND)
def test_seed_of_events_that_found_a_fault(seed: int) -> None:
    """A seed that has failed once holds now."""
    outcome = play(seed, is_of_events=True)
    assert not isinstance(outcome, Failure), outcome.told(EVENTS_STEPS_DEFAULT)
