"""Permissions, and what a person sees of queues and messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import OTHER, Rig, arn, bury, lose_the_group, start_move
from stand_ins import caller

from redrive.core.errors import Unavailable

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
    start_move(rig)
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
