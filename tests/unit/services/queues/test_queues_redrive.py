"""Dead-letter queues, move tasks through a crash, and what a person sees of a message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from queues_rig import OTHER, T0, Rig, arn, caller, shown

from redrive.core.errors import Unavailable
from redrive.services.queues.rules import MOVE_CHUNK
from redrive.store.store import Tx


def redrive(count: int = 2, dlq: str = "dlq") -> str:
    return json.dumps({"deadLetterTargetArn": arn(dlq), "maxReceiveCount": count})


@pytest.fixture
def dlq(rig: Rig) -> str:
    """The URL of a dead-letter queue."""
    return rig.create("dlq")


@pytest.fixture
def source(rig: Rig, dlq: str) -> str:
    """A queue that buries after two receives."""
    return rig.create("source", RedrivePolicy=redrive())


def bury(rig: Rig, url: str, *names: str) -> None:
    """Send messages and receive each until it is buried."""
    for name in names:
        rig.send(url, name)
    for _ in range(3):
        while rig.receive(url, VisibilityTimeout=1):
            pass
        rig.wait(1)
    assert sum(rig.counts(url)) == 0


# --- dead-letter queues: AWS_SEMANTICS 1.7 -------------------------------------------------------


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


# --- move tasks: AWS_SEMANTICS 1.8 ---------------------------------------------------------------


def start(rig: Rig, **params: Any) -> str:
    handle: str = rig.call("StartMessageMoveTask", SourceArn=arn("dlq"), **params)["TaskHandle"]
    return handle


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
    handle = start(rig)
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
    start(rig, DestinationArn=arn("target"))
    rig.wait(0)
    assert tasks(rig)[0]["DestinationArn"] == arn("target")
    assert sorted(rig.bodies("target")) == ["a", "direct"]


def test_a_move_wakes_who_waits_at_the_destination(rig: Rig, dlq: str, source: str) -> None:
    """A long poll on the source gets the redriven message at the instant of the move."""
    bury(rig, source, "a")
    rig.work()
    waiting = rig.start("ReceiveMessage", QueueUrl=source, WaitTimeSeconds=20)
    start(rig)
    rig.wait(0)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["a"]


def test_large_moves_go_chunk_by_chunk(rig: Rig, dlq: str, source: str) -> None:
    """More messages than a chunk are all moved, once each."""
    for n in range(MOVE_CHUNK * 2 + 5):
        rig.send(dlq, str(n))
    rig.work()
    start(rig, DestinationArn=arn("source"))
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
    start(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=rate)
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
    handle = start(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=1)
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
    start(rig, **params)
    assert rig.refused("StartMessageMoveTask", SourceArn=arn("dlq")) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn"
        " at a given time.",
    )
    rig.work()
    rig.wait(10)
    rig.send(dlq, "z")
    rig.send(dlq, "zz")
    start(rig, **params)
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
        start(rig)
    else:
        start(rig, DestinationArn=arn("target"), MaxNumberOfMessagesPerSecond=1)
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
    start(rig, DestinationArn=arn("source"))
    rig.work()
    assert rig.bodies(source) == ["new"]
    assert tasks(rig)[0]["ApproximateNumberOfMessagesMoved"] == 1


def test_a_crash_in_the_middle_loses_and_doubles_nothing(rig: Rig, dlq: str, source: str) -> None:
    """At whatever commit the process dies, the task goes on after the restart to its end."""
    count = 12
    for n in range(count):
        rig.send(dlq, str(n))
    rig.work()
    start(rig, DestinationArn=arn("source"), MaxNumberOfMessagesPerSecond=5)
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


def lose_the_group(tx: Tx) -> None:
    """Fail where no savepoint helps."""
    tx.run_alone("queues.keep_failure", ("h", "{}", 0))
    raise KeyError


# --- permissions ---------------------------------------------------------------------------------


def test_the_life_of_a_permission(rig: Rig, url: str) -> None:
    """The policy has AWS's form; labels are unique; the last one takes the policy along."""
    add = {"QueueUrl": url, "Label": "one", "AWSAccountIds": [OTHER], "Actions": ["ReceiveMessage"]}
    rig.call("AddPermission", **add)
    policy = json.loads(rig.attributes(url)["Policy"])
    assert policy["Version"] == "2008-10-17"
    assert policy["Id"].startswith(f"{arn('q')}/")
    assert policy["Statement"] == [
        {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
            "Action": "SQS:ReceiveMessage",
            "Resource": arn("q"),
        }
    ]
    assert rig.refused("AddPermission", **add) == (
        "InvalidParameterValue",
        "Value one for parameter Label is invalid. Reason: Already exists.",
    )
    rig.call(
        "AddPermission",
        QueueUrl=url,
        Label="two",
        AWSAccountIds=[OTHER, "444455556666"],
        Actions=["*", "SendMessage"],
    )
    both = json.loads(rig.attributes(url)["Policy"])
    assert (both["Id"], len(both["Statement"])) == (policy["Id"], 2)
    rig.call("RemovePermission", QueueUrl=url, Label="one")
    assert rig.refused("RemovePermission", QueueUrl=url, Label="one") == (
        "InvalidParameterValue",
        "Value one for parameter Label is invalid. Reason: can't find label.",
    )
    rig.call("RemovePermission", QueueUrl=url, Label="two")
    assert "Policy" not in rig.attributes(url)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Actions": ["SendMessage"] * 8}, "OverLimit"),
        ({"Actions": ["DeleteQueue"]}, "InvalidParameterValue"),
        ({"Actions": ["sqs:SendMessage"]}, "InvalidParameterValue"),
        ({"Actions": []}, "MissingParameter"),
        ({"AWSAccountIds": []}, "MissingParameter"),
        ({"AWSAccountIds": ["1"]}, "InvalidParameterValue"),
        ({"Label": ""}, "InvalidParameterValue"),
        ({"Label": "a b"}, "InvalidParameterValue"),
        ({"Label": "x" * 81}, "InvalidParameterValue"),
    ],
)
def test_permissions_that_are_refused(
    rig: Rig, url: str, change: dict[str, Any], code: str
) -> None:
    """Seven actions at most, known ones, real accounts, a label; nothing is stored."""
    add = {"QueueUrl": url, "Label": "l", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]}
    assert rig.refused("AddPermission", **{**add, **change})[0] == code
    assert "Policy" not in rig.attributes(url)


