"""The form of policies: what may be stored, and how large it may be. Pure.

AWS: IAM User Guide, "Grammar of the IAM JSON policy language"; SQS Developer Guide, "Quotas related
to policies".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redrive.core.conditions import problem_of
from redrive.core.limits import (
    POLICY_CONDITIONS_MAX,
    POLICY_PRINCIPALS_MAX,
    POLICY_STATEMENTS_MAX,
)

_VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource"}
    | {"NotResource", "Condition"}
)
_KINDS = frozenset({"AWS", "Federated", "Service", "CanonicalUser"})
_ACCOUNT = re.compile(r"\*|\d{12}|A[A-Z0-9]{15,127}")  # the last: a unique id such as AIDA…
_IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role|federated-user)/[\w+=,.@/:-]+)"
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


class _Malformed(Exception):
    """What is wrong, in a few words."""


def problem_with(document: object, *, names_principals: bool) -> str | None:
    """Return what is wrong with a policy's form, or None when it can be compiled.

    names_principals: a resource's policy names them in each statement, an identity's in none, and
    must name resources. Only a resource's policy has SQS's quotas.
    """
    try:
        _check(document, names_principals)
    except _Malformed as problem:
        return str(problem)
    return None


def _check(document: object, names_principals: bool) -> None:
    if not isinstance(document, Mapping):
        raise _Malformed("it is no JSON object")
    _check_names(document, _ELEMENTS)
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _Malformed(f"Version is not one of {', '.join(_VERSIONS)}")
    if not isinstance(document.get("Id", ""), str):
        raise _Malformed("Id is no text")
    given = document.get("Statement")
    statements: list[Any] = given if isinstance(given, list) else [given]
    if not statements:
        raise _Malformed("it has no Statement")
    for statement in statements:
        _check_statement(statement, names_principals)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) < len(sids):
        raise _Malformed("two statements have the same Sid")
    if names_principals:
        _check_quotas(statements)


def _check_names(given: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in given:
        if name not in known:
            raise _Malformed(f"{str(name)[:80]} is no element of a policy")


def _check_statement(statement: Any, names_principals: bool) -> None:
    if not isinstance(statement, Mapping):
        raise _Malformed("a statement is no JSON object")
    _check_names(statement, _STATEMENT)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _Malformed("a statement's Effect is neither Allow nor Deny")
    if not isinstance(statement.get("Sid", ""), str):
        raise _Malformed("a statement's Sid is no text")
    named = _one_of(statement, "Principal", required=names_principals)
    if named is not None:
        if not names_principals:
            raise _Malformed("an identity's policy names no Principal")
        _check_principals(named)
    for action in _texts("Action", _one_of(statement, "Action", required=True)):
        if _ACTION.fullmatch(action) is None:
            raise _Malformed(f"{action[:80]} is no action")
    resources = _one_of(statement, "Resource", required=not names_principals)
    if resources is not None:
        for resource in _texts("Resource", resources):
            if resource != "*" and not resource.startswith("arn:"):
                raise _Malformed(f"{resource[:80]} is no ARN")
    _check_conditions(statement.get("Condition"))


def _one_of(statement: Mapping[str, Any], name: str, *, required: bool) -> Any:
    """Return an element or its Not form, of which there may be one."""
    found = [statement[key] for key in (name, f"Not{name}") if key in statement]
    if len(found) > 1 or (required and not found):
        raise _Malformed(f"a statement needs one of {name} and Not{name}")
    return found[0] if found else None


def _texts(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _Malformed(f"{name} is neither a text nor a list of texts")
    return texts


def _check_principals(named: Any) -> None:
    if named == "*":
        return
    if not isinstance(named, Mapping) or not named or not set(named) <= _KINDS:
        raise _Malformed("a Principal is neither * nor an object of AWS, Service and so on")
    for kind, value in named.items():
        for name in _texts("Principal", value):
            if kind == "AWS" and not (_ACCOUNT.fullmatch(name) or _IDENTITY.fullmatch(name)):
                raise _Malformed(f"{name[:80]} is no principal")
            if kind == "Service" and name != "*" and not _SERVICE.fullmatch(name):
                raise _Malformed(f"{name[:80]} is no service")


def _check_conditions(blocks: Any) -> None:
    if blocks is None:
        return
    if not isinstance(blocks, Mapping):
        raise _Malformed("a Condition is no JSON object")
    for operator, keys in blocks.items():
        if not isinstance(keys, Mapping) or not keys:
            raise _Malformed(f"the condition {str(operator)[:80]} names no keys")
        for wanted in keys.values():
            values = wanted if isinstance(wanted, list) else [wanted]
            problem = problem_of(str(operator)[:80], values)
            if problem is not None:
                raise _Malformed(problem)


def _check_quotas(statements: list[Mapping[str, Any]]) -> None:
    if len(statements) > POLICY_STATEMENTS_MAX:
        raise _Malformed(f"it has more than {POLICY_STATEMENTS_MAX} statements")
    if sum(map(count_principals, statements)) > POLICY_PRINCIPALS_MAX:
        raise _Malformed(f"it has more than {POLICY_PRINCIPALS_MAX} principals")
    for statement in statements:
        keys = sum(len(block) for block in (statement.get("Condition") or {}).values())
        if keys > POLICY_CONDITIONS_MAX:
            raise _Malformed(f"a statement has more than {POLICY_CONDITIONS_MAX} conditions")


def count_principals(statement: Mapping[str, Any]) -> int:
    """Return how many principals a statement names."""
    named = statement.get("Principal", statement.get("NotPrincipal"))
    if not isinstance(named, Mapping):
        return 1
    return sum(len(value) if isinstance(value, list) else 1 for value in named.values())
