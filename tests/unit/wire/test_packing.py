"""Packed request bodies: what SDKs send of PutMetricData beyond 10 kB."""

from __future__ import annotations

import gzip

import orjson
import pytest

from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request
from redrive.wire.packing import UNPACKED_BYTES_MAX

ENDPOINT = Endpoint(("cloudwatch", "sqs"))
DATA = {"Namespace": "N", "MetricData": [{"MetricName": "A", "Value": 1.0}]}


def read(body: bytes, encoding: str, signed_for: str = "monitoring") -> Incoming:
    scope = f"000000000000/20240101/us-east-1/{signed_for}/aws4_request"
    target = "GraniteServiceVersion20100801.PutMetricData"
    if signed_for == "sqs":
        target = "AmazonSQS.ListQueues"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "content-type": "application/x-amz-json-1.0",
        "content-encoding": encoding,
        "x-amz-target": target,
    }
    return ENDPOINT.read(Request("POST", "/", headers, body))


@pytest.mark.parametrize("encoding", ["gzip", "GZIP "])
def test_a_packed_body_is_read(encoding: str) -> None:
    """As if it had come unpacked."""
    assert read(gzip.compress(orjson.dumps(DATA)), encoding).params == DATA
    form = b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=A"
    scope = "000000000000/20240101/us-east-1/monitoring/aws4_request"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "content-type": "application/x-www-form-urlencoded",
        "content-encoding": encoding,
    }
    incoming = ENDPOINT.read(Request("POST", "/", headers, gzip.compress(form)))
    assert incoming.params == {"Namespace": "N", "MetricData": [{"MetricName": "A"}]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}"[:1],
        gzip.compress(orjson.dumps(DATA))[:-9],
        gzip.compress(orjson.dumps(DATA)) + b"more",
        gzip.compress(bytes(UNPACKED_BYTES_MAX + 1)),
    ],
)
def test_what_is_no_packed_body_is_refused(body: bytes) -> None:
    """Cut off, followed by something, or far larger unpacked than anything is."""
    with pytest.raises(Fault) as caught:
        read(body, "gzip")
    assert caught.value.error.status == 400


def test_other_services_get_what_was_sent() -> None:
    """AWS's models say of no other that it takes packed bodies."""
    with pytest.raises(Fault):
        read(gzip.compress(b"{}"), "gzip", "sqs")
    assert read(b"{}", "identity", "sqs").operation == "ListQueues"
    assert read(orjson.dumps(DATA), "identity").params == DATA
