"""SNS's errors, by its own codes."""

from __future__ import annotations

from redrive.core.errors import ServiceError


def invalid(reason: str) -> ServiceError:
    """Return the 400 that most refusals are. AWS: InvalidParameter, as captured."""
    return ServiceError("InvalidParameter", f"Invalid parameter: {reason}", status=400)


def unreadable(text: str) -> ServiceError:
    """Return an InvalidParameter whose text does not begin with these words. AWS: as captured."""
    return ServiceError("InvalidParameter", text, status=400)


def bad_value(text: str) -> ServiceError:
    """Return the 400 for a message attribute. AWS: ParameterValueInvalid, as captured."""
    return ServiceError("ParameterValueInvalid", text, status=400)


def no_topic() -> ServiceError:
    """Return the 404 for a topic. AWS: as captured."""
    return ServiceError("NotFound", "Topic does not exist", status=404)


def no_subscription() -> ServiceError:
    """Return the 404 for a subscription. AWS: as captured."""
    return ServiceError("NotFound", "Subscription does not exist", status=404)


def no_resource() -> ServiceError:
    """Return the 404 of tagging. AWS: API_TagResource, ResourceNotFound."""
    return ServiceError("ResourceNotFound", "Resource does not exist", status=404)


def not_authorised(text: str) -> ServiceError:
    """Return the 403. AWS: AuthorizationError."""
    return ServiceError("AuthorizationError", text, status=403)
