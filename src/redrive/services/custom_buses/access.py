"""Who may do what to a bus: its policy and the caller's, judged; and which policies a bus may have.

Another account may do what the bus's policy allows it. The policy that AWS Resource Access Manager
writes does not exist here: nothing is shared through it.
AWS: EventBridge's model, PutResourcePolicy; IAM User Guide, "Cross-account policy evaluation
logic".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from redrive.core.access import refusal
from redrive.core.effects import Caller, Context, Session
from redrive.core.errors import ServiceError
from redrive.core.policies import Policy, compile_policy
from redrive.core.policy_grammar import problem_with
from redrive.services.custom_buses.model import Bus
from redrive.services.custom_buses.names import invalid

POLICY_BYTES_MAX = 20_480
"""AWS: the shape PolicyDocument: the quota of a "default" policy."""

POLICIES_KEPT_MAX = 256

_LIMITING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:userid",
    }
)
"""Condition keys that say who asks. AWS: the shape PublicPolicyException; S3 User Guide, "The
meaning of public", names the same keys."""

_POSITIVE = ("stringequals", "stringlike", "arnequals", "arnlike")
"""Operators that name whom they let in, in lower case and without a set's prefix."""


def check_bus(
    bus: Bus, context: Context, action: str, facts: Mapping[str, str] | None = None
) -> None:
    """Refuse a caller that may not do an action to a bus. Raises AccessDeniedException.

    facts: what the request says to conditions beside the usual, keys in lower case.
    """
    policy = None if bus.policy is None else _compiled(bus.policy)
    caller = context.caller if not facts else _telling(context.caller, bus.account, facts)
    _judge(caller, context, action, bus.arn, bus.account, policy)


def check_own(arn: str, owner: str, context: Context, action: str) -> None:
    """Do the same for what only its own account may touch: no policy speaks of it."""
    _judge(context.caller, context, action, arn, owner, None)


def refuse_stranger(arn: str, owner: str, context: Context, action: str) -> None:
    """Refuse another account: it does not learn whether the resource exists."""
    if context.caller.account != owner:
        check_own(arn, owner, context, action)


def _judge(
    caller: Caller,
    context: Context,
    action: str,
    arn: str,
    owner: str,
    policy: Policy | None,
) -> None:
    told = f"events:{action}"
    why = refusal(caller, told, arn, owner=owner, policy=policy, now_ms=context.now_ms)
    if why is not None:
        raise ServiceError(
            "AccessDeniedException",
            f"User: {caller.principal} is not authorized to perform: {told} on resource: {arn}"
            f" {why}",
            status=403,
        )


def _telling(caller: Caller, owner: str, facts: Mapping[str, str]) -> Caller:
    """Let a caller that will be judged bring facts along."""
    session = caller.session
    if session is not None:
        return caller._replace(session=session._replace(facts={**session.facts, **facts}))
    # Without a session it is not judged in its own account, in another it is.
    return caller if caller.account == owner else caller._replace(session=Session(None, facts))


@lru_cache(POLICIES_KEPT_MAX)
def _compiled(text: str) -> Policy:
    return compile_policy(orjson.loads(text))


def check_policy(text: str) -> None:
    """Refuse a policy that is malformed, too long, or opens the bus to everybody."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise ServiceError(
            "PolicyLengthExceededException",
            f"The policy is larger than {POLICY_BYTES_MAX} bytes.",
            status=400,
        )
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The policy document is not valid JSON: {error}") from None
    problem = problem_with(document, names_principals=True)
    if problem is not None:
        raise invalid(f"The policy document is not valid: {problem}.")
    given = document["Statement"]
    if any(_is_public(each) for each in (given if isinstance(given, list) else [given])):
        raise ServiceError(
            "PublicPolicyException",
            "The policy would grant public access: name the principals, or add a condition that"
            " limits the callers to specific AWS accounts.",
            status=400,
        )


def _is_public(statement: Mapping[str, Any]) -> bool:
    if statement["Effect"] != "Allow":
        return False
    named = statement.get("Principal")
    is_wild = named == "*" or (
        isinstance(named, Mapping)
        and any("*" in (v if isinstance(v, list) else [v]) for v in named.values())
    )
    if "NotPrincipal" not in statement and not is_wild:
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        plain = operator.lower().rpartition(":")[2]
        if plain not in _POSITIVE:  # "…IfExists" is met by whoever does not say
            continue
        for key, wanted in keys.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            if key.lower() in _LIMITING and not any(_is_anything(value) for value in values):
                return False
    return True


def _is_anything(value: Any) -> bool:
    """Tell whether a condition's value lets any account in: * or an ARN with any account."""
    text = str(value)
    parts = text.split(":")
    return not text.strip("*?") or (
        parts[0] == "arn" and len(parts) > 4 and not parts[4].strip("*?")
    )
