"""Why an attempt has failed, and whether another one may succeed. Pure.

Final is what another attempt would meet as well: a missing resource, a missing permission, a
mistake of the caller. Throttles, faults of a server, timeouts and connections that fail pass.
AWS: EventBridge User Guide, "Using dead-letter queues to process undelivered events", for the codes
and for what is final; SNS Developer Guide, "Amazon SNS dead-letter queues", client-side errors.
Which error has which code is ours where AWS does not say.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.core.time import SECOND_MS


class Failure(NamedTuple):
    """How an attempt has failed. status: as HTTP says it. wait_ms: how long the target asks to be
    left alone. error: the code of the error itself.
    """

    code: str  # as ERROR_CODE has it
    message: str
    status: int
    is_final: bool
    wait_ms: int = 0
    error: str = ""


_MISSING = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "DestinationNotFoundException",
    "EndpointNotFound",
    "NoSuchKey",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "TopicNotFound",
)
_FORBIDDEN = (
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "FetchRefused",
    "KMSAccessDeniedException",
    "KmsAccessDenied",
    "NotAuthorized",
    "UnauthorizedOperation",
)
_THROTTLED = (
    "KMSThrottlingException",
    "KmsThrottled",
    "OverLimit",
    "RequestThrottled",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)
_COLLIDING = (
    "ConcurrentAccess",
    "ConcurrentAccessException",
    "ConcurrentModificationException",
    "OperationAbortedException",
    "ResourceConflictException",
)
_SERVERS = ("InternalFailure", "InternalError", "ServiceException", "ServiceUnavailable")
_CODES = {
    # the code of an error -> (ERROR_CODE, final)
    **dict.fromkeys(_MISSING, ("NO_RESOURCE", True)),
    **dict.fromkeys(_FORBIDDEN, ("NO_PERMISSIONS", True)),
    **dict.fromkeys(_THROTTLED, ("THROTTLING", False)),
    **dict.fromkeys(_COLLIDING, ("RESOURCE_MODIFICATION_COLLISION", False)),
    **dict.fromkeys(_SERVERS, ("INTERNAL_ERROR", False)),
    "ConflictException": ("RESOURCE_ALREADY_EXISTS", True),
    "QueueNameExists": ("RESOURCE_ALREADY_EXISTS", True),
    "ResourceAlreadyExistsException": ("RESOURCE_ALREADY_EXISTS", True),
    "UnknownOperationException": ("SDK_CLIENT_ERROR", True),
    "LimitExceededException": ("RESOURCE_LIMIT_EXCEEDED", True),
    "FetchTimeout": ("TIMEOUT", False),
    "FetchFailed": ("CONNECTION_FAILURE", False),
    "TargetTimeout": ("TIMEOUT", False),
    "TargetThrottled": ("THROTTLING", False),
    "TargetFailed": ("ERROR_FROM_TARGET", False),
    "TargetRefused": ("ERROR_FROM_TARGET", True),
}
"""Target… are what InvokeApiDestination says of an endpoint's answer."""

_STATUSES = {401: ("NO_PERMISSIONS", True), 403: ("NO_PERMISSIONS", True)}
_STATUSES |= {404: ("NO_RESOURCE", True), 429: ("THROTTLING", False)}
_OUT_OF_TIME = "The maximum age was reached before there was an attempt."
_WAIT_MS_MAX = 86_400 * SECOND_MS


def failure_of(error: Exception) -> Failure:
    """Return what an error of a reply means to a delivery; a bug of ours passes as well."""
    if not isinstance(error, ServiceError):
        told = str(error) or "The server failed."
        return Failure("INTERNAL_ERROR", told, 500, is_final=False, error="Fault")
    status = error.status or _status_of(error.code)
    code, is_final = _CODES.get(error.code) or _STATUSES.get(status) or _by_class(status)
    wait_ms = _wait_ms(error)
    return Failure(
        code,
        f"{error.message or error.code}",
        status,
        is_final or wait_ms < 0,
        max(0, wait_ms),
        error.code,
    )


def out_of_time() -> Failure:
    """Return the failure of a call that grew too old without an attempt."""
    return Failure("TIMEOUT", _OUT_OF_TIME, 500, is_final=True, error="OutOfTime")


def _status_of(code: str) -> int:
    named, is_final = _CODES.get(code, ("", True))
    return {"NO_RESOURCE": 404, "NO_PERMISSIONS": 403, "THROTTLING": 429}.get(
        named, 400 if is_final else 500
    )


def _by_class(status: int) -> tuple[str, bool]:
    return ("INTERNAL_ERROR", False) if status >= 500 else ("SDK_CLIENT_ERROR", True)


def _wait_ms(error: ServiceError) -> int:
    """Return what Retry-After says, in seconds as EventBridge reads it; a date is not read.

    AWS: EventBridge User Guide, "API destinations": the longer of it and of the retry policy's; a
    negative value ends the retries.
    """
    told = {name.lower(): value for name, value in error.headers.items()}.get("retry-after", "")
    digits = told.strip()
    if not digits.removeprefix("-").isdecimal() or len(digits) > 9:
        return 0
    return min(int(digits) * SECOND_MS, _WAIT_MS_MAX)
