"""The errors of the functions service, in AWS's words. Texts that several operations share live
here."""

from __future__ import annotations

from redrive.core.errors import ServiceError

_USER = {"Type": "User"}

UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
"""AWS: as captured (PutProvisionedConcurrencyConfig)."""


def invalid(message: str) -> ServiceError:
    """Return InvalidParameterValueException (400)."""
    return ServiceError("InvalidParameterValueException", message, status=400, extra=_USER)


def not_found(message: str) -> ServiceError:
    """Return ResourceNotFoundException (404)."""
    return ServiceError("ResourceNotFoundException", message, status=404, extra=_USER)


def function_not_found(arn: str) -> ServiceError:
    """Return the 404 for a function, a version or an alias that is not there."""
    return not_found(f"Function not found: {arn}")


def alias_not_found(arn: str) -> ServiceError:
    """Return the 404 for an alias that an operation on aliases names. AWS: as captured."""
    return not_found(f"Cannot find alias arn: {arn}")


def conflict(message: str) -> ServiceError:
    """Return ResourceConflictException (409)."""
    return ServiceError("ResourceConflictException", message, status=409, extra=_USER)


def content_error(message: str) -> ServiceError:
    """Return InvalidRequestContentException (400)."""
    return ServiceError("InvalidRequestContentException", message, status=400, extra=_USER)


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """Return the ValidationException that AWS's front end gives for one member."""
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' "
        f"failed to satisfy constraint: {rule}",
        status=400,
    )


def stale_revision(call: str) -> ServiceError:
    """Return PreconditionFailedException (412); `call` is the API that tells the revision."""
    return ServiceError(
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {call} API to retrieve the latest Revision Id",
        status=412,
        extra=_USER,
    )


def access_denied(principal: str, action: str, arn: str) -> ServiceError:
    """Return the 403 for a caller of another account whom no statement allows."""
    return ServiceError(
        "AccessDeniedException",
        f"User: {principal} is not authorized to perform: {action} on resource: {arn} "
        f"because no resource-based policy allows the {action} action",
        status=403,
    )


def too_many_requests(reason: str) -> ServiceError:
    """Return TooManyRequestsException (429). AWS: API_Invoke, "TooManyRequestsException"."""
    return ServiceError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        status=429,
        extra={"Reason": reason, **_USER},
        headers={"Retry-After": "1"},
    )


def payload_too_large(size_bytes: int, invocation_type: str, limit_bytes: int) -> ServiceError:
    """Return RequestTooLargeException (413)."""
    return ServiceError(
        "RequestTooLargeException",
        f"{size_bytes} byte payload is too large for the {invocation_type} invocation type "
        f"(limit {limit_bytes} bytes)",
        status=413,
        extra=_USER,
    )
