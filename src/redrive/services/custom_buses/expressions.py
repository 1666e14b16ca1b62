"""JSONata of subscribers: checked when it is given, evaluated within bounds. Pure.

    {% $events.Data.detail.id %}

The library jsonata-python evaluates; here it is kept in its place. An expression is somebody else's
program, so that it is bounded in steps, in depth and in the size of every value that it makes;
regular expressions are RE2's, whose time is bounded by the length of the text. What one call could
blow up is our own (bounds.py). Time and chance are given, so that the same event gives the same
result: $now and $millis say the instant of the attempt, $random and $shuffle draw from its bytes.
$eval does not exist.

Invariant: evaluate returns or raises ExpressionError, whatever the expression.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson
import re2

from redrive.services.custom_buses.bounds import Guard, Moment, own_functions, plain
from redrive.services.custom_buses.library import JException, Jsonata

EXPRESSIONS_KEPT_MAX = 512

_DELIMITED = re.compile(r"\{%([\s\S]+?)%\}")
_FAULTS = (
    JException,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,  # and RecursionError
    TypeError,
    ValueError,
    re2.error,
)
"""What the library raises for an expression's mistakes."""


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated; the text says why."""


def is_expression(text: str) -> bool:
    """Tell whether a parameter is an expression and not a literal."""
    return _DELIMITED.fullmatch(text) is not None


def check_expression(text: str) -> None:
    """Read an expression with its delimiters. Raises ExpressionError."""
    _compiled(text)


def evaluate(text: str, events: Any, moment: Moment) -> Any:
    """Return what an expression makes of an event, or of a list of them: JSON's values.

    It finds them as $events and as its context. None when the result is nothing. Raises
    ExpressionError.
    """
    program = _compiled(text)
    guard = Guard()
    bindings = {"events": events, **own_functions(moment, guard)}
    bindings["__evaluate_entry"] = guard.enter
    bindings["__evaluate_exit"] = guard.leave
    try:
        result = program.evaluate(events, bindings)
        guard.measure(result)
        return orjson.loads(orjson.dumps(result, default=plain))
    except _FAULTS as error:
        raise ExpressionError(_told(error)) from None
    finally:
        Jsonata.CURRENT.__dict__.clear()  # the library keeps the latest program and its values


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the expression is nested too deeply"
    return str(error)[:500] or type(error).__name__


@lru_cache(EXPRESSIONS_KEPT_MAX)
def _compiled(text: str) -> Any:
    found = _DELIMITED.fullmatch(text)
    if found is None:
        raise ExpressionError("an expression stands between {% and %}")
    try:
        program = Jsonata(found[1].strip(), _compile_regex)
    except _FAULTS as error:
        raise ExpressionError(_told(error)) from None
    if program.errors:
        raise ExpressionError(_told(program.errors[0]))
    return program


def _compile_regex(pattern: str, flags: Any) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    options.case_sensitive = not flags.case_insensitive
    prefix = "(?m)" if flags.multiline else ""
    try:
        return re2.compile(prefix + pattern, options)
    except re2.error as error:
        why = f"the regular expression /{pattern[:100]}/ is not RE2's: {error}"
        raise ValueError(why) from None
