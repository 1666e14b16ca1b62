"""Parameters: defaults, types, limits, and what is hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.services.stacks.parameters import resolve_parameters
from redrive.services.stacks.template import load


def take(rules: dict[str, Any], *given: str) -> tuple[Any, list[str]]:
    """Resolve one parameter P; return its value (None when it has none) and the problems."""
    document = load(json.dumps({"Parameters": {"P": rules}}))
    found, problems = resolve_parameters(document, {"P": given[0]} if given else {})
    return found["P"].value if "P" in found else None, [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("rules", "given", "value"),
    [
        ({"Type": "String", "Default": "a"}, (), "a"),
        ({"Type": "String", "Default": "a"}, ("b",), "b"),
        ({"Type": "String", "Default": ""}, (), ""),
        ({"Type": "Number", "Default": 3}, (), "3"),
        ({"Type": "String", "Default": True}, (), "true"),
        ({"Type": "CommaDelimitedList", "Default": "a, b"}, (), ["a", "b"]),
        ({"Type": "CommaDelimitedList"}, ("",), []),
        ({"Type": "List<Number>"}, ("1,2",), ["1", "2"]),
        ({"Type": "AWS::EC2::VPC::Id"}, ("vpc-1",), "vpc-1"),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, ("a,b",), ["a", "b"]),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, ("b",), "b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, ("abc",), "abc"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": "5"}, ("5",), "5"),
        ({"Type": "String", "MinLength": 1, "MaxLength": 2}, ("ab",), "ab"),
    ],
)
def test_values(rules: dict[str, Any], given: tuple[str, ...], value: object) -> None:
    """A parameter has the given value, else its default, as CloudFormation would write it."""
    assert take(rules, *given) == (value, [])


@pytest.mark.parametrize(
    ("rules", "given", "said"),
    [
        ({"Type": "String"}, (), "has no Default: give it a value"),
        ({"Default": "a"}, (), "needs a Type"),
        ({"Type": "Strng"}, ("a",), "unknown Type Strng; did you mean String?"),
        ({"Type": "String", "Defualt": "a"}, ("a",), "did you mean Default?"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, ("a",), "Parameter Store"),
        ({"Type": "String", "AllowedValues": ["dev", "prod"]}, ("pord",), "did you mean prod?"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, ("aB",), "does not match [a-z]+"),
        ({"Type": "String", "AllowedPattern": "["}, ("a",), "is not a regular expression"),
        ({"Type": "Number"}, ("x",), "'x' is not a number"),
        ({"Type": "Number"}, ("nan",), "'nan' is not a number"),
        ({"Type": "Number", "MinValue": 2}, ("1",), "1 is outside of MinValue 2"),
        ({"Type": "Number", "MaxValue": 2}, ("3",), "3 is outside of MaxValue 2"),
        ({"Type": "List<Number>", "MaxValue": 2}, ("1,3",), "3 is outside of MaxValue 2"),
        ({"Type": "String", "MinLength": 2}, ("a",), "has 1 characters, MinLength is 2"),
        ({"Type": "String", "MaxLength": 1}, ("ab",), "has 2 characters, MaxLength is 1"),
        ({"Type": "Number", "ConstraintDescription": "a count"}, ("x",), "(a count)"),
        ({"Type": "String", "Default": ["a"]}, (), "must be a plain value"),
    ],
)
def test_refusals(rules: dict[str, Any], given: tuple[str, ...], said: str) -> None:
    """A value outside of what the template declares is refused with the reason."""
    value, problems = take(rules, *given)
    assert value is None
    assert said in "\n".join(problems)


def test_unknown_parameter() -> None:
    """A value for a parameter that the template does not have is told, with the nearest name."""
    document = load("Parameters: {Stage: {Type: String, Default: dev}}")
    _, problems = resolve_parameters(document, {"stage": "prod"})
    assert [str(problem) for problem in problems] == [
        "template.yaml: the template has no parameter stage; did you mean Stage?"
    ]


def test_no_echo_is_never_shown() -> None:
    """A NoEcho value is resolved but shown as stars, in problems too."""
    rules = "{Type: String, NoEcho: true, AllowedPattern: '[a-z]*'}"
    document = load(f"Parameters: {{Secret: {rules}}}")
    found, _ = resolve_parameters(document, {"Secret": "hush"})
    assert (found["Secret"].value, found["Secret"].shown) == ("hush", "****")
    _, problems = resolve_parameters(document, {"Secret": "HUSH"})
    assert problems
    assert "HUSH" not in str(problems)
