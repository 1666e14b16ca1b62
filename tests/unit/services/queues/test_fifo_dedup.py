"""FIFO queues: sending, and the five minutes in which a deduplication id is accepted once."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from fifo_rig import delete, make, put, steps, take
from queues_rig import Rig

DEDUP_TEXT = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId"
    " provided explicitly"
)
GROUP_TEXT = "The request must contain the parameter MessageGroupId."


@pytest.fixture
def fifo(rig: Rig) -> str:
    """The URL of a FIFO queue."""
    return make(rig)


def send(rig: Rig, url: str, body: str, dedup: str, group: str = "g") -> Any:
    """Send a message under a deduplication id."""
    return rig.send(url, body, MessageGroupId=group, MessageDeduplicationId=dedup)


def change(rig: Rig, url: str, **attributes: str) -> None:
    """Change a queue's attributes."""
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes=attributes)


# --- what is refused ----------------------------------------------------------------------------


def test_a_group_is_needed(rig: Rig, fifo: str) -> None:
    """One text and two codes; a batch is refused as a whole. AWS: as captured."""
    params = {"QueueUrl": fifo, "MessageBody": "x", "MessageDeduplicationId": "d"}
    assert rig.refused("SendMessage", **params) == ("MissingParameter", GROUP_TEXT)
    entry = {"Id": "1", "MessageBody": "x", "MessageDeduplicationId": "d"}
    entries = [{**entry, "Id": "0", "MessageGroupId": "g"}, entry]
    refused = rig.refused("SendMessageBatch", QueueUrl=fifo, Entries=entries)
    assert refused == ("InvalidParameterValue", GROUP_TEXT)
    assert rig.counts(fifo) == (0, 0, 0)


