"""FIFO queues: order in groups, what hides what, rotation, waiting, and backlogs."""

from __future__ import annotations

import pytest
from fifo_rig import delete, hide, make, put, steps, take
from queues_rig import Rig, shown


@pytest.fixture
def fifo(rig: Rig) -> str:
    """The URL of a FIFO queue."""
    return make(rig)


# --- one group ----------------------------------------------------------------------------------


def test_ten_of_one_group_come_in_the_order_of_sending(rig: Rig, fifo: str) -> None:
    """And nothing more of the group while they are in flight."""
    names = [f"m{n}" for n in range(12)]
    put(rig, fifo, *names)
    got = take(rig, fifo)
    assert [m["Body"] for m in got] == names[:10]
    assert take(rig, fifo) == []
    delete(rig, fifo, *got[:9])
    assert take(rig, fifo) == []
    delete(rig, fifo, got[9])
    assert rig.bodies(fifo) == names[10:]


def test_a_group_in_flight_is_locked_for_one_only(rig: Rig, fifo: str) -> None:
    """Others are served meanwhile; a lapse frees the group to the millisecond."""
    put(rig, fifo, "a1", "a2", group="a")
    assert rig.bodies(fifo, 1) == ["a1"]
    put(rig, fifo, "b1", group="b")
    assert rig.bodies(fifo) == ["b1"]
    rig.wait(29.999)
    assert rig.bodies(fifo) == []
    rig.wait(0.001)
    assert rig.bodies(fifo) == ["a1", "a2", "b1"]


def test_the_first_released_comes_back_alone(rig: Rig, fifo: str) -> None:
    """Releasing the first while the second is in flight makes only the first receivable."""
    put(rig, fifo, "m1", "m2", "m3")
    first, second = take(rig, fifo, 2)
    hide(rig, fifo, first, 0)
    assert rig.bodies(fifo) == ["m1"]
    assert rig.bodies(fifo) == []
    hide(rig, fifo, second, 0)  # the first is in flight again
    assert rig.bodies(fifo) == []


def test_the_first_lapsed_comes_back_alone(rig: Rig, fifo: str) -> None:
    """A lapse does what a release does."""
    put(rig, fifo, "m1", "m2")
    _first, second = take(rig, fifo, VisibilityTimeout=5)
    hide(rig, fifo, second, 60)
    rig.wait(5)
    assert rig.bodies(fifo) == ["m1"]


@pytest.mark.parametrize(("index", "back"), [(0, []), (1, ["m0"]), (2, ["m0", "m1"])])
def test_extending_one_hides_all_later_ones(
    rig: Rig, fifo: str, index: int, back: list[str]
) -> None:
    """Those before it come back by their own timers. AWS: as captured."""
    put(rig, fifo, "m0", "m1", "m2")
    got = take(rig, fifo, VisibilityTimeout=2)
    hide(rig, fifo, got[index], 60)
    rig.wait(2)
    assert rig.bodies(fifo) == back
    rig.wait(60)
    assert rig.bodies(fifo) == ["m0", "m1", "m2"]


def test_deleting_the_second_frees_nothing(rig: Rig, fifo: str) -> None:
    """The first still holds the group."""
    put(rig, fifo, "m1", "m2", "m3")
    _first, second = take(rig, fifo, 2)
    delete(rig, fifo, second)
    assert rig.bodies(fifo) == []
    rig.wait(30)
    assert rig.bodies(fifo) == ["m1", "m3"]


def test_receives_that_hide_nothing_repeat(rig: Rig, fifo: str) -> None:
    """VisibilityTimeout=0 returns the same messages in order, again and again, once in each."""
    put(rig, fifo, "m1", "m2", "m3")
    for _ in range(3):
        assert rig.bodies(fifo, VisibilityTimeout=0) == ["m1", "m2", "m3"]
    assert rig.bodies(fifo, 2, VisibilityTimeout=0) == ["m1", "m2"]


