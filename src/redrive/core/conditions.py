"""The conditions of policies: operators, and what a request says of itself. Pure.

A condition that this file does not know, or whose value is not of its operator's kind, has no
answer (None): whoever evaluates a policy lets it keep out and never let in.
AWS: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple
context keys or values".
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from redrive.core.wildcards import Facts, compile_arn_pattern, compile_pattern, fill_in

Test = Callable[[str, Facts], bool]
"""Whether one value of a request meets what one value of a policy wants."""

Maker = Callable[[str, bool], Test]
"""From a policy's value, and whether it may hold variables, to its test. Raises ValueError."""

_ANY, _ALL = "ForAnyValue:", "ForAllValues:"


class _Operator(NamedTuple):
    make: Maker
    is_negated: bool = False


class Condition(NamedTuple):
    """One key of one operator. tests is None for what cannot be understood."""

    key: str  # in lower case
    tests: tuple[Test, ...] | None
    is_negated: bool = False
    if_exists: bool = False
    quantifier: str = ""  # "", ForAnyValue: or ForAllValues:
    is_null: bool | None = None  # the Null operator: the key has to be absent (or there)

    def holds(self, facts: Facts) -> bool | None:
        """Tell whether a request meets it; None when nobody can tell."""
        found = facts.get(self.key)
        if self.is_null is not None:
            return (found is None) == self.is_null
        if self.tests is None:
            return None
        if found is None:
            is_met = self.quantifier == _ALL or (self.is_negated and self.quantifier != _ANY)
            return is_met or self.if_exists
        values = (found,) if isinstance(found, str) else found
        if self.quantifier == _ALL:
            return all(self._meets(value, facts) for value in values)
        return any(self._meets(value, facts) for value in values)

    def _meets(self, value: str, facts: Facts) -> bool:
        assert self.tests is not None
        return any(test(value, facts) for test in self.tests) != self.is_negated


def compile_conditions(blocks: Mapping[str, Any], *, variables: bool) -> tuple[Condition, ...]:
    """Compile a statement's Condition; all of it has to hold. What is unknown compiles as well."""
    return tuple(
        _compile(operator, key, wanted, variables)
        for operator, keys in blocks.items()
        for key, wanted in keys.items()
    )


def problem_of(operator: str, wanted: Sequence[Any]) -> str | None:
    """Return what is wrong with an operator and its values, or None."""
    compiled = _compile(operator, "key", list(wanted), variables=True)
    if compiled.is_null is not None or compiled.tests is not None:
        return None
    return f"the condition {operator} is not known, or its value does not fit"


def _compile(operator: str, key: str, wanted: Any, variables: bool) -> Condition:
    given = wanted if isinstance(wanted, list) else [wanted]
    quantifier = next((name for name in (_ANY, _ALL) if operator.startswith(name)), "")
    name = operator.removeprefix(quantifier)
    key = key.lower()
    if name == "Null":
        texts = [_text(value) for value in given]
        if texts in (["true"], ["false"]):
            return Condition(key, None, is_null=texts == ["true"])
        return Condition(key, None)
    bare = name.removesuffix("IfExists")
    known = _OPERATORS.get(bare)
    if known is None or not given:
        return Condition(key, None)
    try:
        tests = tuple(known.make(_text(value), variables) for value in given)
    except ValueError:
        return Condition(key, None)
    return Condition(key, tests, known.is_negated, bare != name, quantifier)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(value)


# --- what the operators compare -----------------------------------------------------------------


def _equal(wanted: str, variables: bool) -> Test:
    if variables and "${" in wanted:
        return lambda value, facts: fill_in(wanted, facts) == value
    return lambda value, _facts: value == wanted


def _equal_folded(wanted: str, variables: bool) -> Test:
    if variables and "${" in wanted:
        return lambda value, facts: (fill_in(wanted, facts) or "").lower() == value.lower()
    folded = wanted.lower()
    return lambda value, _facts: value.lower() == folded


def _like(wanted: str, variables: bool) -> Test:
    return compile_pattern(wanted, variables=variables).matches


def _arn(wanted: str, variables: bool) -> Test:
    return compile_arn_pattern(wanted, variables=variables).matches


def _bool(wanted: str, _variables: bool) -> Test:
    folded = wanted.lower()
    if folded not in ("true", "false"):
        raise ValueError(wanted)
    return lambda value, _facts: value.lower() == folded


def _binary(wanted: str, _variables: bool) -> Test:
    try:
        b64decode(wanted, validate=True)
    except binascii.Error:
        raise ValueError(wanted) from None
    return lambda value, _facts: value == wanted


def _address(wanted: str, _variables: bool) -> Test:
    network: IPv4Network | IPv6Network = ip_network(wanted, strict=False)

    def is_inside(value: str, _facts: Facts) -> bool:
        try:
            address = ip_address(value)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address) in network

    return is_inside


def _ordered(read: Callable[[str], Decimal], compare: Callable[[int], bool]) -> Maker:
    def make(wanted: str, _variables: bool) -> Test:
        limit = read(wanted)

        def test(value: str, _facts: Facts) -> bool:
            try:
                found = read(value)
            except ValueError:
                return False
            return compare((found > limit) - (found < limit))

        return test

    return make


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


def _instant(text: str) -> Decimal:
    """Read epoch seconds, or ISO 8601 with a date at least; without an offset it is UTC."""
    try:
        return _number(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return Decimal((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _operators() -> Mapping[str, _Operator]:
    known = {
        "StringEquals": _Operator(_equal),
        "StringNotEquals": _Operator(_equal, is_negated=True),
        "StringEqualsIgnoreCase": _Operator(_equal_folded),
        "StringNotEqualsIgnoreCase": _Operator(_equal_folded, is_negated=True),
        "StringLike": _Operator(_like),
        "StringNotLike": _Operator(_like, is_negated=True),
        "ArnEquals": _Operator(_arn),
        "ArnNotEquals": _Operator(_arn, is_negated=True),
        "ArnLike": _Operator(_arn),
        "ArnNotLike": _Operator(_arn, is_negated=True),
        "Bool": _Operator(_bool),
        "BinaryEquals": _Operator(_binary),
        "IpAddress": _Operator(_address),
        "NotIpAddress": _Operator(_address, is_negated=True),
    }
    for kind, read in (("Numeric", _number), ("Date", _instant)):
        known |= {
            f"{kind}Equals": _Operator(_ordered(read, lambda order: order == 0)),
            f"{kind}NotEquals": _Operator(
                _ordered(read, lambda order: order == 0), is_negated=True
            ),
            f"{kind}LessThan": _Operator(_ordered(read, lambda order: order < 0)),
            f"{kind}LessThanEquals": _Operator(_ordered(read, lambda order: order <= 0)),
            f"{kind}GreaterThan": _Operator(_ordered(read, lambda order: order > 0)),
            f"{kind}GreaterThanEquals": _Operator(_ordered(read, lambda order: order >= 0)),
        }
    return known


_OPERATORS = _operators()
