"""Requests as ready bytes, in the form that AWS's SDKs send them.

Built once, before anything is measured. Without a signer the Authorization header has AWS's form
and a fixed signature: a server without keys reads it for the account and region. With one it is
valid, for a server that has the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench.signing import Signer

SQS_JSON = "application/x-amz-json-1.0"
CREDENTIAL = "test/20261121/us-east-1/{service}/aws4_request"


MARK = b"@" * 12
"""Where a request that must never be the same twice holds its number; see `numbered`."""


def http_request(
    method: str,
    path: str,
    body: bytes,
    *,
    service: str,
    headers: Mapping[str, str],
    signer: Signer | None = None,
) -> bytes:
    """Return one HTTP/1.1 request, signed or looking as if it were. `headers` are signed."""
    signature = (
        _lookalike(service, headers)
        if signer is None
        else signer.sign(method, path, headers, body, service)
    )
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11",
        *(f"{name}: {value}" for name, value in signature.items()),
        "amz-sdk-invocation-id: 4f7e0c2a-7c35-4f0e-9a55-0d9b8a1c6e11",
        "amz-sdk-request: attempt=1; max=3",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _lookalike(service: str, headers: Mapping[str, str]) -> dict[str, str]:
    names = ";".join(sorted(["host", "x-amz-date", *(name.lower() for name in headers)]))
    return {
        "X-Amz-Date": "20261121T090000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={CREDENTIAL.format(service=service)}, "
        f"SignedHeaders={names}, Signature={'0123456789abcdef' * 4}",
    }


def sqs_headers(operation: str) -> dict[str, str]:
    """Return what boto3 sends and signs for an SQS operation over JSON 1.0."""
    return {
        "X-Amz-Target": f"AmazonSQS.{operation}",
        "Content-Type": SQS_JSON,
        "x-amzn-query-mode": "true",
    }


def sqs_request(operation: str, body: bytes, signer: Signer | None = None) -> bytes:
    """Return an SQS request over JSON 1.0."""
    return http_request(
        "POST", "/", body, service="sqs", headers=sqs_headers(operation), signer=signer
    )


def order_text(number: int, body_bytes: int) -> str:
    """Return a message body of exactly body_bytes: an order as JSON, as queues usually carry it."""
    customer = number * 7919 % 100_003
    head = f'{{"order":"o-{number:08d}","customer":"c-{customer:06d}","total":1299,"note":"'
    tail = '"}'
    assert body_bytes >= len(head) + len(tail), "the body is smaller than an order"
    words = "two boxes, left at the door, "
    filler = words * (body_bytes // len(words) + 1)
    return head + filler[: body_bytes - len(head) - len(tail)] + tail


def send_requests(
    queue_url: str, body_bytes: int, variants: int, signer: Signer | None = None
) -> list[bytes]:
    """Return `variants` different SendMessage requests."""
    return [
        sqs_request(
            "SendMessage",
            json.dumps({"QueueUrl": queue_url, "MessageBody": order_text(n, body_bytes)}).encode(),
            signer,
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


def send_fifo_requests(
    queue_url: str, body_bytes: int, variants: int, groups: int, *, batch: bool
) -> list[bytes]:
    """Return SendMessage, or SendMessageBatch, requests to a FIFO queue, with MARK in each.

    They go round the message groups. The deduplication ids hold MARK, so that each request has to
    pass through `numbered` before it is sent; a batch's entries differ by their place in it.
    """

    def entry(n: int) -> dict[str, str]:
        return {
            "MessageBody": order_text(n, body_bytes),
            "MessageGroupId": f"customer-{n % groups:04d}",
            "MessageDeduplicationId": f"{MARK.decode()}-{n % 10}",
        }

    if batch:
        return [
            sqs_request(
                "SendMessageBatch",
                json.dumps({
                    "QueueUrl": queue_url,
                    "Entries": [{"Id": str(at), **entry(n * 10 + at)} for at in range(10)],
                }).encode(),
            )
            for n in range(variants)
        ]  # fmt: skip
    return [
        sqs_request("SendMessage", json.dumps({"QueueUrl": queue_url, **entry(n)}).encode())
        for n in range(variants)
    ]


def numbered(request: bytes, number: int) -> bytes:
    """Return a request with its number in place of each MARK, as long as before."""
    return request.replace(MARK, b"%012d" % number)


def receive_request(
    queue_url: str, *, limit: int = 10, wait_s: int = 0, **params: int | str
) -> bytes:
    """Return a ReceiveMessage request for up to ten messages, by default without waiting."""
    asked = {"QueueUrl": queue_url, "MaxNumberOfMessages": limit, "WaitTimeSeconds": wait_s}
    return sqs_request("ReceiveMessage", json.dumps({**asked, **params}).encode())


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
        headers={"Content-Type": "application/json"},
    )
