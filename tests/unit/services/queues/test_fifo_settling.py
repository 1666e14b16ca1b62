"""FIFO queues: handles that lapse, receives that are repeated, dead-letter queues, moves, age."""

from __future__ import annotations

from typing import Any

import pytest
from fifo_rig import delete, hide, lapsed, make, put, take
from queues_rig import Rig, arn, redrive, shown

MISSING = "Message does not exist or is not available for visibility timeout change."


@pytest.fixture
def fifo(rig: Rig) -> str:
    """The URL of a FIFO queue."""
    return make(rig)


@pytest.fixture
def dead(rig: Rig) -> str:
    """The URL of a FIFO dead-letter queue."""
    return make(rig, "dead.fifo", MessageRetentionPeriod="600")


@pytest.fixture
def main(rig: Rig, dead: str) -> str:
    """A FIFO queue that buries after one receive."""
    return make(rig, "main.fifo", RedrivePolicy=redrive(1, "dead.fifo"))


def bury(rig: Rig, url: str) -> None:
    """Receive until everything is buried."""
    while take(rig, url, VisibilityTimeout=1):
        rig.wait(1)


def refuse_both(rig: Rig, url: str, message: dict[str, Any]) -> None:
    """A delete, a change and both batches refuse a handle whose time is over."""
    handle = message["ReceiptHandle"]
    params: dict[str, Any] = {"QueueUrl": url, "ReceiptHandle": handle}
    assert rig.refused("DeleteMessage", **params) == lapsed(message)
    refused = rig.refused("ChangeMessageVisibility", VisibilityTimeout=9, **params)
    assert refused == lapsed(message)
    for operation in ("DeleteMessageBatch", "ChangeMessageVisibilityBatch"):
        entry = {"Id": "1", "ReceiptHandle": handle}
        (failed,) = rig.call(operation, QueueUrl=url, Entries=[entry])["Failed"]
        assert (failed["Code"], failed["Message"]) == lapsed(message)


# --- handles ------------------------------------------------------------------------------------


def test_a_lapsed_handle_is_refused(rig: Rig, fifo: str) -> None:
    """A FIFO queue deletes only while the timeout runs. AWS: as captured."""
    put(rig, fifo, "m1")
    (got,) = take(rig, fifo, VisibilityTimeout=5)
    rig.wait(4.999)
    hide(rig, fifo, got, 5)
    rig.wait(5)
    refuse_both(rig, fifo, got)
    (again,) = take(rig, fifo)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_an_older_receives_handle_is_refused(rig: Rig, fifo: str) -> None:
    """Another one holds the message."""
    put(rig, fifo, "m1")
    (old,) = take(rig, fifo, VisibilityTimeout=1)
    rig.wait(1)
    (new,) = take(rig, fifo)
    refuse_both(rig, fifo, old)
    delete(rig, fifo, new)
    assert rig.counts(fifo) == (0, 0, 0)


def test_a_released_handle_is_refused(rig: Rig, fifo: str) -> None:
    """A release ends the lease; so does a receive that hides nothing."""
    put(rig, fifo, "m1")
    (got,) = take(rig, fifo)
    hide(rig, fifo, got, 0)
    refuse_both(rig, fifo, got)
    (got,) = take(rig, fifo, VisibilityTimeout=0)
    refuse_both(rig, fifo, got)


def test_an_extended_handle_deletes(rig: Rig, fifo: str) -> None:
    """AWS: as captured."""
    put(rig, fifo, "m1")
    (got,) = take(rig, fifo, VisibilityTimeout=5)
    hide(rig, fifo, got, 60)
    rig.wait(30)
    delete(rig, fifo, got)
    assert rig.counts(fifo) == (0, 0, 0)


