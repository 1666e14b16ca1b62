"""Conditions: each operator, absent keys, several values, and what nobody can judge."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.conditions import compile_conditions, problem_of
from redrive.core.wildcards import Facts

FACTS: Facts = {
    "aws:sourcearn": "arn:aws:sns:us-east-1:000000000000:topic",
    "aws:securetransport": "false",
    "aws:sourceip": "10.1.2.3",
    "aws:six": "2001:db8::1",
    "aws:mapped": "::ffff:10.1.2.3",
    "aws:currenttime": "2026-11-21T09:30:00.123Z",
    "aws:epochtime": "1795253400",
    "aws:username": "alice",
    "aws:number": "10",
    "aws:tagkeys": ("a", "b"),
    "aws:none": (),
}
CASES: list[tuple[str, str, Any, bool | None]] = [
    ("StringEquals", "aws:UserName", "alice", True),
    ("StringEquals", "aws:UserName", ["bob", "alice"], True),
    ("StringEquals", "aws:UserName", "Alice", False),
    ("StringEquals", "aws:UserName", "a*", False),
    ("StringEquals", "aws:UserName", "${aws:username}", True),
    ("StringEquals", "aws:UserName", "${aws:missing}", False),
    ("StringNotEquals", "aws:UserName", "alice", False),
    ("StringNotEquals", "aws:UserName", ["bob", "carol"], True),
    ("StringNotEquals", "aws:UserName", ["bob", "alice"], False),
    ("StringEqualsIgnoreCase", "aws:UserName", "ALICE", True),
    ("StringEqualsIgnoreCase", "aws:UserName", "${aws:UserName}", True),
    ("StringNotEqualsIgnoreCase", "aws:UserName", "ALICE", False),
    ("StringLike", "aws:UserName", "a*e", True),
    ("StringLike", "aws:UserName", "al?ce", True),
    ("StringLike", "aws:UserName", "al?e", False),
    ("StringNotLike", "aws:UserName", "a*", False),
    ("ArnEquals", "aws:SourceArn", "arn:aws:sns:us-east-1:000000000000:topic", True),
    ("ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:t*", True),
    ("ArnEquals", "aws:SourceArn", "arn:aws:sns:*:*:t*", True),
    ("ArnLike", "aws:SourceArn", "arn:aws:sns:*:topic", False),
    ("ArnLike", "aws:SourceArn", "*", True),
    ("ArnNotLike", "aws:SourceArn", "arn:aws:sns:*:*:t*", False),
    ("ArnNotEquals", "aws:SourceArn", "arn:aws:s3:*", True),
    ("ArnLike", "aws:UserName", "arn:aws:*:*:*:*", False),
    ("Bool", "aws:SecureTransport", "false", True),
    ("Bool", "aws:SecureTransport", False, True),
    ("Bool", "aws:SecureTransport", "TRUE", False),
    ("Bool", "aws:SecureTransport", "perhaps", None),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", True),
    ("IpAddress", "aws:SourceIp", "10.1.2.3", True),
    ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "10.1.0.0/16"], True),
    ("IpAddress", "aws:SourceIp", "11.0.0.0/8", False),
    ("IpAddress", "aws:SourceIp", "2001:db8::/32", False),
    ("IpAddress", "aws:Six", "2001:db8::/32", True),
    ("IpAddress", "aws:Mapped", "10.0.0.0/8", True),
    ("IpAddress", "aws:UserName", "10.0.0.0/8", False),
    ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", False),
    ("NotIpAddress", "aws:SourceIp", "11.0.0.0/8", True),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/33", None),
    ("NumericEquals", "aws:Number", 10, True),
    ("NumericEquals", "aws:Number", "10.0", True),
    ("NumericNotEquals", "aws:Number", "10", False),
    ("NumericLessThan", "aws:Number", "10", False),
    ("NumericLessThanEquals", "aws:Number", "10", True),
    ("NumericGreaterThan", "aws:Number", "9.5", True),
    ("NumericGreaterThanEquals", "aws:Number", "11", False),
    ("NumericEquals", "aws:UserName", "10", False),
    ("NumericEquals", "aws:Number", "ten", None),
    ("NumericEquals", "aws:Number", "NaN", None),
    ("DateGreaterThan", "aws:CurrentTime", "2026-11-21T09:30:00Z", True),
    ("DateLessThan", "aws:CurrentTime", "2026-11-22", True),
    ("DateLessThan", "aws:CurrentTime", "2026-11-21T10:00:00+01:00", False),
    ("DateEquals", "aws:EpochTime", "2026-11-21T09:30:00Z", True),
    ("DateNotEquals", "aws:EpochTime", "1795253400", False),
    ("DateLessThanEquals", "aws:EpochTime", 1795253400, True),
    ("DateGreaterThanEquals", "aws:EpochTime", "2027-01-01", False),
    ("DateLessThan", "aws:CurrentTime", "tomorrow", None),
    ("BinaryEquals", "aws:UserName", "YWI=", False),
    ("BinaryEquals", "aws:UserName", "not base64", None),
    ("Null", "aws:Missing", "true", True),
    ("Null", "aws:Missing", False, False),
    ("Null", "aws:UserName", "true", False),
    ("Null", "aws:UserName", "false", True),
    ("Null", "aws:UserName", "x", None),
    ("NullIfExists", "aws:UserName", "true", None),
    ("StringEquals", "aws:Missing", "x", False),
    ("StringNotEquals", "aws:Missing", "x", True),
    ("NotIpAddress", "aws:Missing", "10.0.0.0/8", True),
    ("StringEqualsIfExists", "aws:Missing", "x", True),
    ("StringEqualsIfExists", "aws:UserName", "x", False),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", "true", True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", "a", True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", "c", False),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", "a", True),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["a", "b"], False),
    ("ForAnyValue:StringEquals", "aws:Missing", "a", False),
    ("ForAnyValue:StringNotEquals", "aws:Missing", "a", False),
    ("ForAnyValue:StringEqualsIfExists", "aws:Missing", "a", True),
    ("ForAnyValue:StringLike", "aws:UserName", "a*", True),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b", "c"], True),
    ("ForAllValues:StringEquals", "aws:TagKeys", "a", False),
    ("ForAllValues:StringNotEquals", "aws:TagKeys", "c", True),
    ("ForAllValues:StringNotEquals", "aws:TagKeys", "a", False),
    ("ForAllValues:StringEquals", "aws:Missing", "a", True),
    ("ForAllValues:StringEquals", "aws:None", "a", True),
    ("ForAnyValue:StringEquals", "aws:None", "a", False),
    ("Madeup", "aws:UserName", "alice", None),
    ("ForSomeValues:StringEquals", "aws:UserName", "alice", None),
    ("StringEquals", "aws:UserName", [], None),
    ("StringEquals", "aws:UserName", [{}], None),
    ("StringEquals", "aws:UserName", None, None),
]


@pytest.mark.parametrize(("operator", "key", "wanted", "holds"), CASES)
def test_one_condition(operator: str, key: str, wanted: Any, holds: bool | None) -> None:
    """Each operator says what AWS's documentation says; what cannot be judged has no answer."""
    (condition,) = compile_conditions({operator: {key: wanted}}, variables=True)
    assert condition.holds(FACTS) is holds
    values = wanted if isinstance(wanted, list) else [wanted]
    assert (problem_of(operator, values) is None) == (holds is not None)


def test_variables_are_of_the_later_version() -> None:
    """In a policy of 2008 a dollar sign is a dollar sign."""
    (condition,) = compile_conditions(
        {"StringEquals": {"aws:UserName": "${aws:username}"}}, variables=False
    )
    assert condition.holds(FACTS) is False
    assert condition.holds({"aws:username": "${aws:username}"}) is True
