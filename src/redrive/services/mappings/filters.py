"""FilterCriteria: which messages of a queue a mapping's function gets. Pure.

A message passes when one of the patterns matches it. What a pattern sees is the record that the
function would get, its body in the form that the pattern asks for:

    body in the pattern    body of the message    result
    an object              JSON                   the parsed body is matched
    an object              plain text             dropped
    an array (of texts)    plain text             the text is matched
    an array (of texts)    JSON                   dropped
    none                   any                    the rest of the record is matched

JSON is whatever parses as such, a number or a text in quotes too.
AWS: Lambda Developer Guide, "Using event filtering with an Amazon SQS event source".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from redrive.core.patterns import Flat, PatternError, Rule, compile_pattern, flatten, paths_to
from redrive.services.mappings.records import Record
from redrive.services.mappings.refusals import bad_filter

_BODY, _IN_BODY = "body", "body."


class Sieve:
    """The compiled filters of one mapping."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._of_text: list[Rule] = []
        self._of_json: list[Rule] = []
        self._of_either: list[Rule] = []
        for text in patterns:
            for rule in compile_pattern(text).rules:
                self._sort_in(rule)
        self._wanted = paths_to(self._of_text + self._of_json + self._of_either)

    def _sort_in(self, rule: Rule) -> None:
        asks_text = any(field.path == _BODY for field in rule.fields)
        asks_json = any(field.path.startswith(_IN_BODY) for field in rule.fields)
        if asks_text and asks_json:
            return  # by way of $or: no body is both
        if asks_text:
            self._of_text.append(rule)
        elif asks_json:
            self._of_json.append(rule)
        else:
            self._of_either.append(rule)

    def passes(self, record: Record) -> bool:
        """Tell whether a message is for the function."""
        shown: dict[str, Any] = orjson.loads(record.text)
        try:
            body, is_json = orjson.loads(shown[_BODY]), True
        except orjson.JSONDecodeError:
            body, is_json = shown[_BODY], False
        rules = self._of_either + (self._of_json if is_json else self._of_text)
        if not rules:
            return False
        seen: Flat = flatten({**shown, _BODY: body}, self._wanted)
        return any(rule.matches(seen) for rule in rules)


def check_patterns(patterns: Sequence[str]) -> None:
    """Refuse what is no pattern. AWS: as captured (invalid event filters)."""
    for text in patterns:
        try:
            compile_pattern(text)
        except PatternError:
            raise bad_filter() from None
