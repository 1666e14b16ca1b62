"""A message move task that is killed in the middle goes on after the restart, one message once."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random, SystemRandom
from threading import Event
from typing import Any

from .load import held
from .server import Client, CrashServer

MESSAGES = 80
PER_SECOND = 100
KILLS = 4


def _arn(client: Client, url: str) -> str:
    answer = client.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def _create_pair(client: Client, name: str) -> tuple[str, str]:
    dlq = client.call("CreateQueue", QueueName=f"{name}-dlq")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": _arn(client, dlq), "maxReceiveCount": 1})
    attributes = {"VisibilityTimeout": "0", "RedrivePolicy": policy}
    source = client.call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
    return source, dlq


def _bury_all(client: Client, source: str, dlq: str, bodies: list[str]) -> None:
    """Send messages and receive them once more than they may be, so that they lie in the DLQ."""
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])
        ]
        client.call("SendMessageBatch", QueueUrl=source, Entries=entries)
    for _ in range(20 * len(bodies)):
        client.call("ReceiveMessage", QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        if held(client, source) == 0:
            break
    assert held(client, dlq) == len(bodies)


def _take_all(client: Client, url: str, count: int) -> list[str]:
    """Receive and delete until `count` bodies came or a long poll found nothing."""
    bodies: list[str] = []
    while len(bodies) < count:
        messages: list[dict[str, Any]] = client.call(
            "ReceiveMessage",
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=5,
            VisibilityTimeout=600,
        ).get("Messages", [])
        if not messages:
            break
        bodies.extend(message["Body"] for message in messages)
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(messages)
        ]
        client.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    return bodies


def test_killed_move_task_moves_each_message_once(tmp_path: Path) -> None:
    """Killed at a random moment, the task ends after the restart with every message moved once."""
    seed = SystemRandom().getrandbits(32)
    random = Random(seed)
    server = CrashServer(tmp_path)
    server.start()
    try:
        for kill in range(KILLS):
            client = server.client()
            source, dlq = _create_pair(client, f"orders-{kill}")
            bodies = [f"{kill}-{n}" for n in range(MESSAGES)]
            _bury_all(client, source, dlq, bodies)
            client.call(
                "StartMessageMoveTask",
                SourceArn=_arn(client, dlq),
                MaxNumberOfMessagesPerSecond=PER_SECOND,
            )
            # The moment of death is the chance that is tested; nothing is waited for here.
            Event().wait(random.random() * MESSAGES / PER_SECOND)
            server.kill()
            server.start()
            client = server.client()
            moved = _take_all(client, source, MESSAGES)
            assert sorted(moved) == sorted(bodies), f"seed {seed}"
            assert held(client, source) + held(client, dlq) == 0, f"seed {seed}"
            tasks = client.call("ListMessageMoveTasks", SourceArn=_arn(client, dlq))["Results"]
            assert [task["ApproximateNumberOfMessagesMoved"] for task in tasks] == [MESSAGES]
    finally:
        server.kill()
