"""Parameters of a template: the values it takes, checked by the rules that it declares.

AWS: CloudFormation User Guide, "Parameters section". A list parameter's value is a list of strings;
all other values are strings, numbers included. Types that name existing AWS things
(AWS::EC2::Subnet::Id) are strings here, since there is nothing to look them up in; types that read
Parameter Store are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from redrive.services.stacks.model import Json, Parameter, Path, Problem
from redrive.services.stacks.template import Document, suggest, unknown

NO_ECHO = "****"
ATTRIBUTES = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
]
_TYPES = ("String", "Number", "List<Number>", "CommaDelimitedList", "List<String>")
_AWS_TYPE = re.compile(r"(List<)?AWS::[A-Za-z0-9]+::[A-Za-z0-9:]+>?")


def resolve_parameters(
    document: Document, given: Mapping[str, str]
) -> tuple[dict[str, Parameter], list[Problem]]:
    """Give every parameter its value: the given one, else its default.

    All problems are returned together: missing, unknown, of the wrong type, outside of the limits.
    """
    declared = document.body.get("Parameters") or {}
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    if not isinstance(declared, dict):
        return found, problems  # the section itself is reported by check_sections
    for name in given:
        if name not in declared:
            message = f"the template has no parameter {name}{suggest(name, declared)}"
            problems.append(document.problem(message))
    for name, rules in declared.items():
        path: Path = ("Parameters", name)
        if not isinstance(rules, dict):
            problems.append(document.problem("must be an object with a Type", path))
            continue
        said = _check_declaration(rules)
        if not said:
            said, parameter = _take(rules, given.get(name))
            if parameter is not None:
                found[name] = parameter
        problems += [document.problem(message, path) for message in said]
    return found, problems


def _check_declaration(rules: Mapping[str, Json]) -> list[str]:
    messages = [unknown("attribute", name, ATTRIBUTES) for name in rules if name not in ATTRIBUTES]
    kind = rules.get("Type")
    if not isinstance(kind, str):
        messages.append("needs a Type")
    elif kind.startswith("AWS::SSM::Parameter"):
        messages.append(f"Type {kind} reads Parameter Store, which is not here: use String")
    elif kind not in _TYPES and not _AWS_TYPE.fullmatch(kind):
        messages.append(unknown("Type", kind, _TYPES))
    return messages


def _take(rules: Mapping[str, Json], given: str | None) -> tuple[list[str], Parameter | None]:
    kind, default = str(rules["Type"]), rules.get("Default")
    raw: Json = given if given is not None else default
    if raw is None:
        return ["has no Default: give it a value"], None
    if isinstance(raw, dict | list):
        return ["its Default must be a plain value (a list is one string with commas)"], None
    text = as_text(raw)
    hidden = as_text(rules.get("NoEcho", False)) == "true"
    is_list = kind.startswith("List<") or kind == "CommaDelimitedList"
    items = [part.strip() for part in text.split(",")] if is_list else [text]
    messages = [
        said for item in items for said in _check_value(rules, item, "Number" in kind, hidden)
    ]
    if messages:
        hint = rules.get("ConstraintDescription")
        return [f"{said} ({hint})" if hint else said for said in messages], None
    shown = NO_ECHO if hidden else text
    value = (items if text else []) if is_list else text
    return [], Parameter(kind, value, shown, str(rules.get("Description") or ""))


def _check_value(rules: Mapping[str, Json], text: str, number: bool, hidden: bool) -> list[str]:
    shown = NO_ECHO if hidden else text
    messages = []
    allowed = rules.get("AllowedValues")
    if isinstance(allowed, list) and text not in (names := [as_text(value) for value in allowed]):
        messages.append(f"{shown!r} is not one of {', '.join(names)}{suggest(text, names)}")
    pattern = rules.get("AllowedPattern")
    if isinstance(pattern, str):
        try:
            if not re.fullmatch(pattern, text):
                messages.append(f"{shown!r} does not match {pattern}")
        except re.error as error:
            messages.append(f"AllowedPattern {pattern!r} is not a regular expression: {error}")
    for name, low in (("MinLength", True), ("MaxLength", False)):
        limit = _number(rules.get(name))
        if limit is not None and (len(text) < limit if low else len(text) > limit):
            messages.append(f"{shown!r} has {len(text)} characters, {name} is {limit:g}")
    if number:
        value = _number(text)
        if value is None:
            return [*messages, f"{shown!r} is not a number"]
        for name, low in (("MinValue", True), ("MaxValue", False)):
            limit = _number(rules.get(name))
            if limit is not None and (value < limit if low else value > limit):
                messages.append(f"{shown} is outside of {name} {limit:g}")
    return messages


def _number(value: Json) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def as_text(value: Json) -> str:
    """Return a scalar the way CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
