"""What seeds have found, each as the smallest play that shows it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from redrive.core.effects import Reply
from redrive.core.errors import Unavailable
from redrive.sim.replay import Failure, play
from redrive.sim.workload import Request, url_of
from redrive.sim.world import START_MS, World


def build(**attributes: str) -> World:
    """Return a world with one queue."""
    world = World(7, "found", has_faults=False, has_mappings=False)
    world.call("CreateQueue", QueueName="main", Attributes=attributes)
    return world


def send(world: World, body: str, **params: Any) -> str:
    """Send a message; return its id."""
    sent = world.call("SendMessage", QueueUrl=url_of("main"), MessageBody=body, **params)
    return str(sent["MessageId"])


def begin_receive(world: World, **params: Any) -> list[Reply]:
    """Let a client ask for messages; the list holds the reply once there is one."""
    replies: list[Reply] = []
    params = {"QueueUrl": url_of("main"), **params}
    world.request(Request("sqs", "ReceiveMessage", params), replies.append)
    return replies


def bodies(replies: list[Reply]) -> list[str]:
    """Return the bodies that a receive has brought."""
    (reply,) = replies
    assert reply.result is not None
    return [message["Body"] for message in orjson.loads(orjson.dumps(reply.result))["Messages"]]


def test_restarts_at_one_instant_give_new_ids() -> None:
    """Two crashes without a tick between them (a clock that was set back) reuse no message id."""
    world = build()
    ids = []
    for number in range(4):
        ids.append(send(world, f"m{number}"))
        world.raw_ms = START_MS
        world.crash()
    assert len(set(ids)) == 4
    world.close()


def test_waiter_looks_again_after_refused_commit() -> None:
    """A long poll that parked because another receive took the message gets it a second later at
    the most, when that receive's commit was refused.
    """
    world = build()
    send(world, "m1")
    world._disk.is_full = True
    first = begin_receive(world, MaxNumberOfMessages=10)
    second = begin_receive(world, WaitTimeSeconds=20)
    world.pass_until(world.clock())
    assert isinstance(first[0].error, Unavailable)
    assert second == []
    world._disk.is_full = False
    world.pass_until(START_MS + 1_000)
    assert bodies(second) == ["m1"]
    world.close()


def test_receive_without_a_lease_passes_what_is_expired() -> None:
    """VisibilityTimeout 0 finds the visible message behind one whose retention is over."""
    world = build(MessageRetentionPeriod="60")
    send(world, "old")
    world.raw_ms = START_MS + 59_999
    send(world, "new")
    world.raw_ms = START_MS + 60_000
    received = world.call("ReceiveMessage", QueueUrl=url_of("main"), VisibilityTimeout=0)
    assert [message["Body"] for message in received["Messages"]] == ["new"]
    world.close()


def test_batch_deletes_by_current_handle_beside_an_older_one() -> None:
    """DeleteMessageBatch with both handles of a message received twice deletes it."""
    world = build()
    send(world, "m1")
    handles = [
        world.call("ReceiveMessage", QueueUrl=url_of("main"), VisibilityTimeout=0)["Messages"][0][
            "ReceiptHandle"
        ]
        for _ in range(2)
    ]
    entries = [
        {"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(reversed(handles))
    ]
    world.call("DeleteMessageBatch", QueueUrl=url_of("main"), Entries=entries)
    assert world.call("ReceiveMessage", QueueUrl=url_of("main")) == {}
    world.close()


@pytest.mark.parametrize("first", ["takes one", "ends early", "hangs up"])
def test_second_waiter_takes_the_place_of_the_first(first: str) -> None:
    """Of two long polls the later one is answered when its message becomes visible, whatever has
    become of the earlier one that knew the time.
    """
    world = build()
    wait = 3 if first == "ends early" else 20
    begun = begin_receive(world, WaitTimeSeconds=wait)
    pending = next(reversed(world._pending.values()))
    second = begin_receive(world, WaitTimeSeconds=20)
    send(world, "m1", DelaySeconds=5)
    if first == "takes one":
        send(world, "m2", DelaySeconds=5)
    if first == "hangs up":
        assert pending.ticket is not None
        world.dispatch.cancel(pending.ticket)
    world.pass_until(START_MS + 4_999)
    assert second == []
    world.pass_until(START_MS + 5_000)
    assert bodies(second) == ["m2" if first == "takes one" else "m1"]
    if first == "takes one":
        assert bodies(begun) == ["m1"]
    world.close()


# Seeds that found a fault in the services when they found it; the traces move when the workload
# grows, so that each fault has a play of its own above.
FOUND = (0, 3, 11, 41, 58, 353, 471, 2005, 2056, 2075)


@pytest.mark.parametrize("seed", FOUND)
def test_seed_that_found_a_fault(seed: int) -> None:
    """A seed that has failed once holds now."""
    outcome = play(seed)
    assert not isinstance(outcome, Failure), outcome.told(150)
