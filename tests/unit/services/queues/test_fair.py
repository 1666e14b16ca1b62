"""Fair queues: quiet tenants are received first; nothing else about a standard queue changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from queues_rig import Rig, arn, start_move

from redrive.services.queues import model
from redrive.services.queues.operations import fair as fair_operations
from redrive.store.statements import load_statements


def flood(rig: Rig, url: str, count: int, group: str = "noisy", **params: Any) -> None:
    """Send so many messages of one tenant: noisy-0, noisy-1, …"""
    for first in range(0, count, 10):
        entries = [
            {"Id": str(n), "MessageBody": f"{group}-{n}", "MessageGroupId": group, **params}
            for n in range(first, min(first + 10, count))
        ]
        result = rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        assert "Failed" not in result


def take(rig: Rig, url: str, count: int, **params: Any) -> list[dict[str, Any]]:
    """Receive so many messages, ten at a time."""
    taken: list[dict[str, Any]] = []
    while len(taken) < count:
        found = rig.receive(url, min(10, count - len(taken)), **params)
        assert found, f"only {len(taken)} of {count} were there"
        taken += found
    return taken


def delete(rig: Rig, url: str, messages: list[dict[str, Any]]) -> None:
    """Delete messages one by one."""
    for message in messages:
        rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def make_noise(rig: Rig, url: str, backlog: int = 10, **params: Any) -> list[dict[str, Any]]:
    """Make the tenant `noisy` noisy: thirty of its messages in flight, the others wait."""
    flood(rig, url, 30 + backlog)
    return take(rig, url, 30, **params)


def metrics(rig: Rig, name: str = "q") -> tuple[int, ...]:
    """Noisy groups; then in quiet ones: visible, in flight, delayed, the age of the oldest."""
    return tuple(rig.call("DescribeFairness", QueueArn=arn(name)).values())


def query(rig: Rig, text: str, *values: Any) -> list[Any]:
    """Read rows as they are."""
    return rig.store._connection.execute(text, values).fetchall()


def lane(rig: Rig, heap: int) -> int:
    """How many messages are in a lane."""
    return int(query(rig, "SELECT count(*) FROM messages WHERE heap = ?", heap)[0][0])


def left(rig: Rig) -> dict[str, int]:
    """How many rows there are."""
    names = ("messages", "holds", "tenants", "heaps")
    return {name: query(rig, f"SELECT count(*) FROM {name}")[0][0] for name in names}


# --- order --------------------------------------------------------------------------------------


def test_quiet_messages_sent_last_are_received_next(rig: Rig, url: str) -> None:
    """Forty noisy messages, thirty in flight: two quiet ones sent last come next, then the rest."""
    make_noise(rig, url)
    rig.send(url, "quiet-0", MessageGroupId="quiet")
    rig.send(url, "quiet-1", MessageGroupId="still")
    assert rig.bodies(url, 2) == ["quiet-0", "quiet-1"]
    assert rig.bodies(url) == [f"noisy-{n}" for n in range(30, 40)]
    assert rig.bodies(url) == []


def test_one_receive_takes_quiet_ones_first_and_noisy_ones_too(rig: Rig, url: str) -> None:
    """Noisy messages are later, never blocked: what a receive has room for, it gets."""
    make_noise(rig, url)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url) == ["quiet", *(f"noisy-{n}" for n in range(30, 39))]
    assert rig.bodies(url) == ["noisy-39"]


def test_without_a_threshold_passed_the_order_is_that_of_sending(rig: Rig, url: str) -> None:
    """Twenty-nine in flight are not too many."""
    flood(rig, url, 40)
    take(rig, url, 29)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url, 10) == [f"noisy-{n}" for n in range(29, 39)]


def test_a_tenth_of_what_is_in_flight_is_not_too_much(rig: Rig, url: str) -> None:
    """Thirty of three hundred are a tenth; when one of the others is deleted they are more."""
    rig.send(url, "begin", MessageGroupId="other")
    for n in range(269):
        rig.send(url, f"plain-{n}")
    others = take(rig, url, 270)
    make_noise(rig, url)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert metrics(rig)[0] == 0
    assert rig.bodies(url, 1, VisibilityTimeout=0) == ["noisy-30"]
    delete(rig, url, others[:1])
    assert rig.bodies(url, 1) == ["quiet"]
    assert metrics(rig)[0] == 1


def test_messages_without_group_are_never_noisy(rig: Rig, url: str) -> None:
    """Each of them is a tenant of its own, however many there are."""
    for n in range(60):
        rig.send(url, f"plain-{n}")
    take(rig, url, 50)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url, 10)[0] == "plain-50"


def test_what_was_in_flight_before_the_first_group_counts(rig: Rig, url: str) -> None:
    """The share is of all that is in flight, also of what was received before any group came."""
    for n in range(300):
        rig.send(url, f"plain-{n}")
    take(rig, url, 300)
    flood(rig, url, 40)
    take(rig, url, 30)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url, 1) == ["noisy-30"]  # 30 of 330 are less than a tenth


def test_messages_of_one_group_are_delivered_in_parallel(rig: Rig, url: str) -> None:
    """No group blocks itself: on a standard queue it is a tenant and not an order."""
    flood(rig, url, 3, "a")
    assert [rig.bodies(url, 1) for _ in range(4)] == [["a-0"], ["a-1"], ["a-2"], []]


def test_group_is_an_attribute_and_nothing_of_fifo_is(rig: Rig, url: str) -> None:
    """MessageGroupId comes back; SequenceNumber and MessageDeduplicationId are not there."""
    rig.send(url, "m", MessageGroupId="tenant-a!")
    (message,) = rig.receive(url, AttributeNames=["All"])
    assert message["Attributes"]["MessageGroupId"] == "tenant-a!"
    assert not {"SequenceNumber", "MessageDeduplicationId"} & message["Attributes"].keys()


def test_several_tenants_can_be_noisy(rig: Rig, url: str) -> None:
    """Among noisy tenants the order is that of becoming visible."""
    flood(rig, url, 32, "loud")
    take(rig, url, 30)
    make_noise(rig, url, 2)
    rig.wait(0.001)
    rig.send(url, "loud-late", MessageGroupId="loud")
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert metrics(rig)[0] == 2
    noisy = ["loud-30", "loud-31", "noisy-30", "noisy-31", "loud-late"]
    assert rig.bodies(url) == ["quiet", *noisy]


# --- becoming noisy and quiet -------------------------------------------------------------------


def test_quiet_again_when_the_backlog_drains(rig: Rig, url: str) -> None:
    """Received and deleted, all of it: what it sends next has its place in the queue again."""
    held = make_noise(rig, url)
    rig.send(url, "quiet", MessageGroupId="quiet")
    delete(rig, url, held + take(rig, url, 11))
    assert metrics(rig)[0] == 0
    rig.send(url, "first", MessageGroupId="noisy")
    rig.send(url, "second", MessageGroupId="quiet")
    assert rig.bodies(url) == ["first", "second"]


def test_noisy_while_a_backlog_waits(rig: Rig, url: str) -> None:
    """With nothing in flight any more it is noisy still, for the sake of its backlog."""
    delete(rig, url, make_noise(rig, url))
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert metrics(rig)[0] == 1
    assert rig.bodies(url, 1) == ["quiet"]


def test_quiet_again_after_five_minutes_of_silence(rig: Rig, url: str) -> None:
    """Nobody has sent, received, changed or deleted: its messages go back to their place."""
    make_noise(rig, url, VisibilityTimeout=0)
    held = take(rig, url, 30, VisibilityTimeout=3_600)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url, 2, VisibilityTimeout=0)[0] == "quiet"
    rig.wait(299.999)
    assert rig.bodies(url, 1, VisibilityTimeout=0) == ["quiet"]
    assert len(held) == 30
    rig.wait(300)
    rig.send(url, "quiet-2", MessageGroupId="quiet")
    assert metrics(rig)[0] == 0
    assert rig.bodies(url, 1, VisibilityTimeout=0)[0].startswith("noisy")


def test_a_silence_ends_with_the_next_receive(rig: Rig, url: str) -> None:
    """Quiet after its silence, it is received; that stirs it, and it holds too much again."""
    make_noise(rig, url, VisibilityTimeout=3_600)
    rig.wait(300)
    assert rig.bodies(url, 1) == ["noisy-30"]
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert rig.bodies(url, 1) == ["quiet"]


def test_long_processing_makes_noisy(rig: Rig, url: str) -> None:
    """Few in flight, but most of the time that all messages took: noisy, while it is recent."""
    flood(rig, url, 5)
    flood(rig, url, 5, "brisk")
    slow, brisk = take(rig, url, 3), take(rig, url, 7)[2:5]
    delete(rig, url, brisk)
    rig.wait(20)
    delete(rig, url, slow)
    rig.wait(30)  # what was not deleted is visible again
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert metrics(rig)[0] == 2  # and so is brisk, whose two leases have lapsed after a minute
    assert rig.bodies(url, 1) == ["quiet"]


def test_a_lapse_ends_a_lease(rig: Rig, url: str) -> None:
    """What has lapsed is not in flight: thirty that came back make nobody noisy."""
    flood(rig, url, 40)
    take(rig, url, 20, VisibilityTimeout=1)
    rig.wait(1)
    take(rig, url, 20, VisibilityTimeout=20)
    rig.wait(1)
    rig.send(url, "quiet", MessageGroupId="quiet")
    assert metrics(rig)[0] == 0
    assert rig.bodies(url, 1)[0].startswith("noisy")


def test_a_change_of_visibility_is_followed(rig: Rig, url: str) -> None:
    """Given back early it is not in flight; held longer it is; taken up again it is anew."""
    flood(rig, url, 40)
    held = take(rig, url, 30)

    def change(message: dict[str, Any], seconds: int) -> None:
        handle = message["ReceiptHandle"]
        rig.call(
            "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds
        )

    assert metrics(rig)[0] == 1
    for message in held[:5]:
        change(message, 0)
    change(held[6], 100)
    assert rig.counts(url) == (15, 25, 0)
    assert metrics(rig) == (1, 0, 0, 0, 0)
    rig.wait(30)
    assert rig.counts(url) == (39, 1, 0)
    assert metrics(rig) == (1, 0, 0, 0, 0)
    change(held[7], 50)  # lapsed, and nobody has received it since
    assert rig.counts(url) == (38, 2, 0)
    assert metrics(rig) == (1, 0, 0, 0, 0)


# --- nothing else changes -----------------------------------------------------------------------


def test_noisy_messages_are_counted_deleted_and_changed(rig: Rig, url: str) -> None:
    """In whichever lane a message is, its handle and the counts are those of its queue."""
    make_noise(rig, url)
    rig.send(url, "later", MessageGroupId="noisy", DelaySeconds=60)
    assert rig.counts(url) == (10, 30, 1)
    (message,) = rig.receive(url, 1)  # now in the noisy lane
    rig.call(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=message["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    assert rig.counts(url) == (10, 30, 1)
    (again,) = rig.receive(url, 1)
    entries = [{"Id": "1", "ReceiptHandle": again["ReceiptHandle"]}]
    rig.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    assert rig.counts(url) == (9, 30, 1)


def test_lease_that_lapses_in_the_noisy_lane_ends_a_long_poll(rig: Rig, url: str) -> None:
    """A poll waits for the next of either lane."""
    make_noise(rig, url, 1)
    take(rig, url, 1, VisibilityTimeout=3)
    reply = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    rig.wait(2.999)
    assert not reply
    rig.wait(0.001)
    assert len(reply) == 1


def test_purge_takes_both_lanes(rig: Rig, url: str) -> None:
    """Nothing is left, and the queue begins anew: nobody is noisy in it."""
    make_noise(rig, url)
    rig.receive(url, 1)
    rig.call("PurgeQueue", QueueUrl=url)
    assert rig.counts(url) == (0, 0, 0)
    rig.send(url, "first", MessageGroupId="noisy")
    rig.send(url, "second", MessageGroupId="quiet")
    assert rig.bodies(url) == ["first", "second"]
    rig.work()
    assert left(rig) == {"messages": 2, "holds": 2, "tenants": 3, "heaps": 1}


def test_deleted_queue_leaves_nothing(rig: Rig, url: str) -> None:
    """Rows of both lanes, leases and tenants are reaped."""
    make_noise(rig, url, 800)
    rig.receive(url, 10)
    rig.call("DeleteQueue", QueueUrl=url)
    rig.work()
    rig.wait(1)
    assert left(rig) == {"messages": 0, "holds": 0, "tenants": 0, "heaps": 0}


def test_retention_is_kept_in_both_lanes(rig: Rig) -> None:
    """Too old in whichever lane: not delivered, removed by the reaper, and counted."""
    url = rig.create("short", MessageRetentionPeriod="60")
    make_noise(rig, url, VisibilityTimeout=1)
    rig.receive(url, 5, VisibilityTimeout=1)
    rig.work()
    rig.wait(59)
    assert (lane(rig, 1), lane(rig, -1)) == (0, 40)
    rig.wait(1)
    assert rig.receive(url) == []
    rig.wait(11)
    assert sum(rig.counts(url)) == 0
    assert left(rig)["messages"] == 0
    assert metrics(rig, "short") == (0, 0, 0, 0, 0)


def test_burial_and_redrive_keep_the_account(rig: Rig, source: str, dlq: str) -> None:
    """A tenant's messages are counted where they are: source, dead-letter queue, source again."""
    make_noise(rig, source)
    for _ in range(3):
        rig.wait(31)
        while rig.receive(source):
            pass
    assert (sum(rig.counts(source)), sum(rig.counts(dlq))) == (0, 40)
    take(rig, dlq, 32)
    rig.send(dlq, "quiet", MessageGroupId="quiet")
    quiet = rig.receive(dlq, 1)
    assert [message["Body"] for message in quiet] == ["quiet"]
    delete(rig, dlq, quiet)
    rig.work()
    start_move(rig)
    rig.wait(0)
    assert rig.counts(source)[0] == 8
    assert metrics(rig, "dlq")[0] == 1
    rig.wait(60)
    assert rig.counts(dlq) == (32, 0, 0)
    start_move(rig)
    rig.wait(1)
    assert sum(rig.counts(dlq)) == 0
    assert len(take(rig, source, 40)) == 40
    rig.send(source, "quiet", MessageGroupId="quiet")
    assert metrics(rig, "source") == (1, 1, 0, 0, 0)
    assert query(rig, "SELECT sum(messages) FROM tenants") == [(41,)]


