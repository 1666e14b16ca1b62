"""Long polls: what wakes them, when they end, in which order they are served, what they consume."""

from __future__ import annotations

from typing import Any

import pytest
from queues_rig import T0, Rig, shown

from redrive.core.effects import Reply


def poll(rig: Rig, url: str, seconds: int = 20, **params: Any) -> list[Reply]:
    return rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=seconds, **params)


def bodies(replies: list[Reply]) -> list[str] | None:
    """What a poll returned; None while it waits."""
    if not replies:
        return None
    assert replies[0].error is None
    return [message["Body"] for message in shown(replies[0].result)]


@pytest.mark.parametrize("seconds", [1, 20])
def test_a_poll_ends_exactly_on_time(rig: Rig, url: str, seconds: int) -> None:
    """Without messages it returns an empty result at its instant, not a millisecond sooner."""
    waiting = poll(rig, url, seconds)
    rig.wait(seconds - 0.001)
    assert bodies(waiting) is None
    rig.wait(0.001)
    assert waiting[0].result == {}
    assert rig.dispatch.waiting == 0


def test_the_queues_own_wait_holds_unless_one_is_given(rig: Rig) -> None:
    """ReceiveMessageWaitTimeSeconds is the default; 0 given is a short poll."""
    url = rig.create("patient", ReceiveMessageWaitTimeSeconds="3")
    assert rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=0)[0].result == {}
    waiting = rig.start("ReceiveMessage", QueueUrl=url)
    rig.wait(2.999)
    assert waiting == []
    rig.wait(0.001)
    assert waiting[0].result == {}


def test_a_poll_on_messages_returns_at_once(rig: Rig, url: str) -> None:
    """It does not wait for more than there is."""
    rig.send(url)
    assert bodies(poll(rig, url, MaxNumberOfMessages=10)) == ["hello"]


def test_a_send_wakes(rig: Rig, url: str) -> None:
    """The answer leaves at the instant of the send."""
    waiting = poll(rig, url)
    rig.wait(7)
    rig.send(url)
    assert bodies(waiting) == ["hello"]
    assert rig.now_ms == T0 + 7_000


def test_a_batch_wakes_as_many_as_it_feeds(rig: Rig, url: str) -> None:
    """Three messages in one batch: the first three who wait get one each, in order of arrival."""
    waiting = [poll(rig, url) for _ in range(4)]
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(3)]
    rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [bodies(w) for w in waiting] == [["0"], ["1"], ["2"], None]


def test_a_failed_send_wakes_nobody(rig: Rig, url: str) -> None:
    """A batch of which every entry fails changes nothing."""
    waiting = poll(rig, url)
    entries = [{"Id": "a", "MessageBody": "\x00"}]
    rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert bodies(waiting) is None


def test_a_delayed_message_wakes_when_it_is_due(rig: Rig, url: str) -> None:
    """Whether it was sent before the poll or during it."""
    rig.send(url, "before", DelaySeconds=3)
    first = poll(rig, url)
    second = poll(rig, url)
    rig.send(url, "during", DelaySeconds=5)
    rig.wait(2.999)
    assert [bodies(first), bodies(second)] == [None, None]
    rig.wait(0.001)
    assert [bodies(first), bodies(second)] == [["before"], None]
    rig.wait(1.999)
    assert bodies(second) is None
    rig.wait(0.001)
    assert bodies(second) == ["during"]


def test_a_lapsed_lease_wakes(rig: Rig, url: str) -> None:
    """A message that another consumer did not delete is received when its timeout ends."""
    rig.send(url)
    rig.receive(url, VisibilityTimeout=4)
    waiting = poll(rig, url)
    rig.wait(3.999)
    assert bodies(waiting) is None
    rig.wait(0.001)
    assert bodies(waiting) == ["hello"]


