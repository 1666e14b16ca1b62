"""Evaluate resource policies: may this principal do this action on this resource?

Deny wins over Allow; without a matching Allow the answer is no. A condition that this file does not
know never matches in an Allow and always matches in a Deny, so that ignorance cannot open a door.
AWS: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_policy(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a JSON value has the form of a policy; only then may it be evaluated.

    AWS: IAM User Guide, "Grammar of the IAM JSON policy language".
    """
    if not isinstance(value, Mapping):
        return False
    statements = _listed(value.get("Statement"))
    return bool(statements) and all(map(_is_statement, statements))


def _is_statement(value: object) -> bool:
    if not isinstance(value, Mapping) or value.get("Effect") not in ("Allow", "Deny"):
        return False
    blocks = value.get("Condition") or {}
    return isinstance(blocks, Mapping) and all(isinstance(b, Mapping) for b in blocks.values())


def is_allowed(
    policy: Mapping[str, Any],
    *,
    principal: str,
    action: str,
    resource: str,
    conditions: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether `policy` lets `principal` (an ARN) do `action` (`sqs:SendMessage`) on
    `resource`.

    conditions holds the request's condition keys in lower case, such as aws:sourcearn.
    """
    allowed = False
    for statement in _listed(policy.get("Statement")):
        is_deny = statement.get("Effect") == "Deny"
        if not (
            _concerns(statement, principal)
            and _covers(statement, "Action", action.lower(), fold=True)
            and _covers(statement, "Resource", resource)
            and _conditions_hold(statement.get("Condition") or {}, conditions or {}, is_deny)
        ):
            continue
        if is_deny:
            return False
        allowed = allowed or statement.get("Effect") == "Allow"
    return allowed


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _concerns(statement: Mapping[str, Any], principal: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names_principal(statement["NotPrincipal"], principal)
    return _names_principal(statement.get("Principal"), principal)


def _covers(statement: Mapping[str, Any], element: str, text: str, *, fold: bool = False) -> bool:
    """Tell whether Action or Resource, or its Not form, covers `text`; Resource may be left out."""
    if f"Not{element}" in statement:
        return not _matches_any(statement[f"Not{element}"], text, fold=fold)
    default = "*" if element == "Resource" else None
    return _matches_any(statement.get(element, default), text, fold=fold)


def _names_principal(named: Any, principal: str) -> bool:
    if named == "*":
        return True
    if not isinstance(named, Mapping):
        return False
    account = principal.split(":")[4] if principal.count(":") >= 5 else principal
    service = principal if principal.endswith(".amazonaws.com") else None
    if service is not None:
        return service in _listed(named.get("Service"))
    wanted = {"*", account, f"arn:aws:iam::{account}:root", principal}
    return any(isinstance(name, str) and name in wanted for name in _listed(named.get("AWS")))


def _matches_any(patterns: Any, text: str, *, fold: bool = False) -> bool:
    return any(
        _matches(pattern.lower() if fold else pattern, text)
        for pattern in _listed(patterns)
        if isinstance(pattern, str)
    )


def _matches(pattern: str, text: str) -> bool:
    """Match * and ?, in time bounded by the product of the lengths whatever the pattern."""
    at = place = resume = 0
    star = -1
    while place < len(text):
        sign = pattern[at] if at < len(pattern) else ""
        if sign == "*":
            star, resume = at, place
            at += 1
        elif sign and sign in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _conditions_hold(blocks: Mapping[str, Any], request: Mapping[str, str], is_deny: bool) -> bool:
    for operator, keys in blocks.items():
        for key, wanted in keys.items():
            holds = _condition_holds(operator, request.get(key.lower()), _listed(wanted))
            if holds is None:
                holds = is_deny
            if not holds:
                return False
    return True


def _condition_holds(operator: str, value: str | None, wanted: list[Any]) -> bool | None:
    """Return whether one key's condition holds; None when the operator is unknown."""
    name = operator
    if name.endswith("IfExists"):
        if value is None:
            return True
        name = name.removesuffix("IfExists")
    negated = name in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike")
    name = name.replace("Not", "", 1) if negated else name
    if value is None:
        return negated
    texts = [str(item) for item in wanted]
    if name == "StringEquals":
        found = value in texts
    elif name in ("StringLike", "ArnEquals", "ArnLike"):
        found = _matches_any(texts, value)
    elif name == "StringEqualsIgnoreCase" or name == "Bool":
        found = value.lower() in [text.lower() for text in texts]
    else:
        return None
    return found != negated
