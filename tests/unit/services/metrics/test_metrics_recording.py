"""Every metric, through virtual time: what is counted, what is gauged, and when nothing is."""

from __future__ import annotations

import pytest
from metrics_rig import ACCOUNT, ALWAYS, HOUR_MS, OTHER, T0, Rig, redrive
from stand_ins import caller

from redrive.core.time import MINUTE_MS
from redrive.services.metrics.model import METRICS


def test_counters_are_told_minute_by_minute(rig: Rig) -> None:
    """Sends, deliveries and delete calls stand in the minute in which they happened."""
    url = rig.create()
    for _ in range(3):
        rig.send(url)
    first = rig.minute()
    handles = rig.receive(url)
    rig.delete(url, handles[0])
    second = rig.minute()
    told = {
        name: [(point["Timestamp"], point["Sum"]) for point in rig.statistics(name)]
        for name in (
            "NumberOfMessagesSent",
            "NumberOfMessagesReceived",
            "NumberOfMessagesDeleted",
        )
    }
    assert told == {
        "NumberOfMessagesSent": [(first, 3), (second, 0)],
        "NumberOfMessagesReceived": [(first, 0), (second, 3)],
        "NumberOfMessagesDeleted": [(first, 0), (second, 1)],
    }
    rig.check()


def test_repeated_deletes_count(rig: Rig) -> None:
    """A delete that finds nothing any more is a successful call, as are those of a batch."""
    url = rig.create()
    rig.send(url)
    rig.send(url)
    one, other = rig.receive(url)
    for _ in range(3):
        rig.delete(url, one)
    entries = [{"Id": f"e{n}", "ReceiptHandle": handle} for n, handle in enumerate((one, other))]
    rig.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    rig.call("PurgeQueue", QueueUrl=url)
    rig.delete(url, other)  # of a heap that is no longer the queue's
    rig.minute()
    assert rig.value("NumberOfMessagesDeleted") == 6
    rig.check()


def test_empty_receives_count_when_they_end(rig: Rig) -> None:
    """A receive without messages counts once, at its end; one that finds a message does not."""
    url = rig.create()
    rig.receive(url)
    rig.receive(url)
    long = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    rig.minute()
    assert long[0].result == {}
    assert rig.value("NumberOfEmptyReceives") == 3
    found = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    rig.wait(5)
    rig.send(url)
    rig.minute()
    assert found[0].result
    assert rig.value("NumberOfEmptyReceives") == 0
    rig.check()


def test_empty_receives_are_not_written_one_by_one(rig: Rig) -> None:
    """An idle queue that is polled costs no write of its own until the minute is over."""
    url = rig.create()
    rig.minute()
    rig.wait(1)
    before = (rig.folder / "redrive.db-wal").stat().st_size
    for _ in range(50):
        rig.receive(url)
    assert (rig.folder / "redrive.db-wal").stat().st_size == before
    rig.minute()
    assert rig.value("NumberOfEmptyReceives") == 50


def test_sizes_have_sum_count_least_and_greatest(rig: Rig) -> None:
    """SentMessageSize has one sample a message: its body's bytes and its attributes'."""
    url = rig.create()
    rig.send(url, "a" * 10)
    attribute = {"key": {"DataType": "String", "StringValue": "value"}}
    rig.send(url, "é" * 5, MessageAttributes=attribute)
    entries = [{"Id": f"e{n}", "MessageBody": "b" * n} for n in (1, 100)]
    rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    rig.minute()
    names = ["SampleCount", "Sum", "Minimum", "Maximum", "Average"]
    (point,) = rig.statistics("SentMessageSize", Statistics=names)
    sizes = (10, 10 + len("key" + "String" + "value"), 1, 100)
    assert [point[name] for name in names] == [4, sum(sizes), 1, 100, sum(sizes) / 4]
    assert point["Unit"] == "Bytes"
    rig.minute()
    assert rig.value("SentMessageSize") is None, "nothing was sent"
    rig.check()


