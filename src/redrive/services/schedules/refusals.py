"""The errors of EventBridge Scheduler, in AWS's words where they are known.

Known from captures and from what users report: the expression's, "does not exist", "already
exists", StartDate's. The other sentences are ours; their codes are the model's.
"""

from __future__ import annotations

from redrive.core.errors import ServiceError


def invalid(message: str) -> ServiceError:
    """Return ValidationException (400)."""
    return ServiceError("ValidationException", message)


def conflict(message: str) -> ServiceError:
    """Return ConflictException (409)."""
    return ServiceError("ConflictException", message)


def no_schedule(name: str) -> ServiceError:
    """Return ResourceNotFoundException (404) for a schedule."""
    return ServiceError("ResourceNotFoundException", f"Schedule {name} does not exist.")


def no_group(name: str) -> ServiceError:
    """Return ResourceNotFoundException (404) for a group."""
    return ServiceError("ResourceNotFoundException", f"Schedule group {name} does not exist.")


def schedule_exists(name: str) -> ServiceError:
    """Return ConflictException for a name that is taken."""
    return conflict(f"Schedule {name} already exists.")


def group_exists(name: str) -> ServiceError:
    """Return ConflictException for a group's name that is taken."""
    return conflict(f"Schedule group {name} already exists.")


def group_is_going(name: str) -> ServiceError:
    """Return ConflictException for a group that is being deleted."""
    return conflict(f"Schedule group {name} is in the DELETING state.")


def token_reused(token: str) -> ServiceError:
    """Return ConflictException for a token that came with another request before."""
    return conflict(f"ClientToken {token} was used with different parameters.")


def quota_exceeded(what: str, most: int) -> ServiceError:
    """Return ServiceQuotaExceededException (402)."""
    return ServiceError(
        "ServiceQuotaExceededException",
        f"The maximum number of {what} in this account and region is {most}.",
    )
