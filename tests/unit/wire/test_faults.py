"""Error statuses, headers and bodies in each protocol."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from redrive.core.errors import ServiceError, Unavailable
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Incoming, Request, Response

ENDPOINT = Endpoint()


def sqs() -> Incoming:
    body = b'{"QueueUrl":"u"}'
    return ENDPOINT.read(Request("POST", "/", {"x-amz-target": "AmazonSQS.PurgeQueue"}, body))


def functions() -> Incoming:
    return ENDPOINT.read(Request("GET", "/2015-03-31/functions/f", {}, b""))


def tokens() -> Incoming:
    return ENDPOINT.read(Request("GET", "/?Action=GetCallerIdentity", {}, b""))


def told(response: Response) -> tuple[int, Any, dict[str, str]]:
    return response.status, orjson.loads(response.body), dict(response.headers)


@pytest.mark.parametrize(
    ("code", "status", "query_code"),
    [
        ("QueueDoesNotExist", 400, "AWS.SimpleQueueService.NonExistentQueue"),
        ("QueueNameExists", 400, "QueueAlreadyExists"),
        ("QueueDeletedRecently", 400, "AWS.SimpleQueueService.QueueDeletedRecently"),
        ("PurgeQueueInProgress", 403, "AWS.SimpleQueueService.PurgeQueueInProgress"),
        ("OverLimit", 403, "OverLimit"),
        ("BatchRequestTooLong", 400, "AWS.SimpleQueueService.BatchRequestTooLong"),
        ("ResourceNotFoundException", 404, "ResourceNotFoundException"),
        ("ReceiptHandleIsInvalid", 400, "ReceiptHandleIsInvalid"),
        ("InvalidParameterValue", 400, "InvalidParameterValue"),
        ("MissingParameter", 400, "MissingParameter"),
    ],
)
def test_sqs_errors(code: str, status: int, query_code: str) -> None:
    """SQS tells the shape in the body and the older code in x-amzn-query-error."""
    response = ENDPOINT.fault(sqs(), ServiceError(code, "no"), "rid")
    assert told(response) == (
        status,
        {"__type": f"com.amazonaws.sqs#{code}", "message": "no"},
        {
            "x-amzn-RequestId": "rid",
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-query-error": f"{query_code};Sender",
        },
    )


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AssertionError("secret"), 500, "InternalFailure"),
        (Unavailable("secret"), 503, "ServiceUnavailable"),
    ],
)
def test_our_own_failures(error: Any, status: int, code: str) -> None:
    """Defects and an absent store are the server's side, and their texts stay inside."""
    response = ENDPOINT.fault(sqs(), error, "rid")
    assert response.status == status and b"secret" not in response.body
    assert dict(response.headers)["x-amzn-query-error"] == f"{code};Receiver"
    assert orjson.loads(response.body)["__type"].endswith(f"#{code}")
    assert ENDPOINT.fault(None, error, "rid").status == status
    xml = ENDPOINT.fault(tokens(), error, "rid").body
    assert f"<Type>Receiver</Type><Code>{code}</Code>".encode() in xml
    rest = ENDPOINT.fault(functions(), error, "rid")
    assert dict(rest.headers)["x-amzn-ErrorType"] == code


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [
        ("ResourceNotFoundException", 404, {"Type": "User", "Message": "no"}),
        ("InvalidParameterValueException", 400, {"Type": "User", "message": "no"}),
        ("ResourceConflictException", 409, {"Type": "User", "message": "no"}),
        ("TooManyRequestsException", 429, {"Type": "User", "message": "no"}),
        ("RequestTooLargeException", 413, {"Type": "User", "message": "no"}),
        ("ServiceException", 500, {"Type": "Service", "Message": "no"}),
        ("ValidationException", 400, {"message": "no"}),
    ],
)
def test_lambda_errors(code: str, status: int, body: Any) -> None:
    """Lambda tells the shape in a header; Type and the message's spelling are the shape's own."""
    response = ENDPOINT.fault(functions(), ServiceError(code, "no"), "rid")
    assert told(response)[:2] == (status, body)
    assert dict(response.headers)["x-amzn-ErrorType"] == code


def test_extras_headers_and_a_given_status_are_told() -> None:
    """What the operation adds goes out; its status counts where the model has none."""
    error = ServiceError(
        "TooManyRequestsException",
        "slow",
        status=400,
        extra={"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
        headers={"Retry-After": "1"},
    )
    response = ENDPOINT.fault(functions(), error, "rid")
    assert response.status == 429
    assert orjson.loads(response.body)["Reason"].startswith("ReservedFunction")
    assert dict(response.headers)["Retry-After"] == "1"
    unmodelled = ServiceError("AccessDeniedException", "no", status=403)
    assert ENDPOINT.fault(functions(), unmodelled, "rid").status == 403


def test_query_errors_are_found_by_either_name() -> None:
    """A modelled error is told by its query code, whether given by that or by its shape."""
    for code in ("IDPRejectedClaim", "IDPRejectedClaimException"):
        response = ENDPOINT.fault(tokens(), ServiceError(code, "a<b"), "rid")
        assert response.status == 403
        assert response.body == (
            b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>'
            b"<Type>Sender</Type><Code>IDPRejectedClaim</Code><Message>a&lt;b</Message>"
            b"</Error><RequestId>rid</RequestId></ErrorResponse>"
        )
