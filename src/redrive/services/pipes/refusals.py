"""The errors of the pipes service. AWS's texts are known for few of them; the others are ours."""

from __future__ import annotations

from redrive.core.errors import ServiceError


def invalid(message: str) -> ServiceError:
    """Return ValidationException (400)."""
    return ServiceError("ValidationException", message, status=400)


def unknown(name: str) -> ServiceError:
    """Return NotFoundException (404)."""
    return ServiceError("NotFoundException", f"Pipe {name} does not exist.", status=404)


def conflict(message: str, name: str) -> ServiceError:
    """Return ConflictException (409)."""
    extra = {"resourceId": name, "resourceType": "pipe"}
    return ServiceError("ConflictException", message, status=409, extra=extra)
