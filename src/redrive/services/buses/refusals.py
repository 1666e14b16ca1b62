"""The errors of the buses service, in AWS's words."""

from __future__ import annotations

from redrive.core.errors import ServiceError


def invalid(message: str) -> ServiceError:
    """Return ValidationException (400)."""
    return ServiceError("ValidationException", message, status=400)


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """Return the ValidationException that AWS's front end gives for one member."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' "
        f"failed to satisfy constraint: {rule}"
    )


def invalid_parameter(name: str, reason: str) -> ServiceError:
    """Return the ValidationException for one parameter, in the service's own words."""
    return invalid(f"Parameter {name} is not valid. Reason: {reason}")


def not_found(message: str) -> ServiceError:
    """Return ResourceNotFoundException (400)."""
    return ServiceError("ResourceNotFoundException", message, status=400)


def bus_not_found(name: str) -> ServiceError:
    """Return the error for a bus that is not there. AWS: as captured."""
    return not_found(f"Event bus {name} does not exist.")


def rule_not_found(name: str, bus: str) -> ServiceError:
    """Return the error for a rule that is not there. AWS: as captured."""
    return not_found(f"Rule {name} does not exist on EventBus {bus}.")


def exists(message: str) -> ServiceError:
    """Return ResourceAlreadyExistsException (400)."""
    return ServiceError("ResourceAlreadyExistsException", message, status=400)


def limit_exceeded() -> ServiceError:
    """Return LimitExceededException (400). AWS: as captured."""
    text = "The requested resource exceeds the maximum number allowed."
    return ServiceError("LimitExceededException", text, status=400)


def bad_pattern(reason: str) -> ServiceError:
    """Return InvalidEventPatternException (400). AWS: the beginning as captured."""
    text = f"Event pattern is not valid. Reason: {reason}"
    return ServiceError("InvalidEventPatternException", text, status=400)


def managed(rule: str) -> ServiceError:
    """Return ManagedRuleException (400). The text is a guess."""
    text = f"Rule {rule} is managed by another AWS service. Use Force to change it."
    return ServiceError("ManagedRuleException", text, status=400)


def access_denied(principal: str, action: str, arn: str, why: str) -> ServiceError:
    """Return AccessDeniedException."""
    text = f"User: {principal} is not authorized to perform: {action} on resource: {arn} {why}"
    return ServiceError("AccessDeniedException", text, status=400)
