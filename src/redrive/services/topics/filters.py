"""Filter policies: SNS's own grammar, and whether a message passes. Pure.

A policy is an event pattern (core/patterns.py) with fewer operators, and with limits of its own.
Its words of refusal are those of the library that both share, with the place in the text.
AWS: SNS Developer Guide, "Amazon SNS subscription filter policies"; texts as captured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NoReturn

import orjson

from redrive.core.patterns import Pattern, PatternError, compile_pattern
from redrive.core.patterns_grammar import OPERATOR_NAMES
from redrive.services.topics.refusals import invalid
from redrive.services.topics.tokens import Malformed, Token, fail, place, tokens_of

ATTRIBUTES = "MessageAttributes"
BODY = "MessageBody"
SCOPES = (ATTRIBUTES, BODY)

KEYS_MAX = 5
COMBINATIONS_MAX = 150
POLICY_BYTES_MAX = 262_144
"""AWS: "Filter policy constraints"."""

_SHOWN_MAX = 500
_ONE_KEY = "Only one key allowed in match expression"
_TEXT_OPERATORS = ("prefix", "suffix", "equals-ignore-case")
_EMPTY = "{}"


class Verdict(Enum):
    """What a filter policy says of a message; the value ends a metric's name.

    AWS: SNS Developer Guide, "Monitoring Amazon SNS topics using CloudWatch",
    NumberOfNotificationsFilteredOut-...
    """

    PASSES = ""
    NO_ATTRIBUTES = "NoMessageAttributes"
    BAD_ATTRIBUTES = "InvalidAttributes"
    ATTRIBUTES = "MessageAttributes"
    BODY = "MessageBody"
    BAD_BODY = "InvalidMessageBody"


# --- judging messages ---------------------------------------------------------------------------


def judge_attributes(text: str, attributes: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """Tell what a policy says of message attributes, as Publish has them."""
    if text == _EMPTY:
        return Verdict.PASSES
    event: dict[str, Any] = {}
    is_readable = True
    for name, given in attributes.items():
        try:
            read = _attribute(given)
        except ValueError:
            is_readable = False
            continue
        if read is not None:
            event[name] = read
    if compiled(text).matches(event):
        return Verdict.PASSES
    if not attributes:
        return Verdict.NO_ATTRIBUTES
    return Verdict.ATTRIBUTES if is_readable else Verdict.BAD_ATTRIBUTES


def judge_body(text: str, body: str) -> Verdict:
    """Tell what a policy says of a message's body; one that is no JSON object does not pass."""
    if text == _EMPTY:
        return Verdict.PASSES
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Verdict.BAD_BODY
    if not isinstance(event, dict):
        return Verdict.BAD_BODY
    return Verdict.PASSES if compiled(text).matches(event) else Verdict.BODY


def _attribute(given: Mapping[str, Any]) -> list[Any] | None:
    """Return the values of an attribute; None: filters do not see it. Raises ValueError.

    AWS: "Message filtering... ignores message attributes of the type Binary"; an array passes with
    any of its elements.
    """
    kind = str(given["DataType"])
    if kind.startswith("Binary"):
        return None
    text = given["StringValue"]
    if kind.startswith("Number"):
        return [_number(text)]
    if kind != "String.Array":
        return [text]
    values = orjson.loads(text)
    if not isinstance(values, list):
        values = [values]
    return [value for value in values if not isinstance(value, list | dict)]


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


@lru_cache(maxsize=10_000)
def compiled(text: str) -> Pattern:
    """Return the pattern of a policy that has been checked."""
    return compile_pattern(text)


# --- checking policies --------------------------------------------------------------------------


