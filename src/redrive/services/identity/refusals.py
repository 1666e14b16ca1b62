"""The errors of IAM and STS, in AWS's words."""

from __future__ import annotations

from redrive.core.errors import ServiceError


def no_such_entity(message: str) -> ServiceError:
    """Return NoSuchEntity (404)."""
    return ServiceError("NoSuchEntity", message, status=404)


def no_such_role(name: str) -> ServiceError:
    """Return NoSuchEntity for a role."""
    return no_such_entity(f"The role with name {name} cannot be found.")


def no_such_policy(arn: str) -> ServiceError:
    """Return NoSuchEntity for a managed policy that is asked for."""
    return no_such_entity(f"Policy {arn} was not found.")


def not_attachable(arn: str) -> ServiceError:
    """Return NoSuchEntity for a managed policy that is to be attached."""
    return no_such_entity(f"Policy {arn} does not exist or is not attachable.")


def already_exists(message: str) -> ServiceError:
    """Return EntityAlreadyExists (409)."""
    return ServiceError("EntityAlreadyExists", message, status=409)


def delete_conflict(message: str) -> ServiceError:
    """Return DeleteConflict (409)."""
    return ServiceError("DeleteConflict", message, status=409)


def limit_exceeded(message: str) -> ServiceError:
    """Return LimitExceeded (409)."""
    return ServiceError("LimitExceeded", message, status=409)


def malformed(message: str) -> ServiceError:
    """Return MalformedPolicyDocument (400)."""
    return ServiceError("MalformedPolicyDocument", message, status=400)


def invalid_input(message: str) -> ServiceError:
    """Return InvalidInput (400)."""
    return ServiceError("InvalidInput", message, status=400)


def invalid(message: str) -> ServiceError:
    """Return ValidationError (400)."""
    return ServiceError("ValidationError", message, status=400)


def denied(message: str) -> ServiceError:
    """Return AccessDenied (403)."""
    return ServiceError("AccessDenied", message, status=403)
