"""A worker that serves all tenants of one queue, until the queue is empty.

It knows nothing of fairness: it receives, works, deletes, as any worker of AWS does. For each job
it prints one line of JSON: whose it was, and how long it had waited.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from typing import Any

import boto3
from botocore.config import Config

HELD_MAX = 40
"""Jobs under way at once. A real worker has threads; the queue sees the same: so many in flight."""


def work(sqs: Any, queue_url: str) -> None:
    """Serve until nothing comes any more."""
    held: deque[str] = deque()
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp", "MessageGroupId"],
        )
        messages = answer.get("Messages", [])
        for message in messages:
            attributes = message["Attributes"]
            waited_ms = round(time.time() * 1000) - int(attributes["SentTimestamp"])
            job = json.loads(message["Body"])
            line = {"tenant": job["tenant"], "waited_ms": max(0, waited_ms)}
            print(json.dumps(line | {"group": attributes.get("MessageGroupId")}))
            held.append(message["ReceiptHandle"])
        while len(held) >= HELD_MAX or (held and not messages):
            done = [held.popleft() for _ in range(min(10, len(held)))]
            entries = [{"Id": str(n), "ReceiptHandle": h} for n, h in enumerate(done)]
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        if not messages:
            return


if __name__ == "__main__":
    work(
        boto3.client("sqs", endpoint_url=sys.argv[1], config=Config(proxies={})),
        sys.argv[2],
    )
