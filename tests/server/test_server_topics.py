"""Topics on a server that asks for signatures: boto3, an endpoint over HTTP, and its links."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from live import SECONDS_MAX, LiveServer

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION = "eu-central-1"
ROOT = ("AKIAROOT000000000001", "root-secret-0123456789")
ALICE = ("AKIAALICE00000000001", "alice-secret-0123456789")
BOB = ("AKIABOB0000000000001", "bob-secret-0123456789")
NOTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*"}}
NOTHING["Statement"]["Resource"] = "*"  # type: ignore[index]
FILE = f"""
[{ROOT[0]}]
secret = "{ROOT[1]}"
account = "{ACCOUNT}"

[{ALICE[0]}]
secret = "{ALICE[1]}"
account = "{ACCOUNT}"
user = "alice"
policy = '{json.dumps(NOTHING)}'

[{BOB[0]}]
secret = "{BOB[1]}"
account = "{OTHER}"
user = "bob"
"""

Heard = Queue[tuple[dict[str, str], str]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with keys and authorisation that may post to this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        folder = tmp_path_factory.mktemp("topics")
        keys = Path(folder) / "keys.toml"
        keys.write_text(FILE)
        keys.chmod(0o600)
        flags = ("--keys-file", str(keys), "--authorisation", "on", "--http-private")
        server = LiveServer(folder, *flags)
        assert server.port, server.text
        yield server
        assert server.health()["faults"] == 0
        server.close()


def client(server: LiveServer, service: str, key: tuple[str, str] = ROOT) -> Any:
    """A client of a key's."""
    return boto3.client(
        service,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        endpoint_url=f"http://localhost:{server.port}",
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1}),
    )


def visit(url: str) -> tuple[int, bytes]:
    """Follow a link without credentials."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS_MAX) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def endpoint() -> Iterator[tuple[str, Heard]]:
    """A URL, and what has been posted there."""
    heard: Heard = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_queues_get_signed_notifications(guarded: LiveServer) -> None:
    """From Publish to a queue; whoever has the message can fetch the certificate and verify it."""
    topics, queues = client(guarded, "sns"), client(guarded, "sqs")
    topic = topics.create_topic(Name="signed")["TopicArn"]
    url = queues.create_queue(QueueName="signed")["QueueUrl"]
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:signed",
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        },
    }
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:signed"
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    topics.publish(TopicArn=topic, Message="hello", Subject="s")
    (message,) = queues.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    note = json.loads(message["Body"])
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{note[name]}\n" for name in names)
    status, pem = visit(note["SigningCertURL"])
    assert status == 200
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = b64decode(note["Signature"])
    key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA1())
    assert visit(note["SigningCertURL"].replace("Service-", "Service-0"))[0] == 404


def test_links_need_no_signature(guarded: LiveServer, endpoint: tuple[str, Heard]) -> None:
    """An endpoint over HTTP confirms and ends its subscription by the links that it was sent."""
    url, heard = endpoint
    topics = client(guarded, "sns")
    topic = topics.create_topic(Name="posted")["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    headers, body = heard.get(timeout=SECONDS_MAX)
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    status, answer = visit(json.loads(body)["SubscribeURL"])
    assert status == 200 and b"<ConfirmSubscriptionResult>" in answer
    topics.publish(TopicArn=topic, Message="hello")
    headers, body = heard.get(timeout=SECONDS_MAX)
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert json.loads(body)["Message"] == "hello"
    assert visit(json.loads(body)["UnsubscribeURL"])[0] == 200
    headers, _body = heard.get(timeout=SECONDS_MAX)
    assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_all_else_needs_one(guarded: LiveServer) -> None:
    """No other operation is let in without a signature, nor those by an address that has one."""
    base = f"http://localhost:{guarded.port}/?"
    for query in (
        "Action=ListTopics",
        "Action=Publish&Message=m",
        "Action=ListTopics&Action=Unsubscribe",
    ):
        assert visit(base + query)[0] == 403, query
    status, answer = visit(base + "Action=Unsubscribe&SubscriptionArn=a&X-Amz-Credential=x")
    assert status == 400 and b"IncompleteSignature" in answer


def test_topics_judge_with_their_policy(guarded: LiveServer) -> None:
    """A user without a permission may publish where the topic's policy says so, and only that."""
    topics, alice = client(guarded, "sns"), client(guarded, "sns", ALICE)
    bob = client(guarded, "sns", BOB)
    topic = topics.create_topic(Name="judged")["TopicArn"]
    for each in (alice, bob):
        with pytest.raises(ClientError) as caught:
            each.publish(TopicArn=topic, Message="m")
        assert caught.value.response["Error"]["Code"] == "AuthorizationError"
        assert "is not authorized to perform: SNS:Publish on resource" in str(caught.value)
    names = [f"arn:aws:iam::{ACCOUNT}:user/alice", f"arn:aws:iam::{OTHER}:user/bob"]
    statement = {"Effect": "Allow", "Principal": {"AWS": names}, "Action": "sns:Publish"}
    policy = {"Version": "2012-10-17", "Statement": {**statement, "Resource": topic}}
    topics.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    for each in (alice, bob):
        assert each.publish(TopicArn=topic, Message="m")["MessageId"]
        entries = [{"Id": "1", "Message": "m"}]
        assert each.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
        with pytest.raises(ClientError):
            each.delete_topic(TopicArn=topic)
