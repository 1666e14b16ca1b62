"""The rule of a composite alarm: a text becomes a tree, and a tree a truth. Pure.

    rule = and {OR and};  and = not {AND not};  not = NOT not | atom
    atom = ( rule ) | TRUE | FALSE | (ALARM | OK | INSUFFICIENT_DATA)( name )

A name stands in double quotes, or as it is up to the closing parenthesis; it may be an ARN. Words
are written in capitals or not. AWS: API_PutCompositeAlarm, "AlarmRule".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redrive.services.alarms.model import State
from redrive.services.alarms.refusals import invalid

CHILDREN_MAX = 100
ELEMENTS_MAX = 500
"""AWS: API_PutCompositeAlarm."""

NESTING_MAX = 100

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<function>(?:ALARM|OK|INSUFFICIENT_DATA)(?=\s*\())
        \s*\(\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>[^()"]+?))\s*\)
      | (?P<word>AND|OR|NOT|TRUE|FALSE)\b
      | (?P<sign>[()])
    )""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Is:
    """An alarm, by its name, is in a state."""

    state: State
    name: str


@dataclass(frozen=True, slots=True)
class Always:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Join:
    """AND or OR of two or more."""

    word: str
    rules: tuple[Rule, ...]


Rule = Is | Always | Not | Join


def parse_rule(text: str) -> Rule:
    """Return the tree of a rule. Raises ServiceError (ValidationError)."""
    return _Parser(text).whole()


def names_in(rule: Rule) -> list[str]:
    """Return the alarms that a rule names, each once, in their order."""
    return list(dict.fromkeys(_names(rule)))


def _names(rule: Rule) -> Iterator[str]:
    if isinstance(rule, Is):
        yield rule.name
    elif isinstance(rule, Not):
        yield from _names(rule.rule)
    elif isinstance(rule, Join):
        for one in rule.rules:
            yield from _names(one)


def is_met(rule: Rule, state_of: Callable[[str], State | None]) -> bool:
    """Tell whether a rule holds. An alarm that is no more (None) is in no state."""
    if isinstance(rule, Is):
        return state_of(rule.name) == rule.state
    if isinstance(rule, Always):
        return rule.value
    if isinstance(rule, Not):
        return not is_met(rule.rule, state_of)
    met = (is_met(one, state_of) for one in rule.rules)
    return all(met) if rule.word == "AND" else any(met)


def alarm_name(text: str) -> str:
    """Return the name in an ARN of an alarm; a name is returned as it is."""
    _before, mark, name = text.partition(":alarm:")
    return name if mark and text.startswith("arn:") else text


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0
        self._depth = 0

    def _split(self, text: str) -> Iterator[Is | str]:
        place, count, end = 0, 0, len(text.rstrip())
        children: set[str] = set()
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._refuse(f"unexpected text at position {place + 1}")
            place = match.end()
            if match["function"]:
                name = alarm_name(match["quoted"] or match["plain"])
                children.add(name)
                state: State = match["function"].upper()  # type: ignore[assignment]
                yield Is(state, name)
            else:
                yield (match["word"] or match["sign"]).upper()
            count += (match["word"] or "").upper() not in ("AND", "OR", "NOT")
        if count > ELEMENTS_MAX:
            raise self._refuse(f"it has more than {ELEMENTS_MAX} elements")
        if len(children) > CHILDREN_MAX:
            raise self._refuse(f"it names more than {CHILDREN_MAX} alarms")

    def _refuse(self, why: str) -> Exception:
        return invalid(f"AlarmRule is not valid: {why}.")

    def whole(self) -> Rule:
        """Return the tree of all tokens."""
        rule = self._or()
        if self._at < len(self._tokens):
            raise self._refuse(f"unexpected {self._peek()!s}")
        return rule

    def _peek(self) -> Is | str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _or(self) -> Rule:
        self._deeper()
        rule = self._chain("OR", self._and)
        self._depth -= 1
        return rule

    def _and(self) -> Rule:
        return self._chain("AND", self._not)

    def _chain(self, word: str, below: Callable[[], Rule]) -> Rule:
        rules = [below()]
        while self._take(word):
            rules.append(below())
        return rules[0] if len(rules) == 1 else Join(word, tuple(rules))

    def _not(self) -> Rule:
        if not self._take("NOT"):
            return self._atom()
        self._deeper()
        rule = Not(self._not())
        self._depth -= 1
        return rule

    def _atom(self) -> Rule:
        token = self._peek()
        if isinstance(token, Is):
            self._at += 1
            return token
        if self._take("("):
            rule = self._or()
            if not self._take(")"):
                raise self._refuse("a parenthesis is not closed")
            return rule
        if token in ("TRUE", "FALSE"):
            self._at += 1
            return Always(token == "TRUE")
        raise self._refuse(f"unexpected {token}" if token else "it is not complete")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._refuse("it is nested too deeply")
