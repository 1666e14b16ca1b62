"""Policies: who may do what, and that ignorance opens no door."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.policies import is_allowed, is_policy

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


def allowed(*statements: dict[str, Any], **request: Any) -> bool:
    asked = {
        "principal": f"arn:aws:iam::{THEM}:root",
        "action": "sqs:SendMessage",
        "resource": ARN,
        **request,
    }
    return is_allowed({"Statement": list(statements)}, **asked)


ROLE = f"arn:aws:iam::{THEM}:role/r"
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
    ("effect in another case", {"Effect": "allow"}, {}, False),
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


SOURCE = {"aws:sourcearn": "arn:aws:sns:us-east-1:0:topic", "aws:securetransport": "true"}
CONDITIONS: list[tuple[dict[str, Any], bool | None]] = [
    ({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:0:topic"}}, True),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t*"}}, True),
    ({"StringEquals": {"aws:SourceArn": ["x", "arn:aws:sns:us-east-1:0:topic"]}}, True),
    ({"StringEquals": {"aws:SourceArn": "arn:aws:sns:*"}}, False),
    ({"StringLike": {"aws:SourceArn": "*:topic"}}, True),
    ({"StringNotLike": {"aws:SourceArn": "*:topic"}}, False),
    ({"StringNotEquals": {"aws:SourceArn": "x"}}, True),
    ({"StringNotEquals": {"aws:Missing": "x"}}, True),
    ({"StringEquals": {"aws:Missing": "x"}}, False),
    ({"StringEqualsIfExists": {"aws:Missing": "x"}}, True),
    ({"StringEqualsIgnoreCase": {"aws:SourceArn": "ARN:AWS:SNS:us-east-1:0:topic"}}, True),
    ({"Bool": {"aws:SecureTransport": True}}, True),
    ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ({"ArnEquals": {"aws:SourceArn": "*"}, "Bool": {"aws:SecureTransport": "false"}}, False),
    ({"IpAddress": {"aws:SourceArn": "10.0.0.0/8"}}, None),
    ({"ForAnyValue:StringEquals": {"aws:SourceArn": "x"}}, None),
    ({"Madeup": {"aws:SourceArn": "x"}}, None),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_conditions(condition: dict[str, Any], holds: bool | None) -> None:
    """An unknown operator never lets in and always keeps out."""
    assert allowed(statement(Condition=condition), conditions=SOURCE) == bool(holds)
    denial = statement(Effect="Deny", Condition=condition)
    assert allowed(statement(), denial, conditions=SOURCE) == (holds is False)


def test_deny_wins_whatever_the_order() -> None:
    """An Allow before or after a Deny changes nothing."""
    both = [statement(), statement(Effect="Deny")]
    assert not allowed(*both)
    assert not allowed(*reversed(both))
    assert not allowed()


def test_a_single_statement_needs_no_list() -> None:
    """IAM's grammar lets one statement stand alone."""
    policy = {"Statement": statement()}
    assert is_policy(policy)
    assert is_allowed(
        policy, principal=f"arn:aws:iam::{THEM}:root", action="sqs:SendMessage", resource=ARN
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"Statement": None},
        {"Statement": []},
        {"Statement": "x"},
        {"Statement": [None]},
        {"Statement": [{}]},
        {"Statement": [{"Effect": "Permit"}]},
        {"Statement": [{"Effect": "Allow", "Condition": "x"}]},
        {"Statement": [{"Effect": "Allow", "Condition": {"StringEquals": ["x"]}}]},
        {"Statement": [statement(), {}]},
    ],
)
def test_what_is_no_policy(value: Any) -> None:
    """What could not be evaluated is told apart before it is stored."""
    assert not is_policy(value)


def test_patterns_cost_no_more_than_their_length() -> None:
    """A pattern that would keep a backtracking matcher busy for years is answered at once."""
    pattern = "*a" * 60 + "b"
    assert not allowed(statement(Action=pattern), action="a" * 400)
    assert allowed(statement(Action=pattern), action="a" * 400 + "b")
