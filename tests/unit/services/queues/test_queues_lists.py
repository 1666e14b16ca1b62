"""Finding and listing queues, tags, purge, deletion, accounts and regions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from queues_rig import ACCOUNT, ORIGIN, OTHER, Rig, arn, shown
from stand_ins import caller


def redrive(name: str = "dlq", count: Any = 3) -> str:
    return json.dumps({"deadLetterTargetArn": arn(name), "maxReceiveCount": count})


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
