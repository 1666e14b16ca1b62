"""Dead-letter queues, and move tasks through a crash."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from queues_rig import T0, Rig, arn, bury, lose_the_group, redrive, shown, start_move
from stand_ins import caller

from redrive.services.queues.rules import MOVE_CHUNK

# --- dead-letter queues ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_message_is_buried_at_the_receive_that_would_be_one_too_many(
    rig: Rig, dlq: str, count: int
) -> None:
    """It is delivered maxReceiveCount times; lazily, so that without a receive it stays."""
    url = rig.create("source", RedrivePolicy=redrive(count))
    rig.send(url)
    for _ in range(count):
        assert rig.bodies(url, VisibilityTimeout=1) == ["hello"]
        rig.wait(1)
    assert rig.counts(url) == (1, 0, 0)
    assert rig.counts(dlq) == (0, 0, 0)
    assert rig.bodies(url) == []
    assert rig.counts(url) == (0, 0, 0)
    assert rig.bodies(dlq) == ["hello"]


def test_a_buried_message_keeps_itself(rig: Rig, source: str, dlq: str) -> None:
    """Id, attributes, trace and time of sending stay; the count goes on; the source is told."""
    sent = rig.send(
        source,
        MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}},
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )
    for _ in range(3):
        rig.receive(source, VisibilityTimeout=0)
    asked = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
    (got,) = rig.receive(dlq, **asked)
    assert got["MessageId"] == sent["MessageId"]
    assert got["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "b"}}
    assert got["Attributes"]["ApproximateReceiveCount"] == "3"
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == arn("source")
    assert got["Attributes"]["SentTimestamp"] == str(T0)
    assert got["Attributes"]["AWSTraceHeader"] == "Root=1"


def test_a_burial_makes_room_in_the_same_receive(rig: Rig, source: str) -> None:
    """A receive that buries goes on to the messages behind."""
    rig.send(source, "poison")
    for _ in range(2):
        rig.receive(source, VisibilityTimeout=0)
    for n in range(3):
        rig.send(source, str(n))
    assert rig.bodies(source, 3) == ["0", "1", "2"]


def test_a_burial_wakes_who_waits_on_the_dlq(rig: Rig, source: str, dlq: str) -> None:
    """A long poll on the dead-letter queue hears of it at once; one on the source goes on."""
    rig.send(source)
    for _ in range(2):
        rig.receive(source, VisibilityTimeout=0)
    there = rig.start("ReceiveMessage", QueueUrl=dlq, WaitTimeSeconds=20)
    here = rig.start("ReceiveMessage", QueueUrl=source, WaitTimeSeconds=20)
    assert [m["Body"] for m in shown(there[0].result)] == ["hello"]
    assert here == []


def test_a_handle_of_the_source_does_nothing_after_the_burial(
    rig: Rig, source: str, dlq: str
) -> None:
    """Neither queue lets the old handle delete or change the buried message."""
    rig.send(source)
    rig.receive(source, VisibilityTimeout=0)
    (got,) = rig.receive(source, VisibilityTimeout=0)
    rig.receive(source)
    for url in (source, dlq):
        rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        code, _ = rig.refused(
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=got["ReceiptHandle"],
            VisibilityTimeout=9,
        )
        assert code == "InvalidParameterValue"
    assert rig.bodies(dlq) == ["hello"]


def test_retention_counts_from_the_sending_in_the_dlq_too(rig: Rig, dlq: str) -> None:
    """Standard queues: a day in the source is a day less in the dead-letter queue."""
    url = rig.create("source", RedrivePolicy=redrive(1), MessageRetentionPeriod="1000")
    rig.call("SetQueueAttributes", QueueUrl=dlq, Attributes={"MessageRetentionPeriod": "1500"})
    rig.send(url)
    rig.receive(url, VisibilityTimeout=0)
    rig.wait(900)
    rig.receive(url)
    rig.wait(599.999)
    assert rig.bodies(dlq, VisibilityTimeout=0) == ["hello"]
    rig.wait(0.001)
    assert rig.bodies(dlq) == []


def test_without_its_dlq_a_queue_goes_on_delivering(rig: Rig, source: str, dlq: str) -> None:
    """A deleted dead-letter queue costs no message."""
    rig.call("DeleteQueue", QueueUrl=dlq)
    rig.send(source)
    for _ in range(5):
        assert rig.bodies(source, VisibilityTimeout=0) == ["hello"]


def test_a_dlq_may_have_a_dlq(rig: Rig, dlq: str, source: str) -> None:
    """Buried again by the next policy; two queues that name each other do not spin."""
    rig.create("last")
    policy = {"RedrivePolicy": redrive(2, "last")}
    rig.call("SetQueueAttributes", QueueUrl=dlq, Attributes=policy)
    bury(rig, source, "a")
    assert rig.bodies(dlq) == []
    assert rig.bodies("last") == ["a"]
    policy = {"RedrivePolicy": redrive(1, "source")}
    rig.call("SetQueueAttributes", QueueUrl=dlq, Attributes=policy)
    rig.send(source, "b")
    for _ in range(3):
        rig.receive(source, VisibilityTimeout=0)
        rig.receive(dlq, VisibilityTimeout=0)
    assert sum(rig.counts(source)) + sum(rig.counts(dlq)) == 1


# --- move tasks --------------------------------------------------------------------------------


def tasks(rig: Rig, count: int = 10) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.call(
        "ListMessageMoveTasks", SourceArn=arn("dlq"), MaxResults=count
    )["Results"]
    return found


def test_messages_go_back_to_their_sources(rig: Rig, dlq: str, source: str) -> None:
    """Without a destination each returns to the queue that buried it, as a new message."""
    other = rig.create("other", RedrivePolicy=redrive())
    bury(rig, source, "a", "b")
    bury(rig, other, "c")
    old = {m["MessageId"] for m in rig.call("PeekMessages", of="redrive", Queue="dlq")["Messages"]}
    rig.work()
    rig.wait(5)
    handle = start_move(rig)
    assert json.loads(base64.b64decode(handle))["sourceArn"] == arn("dlq")
    rig.wait(0)
    (task,) = tasks(rig)
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": arn("dlq"),
        "ApproximateNumberOfMessagesMoved": 3,
        "ApproximateNumberOfMessagesToMove": 3,
        "StartedTimestamp": rig.now_ms,
    }
    got = rig.receive(source, MessageSystemAttributeNames=["All"])
    assert [m["Body"] for m in got] == ["a", "b"]
    for message in got:
        assert message["MessageId"] not in old
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
        assert message["Attributes"]["SentTimestamp"] == str(rig.now_ms)
        assert "DeadLetterQueueSourceArn" not in message["Attributes"]
    assert rig.bodies(other) == ["c"]
    assert rig.counts(dlq) == (0, 0, 0)


def test_messages_go_where_they_are_sent(rig: Rig, dlq: str, source: str) -> None:
    """A destination takes all, also what was sent to the dead-letter queue directly."""
    rig.create("target")
    bury(rig, source, "a")
    rig.send(dlq, "direct")
    rig.work()
    start_move(rig, DestinationArn=arn("target"))
    rig.wait(0)
    assert tasks(rig)[0]["DestinationArn"] == arn("target")
    assert sorted(rig.bodies("target")) == ["a", "direct"]


def test_a_move_wakes_who_waits_at_the_destination(rig: Rig, dlq: str, source: str) -> None:
    """A long poll on the source gets the redriven message at the instant of the move."""
    bury(rig, source, "a")
    rig.work()
    waiting = rig.start("ReceiveMessage", QueueUrl=source, WaitTimeSeconds=20)
    start_move(rig)
    rig.wait(0)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["a"]


def test_large_moves_go_chunk_by_chunk(rig: Rig, dlq: str, source: str) -> None:
    """More messages than a chunk are all moved, once each."""
    for n in range(MOVE_CHUNK * 2 + 5):
        rig.send(dlq, str(n))
    rig.work()
    start_move(rig, DestinationArn=arn("source"))
    rig.wait(0)
    seen: list[str] = []
    while batch := rig.bodies(source):
        seen += batch
    assert seen == [str(n) for n in range(MOVE_CHUNK * 2 + 5)]


@pytest.mark.parametrize("rate", [1, 3, 500])
def test_the_rate_is_kept(rig: Rig, dlq: str, source: str, rate: int) -> None:
    """Message k moves k / rate seconds after the start: never more than the rate, and not less."""
    count = min(rate * 3, 150)
    for n in range(count):
        rig.send(dlq, str(n))
    rig.work()
    start_move(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=rate)
    began_ms = rig.now_ms
    assert tasks(rig)[0]["MaxNumberOfMessagesPerSecond"] == rate
    for step_ms in (0, 1, 333, 334, 999, 1_000, 1_500, 2_000, 10_000):
        rig.pass_to(began_ms + step_ms)
        expected = min(count, step_ms * rate // 1_000 + 1)
        assert rig.counts(source)[0] == expected, f"after {step_ms} ms"
    assert tasks(rig)[0]["Status"] == "COMPLETED"


def test_a_task_is_cancelled_and_keeps_what_it_moved(rig: Rig, dlq: str, source: str) -> None:
    """The handle is listed while the task runs only; cancelling twice is refused."""
    for n in range(10):
        rig.send(dlq, str(n))
    rig.work()
    handle = start_move(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=1)
    rig.wait(3.5)
    assert tasks(rig)[0]["TaskHandle"] == handle
    result = rig.call("CancelMessageMoveTask", TaskHandle=handle)
    assert result == {"ApproximateNumberOfMessagesMoved": 4}
    rig.wait(60)
    (task,) = tasks(rig)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("CANCELLED", 4)
    assert "TaskHandle" not in task
    assert (rig.counts(dlq)[0], rig.counts(source)[0]) == (6, 4)
    assert rig.refused("CancelMessageMoveTask", TaskHandle=handle)[0] == "InvalidParameterValue"


def test_one_task_a_source(rig: Rig, dlq: str, source: str) -> None:
    """A second one is refused while the first runs, and taken afterwards; the newest is first."""
    rig.send(dlq, "x")
    rig.send(dlq, "y")
    params = {"DestinationArn": arn("source"), "MaxNumberOfMessagesPerSecond": 1}
    start_move(rig, **params)
    assert rig.refused("StartMessageMoveTask", SourceArn=arn("dlq")) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn"
        " at a given time.",
    )
    rig.work()
    rig.wait(10)
    rig.send(dlq, "z")
    rig.send(dlq, "zz")
    start_move(rig, **params)
    rig.wait(0)
    assert [task["Status"] for task in tasks(rig)] == ["RUNNING", "COMPLETED"]
    assert [task["Status"] for task in tasks(rig, 1)] == ["RUNNING"]
    default = rig.call("ListMessageMoveTasks", SourceArn=arn("dlq"))["Results"]
    assert len(default) == 1


REFUSED_STARTS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"SourceArn": arn("source")},
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    ),
    (
        {"SourceArn": arn("missing")},
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ),
    (
        {"SourceArn": "garbage"},
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ),
    (
        {"SourceArn": arn("dlq", region="eu-west-1")},
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ),
    (
        {"SourceArn": arn("dlq"), "DestinationArn": arn("missing")},
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    ),
    (
        {"SourceArn": arn("dlq"), "DestinationArn": arn("dlq")},
        "InvalidParameterValue",
        "Source queue arn and destination queue arn cannot be the same.",
    ),
    *(
        (
            {"SourceArn": arn("dlq"), "MaxNumberOfMessagesPerSecond": rate},
            "InvalidParameterValue",
            f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be"
            " between 1 and 500, if provided.",
        )
        for rate in (0, 501, -1)
    ),
]


@pytest.mark.parametrize(("params", "code", "message"), REFUSED_STARTS)
def test_tasks_that_are_refused(
    rig: Rig, source: str, params: dict[str, Any], code: str, message: str
) -> None:
    """AWS's captured texts; another region's queue of the same name is not taken for it."""
    rig.create("dlq", caller(region="eu-west-1"))
    assert rig.refused("StartMessageMoveTask", **params) == (code, message)
    assert tasks(rig) == []


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


BAD_HANDLES = [
    ("garbage", "InvalidParameterValue", "Value for parameter TaskHandle is invalid."),
    ("é", "InvalidParameterValue", "Value for parameter TaskHandle is invalid."),
    ("", "InvalidParameterValue", "Value for parameter TaskHandle is invalid."),
    (encoded([]), "InvalidParameterValue", "Value for parameter TaskHandle is invalid."),
    (
        encoded({"taskId": "x"}),
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    ),
    (
        encoded({"taskId": "x", "sourceArn": 1}),
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    ),
    (
        encoded({"taskId": "x", "sourceArn": arn("missing")}),
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ),
    (
        encoded({"taskId": "x", "sourceArn": arn("dlq")}),
        "ResourceNotFoundException",
        "Task does not exist.",
    ),
]


@pytest.mark.parametrize(("handle", "code", "message"), BAD_HANDLES)
def test_cancellations_that_are_refused(
    rig: Rig, source: str, handle: str, code: str, message: str
) -> None:
    """AWS's captured texts."""
    assert rig.refused("CancelMessageMoveTask", TaskHandle=handle) == (code, message)


