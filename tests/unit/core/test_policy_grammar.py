"""The form of policies: what may be stored."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.policy_grammar import problem_with

ARN = "arn:aws:sqs:us-east-1:000000000000:q"
GOOD: dict[str, Any] = {
    "Sid": "one",
    "Effect": "Allow",
    "Principal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:user/team/alice"]},
    "Action": ["sqs:SendMessage", "SQS:Receive*"],
    "Resource": ARN,
    "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}},
}


def with_(**changes: Any) -> dict[str, Any]:
    whole = {**GOOD, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def of(*statements: Any, **elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Id": "x", **elements, "Statement": list(statements)}


FINE: list[Any] = [
    of(GOOD),
    {"Statement": GOOD},
    of(with_(Sid="")),
    of(with_(Sid=None, Condition=None, Resource=None)),
    of(with_(Principal="*", Action="*", Resource="*")),
    of(with_(Action=["*:*", "s?s:Send*"])),
    of(with_(Principal={"Service": "sns.amazonaws.com", "AWS": "*"})),
    of(with_(Principal={"AWS": "AIDAK54MGDJ75DASHSZKW"})),
    of(with_(Principal=None, NotPrincipal={"AWS": "111122223333"}, Effect="Deny")),
    of(with_(Action=None, NotAction="sqs:Delete*", Resource=None, NotResource=ARN)),
    of(with_(Condition={})),
    of(*(with_(Sid=f"s{n}") for n in range(20))),
    of(with_(Principal={"AWS": [f"{n:012}" for n in range(50)]})),
    of(with_(Condition={"StringEquals": {f"aws:k{n}": "x" for n in range(10)}})),
]


@pytest.mark.parametrize("document", FINE)
def test_what_is_a_policy(document: Any) -> None:
    """What AWS's grammar has is taken."""
    assert problem_with(document, names_principals=True) is None


BAD: list[tuple[Any, str]] = [
    (None, "no JSON object"),
    ([], "no JSON object"),
    ("x", "no JSON object"),
    ({}, "a statement is no JSON object"),
    ({"Statement": None}, "a statement is no JSON object"),
    ({"Statement": []}, "no Statement"),
    ({"Statement": "x"}, "a statement is no JSON object"),
    (of(None), "a statement is no JSON object"),
    (of(GOOD, Version="2020-01-01"), "Version"),
    (of(GOOD, Version=["2012-10-17"]), "Version"),
    (of(GOOD, Id=1), "Id"),
    (of(GOOD, Statements=[]), "Statements is no element"),
    (of(with_(Effects="Allow")), "Effects is no element"),
    (of(with_(Effect="allow")), "Effect"),
    (of(with_(Effect=None)), "Effect"),
    (of(with_(Sid=1)), "Sid is no text"),
    (of(GOOD, GOOD), "the same Sid"),
    (of(with_(Principal=None)), "Principal and NotPrincipal"),
    (of(with_(NotPrincipal="*")), "Principal and NotPrincipal"),
    (of(with_(Principal="111122223333")), "neither"),
    (of(with_(Principal={})), "neither"),
    (of(with_(Principal={"Aws": "*"})), "neither"),
    (of(with_(Principal={"AWS": []})), "list of texts"),
    (of(with_(Principal={"AWS": [1]})), "list of texts"),
    (of(with_(Principal={"AWS": "alice"})), "alice is no principal"),
    (of(with_(Principal={"AWS": "arn:aws:iam::111122223333:user/*"})), "no principal"),
    (of(with_(Principal={"AWS": "arn:aws:sqs::111122223333:root"})), "no principal"),
    (of(with_(Principal={"AWS": "1111222233334"})), "no principal"),
    (of(with_(Principal={"Service": "sns"})), "no service"),
    (of(with_(Action=None)), "Action and NotAction"),
    (of(with_(NotAction="*")), "Action and NotAction"),
    (of(with_(Action=[])), "list of texts"),
    (of(with_(Action="SendMessage")), "no action"),
    (of(with_(Action="sqs.SendMessage")), "no action"),
    (of(with_(Resource=[])), "list of texts"),
    (of(with_(Resource="q")), "no ARN"),
    (of(with_(NotResource=ARN)), "Resource and NotResource"),
    (of(with_(Condition="x")), "Condition"),
    (of(with_(Condition={"StringEquals": ["x"]})), "names no keys"),
    (of(with_(Condition={"StringEquals": {}})), "names no keys"),
    (of(with_(Condition={"Madeup": {"aws:x": "y"}})), "Madeup is not known"),
    (of(with_(Condition={"IpAddress": {"aws:SourceIp": "ten"}})), "does not fit"),
    (of(*(with_(Sid=f"s{n}") for n in range(21))), "more than 20 statements"),
    (of(with_(Principal={"AWS": [f"{n:012}" for n in range(51)]})), "more than 50 principals"),
    (
        of(with_(Condition={"StringEquals": {f"aws:k{n}": "x" for n in range(11)}})),
        "more than 10 conditions",
    ),
]


@pytest.mark.parametrize(("document", "problem"), BAD)
def test_what_is_no_policy(document: Any, problem: str) -> None:
    """What could not be evaluated is told apart before it is stored, in a few words."""
    found = problem_with(document, names_principals=True)
    assert found is not None
    assert problem in found
    assert len(found) < 200


def test_an_identitys_policy() -> None:
    """It names no principals, has to name resources, and has none of SQS's quotas."""
    plain = with_(Principal=None)
    assert problem_with(of(plain), names_principals=False) is None
    many = of(*({**plain, "Sid": f"s{n}"} for n in range(40)))
    assert problem_with(many, names_principals=False) is None
    assert "names no Principal" in str(problem_with(of(GOOD), names_principals=False))
    bare = {name: value for name, value in plain.items() if name != "Resource"}
    assert "Resource" in str(problem_with(of(bare), names_principals=False))
