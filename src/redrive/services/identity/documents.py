"""Policy documents as IAM takes them: checked, measured, compiled. Pure.

What AWS has words for is told in them; everything else that `core.policy_grammar` finds is told as
a syntax error with the reason behind it.
AWS: API_CreateRole, API_PutRolePolicy and API_CreatePolicy, errors; texts as captured by SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from redrive.core.policies import Policy, compile_policy
from redrive.core.policy_grammar import problem_with
from redrive.services.identity.model import POLICY_CHARACTERS_MAX, TRUST_CHARACTERS_MAX
from redrive.services.identity.refusals import limit_exceeded, malformed

COMPILED_MAX = 1_024

_BLANK = re.compile(r"\s+")
_TRUST_ACTION = re.compile(r"sts:[A-Za-z*?]+|\*", re.IGNORECASE)


def check_trust(text: str) -> str:
    """Return the policy that says who may assume a role. Raises ServiceError."""
    document = _parsed(text)
    for statement in _statements(document):
        for element in ("Resource", "NotResource"):
            if element in statement:
                raise malformed(f"Has prohibited field {element}")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise malformed("Missing required field Principal")
        for action in _listed(statement.get("Action", ())):
            if isinstance(action, str) and not _TRUST_ACTION.fullmatch(action):
                raise malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    _check_grammar(document, names_principals=True)
    if size_of(text) > TRUST_CHARACTERS_MAX:
        raise limit_exceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS_MAX}")
    return text


def check_policy(text: str, size_max: int | None = POLICY_CHARACTERS_MAX) -> str:
    """Return the policy of an identity. size_max: None for one that is measured elsewhere.

    Raises ServiceError.
    """
    document = _parsed(text)
    for statement in _statements(document):
        if "Principal" in statement or "NotPrincipal" in statement:
            raise malformed("Policy document should not specify a principal.")
        if "Action" not in statement and "NotAction" not in statement:
            raise malformed("Policy statement must contain actions.")
        if "Resource" not in statement and "NotResource" not in statement:
            raise malformed("Policy statement must contain resources.")
        for action in _listed(statement.get("Action", statement.get("NotAction"))):
            if isinstance(action, str) and action != "*" and ":" not in action:
                raise malformed(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                )
        for resource in _listed(statement.get("Resource", statement.get("NotResource"))):
            if isinstance(resource, str) and resource != "*" and not resource.startswith("arn:"):
                raise malformed(f'Resource {resource[:200]} must be in ARN format or "*".')
    _check_grammar(document, names_principals=False)
    if size_max is not None and size_of(text) > size_max:
        raise limit_exceeded(f"Cannot exceed quota for PolicySize: {size_max}")
    return text


def size_of(text: str) -> int:
    """Return how large a document counts: its characters, white space aside."""
    return len(_BLANK.sub("", text))


def shown(text: str) -> str:
    """Return a document as answers hold it. AWS: "URL-encoded compliant with RFC 3986"."""
    return quote(text, safe="")


@lru_cache(COMPILED_MAX)
def compiled(text: str, *, names_principals: bool = False) -> Policy:
    """Compile a document that has been checked."""
    return compile_policy(orjson.loads(text), names_principals=names_principals)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise malformed("Syntax errors in policy.") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise malformed("Syntax errors in policy. (It is no JSON object with a Statement.)")
    return document


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the statements that are objects; the grammar complains of the others."""
    return [each for each in _listed(document["Statement"]) if isinstance(each, dict)]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    return [value]


def _check_grammar(document: Mapping[str, Any], *, names_principals: bool) -> None:
    problem = problem_with(document, names_principals=names_principals)
    if problem is None:
        return
    if names_principals and problem.endswith(("is no principal", "is no service")):
        named = problem.rpartition(" is no ")[0]
        raise malformed(f"Invalid principal in policy: {named}")
    raise malformed(f"Syntax errors in policy. ({problem[:1].upper()}{problem[1:]}.)")
