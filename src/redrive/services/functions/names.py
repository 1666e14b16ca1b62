"""Function names as requests give them: a name, a partial ARN or a full ARN, each with or without a
qualifier. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from redrive.core.arn import parse_arn
from redrive.core.effects import Caller
from redrive.services.functions.model import Target
from redrive.services.functions.refusals import constraint, invalid, not_found

NAME_CHARS_MAX = 64
"""AWS: API_CreateFunction, "FunctionName": the name alone is limited to 64 characters."""

_NUMBER_DIGITS = 19
"""SQLite holds 64 bits: all numbers that are shorter, and some of these."""

# The text of the pattern is part of AWS's error message.
_AWS_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_FORMS = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


def parse_function_name(text: str, caller: Caller, qualifier: str | None = None) -> Target:
    """Return what a FunctionName means to a caller, joined with the request's Qualifier.

    A region other than the caller's is out of reach; another account is not judged here.
    AWS: API_Invoke, "FunctionName" (name formats).
    """
    match = _FORMS.fullmatch(text)
    if match is None:
        rule = f"Member must satisfy regular expression pattern: {_AWS_PATTERN}"
        raise constraint(text, "functionName", rule)
    name, derived = match["name"], match["qualifier"]
    if len(name) > NAME_CHARS_MAX:
        rule = f"Member must have length less than or equal to {NAME_CHARS_MAX}"
        raise invalid(constraint(name, "functionName", rule).message)
    region = match["region"] or caller.region
    if region != caller.region:
        raise not_found(
            f"Functions from '{region}' are not reachable in this region ('{caller.region}')"
        )
    if derived and qualifier and derived != qualifier:
        raise invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Target(match["account"] or caller.account, region, name, qualifier or derived)


def number_of(text: str) -> int | None:
    """Return the number of a version that a text writes in the only way there is, or None."""
    if not (text.isascii() and text.isdigit() and len(text) < _NUMBER_DIGITS):
        return None
    number = int(text)
    return number if str(number) == text else None


class LayerName(NamedTuple):
    """What a layer's name in a request means."""

    account: str
    region: str
    name: str


def parse_layer_name(text: str, caller: Caller) -> LayerName:
    """Return what a LayerName means to a caller: a name, or an ARN without a version.

    AWS: API_PublishLayerVersion, "LayerName".
    """
    arn = parse_arn(text)
    if arn is None:
        return LayerName(caller.account, caller.region, text)
    return LayerName(arn.account, arn.region, arn.resource.removeprefix("layer:"))


def parse_layer_version(text: str) -> tuple[LayerName, int]:
    """Return what the ARN of a layer's version means.

    AWS: API_CreateFunction, "Layers"; layers of AWS's own, which the pattern allows, do not exist.
    """
    arn = parse_arn(text)
    kind, _, rest = ("", "", "") if arn is None else arn.resource.partition(":")
    name, _, number = rest.partition(":")
    version = number_of(number)
    if arn is None or kind != "layer" or version is None:
        raise invalid(f"Layer version {text} does not exist.")
    return LayerName(arn.account, arn.region, name), version