def test_what_is_gone_is_deleted_silently(rig: Rig, fifo: str) -> None:
    """Twice, in a batch with others, and after a purge; a change says that it is gone."""
    put(rig, fifo, "m1", "m2")
    first, second = take(rig, fifo)
    delete(rig, fifo, first, first)
    entries = [
        {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate((first, second))
    ]
    result = rig.call("DeleteMessageBatch", QueueUrl=fifo, Entries=entries)
    assert result == {"Successful": [{"Id": "0"}, {"Id": "1"}]}
    handle = first["ReceiptHandle"]
    code, text = rig.refused(
        "ChangeMessageVisibility", QueueUrl=fifo, ReceiptHandle=handle, VisibilityTimeout=1
    )
    assert (code, text.endswith(MISSING)) == ("InvalidParameterValue", True)
    rig.call("PurgeQueue", QueueUrl=fifo)
    delete(rig, fifo, second)
    assert rig.refused("DeleteMessage", QueueUrl=fifo, ReceiptHandle="garbage")[0] == (
        "ReceiptHandleIsInvalid"
    )


def test_twelve_hours_count_from_the_receive(rig: Rig, fifo: str) -> None:
    """Extending does not reset the limit."""
    put(rig, fifo, "m1")
    (got,) = take(rig, fifo)
    rig.wait(10)
    params = {"QueueUrl": fifo, "ReceiptHandle": got["ReceiptHandle"]}
    code, _text = rig.refused("ChangeMessageVisibility", VisibilityTimeout=43_195, **params)
    assert code == "InvalidParameterValue"
    rig.call("ChangeMessageVisibility", VisibilityTimeout=43_190, **params)


# --- attempts -----------------------------------------------------------------------------------


def test_an_attempt_receives_the_same_again(rig: Rig, fifo: str) -> None:
    """The same messages under the same handles, hidden anew, across a crash. AWS:
    API_ReceiveMessage.
    """
    put(rig, fifo, "a1", "a2", group="a")
    put(rig, fifo, "b1", group="b")
    got = take(rig, fifo, 3, ReceiveRequestAttemptId="try")
    rig.crash()
    rig.wait(20)
    again = take(rig, fifo, 3, ReceiveRequestAttemptId="try")
    assert again == got
    rig.wait(20)
    assert rig.bodies(fifo) == []  # the first lease would have ended ten seconds ago
    rig.wait(10)
    assert rig.bodies(fifo, 1) == ["a1"]


def test_a_repeated_attempt_may_hide_for_less(rig: Rig, fifo: str) -> None:
    """Who waits for the group learns of it."""
    put(rig, fifo, "m1")
    take(rig, fifo, ReceiveRequestAttemptId="try", VisibilityTimeout=600)
    waiting = rig.start("ReceiveMessage", QueueUrl=fifo, WaitTimeSeconds=20)
    take(rig, fifo, ReceiveRequestAttemptId="try", VisibilityTimeout=2)
    rig.wait(2)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m1"]


@pytest.mark.parametrize("how", ["deleted", "changed", "released", "received"])
def test_an_attempt_is_void_once_a_message_was_touched(rig: Rig, fifo: str, how: str) -> None:
    """Then the same id begins a new attempt."""
    put(rig, fifo, "a1", "a2", group="a")
    put(rig, fifo, "b1", group="b")
    got = take(rig, fifo, 2, ReceiveRequestAttemptId="try")
    assert [m["Body"] for m in got] == ["a1", "a2"]
    if how == "deleted":
        delete(rig, fifo, got[1])
    elif how == "received":
        rig.wait(30)
        assert rig.bodies(fifo, 1) == ["b1"]
        assert rig.bodies(fifo, 1) == ["a1"]
    else:
        hide(rig, fifo, got[1], 60 if how == "changed" else 0)
    again = rig.bodies(fifo, 2, ReceiveRequestAttemptId="try")
    assert again == ([] if how == "received" else ["b1"])


def test_an_attempt_is_known_for_five_minutes(rig: Rig, fifo: str) -> None:
    """From its first try, however often it is repeated."""
    put(rig, fifo, "m1")
    params = {"ReceiveRequestAttemptId": "try", "VisibilityTimeout": 1_000}
    (got,) = take(rig, fifo, **params)
    rig.wait(299.999)
    assert take(rig, fifo, **params) == [got]
    rig.wait(0.001)
    assert take(rig, fifo, **params) == []


def test_an_empty_attempt_is_not_kept(rig: Rig, fifo: str) -> None:
    """There is nothing to repeat; and ids of two queues do not meet."""
    assert take(rig, fifo, ReceiveRequestAttemptId="try") == []
    put(rig, fifo, "m1")
    assert len(take(rig, fifo, ReceiveRequestAttemptId="try")) == 1
    assert take(rig, make(rig, "other.fifo"), ReceiveRequestAttemptId="try") == []
    assert take(rig, fifo, ReceiveRequestAttemptId="other") == []


@pytest.mark.parametrize("value", ["", "a" * 129, "a b"])
def test_attempt_ids_have_a_form(rig: Rig, fifo: str, value: str) -> None:
    """1 to 128 letters, digits and punctuation."""
    code, _text = rig.refused("ReceiveMessage", QueueUrl=fifo, ReceiveRequestAttemptId=value)
    assert code == "InvalidParameterValue"


# --- dead-letter queues -------------------------------------------------------------------------


def test_a_burial_gives_a_new_place(rig: Rig, main: str, dead: str) -> None:
    """Same MessageId and count; new number; the deduplication id is the MessageId."""
    (sent,) = put(rig, main, "m1")
    rig.wait(1)
    put(rig, dead, "before")
    take(rig, main, VisibilityTimeout=1)
    rig.wait(1)
    assert take(rig, main) == []
    before, got = take(rig, dead)
    assert (before["Body"], got["Body"]) == ("before", "m1")
    assert got["MessageId"] == sent["MessageId"] == got["Attributes"]["MessageDeduplicationId"]
    assert got["Attributes"]["SequenceNumber"] > before["Attributes"]["SequenceNumber"]
    assert got["Attributes"]["DeadLetterQueueSourceArn"] == arn("main.fifo")
    assert got["Attributes"]["ApproximateReceiveCount"] == "2"
    assert got["Attributes"]["MessageGroupId"] == "g"


def test_a_burial_lets_the_next_one_through(rig: Rig, main: str, dead: str) -> None:
    """In the same receive; the group goes on without its poison."""
    put(rig, main, "m1")
    take(rig, main, VisibilityTimeout=1)
    put(rig, main, "m2", "m3")
    waiting = rig.start("ReceiveMessage", QueueUrl=dead, WaitTimeSeconds=20)
    rig.wait(1)
    assert rig.bodies(main) == ["m2", "m3"]
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m1"]


def test_a_dead_letter_queue_that_is_gone_buries_nothing(rig: Rig, main: str, dead: str) -> None:
    """Messages go on being delivered, so that none is lost."""
    put(rig, main, "m1")
    rig.call("DeleteQueue", QueueUrl=dead)
    for _ in range(3):
        assert rig.bodies(main, VisibilityTimeout=0) == ["m1"]


def test_retention_begins_anew_in_a_dead_letter_queue(rig: Rig, dead: str, main: str) -> None:
    """AWS: Developer Guide, "Using dead-letter queues", on FIFO queues."""
    rig.work()
    put(rig, main, "m1")
    rig.wait(500)
    bury(rig, main)
    rig.wait(599)
    assert rig.bodies(dead, VisibilityTimeout=0) == ["m1"]
    (got,) = take(rig, dead, VisibilityTimeout=2)
    rig.wait(0.998)
    hide(rig, dead, got, 1)
    rig.wait(2)
    assert rig.bodies(dead) == []
    rig.wait(10)
    assert rig.counts(dead) == (0, 0, 0)


# --- moves --------------------------------------------------------------------------------------


def start_move(rig: Rig, **params: Any) -> None:
    """Start a move task from the dead-letter queue and let it end."""
    rig.call("StartMessageMoveTask", SourceArn=arn("dead.fifo"), **params)
    rig.wait(1)


def task(rig: Rig) -> dict[str, Any]:
    """Return the latest move task."""
    listed = rig.call("ListMessageMoveTasks", SourceArn=arn("dead.fifo"))["Results"]
    found: dict[str, Any] = listed[0]
    return found


def test_a_move_keeps_the_order_of_each_group(rig: Rig, main: str, dead: str) -> None:
    """Moved messages are new: id, number, count; the deduplication id is the id before."""
    rig.work()
    names = [f"{group}{n}" for n in range(60) for group in "ab"]
    ids = {}
    for name in names:
        (sent,) = put(rig, main, name, group=name[0])
        ids[name] = sent["MessageId"]
    bury(rig, main)
    assert rig.counts(dead) == (120, 0, 0)
    (locked,) = take(rig, dead, 1, VisibilityTimeout=3)
    start_move(rig)
    assert task(rig)["Status"] == "COMPLETED"
    assert task(rig)["ApproximateNumberOfMessagesMoved"] == 60
    rig.wait(3)
    start_move(rig)
    rig.call("SetQueueAttributes", QueueUrl=main, Attributes={"RedrivePolicy": ""})
    got = []
    while len(got) < 120:
        batch = take(rig, main)
        got += batch
        delete(rig, main, *batch)
    for group in "ab":
        assert [m["Body"] for m in got if m["Body"][0] == group] == names["ab".index(group) :: 2]
    assert locked["Body"] in names
    for message in got:
        attributes = message["Attributes"]
        assert attributes["MessageDeduplicationId"] == ids[message["Body"]] != message["MessageId"]
        assert attributes["ApproximateReceiveCount"] == "1"
        assert "DeadLetterQueueSourceArn" not in attributes


def test_a_move_into_a_live_window_is_suppressed(rig: Rig, main: str, dead: str) -> None:
    """Who has sent the message again under its old MessageId finds it once: COMPLETED, 0 moved."""
    rig.work()
    (sent,) = put(rig, main, "m1")
    bury(rig, main)
    rig.send(main, "m1", MessageGroupId="g", MessageDeduplicationId=sent["MessageId"])
    start_move(rig)
    assert task(rig)["Status"] == "COMPLETED"
    assert task(rig)["ApproximateNumberOfMessagesMoved"] == 0
    assert rig.counts(dead) == (0, 0, 0)
    assert rig.counts(main) == (1, 0, 0)


def test_a_move_suppresses_what_is_sent_after_it(rig: Rig, main: str, dead: str) -> None:
    """For five minutes, under the id that the message had in the dead-letter queue."""
    rig.work()
    (sent,) = put(rig, main, "m1")
    bury(rig, main)
    start_move(rig, DestinationArn=arn("main.fifo"))
    (got,) = take(rig, main)
    params = {"MessageGroupId": "g", "MessageDeduplicationId": sent["MessageId"]}
    again = rig.send(main, "m1", **params)
    assert again["MessageId"] == got["MessageId"]
    assert again["SequenceNumber"] == got["Attributes"]["SequenceNumber"]


def test_a_move_keeps_to_its_kind(rig: Rig, main: str, dead: str) -> None:
    """A FIFO queue's messages go to a FIFO queue, a standard one's to a standard one."""
    rig.create("plain-dead")
    rig.create("plain", RedrivePolicy=redrive(1, "plain-dead"))
    for source, destination in (("dead.fifo", "plain"), ("plain-dead", "main.fifo")):
        code, text = rig.refused(
            "StartMessageMoveTask", SourceArn=arn(source), DestinationArn=arn(destination)
        )
        assert (code, "same type" in text) == ("InvalidParameterValue", True)


def test_a_life_line_spans_burial_and_move(rig: Rig, main: str, dead: str) -> None:
    """`explain` tells it of a FIFO message as of any other."""
    rig.work()
    (sent,) = put(rig, main, "m1")
    bury(rig, main)
    start_move(rig)
    (got,) = take(rig, main)
    told = rig.call("ExplainMessage", of="redrive", MessageId=got["MessageId"])
    kinds = [event["Kind"] for event in told["Events"]]
    assert kinds[0] == "sent"
    assert [kind for kind in kinds if kind in ("buried", "redriven")] == ["buried", "redriven"]
    assert sent["MessageId"] != got["MessageId"]


# --- age ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reaps", [False, True])
def test_a_message_that_expires_in_flight_frees_its_group(rig: Rig, reaps: bool) -> None:
    """To the millisecond, for who waits as well."""
    url = make(rig, MessageRetentionPeriod="60")
    put(rig, url, "m1")
    rig.wait(50)
    put(rig, url, "m2")
    (got,) = take(rig, url, 1, VisibilityTimeout=600)
    if reaps:
        rig.work()
    rig.wait(9.999)
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    assert waiting == []
    rig.wait(0.001)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["m2"]
    delete(rig, url, got)
    code, _text = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=1,
    )
    assert code == "InvalidParameterValue"
    assert rig.counts(url) == (0, 1, 0)


