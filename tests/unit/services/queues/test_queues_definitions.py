"""Creating queues and setting their attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import ACCOUNT, ORIGIN, OTHER, T0, Rig, arn

FRESH = {
    "QueueArn": arn("q"),
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "CreatedTimestamp": str(T0 // 1000),
    "LastModifiedTimestamp": str(T0 // 1000),
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "SqsManagedSseEnabled": "true",
}


def redrive(name: str = "dlq", count: Any = 3) -> str:
    return json.dumps({"deadLetterTargetArn": arn(name), "maxReceiveCount": count})


def test_a_fresh_queue_shows_exactly_these_attributes(rig: Rig, url: str) -> None:
    """All returns AWS's twelve attributes of a standard queue, as text, and no unset one."""
    assert url == f"{ORIGIN}/{ACCOUNT}/q"
    assert rig.attributes(url) == FRESH


def test_asked_attributes_only(rig: Rig, url: str) -> None:
    """Only what is named is returned; what is unset, or nothing asked for, is absent."""
    assert rig.attributes(url, "QueueArn", "Policy") == {"QueueArn": arn("q")}
    assert rig.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"]) == {}
    assert rig.call("GetQueueAttributes", QueueUrl=url) == {}
    assert rig.refused("GetQueueAttributes", QueueUrl=url, AttributeNames=["Nope"]) == (
        "InvalidAttributeName",
        "Unknown Attribute Nope.",
    )


def test_set_attributes_are_shown(rig: Rig, url: str) -> None:
    """What was set is shown, the modification time moves, the creation time does not."""
    rig.create("dlq")
    rig.wait(5)
    given = {
        "DelaySeconds": "900",
        "MaximumMessageSize": "1024",
        "MessageRetentionPeriod": "1209600",
        "ReceiveMessageWaitTimeSeconds": "20",
        "VisibilityTimeout": "43200",
        "RedrivePolicy": redrive(),
        "RedriveAllowPolicy": '{"redrivePermission":"denyAll"}',
    }
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes=given)
    modified = {"LastModifiedTimestamp": str(T0 // 1000 + 5)}
    assert rig.attributes(url) == {**FRESH, **given, **modified}


def test_numbers_are_shown_without_leading_zeros(rig: Rig) -> None:
    """A number is stored as a number."""
    url = rig.create("a", VisibilityTimeout="007")
    assert rig.attributes(url, "VisibilityTimeout") == {"VisibilityTimeout": "7"}


RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges(rig: Rig, url: str, name: str) -> None:
    """Both ends of AWS's range are taken; what lies beyond, or is no number, is refused."""
    least, most = RANGES[name]
    for value in (least, most):
        rig.call("SetQueueAttributes", QueueUrl=url, Attributes={name: str(value)})
    bad = (str(least - 1), str(most + 1), "", "x", "1.5", "1e2", "+60", " 60", "٦٠", "9" * 30)
    for text in bad:
        expected = ("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes={name: text}) == expected
        refused = rig.refused("CreateQueue", QueueName="new", Attributes={name: text})
        assert refused == expected


FIFO_TEXTS = {
    "ContentBasedDeduplication": "Unknown Attribute ContentBasedDeduplication.",
    "DeduplicationScope": (
        "You can specify the DeduplicationScope only when FifoQueue is set to true."
    ),
    "FifoThroughputLimit": (
        "You can specify the FifoThroughputLimit only when FifoQueue is set to true."
    ),
}


@pytest.mark.parametrize("name", FIFO_TEXTS)
def test_fifo_attributes_are_refused_on_standard_queues(rig: Rig, url: str, name: str) -> None:
    """AWS's captured texts, at creation and later."""
    expected = ("InvalidAttributeName", FIFO_TEXTS[name])
    given = {name: "true"}
    assert rig.refused("CreateQueue", QueueName="new", Attributes=given) == expected
    assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes=given) == expected


def test_the_kind_of_a_queue_cannot_be_changed(rig: Rig, url: str) -> None:
    """FifoQueue is an unknown attribute of a standard queue. AWS: as captured."""
    for value in ("true", "false"):
        assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes={"FifoQueue": value}) == (
            "InvalidAttributeName",
            "Unknown Attribute FifoQueue.",
        )


@pytest.mark.parametrize("name", ["", "a" * 81, "a b", "a.b", "ä", "a/b", "a\n", ".fifo"])
def test_names_of_queues(rig: Rig, name: str) -> None:
    """Up to 80 letters, digits, hyphens and underscores."""
    assert rig.refused("CreateQueue", QueueName=name) == (
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    )
    assert rig.create("Az09_-" + "x" * 74).endswith("x" * 74)


def test_creating_again(rig: Rig, url: str) -> None:
    """The same attributes give the same URL; a different one is named in the refusal."""
    assert rig.create("q") == url
    assert rig.create("q", DelaySeconds="0", VisibilityTimeout="30") == url
    assert rig.refused("CreateQueue", QueueName="q", Attributes={"DelaySeconds": "1"}) == (
        "QueueNameExists",
        "A queue already exists with the same name and a different value for attribute"
        " DelaySeconds",
    )
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "1"})
    assert rig.create("q", DelaySeconds="1") == url


# --- redrive policies and encryption -----------------------------------------------------------

