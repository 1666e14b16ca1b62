"""Policies: who may do what, and that ignorance opens no door."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.policies import Asked, Verdict, compile_policy, judge
from redrive.core.wildcards import Facts, compile_pattern

US, THEM = "000000000000", "111122223333"
ARN = f"arn:aws:sqs:us-east-1:{US}:q"


def statement(**changes: Any) -> dict[str, Any]:
    whole = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{THEM}:root"},
        "Action": "sqs:SendMessage",
        "Resource": ARN,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def verdict(*statements: dict[str, Any], facts: Facts | None = None, **request: str) -> Verdict:
    asked = {
        "principal": f"arn:aws:iam::{THEM}:root",
        "action": "sqs:SendMessage",
        "resource": ARN,
        **request,
    }
    policy = compile_policy({"Version": "2012-10-17", "Statement": list(statements)})
    return judge(policy, Asked(**asked, facts=facts or {}))


def allowed(*statements: dict[str, Any], facts: Facts | None = None, **request: str) -> bool:
    return verdict(*statements, facts=facts, **request) in (Verdict.ALLOWED, Verdict.DELEGATED)


ROLE = f"arn:aws:iam::{THEM}:role/r"
USER = f"arn:aws:iam::{THEM}:user/alice"
CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("plain", {}, {}, True),
    ("other action", {}, {"action": "sqs:ReceiveMessage"}, False),
    ("other account", {}, {"principal": "arn:aws:iam::999999999999:root"}, False),
    ("other resource", {}, {"resource": ARN + "2"}, False),
    ("action in another case", {"Action": "SQS:sendmessage"}, {}, True),
    ("action star", {"Action": "sqs:*"}, {}, True),
    ("action part", {"Action": "sqs:Send*"}, {}, True),
    ("all actions", {"Action": "*"}, {}, True),
    ("action mark", {"Action": "sqs:Send?essage"}, {}, True),
    ("action mark is one sign", {"Action": "sqs:Send?message"}, {}, False),
    ("action list", {"Action": ["sqs:X", "sqs:SendMessage"]}, {}, True),
    ("action is no pattern", {"Action": "sqs.SendMessage"}, {}, False),
    ("action number", {"Action": [1, None, {}]}, {}, False),
    ("no action", {"Action": None}, {}, False),
    ("not this action", {"Action": None, "NotAction": "sqs:SendMessage"}, {}, False),
    ("not another action", {"Action": None, "NotAction": "sqs:Delete*"}, {}, True),
    ("resource star", {"Resource": "*"}, {}, True),
    ("no resource", {"Resource": None}, {}, True),
    ("not this resource", {"Resource": None, "NotResource": ARN}, {}, False),
    ("anyone", {"Principal": "*"}, {}, True),
    ("any account", {"Principal": {"AWS": "*"}}, {}, True),
    ("bare account", {"Principal": {"AWS": THEM}}, {}, True),
    ("account for its role", {"Principal": {"AWS": THEM}}, {"principal": ROLE}, True),
    ("role", {"Principal": {"AWS": [ROLE]}}, {"principal": ROLE}, True),
    ("role is not its account", {"Principal": {"AWS": ROLE}}, {}, False),
    ("odd principal", {"Principal": {"AWS": [{}, [], 1]}}, {}, False),
    ("principal text", {"Principal": THEM}, {}, False),
    ("no principal", {"Principal": None}, {}, False),
    ("not them", {"Principal": None, "NotPrincipal": {"AWS": THEM}}, {}, False),
    ("not others", {"Principal": None, "NotPrincipal": {"AWS": US}}, {}, True),
    (
        "service",
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"principal": "sns.amazonaws.com"},
        True,
    ),
    (
        "other service",
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"principal": "s3.amazonaws.com"},
        False,
    ),
    ("a part of an ARN", {"Resource": "arn:aws:sqs:*:*:q"}, {}, True),
    ("an ARN's beginning", {"Resource": "arn:aws:sqs"}, {}, True),
    ("another ARN's beginning", {"Resource": "arn:aws:sns"}, {}, False),
    ("no star reaches over a colon", {"Resource": "arn:aws:sqs:*:q"}, {}, False),
    ("a user", {"Principal": {"AWS": [USER]}}, {"principal": USER}, True),
    ("another user", {"Principal": {"AWS": [USER]}}, {"principal": USER + "2"}, False),
]


@pytest.mark.parametrize(("name", "changes", "request_changes", "expected"), CASES)
def test_one_statement(
    name: str, changes: dict[str, Any], request_changes: dict[str, Any], expected: bool
) -> None:
    """An Allow allows what it covers; a Deny over everything else denies just that."""
    assert allowed(statement(**changes), **request_changes) == expected
    if changes.get("Effect") is None:
        everything = statement(Principal="*", Action="*", Resource="*")
        denial = statement(**{**changes, "Effect": "Deny"})
        assert allowed(everything, denial, **request_changes) != expected


@pytest.mark.parametrize(
    ("named", "principal", "found"),
    [
        (THEM, f"arn:aws:iam::{THEM}:root", Verdict.ALLOWED),
        (THEM, USER, Verdict.DELEGATED),
        (f"arn:aws:iam::{THEM}:root", USER, Verdict.DELEGATED),
        (USER, USER, Verdict.ALLOWED),
        ("*", USER, Verdict.ALLOWED),
        ([THEM, USER], USER, Verdict.ALLOWED),
        ([THEM, US], f"arn:aws:iam::{US}:user/bob", Verdict.DELEGATED),
        (US, USER, Verdict.SILENT),
        (THEM, "lambda.amazonaws.com", Verdict.SILENT),
    ],
)
def test_naming_an_account_is_not_naming_its_users(
    named: Any, principal: str, found: Verdict
) -> None:
    """An account passes on what it was allowed by policies of its own; a denial hits all of it."""
    assert verdict(statement(Principal={"AWS": named}), principal=principal) is found
    denial = statement(Principal={"AWS": named}, Effect="Deny")
    everybody = statement(Principal="*")
    wanted = Verdict.ALLOWED if found is Verdict.SILENT else Verdict.DENIED
    assert verdict(everybody, denial, principal=principal) is wanted


def test_the_plainest_permission_counts() -> None:
    """Who is allowed by name needs nothing of the account, whatever else the policy says."""
    both = [statement(Principal={"AWS": THEM}), statement(Principal={"AWS": USER})]
    assert verdict(*both, principal=USER) is Verdict.ALLOWED
    assert verdict(*reversed(both), principal=USER) is Verdict.ALLOWED


def test_an_identitys_policy_names_nobody() -> None:
    """Its statements concern whoever holds it."""
    document = {"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": ARN}}
    policy = compile_policy(document, names_principals=False)
    assert judge(policy, Asked(USER, "sqs:SendMessage", ARN, {})) is Verdict.ALLOWED
    assert judge(policy, Asked(USER, "sqs:SendMessage", ARN + "2", {})) is Verdict.SILENT
    assert judge(policy, Asked(USER, "lambda:SendMessage", ARN, {})) is Verdict.SILENT


VARIABLES: list[tuple[str, str, bool]] = [
    ("arn:aws:sqs:*:*:${aws:username}-*", "alice-orders", True),
    ("arn:aws:sqs:*:*:${aws:username}-*", "bob-orders", False),
    ("arn:aws:sqs:*:*:${AWS:UserName}", "alice", True),
    ("arn:aws:sqs:*:*:${aws:missing}", "", False),
    ("arn:aws:sqs:*:*:${aws:missing, 'q'}", "q", True),
    ("arn:aws:sqs:*:*:${aws:star}", "*", True),
    ("arn:aws:sqs:*:*:${aws:star}", "anything", False),
    ("arn:aws:sqs:*:*:${*}", "*", True),
    ("arn:aws:sqs:*:*:${*}", "anything", False),
    ("arn:aws:sqs:*:${aws:account}:q", "q", True),
    ("arn:aws:sqs:*:*:${aws:username", "alice", False),
]


@pytest.mark.parametrize(("pattern", "name", "is_covered"), VARIABLES)
def test_variables_are_filled_in_and_are_no_patterns(
    pattern: str, name: str, is_covered: bool
) -> None:
    """A variable stands for its value, in which nothing is special; older policies have none."""
    facts = {"aws:username": "alice", "aws:star": "*", "aws:account": US}
    resource = f"arn:aws:sqs:us-east-1:{US}:{name}"
    assert allowed(statement(Resource=pattern), resource=resource, facts=facts) == is_covered
    old = compile_policy({"Version": "2008-10-17", "Statement": statement(Resource=pattern)})
    asked = Asked(f"arn:aws:iam::{THEM}:root", "sqs:SendMessage", resource, facts)
    assert judge(old, asked) is Verdict.SILENT


UNSURE = [{"Madeup": {"aws:SourceArn": "x"}}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}]


@pytest.mark.parametrize("condition", UNSURE)
def test_ignorance_opens_no_door(condition: dict[str, Any]) -> None:
    """What nobody can judge never lets in and always keeps out."""
    assert not allowed(statement(Condition=condition))
    assert not allowed(statement(), statement(Effect="Deny", Condition=condition))


def test_all_conditions_have_to_hold() -> None:
    """Of several operators and keys each has to."""
    facts = {"aws:username": "alice", "aws:sourceip": "10.1.2.3"}
    condition = {
        "StringEquals": {"aws:username": "alice", "aws:sourceip": "10.1.2.3"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    }
    assert allowed(statement(Condition=condition), facts=facts)
    for name in facts:
        changed = {**facts, name: "11.1.2.3"}
        assert not allowed(statement(Condition=condition), facts=changed)
        denial = statement(Effect="Deny", Condition=condition)
        assert allowed(statement(), denial, facts=changed)
    assert not allowed(statement(), statement(Effect="Deny", Condition=condition), facts=facts)


def test_deny_wins_whatever_the_order() -> None:
    """An Allow before or after a Deny changes nothing."""
    both = [statement(), statement(Effect="Deny")]
    assert not allowed(*both)
    assert not allowed(*reversed(both))
    assert not allowed()


def test_patterns_cost_no_more_than_their_length() -> None:
    """A pattern that would keep a backtracking matcher busy for years is answered at once."""
    pattern = "*a" * 60 + "b"
    assert not allowed(statement(Action=pattern), action="a" * 400)
    assert allowed(statement(Action=pattern), action="a" * 400 + "b")


@pytest.mark.parametrize(
    "text", ["${" + " " * 20_000, "${a" * 20_000, "${a,'" * 20_000, "${ ,  " * 20_000]
)
def test_variables_that_never_end_cost_no_more_than_their_length(text: str) -> None:
    """As a policy's author may write them; the search for their end gives up at once."""
    assert not matched(text)


def matched(text: str) -> bool:
    return compile_pattern(text, variables=True).matches("x", {})
