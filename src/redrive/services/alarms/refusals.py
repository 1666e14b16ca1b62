"""Errors of alarms and dashboards, in CloudWatch's words where they are known."""

from __future__ import annotations

from redrive.core.errors import ServiceError
from redrive.services import labels


def invalid(message: str) -> ServiceError:
    """Return the error for what an alarm cannot be; most texts are guesses."""
    return ServiceError("ValidationError", message, status=400)


def unsupported(what: str, why: str) -> ServiceError:
    """Return the error for what CloudWatch has and this server has not."""
    return invalid(labels.unsupported(what, why))


def bad_token() -> ServiceError:
    """Return the error for a page that does not begin where one ended."""
    return ServiceError("InvalidNextToken", "The token is not one of this request's.")


def unknown_alarm(name: str) -> ServiceError:
    """Return the error for an alarm that is not there; the text is a guess."""
    return ServiceError("ResourceNotFound", f"The alarm {name} does not exist.")


def not_found(kind: str, name: str) -> ServiceError:
    """Return the error of the operations that take an ARN or know of several kinds."""
    return ServiceError(
        "ResourceNotFoundException",
        f"The {kind} {name} does not exist.",
        status=404,
        extra={"ResourceType": kind, "ResourceId": name},
    )


def bad_parameter(message: str) -> ServiceError:
    """Return the error for a value of dashboards and tags."""
    return ServiceError("InvalidParameterValueException", message)
