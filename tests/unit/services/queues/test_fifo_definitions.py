"""FIFO queues: making them, their attributes, and what AWS refuses."""

from __future__ import annotations

import json

import pytest
from fifo_rig import make
from queues_rig import Rig, arn, redrive

NAME_TEXT = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores,"
    " must end with .fifo suffix and be 1 to 80 in length."
)
STANDARD_TEXT = (
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
)


def test_defaults_are_shown(rig: Rig) -> None:
    """A fresh FIFO queue shows its four attributes beside those of a standard one. AWS: as
    captured.
    """
    url = make(rig)
    found = rig.attributes(url)
    standard = rig.attributes(rig.create("standard"))
    assert found.keys() - standard.keys() == {
        "FifoQueue",
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoThroughputLimit",
    }
    assert found["FifoQueue"] == "true"
    assert found["ContentBasedDeduplication"] == "false"
    assert found["DeduplicationScope"] == "queue"
    assert found["FifoThroughputLimit"] == "perQueue"
    assert rig.attributes(url, "FifoQueue") == {"FifoQueue": "true"}


@pytest.mark.parametrize(
    "name", ["q", ".fifo", "a" * 76 + ".fifo", "a.b.fifo", "q.FIFO", "q.fifo "]
)
def test_names_must_end_with_the_suffix(rig: Rig, name: str) -> None:
    """The suffix counts among the 80 characters."""
    refused = rig.refused("CreateQueue", QueueName=name, Attributes={"FifoQueue": "true"})
    assert refused == ("InvalidParameterValue", NAME_TEXT)
    make(rig, "a" * 75 + ".fifo")


def test_the_suffix_alone_makes_no_fifo_queue(rig: Rig) -> None:
    """A standard queue's name has no dot; FifoQueue knows "true" only."""
    assert rig.refused("CreateQueue", QueueName="q.fifo") == (
        "InvalidParameterValue",
        STANDARD_TEXT,
    )
    code, _text = rig.refused("CreateQueue", QueueName="q", Attributes={"FifoQueue": "false"})
    assert code == "InvalidAttributeValue"


def test_the_kind_stays(rig: Rig) -> None:
    """FifoQueue of a FIFO queue cannot be changed. AWS: as captured."""
    url = make(rig)
    for value in ("false", "", "TRUE"):
        assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes={"FifoQueue": value}) == (
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not"
            " supported.",
        )
    assert rig.attributes(url, "FifoQueue") == {"FifoQueue": "true"}


def test_creating_again(rig: Rig) -> None:
    """The same attributes find the queue, others are refused. AWS: as captured."""
    url = make(rig, ContentBasedDeduplication="true")
    assert make(rig, ContentBasedDeduplication="true") == url
    assert make(rig, DeduplicationScope="queue") == url
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    assert rig.refused("CreateQueue", QueueName="q.fifo", Attributes=attributes) == (
        "QueueNameExists",
        "A queue already exists with the same name and a different value for attribute"
        " ContentBasedDeduplication",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContentBasedDeduplication", "yes"),
        ("ContentBasedDeduplication", ""),
        ("DeduplicationScope", "group"),
        ("FifoThroughputLimit", "perGroup"),
        ("VisibilityTimeout", "43201"),
    ],
)
def test_values_that_are_refused(rig: Rig, name: str, value: str) -> None:
    """At creation and later; nothing is changed."""
    url = make(rig)
    attributes = {name: value}
    code, text = rig.refused("SetQueueAttributes", QueueUrl=url, Attributes=attributes)
    assert (code, text.startswith(f"Invalid value for the parameter {name}.")) == (
        "InvalidAttributeValue",
        True,
    )
    attributes = {"FifoQueue": "true", **attributes}
    assert rig.refused("CreateQueue", QueueName="new.fifo", Attributes=attributes)[0] == code
    assert rig.attributes(url)["DeduplicationScope"] == "queue"


def test_a_limit_for_each_group_needs_ids_of_each_group(rig: Rig) -> None:
    """perMessageGroupId goes with messageGroup only. AWS: API_SetQueueAttributes."""
    url = make(rig)

    def change(**attributes: str) -> None:
        rig.call("SetQueueAttributes", QueueUrl=url, Attributes=attributes)

    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    for wrong in (
        {"FifoThroughputLimit": "perMessageGroupId"},
        {**high, "DeduplicationScope": "queue"},
    ):
        refused = rig.refused("SetQueueAttributes", QueueUrl=url, Attributes=wrong)
        assert refused[0] == "InvalidAttributeValue"
    change(**high)
    found = rig.attributes(url, *high)
    assert found == high
    back = {"DeduplicationScope": "queue"}
    assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes=back)[0] == (
        "InvalidAttributeValue"
    )
    change(DeduplicationScope="queue", FifoThroughputLimit="perQueue")
    rig.crash()
    assert rig.attributes(url, "DeduplicationScope") == back


def test_unknown_names_are_refused(rig: Rig) -> None:
    """A FIFO queue knows no more than AWS's attributes."""
    url = make(rig)
    assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes={"Fifo": "true"}) == (
        "InvalidAttributeName",
        "Unknown Attribute Fifo.",
    )


@pytest.mark.parametrize(("source", "dlq"), [("a.fifo", "dead"), ("a", "dead.fifo")])
def test_a_dead_letter_queue_is_of_the_same_type(rig: Rig, source: str, dlq: str) -> None:
    """Whatever its RedriveAllowPolicy says. AWS: Developer Guide, "Using dead-letter queues"."""
    kind = {"FifoQueue": "true"}
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn(source)]})
    rig.create(dlq, **(kind if dlq.endswith(".fifo") else {}), RedriveAllowPolicy=allow)
    attributes = {"RedrivePolicy": redrive(dlq=dlq)}
    if source.endswith(".fifo"):
        attributes |= kind
    code, text = rig.refused("CreateQueue", QueueName=source, Attributes=attributes)
    assert code == "InvalidParameterValue"
    assert text.endswith("Dead-letter queue must be same type of queue as the source.")


def test_a_redrive_allow_policy_holds_for_fifo_queues(rig: Rig) -> None:
    """The same type is not enough."""
    deny = json.dumps({"redrivePermission": "denyAll"})
    make(rig, "dead.fifo", RedriveAllowPolicy=deny)
    attributes = {"FifoQueue": "true", "RedrivePolicy": redrive(dlq="dead.fifo")}
    code, _text = rig.refused("CreateQueue", QueueName="a.fifo", Attributes=attributes)
    assert code == "InvalidParameterValue"
    rig.call(
        "SetQueueAttributes",
        QueueUrl="dead.fifo",
        Attributes={"RedriveAllowPolicy": ""},
    )
    rig.call("CreateQueue", QueueName="a.fifo", Attributes=attributes)
