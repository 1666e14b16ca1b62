"""A server that asks for signatures: boto3, presigned addresses, functions and the command line."""

from __future__ import annotations

import io
import json
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from click.testing import CliRunner
from live import LiveServer, authorization, request

from redrive.cli.main import cli

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION = "eu-central-1"
ROOT = ("AKIAROOT000000000001", "root-secret-0123456789")
ALICE = ("AKIAALICE00000000001", "alice-secret-0123456789")
BOB = ("AKIABOB0000000000001", "bob-secret-0123456789")
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:orders"}
FILE = f"""
[{ROOT[0]}]
secret = "{ROOT[1]}"
account = "{ACCOUNT}"

[{ALICE[0]}]
secret = "{ALICE[1]}"
account = "{ACCOUNT}"
user = "alice"
policy = '{json.dumps({"Version": "2012-10-17", "Statement": SENDS})}'

[{BOB[0]}]
secret = "{BOB[1]}"
account = "{OTHER}"
user = "bob"
"""
MISMATCH = "The request signature we calculated does not match the signature you provided"


@pytest.fixture(autouse=True)
def no_ones_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own configuration takes part."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def key_file(folder: Path) -> str:
    path = folder / "keys.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with keys and authorisation, that lives as long as this module's tests do."""
    folder = tmp_path_factory.mktemp("guarded")
    flags = ("--keys-file", key_file(folder), "--authorisation", "on", "--allow-reset")
    server = LiveServer(folder, *flags)
    assert server.port, server.text
    yield server
    assert server.health()["faults"] == 0
    for _, secret in (ROOT, ALICE, BOB):
        assert secret not in server.text
        assert secret not in json.dumps(server.health())
    server.close()


