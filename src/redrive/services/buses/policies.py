"""Policies of buses: their statements and their form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.errors import ServiceError
from redrive.core.policy_grammar import problem_with
from redrive.services.buses.refusals import invalid, invalid_parameter

POLICY_BYTES_MAX = 10_240
"""AWS: API_PutPermission."""

_ORGANIZATION = ("StringEquals", "aws:PrincipalOrgID")


def make_statement(params: Mapping[str, Any], bus_arn: str) -> dict[str, Any]:
    """Return the statement that PutPermission's parameters describe. Raises ServiceError."""
    principal = params["Principal"]
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": params["Action"],
        "Resource": bus_arn,
    }
    condition = params.get("Condition")
    if condition:
        if (condition["Type"], condition["Key"]) != _ORGANIZATION:
            reason = "Type must be StringEquals and Key must be aws:PrincipalOrgID."
            raise invalid_parameter("Condition", reason)
        if principal != "*":
            reason = "Principal must be * when a Condition is specified."
            raise invalid_parameter("Condition", reason)
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def with_statement(policy: str | None, statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy (JSON object) with a statement added, or put where the one of its id was."""
    document: dict[str, Any] = {"Version": "2012-10-17"} if policy is None else orjson.loads(policy)
    given = document.get("Statement") or []
    statements = list(given) if isinstance(given, list) else [given]
    for at, each in enumerate(statements):
        if each.get("Sid") == statement["Sid"]:
            statements[at] = statement
            break
    else:
        statements.append(statement)
    return _checked({**document, "Statement": statements})


def checked_policy(text: str) -> dict[str, Any]:
    """Return a policy that was given as a whole. Raises ServiceError."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid("Parameter Policy is not valid. Reason: it is no JSON.") from error
    return _checked(document)


def _checked(document: Any) -> dict[str, Any]:
    problem = problem_with(document, names_principals=True)
    if problem is not None:
        raise invalid(f"Parameter Policy is not valid. Reason: {problem}.")
    if len(orjson.dumps(document)) > POLICY_BYTES_MAX:
        text = "The policy on the event bus exceeds the maximum length of 10240 bytes."
        raise ServiceError("PolicyLengthExceededException", text, status=400)
    checked: dict[str, Any] = document
    return checked
