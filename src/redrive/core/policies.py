"""Evaluate policies: may this principal do this action on this resource? Pure.

Deny wins over Allow; without a matching Allow the answer is no. A condition that nobody can judge
never matches in an Allow and always matches in a Deny, so that ignorance cannot open a door.
AWS: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from redrive.core.conditions import Condition, compile_conditions
from redrive.core.wildcards import (
    ArnPattern,
    Facts,
    Pattern,
    compile_arn_pattern,
    compile_pattern,
)


class Verdict(Enum):
    """What one policy says of a request.

    DELEGATED: it allows the caller's account, whose own policies say to whom it passes that on.
    """

    SILENT = "silent"
    DELEGATED = "delegated"
    ALLOWED = "allowed"
    DENIED = "denied"


class Asked(NamedTuple):
    """A request, as policies see it. principal: an ARN, or a service's name such as
    sns.amazonaws.com.
    """

    principal: str
    action: str  # sqs:SendMessage
    resource: str  # an ARN, or * for what concerns no single resource
    facts: Facts
    role: str = ""  # the ARN of the role whose session asks: who names it names its sessions


class _Principals(NamedTuple):
    """Whom a Principal element names."""

    anyone: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def name(self, principal: str, role: str) -> Verdict:
        """Tell whether and how a principal is named: SILENT, DELEGATED or ALLOWED."""
        if self.anyone or principal in self.arns or principal in self.services:
            return Verdict.ALLOWED
        if role and role in self.arns:
            return Verdict.ALLOWED
        parts = principal.split(":")
        if len(parts) < 6 or parts[4] not in self.accounts:
            return Verdict.SILENT
        return Verdict.ALLOWED if parts[5] == "root" else Verdict.DELEGATED


class _Matches(NamedTuple):
    """An Action or Resource element, or its Not form."""

    patterns: tuple[Pattern | ArnPattern, ...]
    is_negated: bool

    def cover(self, text: str, facts: Facts) -> bool:
        return any(each.matches(text, facts) for each in self.patterns) != self.is_negated


class Statement(NamedTuple):
    """One statement, compiled. principals: None in an identity's policy, which names nobody."""

    is_deny: bool
    principals: _Principals | None
    excludes: bool  # principals are those of a NotPrincipal
    actions: _Matches
    resources: _Matches
    conditions: tuple[Condition, ...]

    def match(self, asked: Asked) -> Verdict:
        """Tell what the statement says: SILENT when it does not concern the request."""
        named = self._name(asked.principal, asked.role)
        if (
            named is Verdict.SILENT
            or not self.actions.cover(asked.action.lower(), asked.facts)
            or not self.resources.cover(asked.resource, asked.facts)
        ):
            return Verdict.SILENT
        for condition in self.conditions:
            holds = condition.holds(asked.facts)
            if not (self.is_deny if holds is None else holds):
                return Verdict.SILENT
        return Verdict.DENIED if self.is_deny else named

    def _name(self, principal: str, role: str) -> Verdict:
        if self.principals is None:
            return Verdict.ALLOWED
        named = self.principals.name(principal, role)
        if not self.excludes:
            return named
        return Verdict.ALLOWED if named is Verdict.SILENT else Verdict.SILENT


Policy = tuple[Statement, ...]


def judge(policy: Policy, asked: Asked) -> Verdict:
    """Return what a policy says of a request."""
    found = Verdict.SILENT
    for statement in policy:
        verdict = statement.match(asked)
        if verdict is Verdict.DENIED:
            return verdict
        if verdict is Verdict.ALLOWED or found is Verdict.SILENT:
            found = verdict
    return found


def allows_by_name(policy: Policy, asked: Asked) -> bool:
    """Tell whether a resource's policy allows this very principal, not its role or everybody."""
    naming = tuple(
        each
        for each in policy
        if each.principals is not None and asked.principal in each.principals.arns
    )
    return judge(naming, asked._replace(role="")) is Verdict.ALLOWED


def compile_policy(document: Mapping[str, Any], *, names_principals: bool = True) -> Policy:
    """Compile a policy whose form `policy_grammar` has found good.

    names_principals: True for a resource's policy, False for an identity's. Values of a wrong type
    match nothing.
    """
    variables = document.get("Version") == "2012-10-17"
    return tuple(
        _statement(each, variables, names_principals) for each in _listed(document["Statement"])
    )


def _statement(given: Mapping[str, Any], variables: bool, names_principals: bool) -> Statement:
    excludes = "NotPrincipal" in given
    named = given.get("NotPrincipal" if excludes else "Principal")
    return Statement(
        given["Effect"] == "Deny",
        _principals(named) if names_principals else None,
        excludes,
        _matches(given, "Action", lambda text: compile_pattern(text.lower())),
        _matches(given, "Resource", lambda text: compile_arn_pattern(text, variables=variables)),
        compile_conditions(given.get("Condition") or {}, variables=variables),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _matches(given: Mapping[str, Any], element: str, compile_one: Any) -> _Matches:
    """Compile an element or its Not form; a Resource that is left out is the policy's own."""
    is_negated = f"Not{element}" in given
    default = "*" if element == "Resource" else None
    texts = _listed(given[f"Not{element}"] if is_negated else given.get(element, default))
    return _Matches(tuple(compile_one(text) for text in texts if isinstance(text, str)), is_negated)


def _principals(named: Any) -> _Principals:
    if named == "*":
        return _Principals(anyone=True)
    if not isinstance(named, Mapping):
        return _Principals()
    accounts, arns = set(), set()
    names = [name for name in _listed(named.get("AWS")) if isinstance(name, str)]
    for name in names:
        parts = name.split(":")
        if name.isdigit():
            accounts.add(name)
        elif len(parts) == 6 and parts[5] == "root":
            accounts.add(parts[4])
        else:
            arns.add(name)
    services = frozenset(each for each in _listed(named.get("Service")) if isinstance(each, str))
    return _Principals("*" in names, frozenset(accounts), frozenset(arns), services)