def test_a_released_lease_wakes(rig: Rig, url: str) -> None:
    """ChangeMessageVisibility to 0 hands the message to whoever waits."""
    rig.send(url)
    (got,) = rig.receive(url)
    waiting = poll(rig, url)
    rig.call(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    assert bodies(waiting) == ["hello"]


def test_a_shorter_lease_wakes_sooner(rig: Rig, url: str) -> None:
    """A wait follows a lease that is cut, for the first who waits and for those behind."""
    for n in range(2):
        rig.send(url, str(n))
    first, second = rig.receive(url)
    waiting = [poll(rig, url), poll(rig, url)]
    for message, seconds in ((first, 5), (second, 8)):
        rig.call(
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=seconds,
        )
    rig.wait(5)
    assert [bodies(w) for w in waiting] == [["0"], None]
    rig.wait(3)
    assert [bodies(w) for w in waiting] == [["0"], ["1"]]


def test_messages_due_together_feed_all_who_wait(rig: Rig, url: str) -> None:
    """Two messages that come due at one instant go to the two who waited since before the sends."""
    waiting = [poll(rig, url) for _ in range(3)]
    for n in range(2):
        rig.send(url, str(n), DelaySeconds=3)
    rig.wait(3)
    assert [bodies(w) for w in waiting] == [["0"], ["1"], None]


def test_who_leaves_does_not_take_the_others_alarm_along(rig: Rig, url: str) -> None:
    """The first in line ends before a message is due: the next one gets it on time."""
    first, second = poll(rig, url, 2), poll(rig, url, 20)
    rig.send(url, DelaySeconds=5)
    rig.wait(5)
    assert [bodies(first), bodies(second)] == [[], ["hello"]]


def test_who_is_cancelled_does_not_take_the_others_alarm_along(rig: Rig, url: str) -> None:
    """The same when the first in line disconnects."""
    _replies, ticket = rig.enter("ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20})
    rig.settle()
    second = poll(rig, url, 20)
    rig.send(url, DelaySeconds=5)
    rig.dispatch.cancel(ticket)
    rig.wait(5)
    assert bodies(second) == ["hello"]


def test_a_cancelled_poll_consumes_nothing(rig: Rig, url: str) -> None:
    """After its client has gone a message is left to the next, and was received once only."""
    replies, ticket = rig.enter("ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20})
    rig.settle()
    assert rig.dispatch.waiting == 1
    rig.dispatch.cancel(ticket)
    assert rig.dispatch.waiting == 0
    rig.send(url)
    (got,) = rig.receive(url, AttributeNames=["ApproximateReceiveCount"])
    assert got["Attributes"] == {"ApproximateReceiveCount": "1"}
    rig.wait(60)
    assert replies == []


def test_polls_of_other_queues_sleep_on(rig: Rig, url: str) -> None:
    """A send wakes its own queue's waiters only."""
    waiting = poll(rig, rig.create("other"))
    rig.send(url)
    assert bodies(waiting) is None


def test_a_poll_keeps_its_own_parameters(rig: Rig, url: str) -> None:
    """Visibility, count and attributes asked for hold when it is tried again."""
    waiting = poll(
        rig,
        url,
        VisibilityTimeout=2,
        MaxNumberOfMessages=5,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    rig.wait(1)
    rig.send(url)
    assert shown(waiting[0].result)[0]["Attributes"] == {"SentTimestamp": str(T0 + 1_000)}
    rig.wait(2)
    assert rig.bodies(url) == ["hello"]


def test_a_purge_does_not_disturb_who_waits(rig: Rig, url: str) -> None:
    """A long poll goes on over a purge and gets what is sent after it."""
    rig.send(url, "old", DelaySeconds=2)
    waiting = poll(rig, url)
    rig.call("PurgeQueue", QueueUrl=url)
    rig.wait(3)
    assert bodies(waiting) is None
    rig.send(url, "new")
    assert bodies(waiting) == ["new"]


def test_an_expired_message_wakes_nobody(rig: Rig) -> None:
    """A lease that outlasts the retention leaves nothing to receive."""
    url = rig.create("brief", MessageRetentionPeriod="60")
    rig.send(url)
    rig.receive(url, VisibilityTimeout=70)
    rig.wait(55)
    waiting = poll(rig, url)
    rig.wait(20)
    assert waiting[0].result == {}


def test_a_hundred_wait_in_line(rig: Rig, url: str) -> None:
    """Each of many waiters gets its message, in the order of arrival."""
    waiting = [poll(rig, url) for _ in range(100)]
    for n in range(100):
        rig.send(url, str(n), DelaySeconds=n % 7)
    rig.wait(7)
    served = [bodies(w) for w in waiting]
    assert all(served)
    assert sorted(int(b[0]) for b in served if b) == list(range(100))
    assert rig.dispatch.waiting == 0