def test_a_permission_opens_what_it_names(rig: Rig, url: str) -> None:
    """Another account may do exactly the allowed action, until it is taken back."""
    them = caller(OTHER)
    rig.call(
        "AddPermission", QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=["SendMessage"]
    )
    rig.call("SendMessage", them, QueueUrl=url, MessageBody="from there")
    entries = [{"Id": "a", "MessageBody": "batch"}]
    rig.call("SendMessageBatch", them, QueueUrl=url, Entries=entries)
    assert rig.refused("ReceiveMessage", them, QueueUrl=url)[0] == "AccessDenied"
    stranger = caller("444455556666")
    assert rig.refused("SendMessage", stranger, QueueUrl=url, MessageBody="x")[0] == "AccessDenied"
    got = rig.receive(url, AttributeNames=["SenderId"])
    assert [(m["Body"], m["Attributes"]["SenderId"]) for m in got] == [
        ("from there", OTHER),
        ("batch", OTHER),
    ]
    rig.call("RemovePermission", QueueUrl=url, Label="l")
    assert rig.refused("SendMessage", them, QueueUrl=url, MessageBody="x")[0] == "AccessDenied"


def test_a_permission_is_added_to_a_policy_that_is_there(rig: Rig, url: str) -> None:
    """A single statement that is no list is kept beside the new one."""
    statement = {
        "Sid": "mine",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": arn("q"),
    }
    policy = json.dumps({"Version": "2012-10-17", "Id": "kept", "Statement": statement})
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
    rig.call(
        "AddPermission", QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=["SendMessage"]
    )
    stored = json.loads(rig.attributes(url)["Policy"])
    assert stored["Id"] == "kept"
    assert [s["Sid"] for s in stored["Statement"]] == ["mine", "l"]
    assert rig.refused("SendMessage", caller(OTHER), QueueUrl=url, MessageBody="x")[0] == (
        "AccessDenied"
    )


# --- what a person sees --------------------------------------------------------------------------


def kinds(rig: Rig, identity: str) -> list[str]:
    events = rig.call("ExplainMessage", of="redrive", MessageId=identity)["Events"]
    assert events == sorted(events, key=lambda event: event["AtMs"])
    return [event["Kind"] for event in events]