def test_peek_shows_both_lanes_in_one_order(rig: Rig, url: str) -> None:
    """A person sees the messages as they become visible, whoever's they are."""
    make_noise(rig, url, 5, VisibilityTimeout=60)
    rig.receive(url, 1, VisibilityTimeout=30)
    rig.send(url, "quiet", MessageGroupId="quiet")
    seen = rig.call("PeekMessages", of="redrive", Queue=url, MaxResults=7)["Messages"]
    bodies = [message["Body"] for message in seen]
    assert bodies == [*(f"noisy-{n}" for n in range(31, 35)), "quiet", "noisy-30", "noisy-0"]


def test_a_queue_without_groups_pays_nothing(
    rig: Rig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it runs before the first group comes, whatever other queues have met."""
    rig.send(rig.create("other"), "m", MessageGroupId="a")

    def forbidden(*_arguments: Any, **_options: Any) -> Any:
        raise AssertionError("a queue without groups came here")

    for name in ("due", "leased", "leave", "arrive", "change", "calm", "end_lapsed", "next_due"):
        monkeypatch.setattr(fair_operations, name, forbidden)
    rig.send(url, "m")
    (message,) = rig.receive(url)
    rig.call(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=message["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    delete(rig, url, rig.receive(url))
    assert rig.receive(url) == []
    assert rig.call("DescribeFairness", QueueArn=arn("q")) == {}


# --- large backlogs -----------------------------------------------------------------------------


def test_a_long_backlog_is_put_aside_in_chunks_each_message_once(rig: Rig, url: str) -> None:
    """A claim moves no more than two chunks; what has been put aside is not looked at again."""
    backlog = 5 * fair_operations.CHUNK
    make_noise(rig, url, backlog)
    rig.send(url, "quiet", MessageGroupId="quiet")
    heap = 1
    seen: list[str] = []
    lanes = [lane(rig, -heap)]
    while "quiet" not in seen:
        seen += rig.bodies(url, 1)
        lanes.append(lane(rig, -heap))
        assert lanes[-1] - lanes[-2] <= 2 * fair_operations.CHUNK
    assert len(seen) == 3  # two claims' worth of chunks, and the third finds it
    assert lanes[-1] == backlog
    flood(rig, url, 10)
    assert lane(rig, -heap) == backlog + 10  # straight into the lane
    assert len(rig.bodies(url)) == 10


def test_reaper_puts_aside_and_back(rig: Rig, url: str) -> None:
    """Without any receive, the reaper does it: noisy messages aside, those of quiet ones back."""
    make_noise(rig, url, 1_200)
    rig.work()
    rig.wait(11)
    assert (lane(rig, 1), lane(rig, -1)) == (30, 1_200)
    rig.wait(301)
    assert lane(rig, -1) == 0
    assert rig.counts(url) == (1_230, 0, 0)


def test_idle_tenants_are_forgotten(rig: Rig, url: str) -> None:
    """A row for each tenant that was ever seen would never end."""
    for n in range(20):
        rig.send(url, "m", MessageGroupId=f"user-{n}")
    delete(rig, url, take(rig, url, 20))
    rig.work()
    assert left(rig)["tenants"] == 21
    rig.wait(620)
    assert left(rig)["tenants"] == 0


def test_processing_that_has_just_ended_is_not_forgotten(rig: Rig, url: str) -> None:
    """Long leases, and nothing else for an hour: their time is recent when they end."""
    rig.send(url, "m", MessageGroupId="a")
    delete(rig, url, rig.receive(url))
    rig.send(url, "plain")
    (held,) = rig.receive(url, VisibilityTimeout=7_200)
    rig.work()
    rig.wait(3_600)
    delete(rig, url, [held])
    rig.wait(30)
    assert query(rig, "SELECT group_id, busy_ms FROM tenants") == [("", 3_600_000)]


# --- metrics ------------------------------------------------------------------------------------


def test_metrics_tell_of_the_queue_without_its_noisy_groups(rig: Rig, url: str) -> None:
    """Noisy groups; and in quiet ones visible, in flight, delayed, and the oldest's age."""
    make_noise(rig, url)
    rig.send(url, "later", MessageGroupId="noisy", DelaySeconds=60)
    rig.wait(5)
    rig.send(url, "quiet-0", MessageGroupId="quiet")
    rig.send(url, "plain")
    rig.send(url, "quiet-2", MessageGroupId="quiet", DelaySeconds=60)
    rig.wait(7)
    rig.receive(url, 1)
    assert rig.counts(url) == (11, 31, 2)
    assert metrics(rig) == (1, 1, 1, 1, 7)
    assert rig.call("DescribeFairness", QueueArn=arn("none")) == {}


# --- from an older version ----------------------------------------------------------------------


def test_groups_of_an_older_version_are_taken_over(rig: Rig, url: str) -> None:
    """Messages that were sent with a group before there were tenants are counted as theirs."""
    statements = load_statements([Path(model.__file__).with_name("queues.sql")])[0]
    step = next(s for s in statements.steps if "CREATE TABLE tenants" in s)
    flood(rig, url, 3, "a")
    rig.send(url, "plain")
    fifo = rig.create("b.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    rig.send(fifo, "m", MessageGroupId="a")
    kept = query(rig, "SELECT * FROM tenants WHERE group_id = 'a'")
    query(rig, "DELETE FROM tenants")
    query(rig, "UPDATE queues SET is_grouped = 0")
    query(rig, step[step.index("INSERT INTO tenants") :])
    assert [row[:4] for row in query(rig, "SELECT * FROM tenants")] == [row[:4] for row in kept]
    marks = query(rig, "SELECT name, is_grouped FROM queues ORDER BY id")
    assert marks == [("q", 1), ("b.fifo", 0)]
