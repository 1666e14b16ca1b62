"""boto3 and the AWS command line, unchanged, against the live server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from live import LiveServer, authorization, request

OTHER = "999988887777"


@pytest.fixture
def session(account: str, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """A session of an account of the test's own, that reads no one's files."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    return boto3.Session(account, "secret", region_name="eu-central-1")


@pytest.fixture
def client(server: LiveServer, session: boto3.Session) -> Iterator[Callable[..., Any]]:
    """Make clients: a service, and what differs from the session."""
    made: list[Any] = []

    def make(service: str = "sqs", **options: Any) -> Any:
        options.setdefault("endpoint_url", f"http://localhost:{server.port}")
        options.setdefault("config", Config(retries={"total_max_attempts": 1}))
        made.append(session.client(service, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_walk_of_a_message(client: Callable[..., Any], account: str) -> None:
    """Create, send, receive, change, delete: with boto3's own checks of the MD5s."""
    sqs = client()
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "5"}, tags={"a": "b"})[
        "QueueUrl"
    ]
    assert url.endswith(f"/{account}/q")
    attributes = {
        "text": {"DataType": "String", "StringValue": "é"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="héllo", MessageAttributes=attributes)
    (got,) = sqs.receive_message(
        QueueUrl=url,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        WaitTimeSeconds=1,
    )["Messages"]
    assert (got["MessageId"], got["Body"]) == (sent["MessageId"], "héllo")
    assert got["MessageAttributes"] == attributes
    assert got["Attributes"]["SenderId"] == account
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0
    )
    (again,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert shown["QueueArn"] == f"arn:aws:sqs:eu-central-1:{account}:q"


def test_batches_and_pages(client: Callable[..., Any]) -> None:
    """Batches of ten, mixed results, paginators."""
    sqs = client()
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": "\x00" if n == 3 else f"m{n}"} for n in range(10)]
    result = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [f["Code"] for f in result["Failed"]] == ["InvalidMessageContents"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(got)]
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 9
    for n in range(5):
        sqs.create_queue(QueueName=f"page-{n}")
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="page-", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]


def test_errors_as_boto3_knows_them(client: Callable[..., Any]) -> None:
    """Codes are the query codes, the modelled exception is raised, statuses are AWS's."""
    sqs = client()
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as seen:
        sqs.get_queue_url(QueueName="missing")
    error = seen.value.response
    assert error["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    assert error["Error"]["Type"] == "Sender"
    assert error["Error"]["Message"] == "The specified queue does not exist."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress) as seen:
        sqs.purge_queue(QueueUrl=url)
    assert seen.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match=r"\(InvalidParameterValue\).*between 1 and 10"):
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    with pytest.raises(ClientError, match=r"\(ReceiptHandleIsInvalid\)"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="x")