def test_lists_of_tasks_that_are_refused(rig: Rig, source: str) -> None:
    """1 to 10 results; a source that exists."""
    for count in (0, 11):
        code, _ = rig.refused("ListMessageMoveTasks", SourceArn=arn("dlq"), MaxResults=count)
        assert code == "InvalidParameterValue"
    code, _ = rig.refused("ListMessageMoveTasks", SourceArn=arn("missing"))
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("destination", "AWS.SimpleQueueService.NonExistentQueue"),
        ("source", "AWS.SimpleQueueService.NonExistentQueue"),
        ("origin", "CouldNotDetermineMessageSource"),
        ("time", "TaskTimedOut"),
    ],
)
def test_reasons_of_failure(rig: Rig, dlq: str, source: str, gone: str, reason: str) -> None:
    """A task that cannot go on fails, says why, and loses nothing."""
    rig.create("target")
    rig.call("SetQueueAttributes", QueueUrl=dlq, Attributes={"MessageRetentionPeriod": "1209600"})
    rig.send(dlq, "a")
    rig.send(dlq, "b")
    if gone == "origin":
        start_move(rig)
    else:
        start_move(rig, DestinationArn=arn("target"), MaxNumberOfMessagesPerSecond=1)
    if gone == "time":
        rig.wait(36 * 3_600 + 0.001)
    if gone == "destination":
        rig.call("DeleteQueue", QueueUrl="target")
    if gone == "source":
        rig.call("DeleteQueue", QueueUrl=dlq)
        rig.work()
        rig.wait(60)
        rig.create("dlq")
    else:
        rig.work()
        rig.wait(1)
        assert rig.counts(dlq) == (2, 0, 0)
    (task,) = tasks(rig)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", reason)


