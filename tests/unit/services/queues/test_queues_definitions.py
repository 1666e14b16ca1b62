"""Queues themselves: creation, attributes, lists, tags, purge, deletion, accounts and regions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import ACCOUNT, ORIGIN, OTHER, T0, Rig, arn, caller, shown

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


def test_fifo_queues_are_refused_clearly(rig: Rig) -> None:
    """A FIFO queue is not made in secret as a standard one."""
    code, message = rig.refused(
        "CreateQueue", QueueName="orders.fifo", Attributes={"FifoQueue": "true"}
    )
    assert (code, "FIFO" in message) == ("UnsupportedOperation", True)
    code, _message = rig.refused(
        "CreateQueue", QueueName="orders", Attributes={"FifoQueue": "true"}
    )
    assert code == "InvalidAttributeName"


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


# --- finding and listing -----------------------------------------------------------------------


def test_urls_find_their_queue_whatever_the_host(rig: Rig, url: str) -> None:
    """The path names account and queue; a bare name is the caller's own queue."""
    assert rig.call("GetQueueUrl", QueueName="q") == {"QueueUrl": url}
    assert rig.call("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId=ACCOUNT) == {
        "QueueUrl": url
    }
    for form in (
        url,
        f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/q",
        f"http://localhost:1/queue/us-east-1/{ACCOUNT}/q",
        f"/{ACCOUNT}/q",
        f"{url}/",
        "q",
    ):
        assert rig.attributes(form, "QueueArn") == {"QueueArn": arn("q")}


URL_OPERATIONS: dict[str, dict[str, Any]] = {
    "AddPermission": {"Label": "l", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]},
    "ChangeMessageVisibility": {"ReceiptHandle": "h", "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "h"}]},
    "DeleteMessage": {"ReceiptHandle": "h"},
    "DeleteMessageBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "h"}]},
    "GetQueueAttributes": {"AttributeNames": ["All"]},
    "ListDeadLetterSourceQueues": {},
    "ListQueueTags": {},
    "PurgeQueue": {},
    "ReceiveMessage": {"WaitTimeSeconds": 20},
    "RemovePermission": {"Label": "l"},
    "SendMessage": {"MessageBody": "x"},
    "SendMessageBatch": {"Entries": [{"Id": "a", "MessageBody": "x"}]},
    "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
    "TagQueue": {"Tags": {"a": "b"}},
    "UntagQueue": {"TagKeys": ["a"]},
}
ELSEWHERE = {
    "missing": (None, f"{ORIGIN}/{ACCOUNT}/nowhere"),
    "other region": (caller(region="eu-west-1"), f"{ORIGIN}/{ACCOUNT}/q"),
    "no such form": (None, "http://x/"),
    "empty": (None, ""),
    "own name, other account": (caller(OTHER), "q"),
}


@pytest.mark.parametrize("operation", URL_OPERATIONS)
@pytest.mark.parametrize("place", ELSEWHERE)
def test_every_operation_tells_a_queue_that_is_not_there(
    rig: Rig, url: str, operation: str, place: str
) -> None:
    """A missing name, another region and another account's names are alike: no such queue."""
    who, wrong = ELSEWHERE[place]
    assert rig.refused(operation, who, QueueUrl=wrong, **URL_OPERATIONS[operation]) == (
        "QueueDoesNotExist",
        "The specified queue does not exist.",
    )


@pytest.mark.parametrize("operation", [*URL_OPERATIONS, "DeleteQueue"])
def test_another_accounts_queue_is_closed(rig: Rig, url: str, operation: str) -> None:
    """Without a policy no operation of another account is allowed; nothing changes."""
    rig.send(url)
    before = rig.attributes(url)
    params = URL_OPERATIONS.get(operation, {})
    code, message = rig.refused(operation, caller(OTHER), QueueUrl=url, **params)
    assert code == "AccessDenied"
    assert f"arn:aws:iam::{OTHER}:root is not authorized to perform: sqs:" in message
    assert rig.attributes(url) == before


