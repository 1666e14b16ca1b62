"""The errors of the mappings service, in AWS's words."""

from __future__ import annotations

from redrive.core.errors import ServiceError
from redrive.services.mappings.model import Mapping

_USER = {"Type": "User"}


def invalid(message: str) -> ServiceError:
    """Return InvalidParameterValueException (400)."""
    return ServiceError("InvalidParameterValueException", message, status=400, extra=_USER)


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """Return the ValidationException that AWS's front end gives for one member."""
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}'"
        f" failed to satisfy constraint: {rule}",
        status=400,
    )


def unsupported(member: str) -> ServiceError:
    """Return the refusal of what AWS has for other kinds of sources. AWS: as captured."""
    return invalid(f"Unsupported {member} parameter for given event source mapping type.")


def bad_filter() -> ServiceError:
    """Return the refusal of a filter that is no pattern. AWS: as captured."""
    return invalid("Invalid filter pattern definition.")


def unknown_mapping() -> ServiceError:
    """Return the 404 for a UUID that names no mapping."""
    return ServiceError(
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
        status=404,
        extra=_USER,
    )


def untaggable(arn: str) -> ServiceError:
    """Return the 404 for an ARN that names no mapping. AWS: as captured (tag exceptions)."""
    return ServiceError(
        "ResourceNotFoundException",
        f"Event source mapping not found: {arn}",
        status=404,
        extra=_USER,
    )


def in_use(verb: str) -> ServiceError:
    """Return the refusal of a change while another is on. AWS: API_DeleteEventSourceMapping."""
    return ServiceError(
        "ResourceInUseException",
        f"Cannot {verb} the event source mapping because it is in use.",
        status=400,
        extra=_USER,
    )


def duplicate(twin: Mapping) -> ServiceError:
    """Return the 409 for a second mapping of one pair. AWS: as captured, inner spaces too."""
    return ServiceError(
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {twin.queue_arn} " ) and function'
        f' (" {twin.function_name} ") already exists. Please update or delete the existing mapping'
        f" with UUID {twin.uuid}",
        status=409,
        extra=_USER,
    )


def missing_queue_text() -> str:
    """Return how AWS words that a mapping's queue is not there. AWS: as captured."""
    return (
        "Error occurred while ReceiveMessage. SQS Error Code:"
        " AWS.SimpleQueueService.NonExistentQueue."
        " SQS Error Message: The specified queue does not exist."
    )


def queue_refusal(error: ServiceError) -> ServiceError:
    """Return a queue's refusal as CreateEventSourceMapping tells it."""
    if error.code == "QueueDoesNotExist":
        return invalid(missing_queue_text())
    if error.code == "AccessDenied":
        return invalid(
            "The function execution role does not have permissions to call ReceiveMessage on SQS"
        )
    return invalid(
        f"Error occurred while ReceiveMessage. SQS Error Code: {error.code}."
        f" SQS Error Message: {error.message}"
    )