def test_expired_messages_are_not_moved(rig: Rig, dlq: str, source: str) -> None:
    """A message whose retention is over is dropped, not given a new life."""
    rig.call("SetQueueAttributes", QueueUrl=dlq, Attributes={"MessageRetentionPeriod": "60"})
    rig.send(dlq, "old")
    rig.wait(60)
    rig.send(dlq, "new")
    start_move(rig, DestinationArn=arn("source"))
    rig.work()
    assert rig.bodies(source) == ["new"]
    assert tasks(rig)[0]["ApproximateNumberOfMessagesMoved"] == 1


def test_a_crash_in_the_middle_loses_and_doubles_nothing(rig: Rig, dlq: str, source: str) -> None:
    """At whatever commit the process dies, the task goes on after the restart to its end."""
    count = 12
    for n in range(count):
        rig.send(dlq, str(n))
    rig.work()
    start_move(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=5)
    for _ in range(8):
        rig.wait(0.25)
        rig.dispatch.advance()  # moves, perhaps, and is not committed
        rig.crash()
        assert rig.counts(dlq)[0] + rig.counts(source)[0] == count
        rig.work()
    rig.wait(5)
    assert tasks(rig)[0]["Status"] == "COMPLETED"
    assert tasks(rig)[0]["ApproximateNumberOfMessagesMoved"] == count
    seen: list[str] = []
    while batch := rig.bodies(source):
        seen += batch
    assert seen == [str(n) for n in range(count)]


def test_a_store_that_is_away_delays_a_move(rig: Rig, dlq: str, source: str) -> None:
    """After Unavailable the mover tries again a second later."""
    rig.send(dlq, "a")
    rig.work()
    params = {"SourceArn": arn("dlq"), "DestinationArn": arn("source")}
    replies, _ticket = rig.enter("StartMessageMoveTask", params)
    rig.dispatch.settle()  # wakes the mover, whose work is in the group that is open now
    assert replies[0].error is None
    with pytest.raises(KeyError):
        rig.store.transact(lose_the_group)
    rig.settle()
    assert (rig.counts(dlq)[0], rig.counts(source)[0]) == (1, 0)
    rig.wait(0.999)
    assert rig.counts(dlq)[0] == 1
    rig.wait(0.001)
    assert rig.bodies(source) == ["a"]