def test_order_outlives_a_crash(rig: Rig, fifo: str) -> None:
    """Locks and places are rows."""
    put(rig, fifo, "a1", "a2", group="a")
    put(rig, fifo, "b1", "b2", group="b")
    assert rig.bodies(fifo, 1) == ["a1"]
    rig.crash()
    assert rig.bodies(fifo) == ["b1", "b2"]
    rig.crash()
    rig.wait(30)
    assert rig.bodies(fifo, 1) == ["a1"]


def test_delays_are_the_queues(rig: Rig) -> None:
    """A delayed message hides what was sent behind it with a shorter delay."""
    url = make(rig, DelaySeconds="10")
    put(rig, url, "m1")
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "0"})
    put(rig, url, "m2")
    put(rig, url, "other", group="h")
    assert rig.bodies(url) == ["other"]
    rig.wait(9.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["m1", "m2"]


# --- many groups --------------------------------------------------------------------------------


def test_as_many_as_possible_from_one_group(rig: Rig, fifo: str) -> None:
    """Then from the next. AWS: Developer Guide, "FIFO queue delivery logic"."""
    for n in range(4):
        for group in "abc":
            put(rig, fifo, f"{group}{n}", group=group)
    assert rig.bodies(fifo, 6) == ["a0", "a1", "a2", "a3", "b0", "b1"]
    assert rig.bodies(fifo) == ["c0", "c1", "c2", "c3"]


def test_groups_take_turns(rig: Rig, fifo: str) -> None:
    """A group that was received from goes to the back when it is free again."""
    for group in "abc":
        put(rig, fifo, f"{group}0", f"{group}1", group=group)
    order = []
    for _ in range(6):
        (got,) = take(rig, fifo, 1)
        order.append(got["Body"])
        delete(rig, fifo, got)
    assert order == ["a0", "b0", "c0", "a1", "b1", "c1"]


def test_a_group_that_is_free_again_stands_behind_later_ones(rig: Rig, fifo: str) -> None:
    """However long its next message has waited."""
    put(rig, fifo, "a1", "a2", group="a")
    rig.wait(1)
    put(rig, fifo, "b1", group="b")
    (got,) = take(rig, fifo, 1)
    rig.wait(1)
    delete(rig, fifo, got)
    assert rig.bodies(fifo) == ["b1", "a2"]


def test_an_emptied_group_comes_back_at_the_end(rig: Rig, fifo: str) -> None:
    """A new message of an emptied group stands behind the groups that wait. AWS: as captured."""
    put(rig, fifo, "a1", group="a")
    put(rig, fifo, "b1", "b2", group="b")
    (got,) = take(rig, fifo, 1)
    delete(rig, fifo, got)
    put(rig, fifo, "c1", group="c")
    put(rig, fifo, "a2", group="a")
    assert rig.bodies(fifo) == ["b1", "b2", "c1", "a2"]


def load(rig: Rig, url: str, group: str, count: int) -> None:
    """Send many messages of one group."""
    for first in range(0, count, 10):
        entries = [
            {
                "Id": str(n),
                "MessageBody": f"{group}{n}",
                "MessageGroupId": group,
                "MessageDeduplicationId": f"{group}{n}",
            }
            for n in range(first, first + 10)
        ]
        rig.enter("SendMessageBatch", {"QueueUrl": url, "Entries": entries})
    rig.settle()


def test_a_backlog_does_not_slow_others(rig: Rig) -> None:
    """10,000 messages of one locked group cost a receive nothing, of another group or of none,
    counted in the steps of SQLite's machine; nor do they cost one that takes from the backlog.
    """

    def measure(backlog: int) -> list[int]:
        url = make(rig, f"backlog{backlog}.fifo")
        load(rig, url, "locked", backlog)
        load(rig, url, "free", 10)
        taken = [steps(rig, lambda: rig.receive(url)) for _ in range(3)]
        assert rig.counts(url) == (backlog - 10, 20, 0)
        return taken

    few, many = measure(20), measure(10_000)
    assert all(more <= less + 20 for more, less in zip(many, few, strict=True)), (few, many)
    assert few[2] < few[1]  # an empty receive finds no group by index


# --- waiting ------------------------------------------------------------------------------------


def test_a_delete_wakes_who_waits_for_the_group(rig: Rig, fifo: str) -> None:
    """The next message comes at once, not when the lease would have ended."""
    put(rig, fifo, "m1", "m2")
    (got,) = take(rig, fifo, 1)
    waiting = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    assert waiting == []
    delete(rig, fifo, got)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m2"]


def test_a_release_wakes_who_waits_for_the_group(rig: Rig, fifo: str) -> None:
    """And a release of a later message wakes nobody: the group is held by the first."""
    put(rig, fifo, "m1", "m2")
    first, second = take(rig, fifo)
    waiting = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    hide(rig, fifo, second, 0)
    assert waiting == []
    hide(rig, fifo, first, 0)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m1"]


def test_a_wait_ends_when_a_lease_ends(rig: Rig, fifo: str) -> None:
    """To the millisecond; and empty at its own end."""
    put(rig, fifo, "m1", "m2")
    take(rig, fifo, 1, VisibilityTimeout=5)
    waiting = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    late = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    rig.wait(4.999)
    assert waiting == []
    rig.wait(0.001)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m1"]
    rig.wait(14.999)
    assert late == []
    rig.wait(0.001)
    assert late[0].result == {}


def test_a_shorter_timer_behind_the_first_is_met(rig: Rig, fifo: str) -> None:
    """Deleting the first while the second's lease ends sooner does not let a wait oversleep."""
    put(rig, fifo, "m1", "m2")
    first, second = take(rig, fifo, VisibilityTimeout=19)
    hide(rig, fifo, second, 3)
    waiting = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    delete(rig, fifo, first)
    rig.wait(3)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m2"]


def test_a_full_queue_is_empty_and_no_error(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota in flight gives no OverLimit on a FIFO queue. AWS: API_ReceiveMessage."""
    monkeypatch.setattr("redrive.services.queues.rules.IN_FLIGHT_MAX", 1)
    url = make(rig)
    put(rig, url, "a", group="a")
    put(rig, url, "b", group="b")
    (got,) = take(rig, url, 1)
    assert rig.call("ReceiveMessage", QueueUrl=url) == {}
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    delete(rig, url, got)
    rig.wait(1)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["b"]


# --- what is shown ------------------------------------------------------------------------------


def test_numbers_grow_and_are_shown(rig: Rig, fifo: str) -> None:
    """Twenty digits, growing, in the answers of sends and receives alike, across restarts."""
    sent = put(rig, fifo, "m1", "m2")
    rig.crash()
    sent += put(rig, fifo, "m3")
    numbers = [one["SequenceNumber"] for one in sent]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}
    got = take(rig, fifo)
    assert [m["Attributes"]["SequenceNumber"] for m in got] == numbers
    assert [m["Attributes"]["MessageGroupId"] for m in got] == ["g"] * 3
    assert [m["Attributes"]["MessageDeduplicationId"] for m in got] == ["m1", "m2", "m3"]
    one = rig.receive(make(rig, "p.fifo"), AttributeNames=["SequenceNumber"])
    assert one == []


def test_attributes_are_shown_when_asked_for(rig: Rig, fifo: str) -> None:
    """And a standard queue's messages have none of them."""
    put(rig, fifo, "m1")
    (got,) = rig.receive(fifo, AttributeNames=["SequenceNumber"])
    assert list(got["Attributes"]) == ["SequenceNumber"]
    plain = rig.create("plain")
    rig.send(plain, MessageGroupId="g")
    (got,) = take(rig, plain)
    assert got["Attributes"].keys() & {"SequenceNumber", "MessageDeduplicationId"} == set()


def test_counts_of_a_locked_group(rig: Rig, fifo: str) -> None:
    """What waits behind a message in flight counts as visible, as AWS counts by timers."""
    put(rig, fifo, "m1", "m2", "m3")
    take(rig, fifo, 1)
    assert rig.counts(fifo) == (2, 1, 0)
    rig.call("PurgeQueue", QueueUrl=fifo)
    assert rig.counts(fifo) == (0, 0, 0)
    put(rig, fifo, "m1")
    assert rig.bodies(fifo) == ["m1"]
