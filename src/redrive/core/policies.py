"""Evaluate resource policies: may this principal do this action on this resource?

Deny wins over Allow; without a matching Allow the answer is no. A condition that this file does not
know never matches in an Allow and always matches in a Deny, so that ignorance cannot open a door.
AWS: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


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
            _names_principal(statement, principal)
            and _matches_any(statement.get("Action"), action.lower(), fold=True)
            and _matches_any(statement.get("Resource", "*"), resource)
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


def _names_principal(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal")
    if named == "*":
        return True
    if not isinstance(named, Mapping):
        return False
    account = principal.split(":")[4] if principal.count(":") >= 5 else principal
    service = principal if principal.endswith(".amazonaws.com") else None
    if service is not None:
        return service in _listed(named.get("Service"))
    wanted = {"*", account, f"arn:aws:iam::{account}:root", principal}
    return any(name in wanted for name in _listed(named.get("AWS")))


def _matches_any(patterns: Any, text: str, *, fold: bool = False) -> bool:
    return any(
        _pattern(pattern.lower() if fold else pattern).fullmatch(text) is not None
        for pattern in _listed(patterns)
        if isinstance(pattern, str)
    )


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)


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
