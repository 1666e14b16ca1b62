"""CloudWatch Logs' errors, in AWS's words where they are known."""

from __future__ import annotations

from redrive.core.errors import ServiceError

NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."


def invalid(message: str) -> ServiceError:
    """Return InvalidParameterException."""
    return ServiceError("InvalidParameterException", message, status=400)


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """Return the InvalidParameterException of a value that the model's constraint forbids."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint:"
        f" {rule}"
    )


def not_found(message: str) -> ServiceError:
    """Return ResourceNotFoundException."""
    return ServiceError("ResourceNotFoundException", message, status=400)


def exists(message: str) -> ServiceError:
    """Return ResourceAlreadyExistsException."""
    return ServiceError("ResourceAlreadyExistsException", message, status=400)
