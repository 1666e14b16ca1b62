"""Roles on a live server, through boto3: assumed, used, refused, over a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from live import LiveServer

ACCOUNT, REGION = "111122223333", "eu-central-1"
ROOT = {
    "aws_access_key_id": "AKIAROOT000000000001",
    "aws_secret_access_key": "root-secret-01234567",
}
FILE = f"""
[{ROOT["aws_access_key_id"]}]
secret = "{ROOT["aws_secret_access_key"]}"
account = "{ACCOUNT}"
"""


@pytest.fixture
def keys_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file with one key; nobody's own configuration takes part."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    path = tmp_path / "keys.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    yield str(path)


def client(server: LiveServer, service: str, keys: dict[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://localhost:{server.port}",
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1}),
        **keys,
    )


def test_an_assumed_role_sends_and_does_not_receive(tmp_path: Path, keys_file: str) -> None:
    """By the role's policy; after a restart as before, and no longer when the role is gone."""
    flags = ("--keys-file", keys_file, "--authorisation", "on")
    server = LiveServer(tmp_path, *flags)
    iam = client(server, "iam", ROOT)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        ],
    }
    made = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.get_waiter("role_exists").wait(RoleName="sender")
    assert iam.get_role(RoleName="sender")["Role"]["AssumeRolePolicyDocument"] == trust
    sends = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:orders"}
    document = {"Version": "2012-10-17", "Statement": sends}
    iam.put_role_policy(RoleName="sender", PolicyName="sends", PolicyDocument=json.dumps(document))
    assert iam.get_role_policy(RoleName="sender", PolicyName="sends")["PolicyDocument"] == document
    url = client(server, "sqs", ROOT).create_queue(QueueName="orders")["QueueUrl"]
    told = client(server, "sts", ROOT).assume_role(RoleArn=made["Arn"], RoleSessionName="s-1")
    lent = {
        "aws_access_key_id": told["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": told["Credentials"]["SecretAccessKey"],
        "aws_session_token": told["Credentials"]["SessionToken"],
    }
    for _ in range(2):
        sqs = client(server, "sqs", lent)
        sqs.send_message(QueueUrl=url, MessageBody="m")
        with pytest.raises(
            ClientError, match="assumed-role/sender/s-1 is not authorized"
        ) as caught:
            sqs.receive_message(QueueUrl=url)
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
        with pytest.raises(ClientError, match="iam:ListRoles"):
            client(server, "iam", lent).list_roles()
        server.close()
        assert lent["aws_secret_access_key"] not in server.text
        server = LiveServer(tmp_path, *flags)
        url = client(server, "sqs", ROOT).get_queue_url(QueueName="orders")["QueueUrl"]
    iam = client(server, "iam", ROOT)
    iam.delete_role_policy(RoleName="sender", PolicyName="sends")
    iam.delete_role(RoleName="sender")
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        client(server, "sqs", lent).send_message(QueueUrl=url, MessageBody="m")
    assert server.health()["faults"] == 0
    server.close()
