"""Credential scopes: who asks, read from a header or a presigned address."""

from __future__ import annotations

import pytest

from redrive.core.errors import ServiceError
from redrive.wire.sigv4 import SCOPES_KEPT_MAX, Scopes

TAIL = ", SignedHeaders=host;x-amz-date, Signature=abcdef"


def header(credential: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={credential}{TAIL}"


@pytest.mark.parametrize(
    ("credential", "account", "region", "service"),
    [
        ("123456789012/20260101/eu-west-1/sqs/aws4_request", "123456789012", "eu-west-1", "sqs"),
        (
            "AKIDEXAMPLE/20260101/us-east-2/lambda/aws4_request",
            "000000000000",
            "us-east-2",
            "lambda",
        ),
        ("12345678901/20260101/us-east-2/sqs/aws4_request", "000000000000", "us-east-2", "sqs"),
        ("1234567890123/20260101/us-east-2/sqs/aws4_request", "000000000000", "us-east-2", "sqs"),
        ("test/20260101/s3/aws4_request", "000000000000", "us-east-1", "s3"),
    ],
)
def test_scopes_name_account_region_and_service(
    credential: str, account: str, region: str, service: str
) -> None:
    """A key of twelve digits is its account; every other key is account 000000000000."""
    signed = Scopes().read(header(credential), "/")
    assert (signed.caller.account, signed.caller.region, signed.service) == (
        account,
        region,
        service,
    )
    assert signed.caller.principal == f"arn:aws:iam::{account}:root"
    assert signed.caller.sender_id == account


def test_unsigned_requests_have_the_default_caller() -> None:
    """Nothing signed is account 000000000000 in us-east-1, for no service in particular."""
    signed = Scopes().read(None, "/?Action=ListQueues")
    assert (signed.caller.account, signed.caller.region, signed.service) == (
        "000000000000",
        "us-east-1",
        "",
    )


def test_presigned_addresses_carry_the_scope() -> None:
    """X-Amz-Credential in the query string counts as the header does."""
    target = "/?Action=X&X-Amz-Credential=123456789012%2F20260101%2Feu-north-1%2Fsqs%2Faws4_request"
    signed = Scopes().read(None, target)
    assert (signed.caller.account, signed.caller.region) == ("123456789012", "eu-north-1")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "AWS4-HMAC-SHA256 SignedHeaders=a, Signature=b",
        header("a/b/c"),
        header("a/b/c/d/e/f"),
        header("a//c/d/e"),
        header("a/20260101/eu west/sqs/aws4_request"),
        header(""),
        "Basic Credential=a/b/c/d/e" + TAIL,
    ],
)
def test_malformed_headers_are_an_incomplete_signature(authorization: str) -> None:
    """A header that is not Signature Version 4's is refused with AWS's error."""
    with pytest.raises(ServiceError) as caught:
        Scopes().read(authorization, "/")
    assert (caught.value.code, caught.value.status) == ("IncompleteSignature", 400)


def test_remembered_scopes_are_bounded() -> None:
    """However many keys come by, no more than the bound is kept."""
    scopes = Scopes()
    for number in range(SCOPES_KEPT_MAX + 10):
        scopes.read(header(f"key{number}/20260101/eu-west-1/sqs/aws4_request"), "/")
    assert len(scopes._known) <= SCOPES_KEPT_MAX
