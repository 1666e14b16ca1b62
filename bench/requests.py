"""Requests as ready bytes, in the form that AWS's SDKs send them.

Built once, before anything is measured. The Authorization header has AWS's form and a fixed
signature: a server without keys reads it for the account and region, and nobody pays for signing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

SQS_JSON = "application/x-amz-json-1.0"
CREDENTIAL = "test/20261121/us-east-1/{service}/aws4_request"


def http_request(
    method: str,
    path: str,
    body: bytes,
    *,
    service: str,
    target: str | None = None,
    content_type: str = SQS_JSON,
) -> bytes:
    """Return one signed-looking HTTP/1.1 request."""
    signed = "content-type;host;x-amz-date" + (";x-amz-target" if target else "")
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *([f"X-Amz-Target: {target}"] if target else []),
        f"Content-Type: {content_type}",
        "User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11",
        "X-Amz-Date: 20261121T090000Z",
        "Authorization: AWS4-HMAC-SHA256 Credential="
        + CREDENTIAL.format(service=service)
        + f", SignedHeaders={signed}, Signature={'0123456789abcdef' * 4}",
        "amz-sdk-invocation-id: 4f7e0c2a-7c35-4f0e-9a55-0d9b8a1c6e11",
        "amz-sdk-request: attempt=1",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sqs_request(operation: str, body: bytes) -> bytes:
    """Return an SQS request over JSON 1.0."""
    return http_request("POST", "/", body, service="sqs", target=f"AmazonSQS.{operation}")


def order_text(number: int, body_bytes: int) -> str:
    """Return a message body of exactly body_bytes: an order as JSON, as queues usually carry it."""
    customer = number * 7919 % 100_003
    head = f'{{"order":"o-{number:08d}","customer":"c-{customer:06d}","total":1299,"note":"'
    tail = '"}'
    assert body_bytes >= len(head) + len(tail), "the body is smaller than an order"
    words = "two boxes, left at the door, "
    filler = words * (body_bytes // len(words) + 1)
    return head + filler[: body_bytes - len(head) - len(tail)] + tail


def send_requests(queue_url: str, body_bytes: int, variants: int) -> list[bytes]:
    """Return `variants` different SendMessage requests."""
    return [
        sqs_request(
            "SendMessage",
            json.dumps({"QueueUrl": queue_url, "MessageBody": order_text(n, body_bytes)}).encode(),
        )
        for n in range(variants)
    ]


def send_batch_requests(queue_url: str, body_bytes: int, variants: int) -> list[bytes]:
    """Return `variants` different SendMessageBatch requests of ten entries."""
    return [
        sqs_request(
            "SendMessageBatch",
            json.dumps(
                {
                    "QueueUrl": queue_url,
                    "Entries": [
                        {"Id": str(entry), "MessageBody": order_text(n * 10 + entry, body_bytes)}
                        for entry in range(10)
                    ],
                }
            ).encode(),
        )
        for n in range(variants)
    ]


def receive_request(queue_url: str) -> bytes:
    """Return a ReceiveMessage request for ten messages, without waiting."""
    return sqs_request(
        "ReceiveMessage",
        json.dumps(
            {"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        ).encode(),
    )


class DeleteBatchBuilder:
    """Joins receipt handles into DeleteMessageBatch requests without running a JSON encoder."""

    def __init__(self, queue_url: str) -> None:
        whole = sqs_request("DeleteMessageBatch", b"")
        assert whole.endswith(b"Content-Length: 0\r\n\r\n")
        self._head = whole[: -len(b"0\r\n\r\n")]
        opening = b'{"QueueUrl":%b,"Entries":[' % json.dumps(queue_url).encode().replace(
            b"%", b"%%"
        )
        self._forms = [
            opening
            + b",".join(b'{"Id":"%d","ReceiptHandle":"%%b"}' % n for n in range(count))
            + b"]}"
            for count in range(11)
        ]

    def build(self, handles: Sequence[bytes]) -> bytes:
        """Return the request that deletes one to ten handles, given as they stood in the JSON."""
        body = self._forms[len(handles)] % tuple(handles)
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)


def invoke_request(function: str, payload: bytes = b'{"order":"o-1"}') -> bytes:
    """Return a synchronous Invoke request."""
    return http_request(
        "POST",
        f"/2015-03-31/functions/{function}/invocations",
        payload,
        service="lambda",
        content_type="application/json",
    )
