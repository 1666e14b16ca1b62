"""The Query protocol through a socket, and queues' URLs in the forms that clients go to."""

from __future__ import annotations

from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from live import Answer, LiveServer, Wire, authorization, request

SPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(server: LiveServer, data: bytes) -> Answer:
    with Wire(server.port) as wire:
        wire.send(data)
        answer = wire.answer()
        assert answer is not None
        return answer


def text_of(answer: Answer, name: str) -> str | None:
    node = ElementTree.fromstring(answer.body).find(f".//{SPACE}{name}")
    return None if node is None else node.text


def get(server: LiveServer, path: str, account: str | None, /, **fields: str) -> Answer:
    """A GET on a path, signed by an account or not at all."""
    headers = {"Authorization": None if account is None else authorization(account)}
    return ask(server, request(method="GET", target=f"{path}?{urlencode(fields)}", headers=headers))


def made(server: LiveServer, account: str, region: str = "us-east-1") -> str:
    """The path of a new queue."""
    body = urlencode({"Action": "CreateQueue", "QueueName": "q", "Version": "2012-11-05"})
    headers = {**FORM, "Authorization": authorization(account, region)}
    answer = ask(server, request(headers=headers, body=body.encode()))
    assert answer.status == 200
    url = text_of(answer, "QueueUrl")
    assert url is not None
    assert url.endswith(f":{server.port}/{account}/q")
    return f"/{account}/q"


def test_a_walk_on_a_queues_url(server: LiveServer, account: str) -> None:
    """Sending, receiving and deleting by GETs on the URL that CreateQueue gave."""
    path = made(server, account)
    body = "é<&>\r\n😀"
    sent = get(server, path, account, Action="SendMessage", MessageBody=body)
    assert (sent.status, sent.headers["content-type"]) == (200, "text/xml")
    received = get(server, path, account, Action="ReceiveMessage", AttributeName="All")
    assert text_of(received, "Body") == body
    assert text_of(received, "MessageId") == text_of(sent, "MessageId")
    handle = text_of(received, "ReceiptHandle")
    assert handle is not None
    assert get(server, path, account, Action="DeleteMessage", ReceiptHandle=handle).status == 200
    assert get(server, path, account, Action="DeleteQueue").status == 200
    gone = get(server, path, account, Action="GetQueueAttributes")
    assert (gone.status, text_of(gone, "Code")) == (400, "AWS.SimpleQueueService.NonExistentQueue")


def test_what_a_queues_url_does_not_take(server: LiveServer, account: str) -> None:
    """AWS's refusals, unsigned as well."""
    path = made(server, account)
    for who in (account, None):
        refused = get(server, path, who, Action="FooBar")
        assert (refused.status, text_of(refused, "Code")) == (400, "InvalidAction")
        bare = get(server, path, who)
        assert (bare.status, bare.body) == (404, b"<UnknownOperationException/>")


def test_json_at_a_queues_url(server: LiveServer, account: str) -> None:
    """SDKs that take the queue's URL as endpoint."""
    path = made(server, account)
    params = {"QueueUrl": f"http://127.0.0.1:{server.port}{path}", "MessageBody": "b"}
    answer = ask(server, request("SendMessage", params, target=path, account=account))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-amz-json-1.0")


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("sqs.eu-west-1.localhost", ""),
        ("eu-west-1.queue.localhost", ""),
        ("localhost", "/queue/eu-west-1"),
    ],
)
def test_the_url_says_the_region(server: LiveServer, account: str, host: str, prefix: str) -> None:
    """Host and path name another region's queue than the signature's."""
    path = made(server, account, "eu-west-1")
    assert get(server, path, account, Action="PurgeQueue").status == 400
    headers = {"Host": f"{host}:{server.port}", "Authorization": authorization(account)}
    target = f"{prefix}{path}?Action=GetQueueAttributes&AttributeName.1=QueueArn"
    answer = ask(server, request(method="GET", target=target, headers=headers))
    assert text_of(answer, "Value") == f"arn:aws:sqs:eu-west-1:{account}:q"
