"""/metrics and CloudWatch against the live server; a stop records the minute that it cuts."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from live import LiveServer, request
from prometheus_client.parser import text_string_to_metric_families


def test_the_page_is_guarded_like_everything(server: LiveServer, account: str) -> None:
    """GET and HEAD, from this machine, in Prometheus' format; nothing else."""
    server.call("CreateQueue", account, QueueName="watched")
    answer = server.ask(request(method="GET", target="/metrics"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {one.name: one for one in text_string_to_metric_families(answer.body.decode())}
    accounts = {sample.labels["account"] for sample in families["redrive_sqs_messages"].samples}
    assert account in accounts
    for name in ("redrive_connections", "redrive_commits", "redrive_operations"):
        assert families[name].samples[0].value >= 1, name
    assert families["redrive_faults"].samples[0].value == 0
    with server.wire() as wire:
        wire.send(request(method="HEAD", target="/metrics"))
        head = wire.answer(is_head=True)
        assert head is not None
        assert head.status == 200
    assert server.ask(request(method="POST", target="/metrics", body=b"")).status == 404
    assert server.ask(request(method="GET", target="/metrics/x")).status == 404
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert server.ask(request(method="GET", target="/metrics", headers=headers)).status == 403


def test_with_keys_it_is_not_open_to_strangers(folder: Path) -> None:
    """An unsigned request is refused, and hears nothing of any queue."""
    keys = folder / "keys.toml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    server = LiveServer(folder, "--keys-file", str(keys))
    assert server.port, server.text
    try:
        for account, identity in (("111122223333", "AKIAONE"), ("444455556666", "AKIATWO")):
            sqs = boto3.client(
                "sqs",
                endpoint_url=f"http://localhost:{server.port}",
                region_name="us-east-1",
                aws_access_key_id=identity,
                aws_secret_access_key="a-secret-0123456789",
            )
            sqs.create_queue(QueueName=f"q{account}")
            sqs.close()
        plain = server.ask(request(method="GET", target="/metrics"))
        assert plain.status == 403
        assert b"redrive_" not in plain.body
        signed = AWSRequest("GET", f"http://localhost:{server.port}/metrics")
        SigV4Auth(Credentials("AKIAONE", "a-secret-0123456789"), "redrive", "us-east-1").add_auth(
            signed
        )
        headers = {**dict(signed.headers), "Host": f"localhost:{server.port}"}
        answer = server.ask(request(method="GET", target="/metrics", headers=headers))
        assert answer.status == 200
        assert b'queue="q111122223333"' in answer.body
        assert b"q444455556666" not in answer.body, "another account's"
    finally:
        server.close()


KEYS = """
[AKIAONE]
secret = "a-secret-0123456789"
account = "111122223333"

[AKIATWO]
secret = "a-secret-0123456789"
account = "444455556666"
"""


def test_a_stop_records_the_minute_that_it_cuts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 reads after the restart what was sent before it."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    session = boto3.Session("000000000000", "secret", region_name="us-east-1")
    first = LiveServer(folder)
    sqs = session.client("sqs", endpoint_url=f"http://localhost:{first.port}")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for body in ("a", "bbb"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.close()
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    first.close()
    second = LiveServer(folder)
    watch = session.client("cloudwatch", endpoint_url=f"http://localhost:{second.port}")
    now = datetime.now(UTC)
    listed = watch.list_metrics(Namespace="AWS/SQS", MetricName="SentMessageSize")["Metrics"]
    asked = {**listed[0], "StartTime": now - timedelta(hours=1), "EndTime": now, "Period": 3600}
    result = watch.get_metric_statistics(**asked, Statistics=["SampleCount", "Minimum", "Maximum"])
    (point,) = result["Datapoints"]
    assert [point[name] for name in ("SampleCount", "Minimum", "Maximum")] == [2, 1, 3]
    watch.close()
    second.close()