def test_an_id_is_needed(rig: Rig, fifo: str) -> None:
    """Unless the queue makes one of the body; a batch is refused as a whole. AWS: as captured."""
    params = {"QueueUrl": fifo, "MessageBody": "x", "MessageGroupId": "g"}
    assert rig.refused("SendMessage", **params) == ("InvalidParameterValue", DEDUP_TEXT)
    entries = [
        {"Id": "1", "MessageBody": "x", "MessageGroupId": "g"},
        {"Id": "2", "MessageBody": "y", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
    ]
    refused = rig.refused("SendMessageBatch", QueueUrl=fifo, Entries=entries)
    assert refused == ("InvalidParameterValue", DEDUP_TEXT)
    assert rig.bodies(fifo) == []


def test_an_entry_fails_alone(rig: Rig, fifo: str) -> None:
    """What is wrong with one message keeps no other one out."""
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    entries = [
        {"Id": "1", "MessageBody": "x", **ids, "MessageGroupId": "a b"},
        {"Id": "2", "MessageBody": "y", **ids},
    ]
    result = rig.call("SendMessageBatch", QueueUrl=fifo, Entries=entries)
    assert [failed["Id"] for failed in result["Failed"]] == ["1"]
    (sent,) = result["Successful"]
    assert (sent["Id"], len(sent["SequenceNumber"])) == ("2", 20)
    assert rig.bodies(fifo) == ["y"]


@pytest.mark.parametrize("value", ["", "a" * 129, "group 123", "ä"])
@pytest.mark.parametrize("name", ["MessageDeduplicationId", "MessageGroupId"])
def test_ids_have_a_form(rig: Rig, fifo: str, name: str, value: str) -> None:
    """1 to 128 letters, digits and punctuation. AWS: as captured."""
    ids = {"MessageDeduplicationId": "d", "MessageGroupId": "g", name: value}
    assert rig.refused("SendMessage", QueueUrl=fifo, MessageBody="x", **ids) == (
        "InvalidParameterValue",
        f"Value {value} for parameter {name} is invalid. Reason: {name} can only include"
        " alphanumeric and punctuation characters. 1 to 128 in length.",
    )
    longest = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" * 4
    send(rig, fifo, "x", longest, longest)


def test_a_message_has_no_delay_of_its_own(rig: Rig) -> None:
    """An explicit 0 falls back to the queue's delay. AWS: as captured."""
    url = make(rig, DelaySeconds="7")
    ids = {"MessageDeduplicationId": "d", "MessageGroupId": "g"}
    assert rig.refused("SendMessage", QueueUrl=url, MessageBody="x", DelaySeconds=2, **ids) == (
        "InvalidParameterValue",
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that"
        " is not valid for this queue type.",
    )
    entry = {"Id": "1", "MessageBody": "x", "DelaySeconds": 2, **ids}
    assert "Successful" not in rig.call("SendMessageBatch", QueueUrl=url, Entries=[entry])
    rig.send(url, "x", DelaySeconds=0, **ids)
    assert rig.counts(url) == (0, 0, 1)
    rig.wait(7)
    assert rig.bodies(url) == ["x"]


# --- the window ---------------------------------------------------------------------------------


def test_a_duplicate_is_answered_as_the_first(rig: Rig, fifo: str) -> None:
    """The same id and number, the duplicate's own MD5, and nothing new to receive."""
    first = send(rig, fifo, "one", "d")
    second = send(rig, fifo, "two", "d")
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    assert second["MD5OfMessageBody"] != first["MD5OfMessageBody"]
    assert rig.bodies(fifo) == ["one"]
    assert rig.counts(fifo) == (0, 1, 0)


def test_duplicates_in_one_batch(rig: Rig, fifo: str) -> None:
    """Each entry succeeds, one message is stored; attributes keep their MD5s."""
    tint = {"tint": {"DataType": "String", "StringValue": "blue"}}
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d", "MessageAttributes": tint}
    entries = [{"Id": str(n), "MessageBody": "x", **ids} for n in range(3)]
    sent = rig.call("SendMessageBatch", QueueUrl=fifo, Entries=entries)["Successful"]
    assert len({one["MessageId"] for one in sent}) == 1
    assert len({one["MD5OfMessageAttributes"] for one in sent}) == 1
    assert [one["Id"] for one in sent] == ["0", "1", "2"]
    assert rig.counts(fifo) == (1, 0, 0)


def test_the_window_is_five_minutes_to_the_millisecond(rig: Rig, fifo: str) -> None:
    """It counts from the send that was accepted; duplicates do not lengthen it."""
    rig.work()
    first = send(rig, fifo, "one", "d")
    rig.wait(299.999)
    assert send(rig, fifo, "two", "d")["MessageId"] == first["MessageId"]
    rig.wait(0.001)
    third = send(rig, fifo, "three", "d")
    assert third["MessageId"] != first["MessageId"]
    assert rig.bodies(fifo) == ["one", "three"]
    rig.wait(299.999)
    assert send(rig, fifo, "four", "d")["MessageId"] == third["MessageId"]


def test_the_window_outlives_the_message_and_the_process(rig: Rig, fifo: str) -> None:
    """Deleted, crashed, reopened: still a duplicate. AWS: as captured."""
    rig.work()
    first = send(rig, fifo, "one", "d")
    (got,) = take(rig, fifo)
    delete(rig, fifo, got)
    rig.wait(200)
    rig.crash()
    rig.wait(99)
    assert send(rig, fifo, "two", "d")["SequenceNumber"] == first["SequenceNumber"]
    assert rig.bodies(fifo) == []


def test_a_refused_send_is_not_remembered(rig: Rig, fifo: str) -> None:
    """What was not accepted suppresses nothing."""
    ids = {"MessageDeduplicationId": "d", "MessageGroupId": "g"}
    rig.refused("SendMessage", QueueUrl=fifo, MessageBody="x", DelaySeconds=2, **ids)
    send(rig, fifo, "one", "d")
    assert rig.bodies(fifo) == ["one"]


@pytest.mark.parametrize("way", ["purge", "delete"])
def test_the_window_ends_with_the_queue(rig: Rig, fifo: str, way: str) -> None:
    """Purging or deleting the queue forgets its ids. AWS: as captured."""
    send(rig, fifo, "one", "d")
    if way == "purge":
        rig.call("PurgeQueue", QueueUrl=fifo)
    else:
        rig.call("DeleteQueue", QueueUrl=fifo)
        rig.wait(60)
        make(rig)
    send(rig, fifo, "two", "d")
    assert rig.bodies(fifo) == ["two"]


def test_queues_do_not_share_ids(rig: Rig, fifo: str) -> None:
    """An id means something in its queue only."""
    other = make(rig, "other.fifo")
    assert send(rig, fifo, "one", "d")["MessageId"] != send(rig, other, "one", "d")["MessageId"]


# --- content and scope --------------------------------------------------------------------------


def test_content_is_the_body_alone(rig: Rig) -> None:
    """Its SHA-256; attributes do not count, an explicit id wins, and one that is the same SHA-256
    is a duplicate.
    """
    url = make(rig, ContentBasedDeduplication="true")
    tint = {"tint": {"DataType": "String", "StringValue": "blue"}}
    digest = sha256(b"x").hexdigest()
    first = rig.send(url, "x", MessageGroupId="g")
    again = rig.send(url, "x", MessageGroupId="g", MessageAttributes=tint)
    same = send(rig, url, "y", digest)
    explicit = send(rig, url, "x", "d")
    assert again["MessageId"] == same["MessageId"] == first["MessageId"] != explicit["MessageId"]
    got = take(rig, url)
    assert [m["Attributes"]["MessageDeduplicationId"] for m in got] == [digest, "d"]


def test_content_can_be_switched(rig: Rig, fifo: str) -> None:
    """On and off again; what was accepted stays remembered."""
    params = {"QueueUrl": fifo, "MessageBody": "x", "MessageGroupId": "g"}
    change(rig, fifo, ContentBasedDeduplication="true")
    rig.call("SendMessage", **params)
    change(rig, fifo, ContentBasedDeduplication="false")
    assert rig.refused("SendMessage", **params) == ("InvalidParameterValue", DEDUP_TEXT)
    send(rig, fifo, "x", sha256(b"x").hexdigest())
    assert rig.bodies(fifo) == ["x"]


def test_the_scope_is_the_queue_or_the_group(rig: Rig, fifo: str) -> None:
    """The group even without the throughput setting. AWS: as captured."""
    one = send(rig, fifo, "one", "d", "a")["MessageId"]
    assert send(rig, fifo, "two", "d", "b")["MessageId"] == one
    by_group = make(rig, "by-group.fifo", DeduplicationScope="messageGroup")
    one = send(rig, by_group, "one", "d", "a")["MessageId"]
    assert send(rig, by_group, "two", "d", "b")["MessageId"] != one
    assert send(rig, by_group, "three", "d", "a")["MessageId"] == one
    assert rig.bodies(by_group) == ["one", "two"]


def test_switching_the_scope(rig: Rig, fifo: str) -> None:
    """To high throughput: what was accepted stays suppressed. Back: duplicates come through. AWS:
    as captured.
    """
    first = send(rig, fifo, "one", "d", "a")["MessageId"]
    change(rig, fifo, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    assert send(rig, fifo, "two", "d", "a")["MessageId"] == first
    assert send(rig, fifo, "two", "d", "b")["MessageId"] == first
    second = send(rig, fifo, "three", "e", "a")["MessageId"]
    change(rig, fifo, DeduplicationScope="queue", FifoThroughputLimit="perQueue")
    third = send(rig, fifo, "four", "e", "a")["MessageId"]
    assert third != second
    assert send(rig, fifo, "five", "e", "b")["MessageId"] == third
    assert send(rig, fifo, "six", "d", "c")["MessageId"] == first


def test_many_ids_in_the_window_slow_nothing(rig: Rig) -> None:
    """A send costs the same behind ten ids and behind 5,000, counted in the steps of SQLite's
    machine.
    """

    def measure(count: int) -> int:
        url = make(rig, f"window{count}.fifo")
        for first in range(0, count, 10):
            ids = [
                {"MessageGroupId": "g", "MessageDeduplicationId": f"d{first + n}"}
                for n in range(10)
            ]
            entries = [{"Id": str(n), "MessageBody": "x", **each} for n, each in enumerate(ids)]
            rig.enter("SendMessageBatch", {"QueueUrl": url, "Entries": entries})
        rig.settle()
        return steps(rig, lambda: send(rig, url, "x", "new"))

    few, many = measure(10), measure(5_000)
    assert many <= few + 20, (few, many)


# --- what is reclaimed --------------------------------------------------------------------------


def test_ids_are_reaped_after_their_time(rig: Rig, fifo: str) -> None:
    """The table does not grow for ever; nor do attempts and groups of purged queues."""

    def rows(table: str) -> int:
        found = rig.store._connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(found[0][0])

    rig.work()
    put(rig, fifo, *(f"m{n}" for n in range(20)))
    put(rig, fifo, *(f"n{n}" for n in range(3)), group="h")
    take(rig, fifo, ReceiveRequestAttemptId="try")
    assert [rows(f"fifo_{name}") for name in ("dedup", "attempts", "groups")] == [23, 1, 2]
    rig.call("PurgeQueue", QueueUrl=fifo)
    rig.wait(60)
    assert [rows(f"fifo_{name}") for name in ("dedup", "attempts", "groups")] == [23, 1, 0]
    rig.wait(250)
    assert [rows(f"fifo_{name}") for name in ("dedup", "attempts", "groups")] == [0, 0, 0]
