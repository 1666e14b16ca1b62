"""A function's resource policy: its statements, and whether they allow a caller. Pure.

Only what AddPermission can write is understood: one principal, one action, Allow. A condition on a
key that the request does not carry is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from redrive.core.access import is_service
from redrive.core.arn import parse_arn
from redrive.core.effects import Caller
from redrive.services.functions.refusals import invalid

Statement = Mapping[str, Any]

_ACCOUNT = re.compile(r"\d{12}")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")


def make_statement(params: Mapping[str, Any], arn: str) -> Statement:
    """Return the statement that AddPermission's parameters describe.

    AWS: API_AddPermission; the order of members is that of AWS's answers.
    """
    condition: dict[str, dict[str, str]] = {}
    for member, operator, key in (
        ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
        ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
    ):
        if params.get(member):
            condition.setdefault(operator, {})[key] = params[member]
    if params.get("InvokedViaFunctionUrl"):
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": arn,
    }
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(text: str) -> str | dict[str, str]:
    if text == "*":
        return text
    if _ACCOUNT.fullmatch(text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    arn = parse_arn(text)
    if arn is not None and arn.service in ("iam", "sts") and _ACCOUNT.fullmatch(arn.account):
        return {"AWS": text}
    raise invalid("The provided principal was invalid. Please check the principal and try again.")


def is_allowed(
    statements: Sequence[Statement],
    caller: Caller,
    action: str,
    facts: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether a statement allows the caller an action such as lambda:InvokeFunction.

    facts are the request's condition keys, in lower case (`aws:sourcearn`).
    """
    known = facts or {}
    return any(
        fnmatchcase(action, statement["Action"])
        and _is_principal(statement["Principal"], caller)
        and _are_met(statement.get("Condition", {}), known)
        for statement in statements
    )


def _is_principal(principal: str | Mapping[str, str], caller: Caller) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    if "Service" in principal:
        return principal["Service"] == caller.principal
    if is_service(caller) and caller.session is not None:
        return False  # with authorisation on only its own name lets an AWS service in
    return principal["AWS"] in (caller.principal, f"arn:aws:iam::{caller.account}:root")


def _are_met(condition: Mapping[str, Mapping[str, str]], facts: Mapping[str, str]) -> bool:
    for operator, wanted in condition.items():
        for key, value in wanted.items():
            fact = facts.get(key.lower())
            if fact is None:
                return False
            if not (fnmatchcase(fact, value) if operator == "ArnLike" else fact == value):
                return False
    return True
