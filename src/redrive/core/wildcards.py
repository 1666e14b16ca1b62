"""The patterns of policies: *, ?, ${variables}, and ARNs matched part by part. Pure.

A pattern is compiled once and matched in time bounded by the product of the lengths, whatever it
holds. AWS: IAM User Guide, "IAM JSON policy elements: Resource", "Variables and tags", "Condition
operators" (ArnEquals and ArnLike).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

ARN_PARTS = 6

_VARIABLE = re.compile(r"\$\{([^{},]*)(?:,\s*'([^']*)'\s*)?\}")
"""Without a brace in a name, so that no text takes more time to search than its length."""

Fact = str | tuple[str, ...]
Facts = Mapping[str, Fact]
"""A request's condition keys, in lower case (aws:sourcearn), and their values."""


class _Wild(Enum):
    STAR = "*"
    MARK = "?"


_WILD = {"*": _Wild.STAR, "?": _Wild.MARK}
_Sign = str | _Wild


class Pattern(NamedTuple):
    """One pattern, or one part of an ARN's.

    plain: the text when nothing in it is special, else None. text is kept for its variables, which
    only a request can fill in.
    """

    plain: str | None
    signs: tuple[_Sign, ...]
    text: str
    has_variables: bool

    def matches(self, value: str, facts: Facts | None = None) -> bool:
        """Tell whether a value matches; a variable that the request does not have matches none."""
        if self.plain is not None:
            return self.plain == value
        if not self.has_variables:
            return _match(self.signs, value)
        signs = _filled(self.text, facts or {}, wild=True)
        return signs is not None and _match(signs, value)


def compile_pattern(text: str, *, variables: bool = False) -> Pattern:
    """Compile a pattern; with variables ${aws:username} and the like are filled in."""
    has_variables = variables and "${" in text
    if not has_variables and "*" not in text and "?" not in text:
        return Pattern(text, (), text, has_variables=False)
    return Pattern(None, () if has_variables else _signs(text), text, has_variables)


class ArnPattern(NamedTuple):
    """An ARN's pattern: each of its six parts is matched alone, and no wildcard reaches over a
    colon before the sixth.
    """

    parts: tuple[Pattern, ...]  # empty: matches whatever there is

    def matches(self, value: str, facts: Facts | None = None) -> bool:
        """Tell whether a value matches."""
        if not self.parts:
            return True
        found = value.split(":", ARN_PARTS - 1)
        return len(found) == ARN_PARTS and all(
            pattern.matches(part, facts) for pattern, part in zip(self.parts, found, strict=True)
        )


def compile_arn_pattern(text: str, *, variables: bool = False) -> ArnPattern:
    """Compile an ARN's pattern; parts that are left out at its end match anything.

    AWS: "IAM JSON policy elements: Resource": an incomplete ARN is completed with wildcards.
    """
    if text == "*":
        return ArnPattern(())
    given = _split_arn(text) if variables else text.split(":", ARN_PARTS - 1)
    given += ["*"] * (ARN_PARTS - len(given))
    return ArnPattern(tuple(compile_pattern(part, variables=variables) for part in given))


def _split_arn(text: str) -> list[str]:
    """Split at colons, of which those inside of ${…} are none."""
    parts: list[str] = []
    depth = start = 0
    for at, sign in enumerate(text):
        if text.startswith("${", at):
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
        elif sign == ":" and not depth and len(parts) < ARN_PARTS - 1:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def fill_in(text: str, facts: Facts) -> str | None:
    """Return a text with its variables filled in; None when the request lacks one."""
    filled = _filled(text, facts, wild=False)
    return None if filled is None else "".join(map(str, filled))


def _signs(text: str) -> tuple[_Sign, ...]:
    return tuple(_WILD.get(sign, sign) for sign in text)


def _filled(text: str, facts: Facts, *, wild: bool) -> Sequence[_Sign] | None:
    """Replace variables by their values, in which nothing is special. ${*}, ${?} and ${$} are the
    characters themselves.
    """
    filled: list[_Sign] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        filled += _signs(text[at : found.start()]) if wild else text[at : found.start()]
        at = found.end()
        name, default = found[1].strip(), found[2]
        value: Fact | None = name if name in ("*", "?", "$") else facts.get(name.lower(), default)
        if not isinstance(value, str):
            return None
        filled += value
    filled += _signs(text[at:]) if wild else text[at:]
    return filled


def _match(signs: Sequence[_Sign], text: str) -> bool:
    at = place = resume = 0
    star = -1
    while place < len(text):
        sign = signs[at] if at < len(signs) else None
        if sign is _Wild.STAR:
            star, resume = at, place
            at += 1
        elif sign is _Wild.MARK or (sign is not None and sign == text[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return all(sign is _Wild.STAR for sign in signs[at:])