@pytest.mark.parametrize(("before", "after", "wait_s"), [("3600", "60", 10), ("60", "3600", 60)])
def test_a_changed_retention_holds_for_locked_groups(
    rig: Rig, before: str, after: str, wait_s: int
) -> None:
    """A shorter one frees the group when its first message expires, a longer one does not."""
    url = make(rig, MessageRetentionPeriod=before)
    put(rig, url, "m1")
    rig.wait(50)
    put(rig, url, "m2")
    take(rig, url, 1, VisibilityTimeout=600)
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": after})
    rig.wait(wait_s - 0.001)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == (["m2"] if after == "60" else [])


def test_the_reaper_reclaims_groups(rig: Rig) -> None:
    """Expired messages of many groups are dropped with their groups, and counted."""
    url = make(rig, MessageRetentionPeriod="60")
    for n in range(1_001):
        rig.enter(
            "SendMessage",
            {
                "QueueUrl": url,
                "MessageBody": str(n),
                "MessageGroupId": f"g{n % 100}",
                "MessageDeduplicationId": str(n),
            },
        )
    rig.settle()
    rig.work()
    rig.wait(80)
    assert rig.counts(url) == (0, 0, 0)
    found = rig.store._connection.execute("SELECT count(*) FROM fifo_groups").fetchall()
    assert found == [(0,)]
    put(rig, url, "new")
    assert rig.bodies(url) == ["new"]