def test_a_failed_batch_entry_has_no_size(rig: Rig) -> None:
    """What is refused is neither counted nor measured."""
    url = rig.create("q", None, MaximumMessageSize="1024")
    entries = [{"Id": "a", "MessageBody": "b" * 2_000}, {"Id": "b", "MessageBody": "bb"}]
    rig.call("SendMessageBatch", QueueUrl=url, Entries=entries)
    rig.minute()
    assert rig.value("SentMessageSize", "q", "Maximum") == 2
    assert rig.value("NumberOfMessagesSent") == 1
    rig.check()


def test_gauges_are_those_of_the_queue_attributes(rig: Rig) -> None:
    """Visible, in flight and delayed at the end of the minute, by the same count."""
    url = rig.create()
    for n in range(5):
        rig.send(url)
        rig.send(url, DelaySeconds=900) if n < 2 else None
    rig.receive(url, 2, VisibilityTimeout=600)
    rig.minute()
    attributes = rig.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    told = {
        name: rig.value(f"ApproximateNumberOfMessages{name}", "q", "Average")
        for name in ("Visible", "NotVisible", "Delayed")
    }
    assert told == {"Visible": 3, "NotVisible": 2, "Delayed": 2}
    assert told == {
        "Visible": int(attributes["ApproximateNumberOfMessages"]),
        "NotVisible": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        "Delayed": int(attributes["ApproximateNumberOfMessagesDelayed"]),
    }


def age(rig: Rig, name: str = "q") -> float | None:
    """The age of the oldest message at the end of the minute that was over last."""
    rig.minute()
    return rig.value("ApproximateAgeOfOldestMessage", name, "Maximum")


def test_age_is_that_of_the_oldest_wherever_it_is(rig: Rig) -> None:
    """It counts from the sending: visible, delayed or in flight; 0 when there is none."""
    url = rig.create()
    assert age(rig) == 0
    rig.send(url, DelaySeconds=900)
    rig.wait(10)
    rig.send(url)
    assert age(rig) == 60
    rig.receive(url, VisibilityTimeout=3_600)
    assert age(rig) == 120
    rig.call("PurgeQueue", QueueUrl=url)
    assert age(rig) == 0


def test_age_leaves_poison_out(rig: Rig) -> None:
    """A message received three times without delete gives way to the next oldest."""
    url = rig.create()
    rig.send(url, "poison")
    for _ in range(2):
        rig.receive(url, 1, VisibilityTimeout=1)
        rig.wait(2)
    assert age(rig) == 60
    rig.receive(url, 1, VisibilityTimeout=1)
    rig.send(url, "fresh")
    assert age(rig) == 60, "the fresh one's"
    for _ in range(3):
        rig.receive(url, 2, VisibilityTimeout=1)
        rig.wait(2)
    assert age(rig) == 0, "both are poison now"


@pytest.mark.parametrize("received", [False, True])
def test_age_counts_from_the_move_in_a_dead_letter_queue(rig: Rig, received: bool) -> None:
    """However old the message, and however often it was received, there and before."""
    rig.create("dlq")
    url = rig.create("q", None, RedrivePolicy=redrive("dlq", 3))
    rig.send(url)
    for _ in range(3):
        rig.receive(url, 1, VisibilityTimeout=100)
        rig.wait(100)
    moved_ms = rig.now_ms
    assert rig.receive(url) == []
    dlq = url.replace("/q", "/dlq")
    if received:
        rig.wait(5)
        assert rig.receive(dlq, 1, VisibilityTimeout=1)
        rig.wait(5)
    rig.minute()
    assert rig.value("ApproximateAgeOfOldestMessage", "dlq", "Maximum") == (
        (rig.now_ms - moved_ms) // 1_000
    )
    assert rig.value("ApproximateAgeOfOldestMessage", "q", "Maximum") == 0
    assert rig.value("NumberOfMessagesSent", "dlq") == 0, "a burial is no send"


def test_fifo_queues_have_their_own_metrics(rig: Rig) -> None:
    """Sends that were seen before, and groups with messages in flight."""
    url = rig.create("q.fifo", None, FifoQueue="true")
    for n, group in enumerate("aabbc"):
        for _ in range(2):
            rig.send(url, MessageGroupId=group, MessageDeduplicationId=str(n))
    rig.receive(url, 2, VisibilityTimeout=600)
    rig.minute()
    rig.receive(url, 10, VisibilityTimeout=600)
    rig.minute()
    name = "q.fifo"
    held = rig.statistics("ApproximateNumberOfGroupsWithInflightMessages", name)
    assert [point["Sum"] for point in held] == [1, 3]
    same = rig.statistics("NumberOfDeduplicatedSentMessages", name)
    assert [point["Sum"] for point in same] == [5, 0]
    sent = rig.statistics("NumberOfMessagesSent", name)
    assert [point["Sum"] for point in sent] == [5, 0]
    assert rig.value("ApproximateAgeOfOldestMessage", name, "Maximum") == 120
    rig.check()