def test_a_redrive_with_boto3(client: Callable[..., Any], account: str) -> None:
    """Buried after one receive, listed, moved back by a task."""
    sqs = client()
    dlq = sqs.create_queue(QueueName="dlq")["QueueUrl"]
    arn = f"arn:aws:sqs:eu-central-1:{account}:dlq"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    handle = sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    assert handle
    (got,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert got["Body"] == "poison"
    (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert task["ApproximateNumberOfMessagesMoved"] == 1


def test_the_resource_and_the_environment(
    server: LiveServer, session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resource interface works too, and AWS_ENDPOINT_URL alone is enough."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    sqs = session.resource("sqs")
    queue = sqs.create_queue(QueueName="resource")
    queue.send_message(MessageBody="x")
    (message,) = queue.receive_messages(WaitTimeSeconds=1)
    message.delete()
    assert [each.url for each in sqs.queues.all()] == [queue.url]
    sqs.meta.client.close()


@pytest.mark.parametrize(
    ("key", "account"),
    [("123456789012", "123456789012"), ("AKIAEXAMPLE", "000000000000"), ("1234", "000000000000")],
)
def test_the_access_key_is_the_account(client: Callable[..., Any], key: str, account: str) -> None:
    """Twelve digits are an account; everybody else shares one."""
    sts = client("sts", aws_access_key_id=key, aws_secret_access_key="x")
    identity = sts.get_caller_identity()
    assert identity["Account"] == account
    assert identity["Arn"] == f"arn:aws:iam::{account}:root"


def test_accounts_and_regions_never_meet(client: Callable[..., Any], account: str) -> None:
    """One name, three queues; another account's URL is closed until a policy opens it."""
    mine, there = client(), client(region_name="us-west-2")
    theirs = client(aws_access_key_id=OTHER, aws_secret_access_key="x")
    url = mine.create_queue(QueueName="q")["QueueUrl"]
    mine.send_message(QueueUrl=url, MessageBody="mine")
    assert "QueueUrls" not in there.list_queues(QueueNamePrefix="q")
    with pytest.raises(there.exceptions.QueueDoesNotExist):
        there.receive_message(QueueUrl=url)
    with pytest.raises(ClientError, match=r"\(AccessDenied\)"):
        theirs.receive_message(QueueUrl=url)
    with pytest.raises(ClientError, match=r"\(AccessDenied\)"):
        theirs.get_queue_url(QueueName="q", QueueOwnerAWSAccountId=account)
    mine.add_permission(
        QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=["GetQueueUrl", "ReceiveMessage"]
    )
    found = theirs.get_queue_url(QueueName="q", QueueOwnerAWSAccountId=account)["QueueUrl"]
    assert theirs.receive_message(QueueUrl=found)["Messages"][0]["Body"] == "mine"
    with pytest.raises(ClientError, match=r"\(AccessDenied\)"):
        theirs.delete_queue(QueueUrl=found)


def test_reset_takes_the_callers_account_only(
    server: LiveServer, client: Callable[..., Any], account: str
) -> None:
    """POST /_redrive/reset, signed as the account; a web page cannot."""
    mine = client()
    theirs = client(aws_access_key_id=OTHER, aws_secret_access_key="x")
    mine.create_queue(QueueName="gone")
    theirs.create_queue(QueueName="stays")
    headers = {"Authorization": authorization(account)}
    page = {**headers, "Origin": "http://evil.example"}
    answer = server.ask(request(target="/_redrive/reset", headers=page))
    assert answer.status == 403
    assert len(mine.list_queues()["QueueUrls"]) == 1
    answer = server.ask(request(target="/_redrive/reset", headers=headers))
    assert (answer.status, json.loads(answer.body)) == (200, {"account": account})
    assert "QueueUrls" not in mine.list_queues()
    assert theirs.list_queues(QueueNamePrefix="stays")["QueueUrls"]
    mine.create_queue(QueueName="gone")


# --- the AWS command line ------------------------------------------------------------------------


def _aws() -> str | None:
    """Return the AWS command line if there is one that runs."""
    found = shutil.which("aws")
    if found is None:
        return None
    tried = subprocess.run([found, "--version"], capture_output=True, check=False)
    return found if tried.returncode == 0 else None


AWS = _aws()


@pytest.mark.skipif(AWS is None, reason="the AWS command line is not installed")
def test_the_aws_command_line(server: LiveServer, account: str) -> None:
    """A handful of commands, as people type them."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    endpoint = f"http://127.0.0.1:{server.port}"
    if "PYENV_ROOT" in os.environ or ".pyenv" in str(AWS):
        environment["HOME"] = os.environ["HOME"]
        environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"

    def aws(*words: str, fails: bool = False) -> Any:
        assert AWS is not None
        ran = subprocess.run(
            [AWS, *words, "--output", "json", "--endpoint-url", endpoint],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert (ran.returncode != 0) == fails, ran.stderr
        return ran.stderr.decode() if fails else json.loads(ran.stdout or b"{}")

    assert aws("sts", "get-caller-identity")["Account"] == account
    url = aws("sqs", "create-queue", "--queue-name", "cli")["QueueUrl"]
    sent = aws("sqs", "send-message", "--queue-url", url, "--message-body", "héllo")
    got = aws("sqs", "receive-message", "--queue-url", url, "--attribute-names", "All")
    (message,) = got["Messages"]
    assert (message["Body"], message["MessageId"]) == ("héllo", sent["MessageId"])
    error = aws("sqs", "get-queue-url", "--queue-name", "none", fails=True)
    assert "NonExistentQueue" in error