def test_the_owner_of_a_url_must_be_an_account(rig: Rig, url: str) -> None:
    """GetQueueUrl does not take the caller's own queue for somebody's who does not exist."""
    for owner in ("x", "1", OTHER):
        code, _ = rig.refused("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId=owner)
        assert code == "QueueDoesNotExist"


def test_accounts_and_regions_never_meet(rig: Rig) -> None:
    """Queues of one name live side by side in two accounts and two regions."""
    places = [caller(), caller(OTHER), caller(region="eu-west-1")]
    for place in places:
        made = rig.create("q", place)
        rig.call("SendMessage", place, QueueUrl=made, MessageBody=str(place))
    for place in places:
        url = rig.call("GetQueueUrl", place, QueueName="q")["QueueUrl"]
        assert rig.call("ListQueues", place) == {"QueueUrls": [url]}
        result = rig.call("ReceiveMessage", place, QueueUrl=url, MaxNumberOfMessages=10)
        assert [message["Body"] for message in shown(result)] == [str(place)]


def test_lists_come_in_pages(rig: Rig) -> None:
    """Names in order, by prefix, a token only when MaxResults was given and there is more."""
    urls = [rig.create(f"{kind}-{n}") for kind in ("a", "b") for n in range(3)]
    assert rig.call("ListQueues") == {"QueueUrls": urls}
    assert rig.call("ListQueues", QueueNamePrefix="b-") == {"QueueUrls": urls[3:]}
    assert rig.call("ListQueues", QueueNamePrefix="c") == {}
    assert rig.call("ListQueues", QueueNamePrefix="A-") == {}
    seen: list[str] = []
    params: dict[str, Any] = {"MaxResults": 4}
    page = rig.call("ListQueues", **params)
    assert len(page["QueueUrls"]) == 4
    while True:
        seen += page["QueueUrls"]
        if "NextToken" not in page:
            break
        page = rig.call("ListQueues", NextToken=page["NextToken"], **params)
    assert seen == urls
    assert "NextToken" not in rig.call("ListQueues", MaxResults=6)


@pytest.mark.parametrize("count", [0, 1001, -1])
def test_page_sizes_that_are_refused(rig: Rig, url: str, count: int) -> None:
    """A page has 1 to 1,000 entries."""
    code, _ = rig.refused("ListQueues", MaxResults=count)
    assert code == "InvalidParameterValue"
    code, _ = rig.refused("ListDeadLetterSourceQueues", QueueUrl=url, MaxResults=count)
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("token", ["x", "ä", "////", "_w=="])
def test_tokens_that_nobody_gave_are_refused(rig: Rig, token: str) -> None:
    """Garbage for NextToken is the caller's mistake."""
    assert rig.refused("ListQueues", MaxResults=1, NextToken=token) == (
        "InvalidParameterValue",
        "Invalid or expired next token.",
    )


def test_sources_of_a_dead_letter_queue(rig: Rig) -> None:
    """Exactly the queues whose policy names it, in pages; none is an empty list."""
    dlq = rig.create("dlq")
    assert rig.call("ListDeadLetterSourceQueues", QueueUrl=dlq) == {"queueUrls": []}
    sources = [rig.create(f"s{n}", RedrivePolicy=redrive()) for n in range(3)]
    rig.create("alone")
    assert rig.call("ListDeadLetterSourceQueues", QueueUrl=dlq) == {"queueUrls": sources}
    page = rig.call("ListDeadLetterSourceQueues", QueueUrl=dlq, MaxResults=2)
    assert page["queueUrls"] == sources[:2]
    rest = rig.call(
        "ListDeadLetterSourceQueues", QueueUrl=dlq, MaxResults=2, NextToken=page["NextToken"]
    )
    assert rest == {"queueUrls": sources[2:]}
    rig.call("SetQueueAttributes", QueueUrl=sources[0], Attributes={"RedrivePolicy": ""})
    assert rig.call("ListDeadLetterSourceQueues", QueueUrl=dlq) == {"queueUrls": sources[1:]}


# --- tags, purge, deletion ---------------------------------------------------------------------


def test_tags(rig: Rig, url: str) -> None:
    """Tags are set, kept, overwritten and removed; a missing key is no error; 50 at most."""
    assert rig.call("ListQueueTags", QueueUrl=url) == {}
    rig.call("TagQueue", QueueUrl=url, Tags={"a": "1", "b": "2"})
    rig.call("TagQueue", QueueUrl=url, Tags={"b": "3", "c": ""})
    assert rig.call("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "1", "b": "3", "c": ""}}
    rig.call("UntagQueue", QueueUrl=url, TagKeys=["a", "zzz"])
    assert rig.call("ListQueueTags", QueueUrl=url) == {"Tags": {"b": "3", "c": ""}}
    code, _ = rig.refused("TagQueue", QueueUrl=url, Tags={str(n): "" for n in range(49)})
    assert code == "InvalidParameterValue"
    created = rig.call("CreateQueue", QueueName="tagged", tags={"x": "y"})["QueueUrl"]
    assert rig.call("ListQueueTags", QueueUrl=created) == {"Tags": {"x": "y"}}


def test_a_purge_takes_everything_and_only_once_a_minute(rig: Rig, url: str) -> None:
    """Visible, delayed and in-flight messages go; handles of before do nothing; then 60 s."""
    rig.send(url, "in flight")
    (held,) = rig.receive(url)
    rig.send(url, "visible")
    rig.send(url, "delayed", DelaySeconds=10)
    assert rig.counts(url) == (1, 1, 1)
    assert rig.call("PurgeQueue", QueueUrl=url) == {}
    assert rig.counts(url) == (0, 0, 0)
    rig.send(url, "after")
    assert rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=held["ReceiptHandle"]) == {}
    code, _ = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=held["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    assert code == "InvalidParameterValue"
    rig.wait(59.999)
    assert rig.refused("PurgeQueue", QueueUrl=url) == (
        "PurgeQueueInProgress",
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
    )
    assert rig.bodies(url) == ["after"]
    rig.wait(0.001)
    rig.call("PurgeQueue", QueueUrl=url)
    assert rig.counts(url) == (0, 0, 0)


def test_what_was_purged_is_reclaimed(rig: Rig, url: str) -> None:
    """The reaper removes the rows of a purged and of a deleted queue."""
    for n in range(30):
        rig.send(url, str(n))
    rig.call("PurgeQueue", QueueUrl=url)
    rig.send(url)
    rig.call("DeleteQueue", QueueUrl=url)
    rig.work()
    rig.wait(60)
    count = rig.store._connection.execute("SELECT count(*) FROM messages").fetchall()
    heaps = rig.store._connection.execute("SELECT count(*) FROM heaps").fetchall()
    assert (count, heaps) == ([(0,)], [(0,)])


def test_deletion_and_sixty_seconds(rig: Rig, url: str) -> None:
    """A deleted queue is gone at once; its name may be used again a minute later, empty."""
    rig.send(url)
    (held,) = rig.receive(url)
    assert rig.call("DeleteQueue", QueueUrl=url) == {}
    assert rig.call("ListQueues") == {}
    assert rig.call("DeleteQueue", QueueUrl=url) == {}
    rig.wait(59.999)
    assert rig.refused("CreateQueue", QueueName="q") == (
        "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the"
        " same name.",
    )
    assert rig.create("q", caller(OTHER))
    rig.wait(0.001)
    assert rig.create("q") == url
    assert rig.counts(url) == (0, 0, 0)
    rig.send(url, "new")
    assert rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=held["ReceiptHandle"]) == {}
    assert rig.bodies(url) == ["new"]


def test_a_long_poll_hears_of_its_queues_deletion(rig: Rig, url: str) -> None:
    """Whoever waits on a queue that goes is told so at once."""
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    assert waiting == []
    rig.call("DeleteQueue", QueueUrl=url)
    assert waiting[0].error is not None
    assert waiting[0].error.args[0].startswith("QueueDoesNotExist")


def test_reset_empties_the_callers_account_only(rig: Rig, url: str) -> None:
    """Queues of every region go, names are free at once; the other account keeps all it has."""
    rig.create("e", caller(region="eu-west-1"))
    theirs = rig.create("q", caller(OTHER))
    for place, made in ((caller(), url), (caller(OTHER), theirs)):
        sent = rig.call("SendMessage", place, QueueUrl=made, MessageBody="x")
        (message,) = shown(rig.call("ReceiveMessage", place, QueueUrl=made))
        handle = message["ReceiptHandle"]
        rig.call("DeleteMessage", place, QueueUrl=made, ReceiptHandle=handle)
    rig.call("ResetAccount")
    assert rig.call("ListQueues") == {}
    assert rig.call("ListQueues", caller(region="eu-west-1")) == {}
    assert rig.call("ListQueues", caller(OTHER)) == {"QueueUrls": [theirs]}
    explained = rig.call("ExplainMessage", caller(OTHER), of="redrive", MessageId=sent["MessageId"])
    assert explained["Events"][-1]["Kind"] == "deleted"
    assert rig.create("q") == url