BAD_REDRIVE = [
    ("x", "unsupported format"),
    ("[]", "unsupported format"),
    ('{"maxReceiveCount":1}', "mandatory attribute: deadLetterTargetArn."),
    (json.dumps({"deadLetterTargetArn": arn("dlq")}), "mandatory attribute: maxReceiveCount."),
    (redrive(count=0), "valid values are from 1 to 1000"),
    (redrive(count=1001), "valid values are from 1 to 1000"),
    (redrive(count="x"), "valid values are from 1 to 1000"),
    (redrive(count=1.5), "valid values are from 1 to 1000"),
    (redrive(count=None), "valid values are from 1 to 1000"),
    (redrive(count="1" * 5000), "valid values are from 1 to 1000"),
    (redrive("missing"), "Dead letter target does not exist."),
    ('{"deadLetterTargetArn":"x","maxReceiveCount":1}', "Invalid value for deadLetterTargetArn."),
    (redrive().replace(":sqs:", ":sns:"), "Invalid value for deadLetterTargetArn."),
    (redrive().replace("us-east-1", "eu-west-1"), "should be same as the source"),
    (redrive().replace(ACCOUNT, OTHER), "should be same as the source"),
    (redrive("q"), "own dead-letter queue"),
    (
        '{"deadLetterTargetArn":"' + arn("dlq") + '","maxReceiveCount":1,"more":1}',
        "Only following attributes are supported",
    ),
]


@pytest.mark.parametrize(("policy", "reason"), BAD_REDRIVE)
def test_redrive_policies_that_are_refused(rig: Rig, url: str, policy: str, reason: str) -> None:
    """Whatever is wrong with a redrive policy is told, and nothing is stored."""
    rig.create("dlq")
    code, message = rig.refused(
        "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy}
    )
    assert code == "InvalidParameterValue"
    assert reason in message
    assert rig.attributes(url) == FRESH


def test_a_redrive_policy_is_taken_and_removed(rig: Rig, url: str) -> None:
    """maxReceiveCount may be text; an empty policy removes it. AWS: as captured."""
    rig.create("dlq")
    for policy in (redrive(count="5"), redrive(count=1000), redrive(count=1)):
        rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": policy})
        assert rig.attributes(url)["RedrivePolicy"] == policy
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert rig.attributes(url) == FRESH


@pytest.mark.parametrize(
    ("allow", "admits"),
    [
        ({"redrivePermission": "allowAll"}, True),
        ({"redrivePermission": "denyAll"}, False),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [arn("q")]}, True),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [arn("z")]}, False),
    ],
)
def test_a_redrive_allow_policy_is_enforced(
    rig: Rig, url: str, allow: dict[str, Any], admits: bool
) -> None:
    """A dead-letter queue decides which sources may use it."""
    rig.create("dlq", RedriveAllowPolicy=json.dumps(allow))
    (reply,) = rig.start(
        "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": redrive()}
    )
    assert (reply.error is None) == admits


@pytest.mark.parametrize(
    "allow",
    [
        "x",
        "[]",
        "{}",
        '{"redrivePermission":"some"}',
        '{"redrivePermission":"byQueue"}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":["x"]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[1]}',
        '{"redrivePermission":"allowAll","sourceQueueArns":["' + arn("a") + '"]}',
        json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn("a")] * 11}),
        '{"redrivePermission":"allowAll","more":1}',
    ],
)
def test_redrive_allow_policies_that_are_refused(rig: Rig, url: str, allow: str) -> None:
    """A policy in another form is not stored."""
    code, _message = rig.refused(
        "SetQueueAttributes", QueueUrl=url, Attributes={"RedriveAllowPolicy": allow}
    )
    assert code == "InvalidParameterValue"


def test_encryption_is_one_kind_at_a_time(rig: Rig, url: str) -> None:
    """A KMS key switches SSE-SQS off, which stays off when the key goes. AWS: as captured."""
    both = {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "true"}
    assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes=both) == (
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable"
        " KMS SSE or SQS SSE.",
    )
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    found = rig.attributes(url)
    assert found["SqsManagedSseEnabled"] == "false"
    assert found["KmsDataKeyReusePeriodSeconds"] == "300"
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"KmsMasterKeyId": ""})
    found = rig.attributes(url)
    assert found["SqsManagedSseEnabled"] == "false"
    assert not {"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"} & set(found)
    code, _ = rig.refused(
        "SetQueueAttributes", QueueUrl=url, Attributes={"SqsManagedSseEnabled": "maybe"}
    )
    assert code == "InvalidAttributeValue"


@pytest.mark.parametrize(
    "policy",
    [
        "x",
        "[]",
        "{}",
        '{"Statement":[]}',
        '{"Statement":["x"]}',
        '{"Statement":[{"Effect":"Perhaps"}]}',
        '{"Statement":[{"Effect":"Allow","Condition":["x"]}]}',
        '{"Statement":[{"Effect":"Allow","Condition":{"StringEquals":"x"}}]}',
        '{"Statement":[{"Effect":"Allow","Sid":"' + "x" * 8_192 + '"}]}',
    ],
)
def test_policies_that_are_refused(rig: Rig, url: str, policy: str) -> None:
    """A text that is not a policy, or longer than 8 KiB, is not stored."""
    assert rig.refused("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter Policy.",
    )