def check_policy(text: str, scope: str, prefix: str) -> None:
    """Refuse a policy that SNS does not take. prefix: what AWS's words begin with, by operation."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise invalid(f"{prefix}FilterPolicy: Filter policy exceeds {POLICY_BYTES_MAX} bytes")
    try:
        tokens = list(tokens_of(text))
        if not tokens or tokens[0].kind != "{":
            fail(text, "Filter is not an object", tokens[0].at)
    except Malformed as error:
        raise invalid(f"{prefix}FilterPolicy: failed to parse JSON. {error}") from None
    try:
        given = json.loads(text, object_pairs_hook=_distinct)
    except ValueError as error:  # what follows the object, or a name that is given twice
        raise invalid(f"{prefix}FilterPolicy: failed to parse JSON. {error}") from None
    try:
        if given:
            _Walk(text, tokens).check_object(given)
            compiled(text)
        _check_limits(given)
    except PatternError as error:
        raise invalid(f"{prefix}FilterPolicy: {error}") from None
    check_nesting(given, scope)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("Duplicate field")
    return made


def check_nesting(given: Mapping[str, Any], scope: str) -> None:
    """Refuse nested names where a policy is for attributes, which have none."""
    if scope == ATTRIBUTES and _is_nested(given):
        raise invalid("Filter policy scope MessageAttributes does not support nested filter policy")


def _is_nested(given: Mapping[str, Any]) -> bool:
    return any(
        isinstance(value, dict)
        or (is_choice(name, value) and any(_is_nested(choice) for choice in value))
        for name, value in given.items()
    )


def is_choice(name: str, value: Any) -> bool:
    """Tell whether a member is the operator $or and not a field of that name."""
    return (
        name == "$or"
        and isinstance(value, list)
        and len(value) > 1
        and all(isinstance(item, dict) and not item.keys() & OPERATOR_NAMES for item in value)
    )


def _check_limits(given: Mapping[str, Any]) -> None:
    """AWS: "Filter policy constraints": of a nested policy, only the outermost names count."""
    if len(given) > KEYS_MAX:
        raise PatternError(f"Filter policy can not have more than {KEYS_MAX} keys")
    if _combinations(given, 1, 1) > COMBINATIONS_MAX:
        raise PatternError("Filter policy is too complex")


def _combinations(given: Mapping[str, Any], depth: int, count: int) -> int:
    """Return how many combinations of values a policy has: each array multiplies by its length and
    by how deep it stands. AWS: the same page, its example is 3 x 4 x 2 x 3.
    """
    for name, value in given.items():
        if isinstance(value, dict):
            count = _combinations(value, depth + 1, count)
        elif is_choice(name, value):
            count = sum(_combinations(choice, depth, count) for choice in value)
        else:
            count *= len(value) * depth
    return count


class _Walk:
    """Goes through a policy's tokens as AWS's library does, so that it refuses at its places."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 1  # the outermost brace has been met
        rest = len(text) - _SHOWN_MAX
        tail = f"[truncated {rest} chars]" if rest > 0 else ""
        self._source = f'(String)"{text[:_SHOWN_MAX]}"{tail}'

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _fail(self, reason: str, at: int) -> NoReturn:
        raise PatternError(f"{reason}{place(self._text, at, self._source)}")

    def check_object(self, given: Mapping[str, Any]) -> None:
        """Check an object whose opening brace has been taken."""
        token = self._take()
        if token.kind == "}":
            self._fail("Empty objects are not allowed", token.at)
        while token.kind != "}":
            name = token.value
            value = self._take()
            if value.kind == "{":
                self.check_object(given[name])
            elif value.kind != "[":
                self._fail(f'"{name}" must be an object or an array', value.at)
            elif is_choice(name, given[name]):
                for choice in given[name]:
                    self._take()
                    self.check_object(choice)
                self._take()
            else:
                self._check_alternatives()
            token = self._take()

    def _check_alternatives(self) -> None:
        token = self._take()
        if token.kind == "]":
            self._fail("Empty arrays are not allowed", token.at)
        while token.kind != "]":
            if token.kind == "[":
                reason = "Match value must be String, number, true, false, or null"
                self._fail(reason, token.at)
            if token.kind == "{":
                self._check_expression()
            token = self._take()

    def _check_expression(self) -> None:
        token = self._take()
        if token.kind != "name":
            self._fail("Match expression name not found", token.at)
        name = token.value
        if name in _TEXT_OPERATORS:
            self._text_of(name)
        elif name == "cidr":
            self._text_of("prefix")
        elif name == "exists":
            value = self._take()
            if not isinstance(value.value, bool):
                self._fail("exists match pattern must be either true or false.", value.at)
        elif name == "numeric":
            self._check_numeric()
        elif name == "anything-but":
            self._check_anything_but()
        else:
            self._fail(f"Unrecognized match type {name}", token.at)
        self._close()

    def _close(self) -> None:
        token = self._take()
        if token.kind != "}":
            self._fail(_ONE_KEY, token.at)

    def _text_of(self, name: str) -> None:
        value = self._take()
        if value.kind != "text":
            self._fail(f"{name} match pattern must be a string", value.at)

    def _check_anything_but(self) -> None:
        token = self._take()
        if token.kind == "{":
            name = self._take()
            if name.kind != "name":
                self._fail("Anything-But expression name not found", name.at)
            if name.value != "prefix":
                self._fail(f"Unsupported anything-but pattern: {name.value}", name.at)
            self._text_of("prefix")
            self._close()
        elif token.kind == "[":
            self._check_excluded()
        elif token.kind not in ("text", "number"):
            reason = "Value of anything-but must be an array or single string/number value."
            self._fail(reason, token.at)

    def _check_excluded(self) -> None:
        kinds = set()
        token = self._take()
        while token.kind != "]":
            if token.kind not in ("text", "number"):
                reason = "Inside anything but list, start|null|boolean is not supported."
                self._fail(reason, token.at)
            kinds.add(token.kind)
            token = self._take()
        if len(kinds) != 1:
            reason = (
                "Inside anything but list, either all values are number or string, mixed type is"
                " not supported"
            )
            self._fail(reason, token.at)

    # --- numeric --------------------------------------------------------------------------------

    def _check_numeric(self) -> None:
        token = self._take()
        if token.kind != "[":
            self._fail("Value of numeric must be an array.", token.at)
        operator = self._take()
        if operator.kind != "text":
            shown = "]" if operator.kind == "]" else self._written(operator)
            self._fail(f"Invalid member in numeric match: {shown}", operator.at)
        first = self._take()
        name = operator.value
        if name not in ("=", "<", "<=", ">", ">="):
            self._fail(f"Unrecognized numeric range operator: {name}", first.at)
        self._check_number(first, "equals" if name == "=" else name)
        token = self._take()
        if token.kind == "]":
            return
        if name in ("=", "<", "<="):
            self._fail("Too many elements in numeric expression", token.at)
        self._check_top(token, first.value)

    def _check_top(self, operator: Token, bottom: float) -> None:
        if operator.kind != "text":
            self._fail(f"Bad value in numeric range: {self._written(operator)}", operator.at)
        name = operator.value
        if name not in ("<", "<="):
            self._fail(f"Bad numeric range operator: {name}", operator.end)
        top = self._take()
        self._check_number(top, name)
        token = self._take()
        if token.kind != "]":
            self._fail("Too many terms in numeric range expression", token.at)
        if bottom >= top.value:
            self._fail("Bottom must be less than top", token.at)

    def _check_number(self, token: Token, name: str) -> None:
        if token.kind != "number":
            self._fail(f"Value of {name} must be numeric", token.at)

    def _written(self, token: Token) -> str:
        if token.kind in ("number", "word"):
            return json.dumps(token.value)
        return token.kind