def test_peeking_receives_nothing(rig: Rig, url: str) -> None:
    """States and contents are shown; counts, order and visibility stay as they are."""
    rig.send(url, "in flight")
    rig.receive(url)
    rig.send(url, "visible", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    rig.send(url, "delayed", DelaySeconds=9)
    before = rig.attributes(url)
    for _ in range(2):
        peeked = rig.call("PeekMessages", of="redrive", Queue="q")["Messages"]
        assert {m["Body"]: (m["State"], m["ReceiveCount"]) for m in peeked} == {
            "in flight": ("in flight", 1),
            "visible": ("visible", 0),
            "delayed": ("delayed", 0),
        }
    assert rig.attributes(url) == before
    limited = rig.call("PeekMessages", of="redrive", Queue="q", MaxResults=1)["Messages"]
    assert len(limited) == 1


def test_the_life_line_of_a_poison_message(rig: Rig, dlq: str, source: str) -> None:
    """From sending over burial and redrive to its deletion, under its old and its new id."""
    first = rig.send(source, "poison")["MessageId"]
    assert kinds(rig, first) == ["sent"]
    for step in range(3):
        rig.receive(source, VisibilityTimeout=1)
        rig.wait(1 + step)
    assert kinds(rig, first) == ["sent", "received", "returned", "received", "returned", "buried"]
    rig.work()
    start(rig)
    rig.wait(0)
    (got,) = rig.receive(source)
    second = got["MessageId"]
    assert second != first
    rig.wait(1)
    rig.call("DeleteMessage", QueueUrl=source, ReceiptHandle=got["ReceiptHandle"])
    whole = [
        *("sent", "received", "returned", "received", "returned", "buried"),
        *("redriven", "received", "deleted"),
    ]
    assert kinds(rig, second) == whole
    assert kinds(rig, first) == whole


def test_the_life_line_of_a_success_is_not_written(rig: Rig, url: str) -> None:
    """A message deleted after one receive is explained from memory, for a while."""
    identity = rig.send(url)["MessageId"]
    (got,) = rig.receive(url)
    assert kinds(rig, identity) == ["sent", "received"]
    rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert kinds(rig, identity) == ["sent", "received", "deleted"]
    rows = rig.store._connection.execute("SELECT count(*) FROM history").fetchall()
    assert rows == [(0,)]
    rig.crash()
    assert rig.refused_by_person("ExplainMessage", MessageId=identity)[0] == (
        "ResourceNotFoundException"
    )


def test_a_delete_that_was_lost_is_not_remembered(rig: Rig, url: str) -> None:
    """When the commit of a delete fails the message is explained as the one that is still there."""
    identity = rig.send(url)["MessageId"]
    (got,) = rig.receive(url)
    params = {"QueueUrl": url, "ReceiptHandle": got["ReceiptHandle"]}
    replies, _ = rig.enter("DeleteMessage", params)
    with pytest.raises(KeyError):
        rig.store.transact(lose_the_group)
    rig.settle()
    assert isinstance(replies[0].error, Unavailable)
    assert kinds(rig, identity) == ["sent", "received"]


def test_other_accounts_messages_are_not_explained(rig: Rig, dlq: str, source: str) -> None:
    """A message id opens nothing to another account: not its body, not its history."""
    held = rig.send(source, "held")["MessageId"]
    done = rig.send(dlq, "done")["MessageId"]
    (got,) = rig.receive(dlq)
    rig.call("DeleteMessage", QueueUrl=dlq, ReceiptHandle=got["ReceiptHandle"])
    gone = rig.send(dlq, "gone")["MessageId"]
    rig.receive(dlq, VisibilityTimeout=0)
    (got,) = rig.receive(dlq)
    rig.call("DeleteMessage", QueueUrl=dlq, ReceiptHandle=got["ReceiptHandle"])
    for identity in (held, done, gone):
        assert kinds(rig, identity)
        code, message = rig.refused_by_person("ExplainMessage", caller(OTHER), MessageId=identity)
        assert code == "ResourceNotFoundException"
        assert "Nothing is remembered" in message


@pytest.mark.parametrize("identity", ["", "x", "01234567-89ab-7def-8123-456789abcdef", "é" * 36])
def test_ids_that_nobody_gave_are_not_explained(rig: Rig, identity: str) -> None:
    """An id of another store, or none at all, is the caller's mistake."""
    code, _ = rig.refused_by_person("ExplainMessage", MessageId=identity)
    assert code == "InvalidParameterValue"


def test_queues_at_a_glance(rig: Rig, dlq: str, source: str) -> None:
    """Every queue of the caller with what came and went: nothing is unaccounted for."""
    bury(rig, source, "a", "b")
    rig.send(source, "c")
    (got,) = rig.receive(source)
    rig.call("DeleteMessage", QueueUrl=source, ReceiptHandle=got["ReceiptHandle"])
    rig.send(source, "d", DelaySeconds=9)
    described = rig.call("DescribeQueues", of="redrive")["Queues"]
    found = {queue["Name"]: queue for queue in described}
    assert set(found) == {"dlq", "source"}
    assert found["source"]["DeadLetterQueue"] == "dlq"
    assert (found["source"]["Delayed"], found["dlq"]["Visible"]) == (1, 2)
    for queue in described:
        counts = queue["Counts"]
        came = counts["sent"] + counts["buried_in"] + counts["moved_in"]
        went = sum(counts[kind] for kind in ("deleted", "expired", "purged", "buried_out"))
        assert counts["messages"] == came - went - counts["moved_out"]
    assert rig.call("DescribeQueues", caller(OTHER), of="redrive") == {"Queues": []}