@pytest.fixture
def client(guarded: LiveServer) -> Iterator[Callable[..., Any]]:
    """Make clients of a key's."""
    made: list[Any] = []

    def make(key: tuple[str, str], service: str = "sqs", **options: Any) -> Any:
        made.append(
            boto3.client(
                service,
                aws_access_key_id=key[0],
                aws_secret_access_key=key[1],
                endpoint_url=f"http://localhost:{guarded.port}",
                region_name=REGION,
                config=Config(retries={"total_max_attempts": 1}),
                **options,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def code_of(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_keys_and_secrets(client: Callable[..., Any]) -> None:
    """The right secret opens, a wrong one and an unknown key do not, told as each service tells."""
    queries = ("SignatureDoesNotMatch", "InvalidClientTokenId")
    shapes = ("InvalidSignatureException", "UnrecognizedClientException")
    for service, operation, names in (
        ("sqs", "list_queues", queries),
        ("sts", "get_caller_identity", queries),
        ("lambda", "list_functions", shapes),
    ):
        assert getattr(client(ROOT, service), operation)()
        wrong = client((ROOT[0], "wrong"), service)
        nobody = client(("AKIANOBODY", ROOT[1]), service)
        with_token = client(ROOT, service, aws_session_token="any")
        assert code_of(getattr(wrong, operation)) == (names[0], 403)
        assert code_of(getattr(nobody, operation)) == (names[1], 403)
        assert code_of(getattr(with_token, operation)) == (names[1], 403)
    identity = client(BOB, "sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (OTHER, f"arn:aws:iam::{OTHER}:user/bob")
    assert identity["UserId"].startswith("AIDA")


def test_what_is_not_signed(guarded: LiveServer) -> None:
    """Every path but the health page, whoever the caller says it is."""
    for data, status in (
        (request("ListQueues", {}, account=ACCOUNT), 403),
        (request("ListQueues", {}, headers={"Authorization": None}), 403),
        (request("ListQueues", {}, headers={"Authorization": "Bearer x"}), 400),
        (request(target="/", body=b"Action=ListQueues"), 403),
        (request(method="GET", target=f"/{ACCOUNT}/orders?Action=ReceiveMessage"), 403),
        (request(method="GET", target="/2015-03-31/functions"), 403),
        (request(method="GET", target="/"), 403),
        (request(target="/_redrive/reset"), 403),
        (request(target="/_redrive/reset", headers={"Authorization": authorization()}), 403),
        (request(method="GET", target="/_redrive/health"), 200),
    ):
        assert guarded.ask(data).status == status, data
    answer = guarded.ask(request("ListQueues", {}, headers={"Authorization": None}))
    assert answer.code == "MissingAuthenticationTokenException"
    assert answer.headers["x-amzn-query-error"] == "MissingAuthenticationToken;Sender"


def presigned(
    guarded: LiveServer, key: tuple[str, str], path: str, service: str = "sqs", expires: int = 60
) -> str:
    signed = AWSRequest("GET", f"http://localhost:{guarded.port}{path}")
    SigV4QueryAuth(Credentials(*key), service, REGION, expires).add_auth(signed)
    return str(signed.url)


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_presigned_addresses(guarded: LiveServer, client: Callable[..., Any]) -> None:
    """A queue's address with an action, signed by its query, is all that somebody needs."""
    sqs = client(ROOT)
    sqs.create_queue(QueueName="presigned")
    path = f"/{ACCOUNT}/presigned?Version=2012-11-05&Action="
    send = presigned(guarded, ROOT, f"{path}SendMessage&MessageBody=a%20b%2Bc%C3%A9")
    assert fetch(send)[0] == 200
    status, text = fetch(presigned(guarded, ROOT, f"{path}ReceiveMessage"))
    assert (status, "<Body>a b+cé</Body>" in text) == (200, True)
    for url, code in (
        (presigned(guarded, (ROOT[0], "wrong"), f"{path}PurgeQueue"), "SignatureDoesNotMatch"),
        (presigned(guarded, ("AKIANO", "x"), f"{path}PurgeQueue"), "InvalidClientTokenId"),
        (send.replace("MessageBody=a", "MessageBody=b"), "SignatureDoesNotMatch"),
        (send.replace("/presigned?", "/other?"), "SignatureDoesNotMatch"),
        (send.replace("Expires=60", "Expires=600"), "SignatureDoesNotMatch"),
    ):
        status, text = fetch(url)
        assert (status, f"<Code>{code}</Code>" in text) == (403, True), text
    late = presigned(guarded, ROOT, f"{path}PurgeQueue", expires=604_801)
    assert fetch(late)[0] == 400
    identity = presigned(guarded, BOB, "/?Action=GetCallerIdentity&Version=2011-06-15", "sts")
    assert f"<Account>{OTHER}</Account>" in fetch(identity)[1]


def test_authorisation(guarded: LiveServer, client: Callable[..., Any]) -> None:
    """Users do what their policies say; strangers what the queue's says; a denial wins."""
    root, alice, bob = client(ROOT), client(ALICE), client(BOB)
    url = root.create_queue(QueueName="orders")["QueueUrl"]
    other = root.create_queue(QueueName="others")["QueueUrl"]
    sent = alice.send_message(QueueUrl=url, MessageBody="x")
    assert sent["MessageId"]
    denied = ("AccessDenied", 403)
    assert code_of(alice.send_message, QueueUrl=other, MessageBody="x") == denied
    assert code_of(alice.receive_message, QueueUrl=url) == denied
    assert code_of(alice.create_queue, QueueName="mine") == denied
    assert code_of(alice.list_queues) == denied
    functions = client(ALICE, "lambda")
    assert code_of(functions.list_functions) == ("AccessDeniedException", 403)
    assert code_of(bob.send_message, QueueUrl=url, MessageBody="x") == denied
    root.add_permission(QueueUrl=url, Label="bobs", AWSAccountIds=[OTHER], Actions=["SendMessage"])
    assert bob.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    from_here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    for condition, is_denied in (
        ({}, True),
        (from_here, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ):
        policy = json.dumps(
            {"Version": "2012-10-17", "Statement": {**statement, "Condition": condition}}
        )
        root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        if is_denied:
            assert code_of(root.receive_message, QueueUrl=url) == denied
            assert code_of(alice.send_message, QueueUrl=url, MessageBody="x") == denied
        else:
            root.receive_message(QueueUrl=url)
            alice.send_message(QueueUrl=url, MessageBody="x")


HANDLER = """
import os
import boto3

def handler(event, context):
    found = boto3.client("sts").get_caller_identity()
    url = boto3.client("sqs").create_queue(QueueName="made-by-a-function")["QueueUrl"]
    return {"arn": found["Arn"], "url": url, "key": os.environ["AWS_ACCESS_KEY_ID"]}
"""


def test_functions_call_back(guarded: LiveServer, client: Callable[..., Any]) -> None:
    """They have a key of their own, which is in no file and opens their account alone."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("app.py", HANDLER)
    functions = client(ROOT, "lambda")
    functions.create_function(
        FunctionName="calls-back",
        Runtime="python3.12",
        Handler="app.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/r",
        Timeout=30,
        Code={"ZipFile": held.getvalue()},
    )
    answer = functions.invoke(FunctionName="calls-back")
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    assert told["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert told["url"].endswith(f"/{ACCOUNT}/made-by-a-function")
    assert told["key"].startswith("ASIA")
    assert told["key"] not in FILE


def test_the_command_line_signs(
    guarded: LiveServer, client: Callable[..., Any], tmp_path: Path
) -> None:
    """With AWS's variables or a profile; without them it says what the server says."""
    client(ROOT).create_queue(QueueName="seen")
    endpoint = ("--endpoint", f"http://127.0.0.1:{guarded.port}")
    shared = tmp_path / "credentials"
    shared.write_text(f"[mine]\naws_access_key_id = {ROOT[0]}\naws_secret_access_key = {ROOT[1]}\n")
    variables = {"AWS_ACCESS_KEY_ID": ROOT[0], "AWS_SECRET_ACCESS_KEY": ROOT[1]}
    profile = {"AWS_SHARED_CREDENTIALS_FILE": str(shared), "AWS_PROFILE": "mine"}
    wrong = {**variables, "AWS_SECRET_ACCESS_KEY": "wrong"}
    for environment, exit_code, words in (
        (variables, 0, "seen"),
        (profile, 0, "seen"),
        (wrong, 1, MISMATCH),
        ({}, 1, "The security token included in the request is invalid"),
    ):
        given = {"AWS_REGION": REGION, **environment}
        told = CliRunner().invoke(cli, ["queues", *endpoint], env=given)
        assert told.exit_code == exit_code, told.output
        assert words in told.output
    given = {"AWS_REGION": REGION, **variables}
    told = CliRunner().invoke(cli, ["invoke", "none", *endpoint, "--event", "{}"], env=given)
    assert "Function not found" in told.output


def test_resetting_needs_a_permission(guarded: LiveServer, client: Callable[..., Any]) -> None:
    """A user whose policy does not name it empties nothing."""
    client(ROOT).create_queue(QueueName="stays")
    url = f"http://localhost:{guarded.port}/_redrive/reset"

    for key, status in ((ALICE, 403), (BOB, 200)):
        signed = AWSRequest("POST", url, data=b"")
        SigV4Auth(Credentials(*key), "sqs", REGION).add_auth(signed)
        asked = urllib.request.Request(url, b"", dict(signed.headers), method="POST")
        try:
            with urllib.request.urlopen(asked) as answer:
                assert (answer.status, json.loads(answer.read())) == (status, {"account": OTHER})
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status
                assert "redrive:ResetAccount" in error.read().decode()
    assert client(ROOT).list_queues(QueueNamePrefix="stays")["QueueUrls"]


# --- starting ------------------------------------------------------------------------------------


def test_beyond_loopback(folder: Path) -> None:
    """It is refused without keys; with keys the server listens, and says where to reach it."""
    refused = LiveServer(folder, "--host", "0.0.0.0")
    assert refused.wait() == 1
    assert "'0.0.0.0' is not a loopback address" in refused.text
    assert "keys_file" in refused.text
    refused.close()
    environment = {"REDRIVE_ALLOWED_HOSTS": "queues.internal"}
    flags = ("--host", "0.0.0.0", "--keys-file", key_file(folder), "--authorisation", "on")
    server = LiveServer(folder, *flags, environment=environment)
    try:
        assert server.port, server.text
        for host, status in (("queues.internal", 403), ("127.0.0.1", 403), ("evil.example", 403)):
            answer = server.ask(
                request("ListQueues", {}, headers={"Host": f"{host}:{server.port}"})
            )
            assert answer.status == status
            assert ("does not name" in answer.body.decode()) == (host == "evil.example")
        sqs = boto3.client(
            "sqs",
            aws_access_key_id=ROOT[0],
            aws_secret_access_key=ROOT[1],
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name=REGION,
        )
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        assert url == f"http://queues.internal:{server.port}/{ACCOUNT}/q"
        assert sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
        sqs.close()
        assert f"http://127.0.0.1:{server.port}" in (folder / "data" / "lock").read_text()
    finally:
        server.close()


def test_a_file_that_cannot_be_used(folder: Path) -> None:
    """The server does not start, and says why without a secret."""
    path = Path(key_file(folder))
    for change, words in (
        (lambda: path.chmod(0o644), "chmod 600"),
        (lambda: path.chmod(0o600), "binds nobody while authorisation is off"),
        (lambda: path.write_text("[AKIA]\nsecret = 'my-short-one'"), "at least 16"),
        (path.unlink, "No such file"),
    ):
        change()
        server = LiveServer(folder, "--keys-file", str(path))
        assert server.wait() == 1
        assert words in server.text
        for secret in (ROOT[1], ALICE[1], "my-short-one"):
            assert secret not in server.text
        server.close()