def test_fair_queues_have_their_own_metrics(rig: Rig) -> None:
    """Noisy groups, and the queue without them."""
    url = rig.create()
    for n in range(60):
        rig.send(url, MessageGroupId="loud", DelaySeconds=900 if n >= 55 else 0)
    rig.receive(url, 10, VisibilityTimeout=900)
    rig.receive(url, 10, VisibilityTimeout=900)
    rig.receive(url, 10, VisibilityTimeout=900)
    rig.send(url, MessageGroupId="calm")
    rig.minute()
    told = {name: rig.value(name) for name, metric in METRICS.items() if metric.kind == "fair"}
    assert told == {
        "ApproximateNumberOfNoisyGroups": 1,
        "ApproximateNumberOfMessagesVisibleInQuietGroups": 1,
        "ApproximateNumberOfMessagesNotVisibleInQuietGroups": 0,
        "ApproximateNumberOfMessagesDelayedInQuietGroups": 0,
        "ApproximateAgeOfOldestMessageInQuietGroups": 60,
    }
    assert rig.value("ApproximateNumberOfMessagesVisible") == 26
    assert rig.value("ApproximateNumberOfMessagesNotVisible") == 30
    assert rig.value("ApproximateNumberOfMessagesDelayed") == 5


def test_a_queue_without_groups_has_no_fair_metrics(rig: Rig) -> None:
    """Nor those of FIFO queues."""
    url = rig.create()
    rig.send(url)
    rig.minute()
    for name, metric in METRICS.items():
        assert (rig.value(name) is None) == (metric.kind in ("fair", "fifo")), name


def test_an_idle_queue_ends_after_six_hours(rig: Rig) -> None:
    """No datapoints after six hours without a message and without anything done."""
    url = rig.create()
    rig.send(url)
    rig.delete(url, rig.receive(url)[0])
    used_ms = rig.minute()
    rig.pass_to(used_ms + 8 * HOUR_MS)
    for name in ALWAYS:
        points = rig.statistics(name)
        assert points[-1]["Timestamp"] == used_ms + 6 * HOUR_MS - MINUTE_MS, name
        assert len(points) == 6 * 60, name
    rig.receive(url)
    rig.minute()
    assert rig.value("NumberOfEmptyReceives") == 1, "polled, it is active again"
    rig.check()


def test_a_queue_that_holds_a_message_stays_active(rig: Rig) -> None:
    """As long as the message is there."""
    url = rig.create()
    rig.send(url)
    rig.pass_to(T0 + 9 * HOUR_MS)
    assert rig.value("ApproximateAgeOfOldestMessage", "q", "Maximum") == 9 * 3_600
    assert url


def test_nothing_is_written_for_idle_queues(rig: Rig) -> None:
    """Once all queues are inactive, the recorder leaves no trace."""
    rig.create()
    rig.pass_to(T0 + 7 * HOUR_MS)
    before = rig.rows(), (rig.folder / "redrive.db-wal").stat().st_size
    rig.pass_to(T0 + 7 * HOUR_MS + 20 * MINUTE_MS)
    assert (rig.rows(), (rig.folder / "redrive.db-wal").stat().st_size) == before


def test_accounts_and_regions_are_apart(rig: Rig) -> None:
    """A queue of the same name elsewhere has its own metrics."""
    places = [caller(), caller(OTHER), caller(ACCOUNT, "eu-west-1")]
    for count, who in enumerate(places, 1):
        url = rig.create("q", who)
        for _ in range(count):
            rig.call("SendMessage", "sqs", who, QueueUrl=url, MessageBody="hello")
    rig.minute()
    told = [rig.statistics("NumberOfMessagesSent", "q", who)[-1]["Sum"] for who in places]
    assert told == [1, 2, 3]
