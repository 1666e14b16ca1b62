"""Metric math: what a tree comes to, over the series of other queries. Pure.

A value is a number, a Line (values at instants, with a period), or a list of lines. Operators take
numbers and lines, and lists line by line; of two lines only the instants count that both have.
AWS: CloudWatch User Guide, "Metric math syntax and functions". Supported: + - * / ^, comparisons,
AND, OR; ABS AVG CEIL DATAPOINT_COUNT DIFF FILL FIRST FLOOR IF LAST LOG LOG10 MAX METRICS
METRIC_COUNT MIN PERIOD RATE RUNNING_SUM STDDEV SUM TIME_SERIES. Everything else is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.core.time import SECOND_MS
from redrive.services.metrics.expressions import Apply, Name, Number, Text, Tree, refuse
from redrive.services.metrics.statistics import Span


class Line(NamedTuple):
    """Values at instants, in order of time."""

    values: Mapping[int, float]
    period_ms: int


Value = float | Line | list[Line]


INSTANTS_MAX = 200_000


VALUES_MAX = 5_000_000
"""Some two seconds of work, in which nothing else is done."""


class Budget:
    """How many instants FILL and TIME_SERIES may still make in one request, and how many values all
    operators and functions may still take.
    """

    def __init__(self) -> None:
        self.left = INSTANTS_MAX
        self.values_left = VALUES_MAX


class Scope(NamedTuple):
    """What an expression may name: lines and lists by query id, and which of them are metrics."""

    expression: str
    values: Mapping[str, Value]
    metrics: Sequence[str]  # ids of the queries with a MetricStat, in their order
    start_ms: int
    end_ms: int
    budget: Budget

    def instants(self, period_ms: int) -> list[int]:
        """Return the start of each period of the request."""
        count = Span(self.start_ms, self.end_ms, period_ms).periods if period_ms else 0
        self.budget.left -= count
        if self.budget.left < 0:
            raise refuse(
                self.expression, f"The request would fill more than {INSTANTS_MAX} datapoints"
            )
        return [self.start_ms + k * period_ms for k in range(count)]

    def spend(self, value: Value) -> Value:
        """Return a value that is about to be worked on."""
        for line in value if isinstance(value, list) else (value,):
            self.budget.values_left -= len(line.values) if isinstance(line, Line) else 1
        if self.budget.values_left < 0:
            raise refuse(
                self.expression, f"The request would reckon with more than {VALUES_MAX} values"
            )
        return value


def evaluate(tree: Tree, scope: Scope) -> Value:
    """Return what a tree comes to. Raises ServiceError (ValidationError)."""
    return scope.spend(_evaluate(tree, scope))


def _evaluate(tree: Tree, scope: Scope) -> Value:
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Text):
        raise refuse(scope.expression, "A text is only an argument of METRICS")
    if isinstance(tree, Name):
        if tree.name not in scope.values:
            raise refuse(scope.expression, f"Unknown id {tree.name}")
        return scope.values[tree.name]
    if tree.name == "[]":
        return [line for part in tree.arguments for line in _lines(evaluate(part, scope), scope)]
    if tree.name in _OPERATORS:
        left, right = (evaluate(part, scope) for part in tree.arguments)
        return _combine(_OPERATORS[tree.name], left, right, scope)
    if tree.name == "METRICS":
        return _metrics(tree, scope)
    if tree.name == "FILL":
        return _fill(tree, scope)
    work = _FUNCTIONS.get(tree.name)
    if work is None:
        raise refuse(scope.expression, f"The function {tree.name} is not supported")
    arguments = [evaluate(part, scope) for part in tree.arguments]
    return work(arguments, scope)


def _lines(value: Value, scope: Scope) -> list[Line]:
    if isinstance(value, Line):
        return [value]
    if isinstance(value, list):
        return value
    raise refuse(scope.expression, "A number stands where a time series is needed")


# --- operators --------------------------------------------------------------------------------

_Binary = Callable[[float, float], float | None]


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        result = left**right
    except (OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float | int) else None


_OPERATORS: Mapping[str, _Binary] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "^": _power,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}


def _combine(work: _Binary, left: Value, right: Value, scope: Scope) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        raise refuse(scope.expression, "An operator takes one array of time series, not two")
    if isinstance(left, list):
        return [_line(_combine(work, one, right, scope)) for one in left]
    if isinstance(right, list):
        return [_line(_combine(work, left, one, scope)) for one in right]
    if isinstance(left, Line) and isinstance(right, Line):
        pairs = {
            at: (left.values[at], right.values[at]) for at in left.values if at in right.values
        }
        return _made(pairs, work, max(left.period_ms, right.period_ms))
    if isinstance(left, Line):
        assert isinstance(right, float)
        return _made(
            {at: (value, right) for at, value in left.values.items()}, work, left.period_ms
        )
    if isinstance(right, Line):
        return _made(
            {at: (left, value) for at, value in right.values.items()}, work, right.period_ms
        )
    result = work(left, right)
    if result is None:
        raise refuse(scope.expression, "The result of an operator is not a number")
    return result


def _line(value: Value) -> Line:
    assert isinstance(value, Line)
    return value


def _made(pairs: Mapping[int, tuple[float, float]], work: _Binary, period_ms: int) -> Line:
    """Return a line; an instant without a finite result has none."""
    results = ((at, work(*pair)) for at, pair in pairs.items())
    return Line({at: v for at, v in results if v is not None and math.isfinite(v)}, period_ms)


# --- functions --------------------------------------------------------------------------------

_Function = Callable[[list[Value], Scope], Value]


def _one(arguments: list[Value], scope: Scope, name: str) -> Value:
    if len(arguments) != 1:
        raise refuse(scope.expression, f"{name} takes one argument")
    return arguments[0]


def _pointwise(name: str, work: Callable[[float], float]) -> _Function:
    def apply(arguments: list[Value], scope: Scope) -> Value:
        value = _one(arguments, scope, name)
        return _combine(lambda one, _zero: _sound(work, one), value, 0.0, scope)

    return apply


def _sound(work: Callable[[float], float], value: float) -> float | None:
    try:
        return float(work(value))
    except (ValueError, OverflowError):  # the logarithm of what is not positive
        return None


def _along(name: str, work: Callable[[Line], Line]) -> _Function:
    """Return a function of a line to a line, and of a list to a list."""

    def apply(arguments: list[Value], scope: Scope) -> Value:
        value = _one(arguments, scope, name)
        made = [work(line) for line in _lines(value, scope)]
        return made if isinstance(value, list) else made[0]

    return apply


def _total(name: str, work: Callable[[list[float]], float]) -> _Function:
    """Return a function of a line to a number, and of a list to a line."""

    def apply(arguments: list[Value], scope: Scope) -> Value:
        value = _one(arguments, scope, name)
        if isinstance(value, list):
            at_each: dict[int, list[float]] = {}
            for line in value:
                for at_ms, one in line.values.items():
                    at_each.setdefault(at_ms, []).append(one)
            period_ms = max((line.period_ms for line in value), default=0)
            return Line({at: reckon(ones) for at, ones in sorted(at_each.items())}, period_ms)
        return reckon(list(value.values.values())) if isinstance(value, Line) else value

    def reckon(values: list[float]) -> float:
        try:
            return work(values) if values else math.nan  # what is not a number is no datapoint
        except (ValueError, OverflowError):
            return math.nan

    return apply


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in values) / len(values))


def _running(line: Line) -> Line:
    total = 0.0
    sums: dict[int, float] = {}
    for at_ms, value in line.values.items():
        total += value
        sums[at_ms] = total
    return Line(sums, line.period_ms)


def _differences(line: Line, *, a_second: bool) -> Line:
    found: dict[int, float] = {}
    before: tuple[int, float] | None = None
    for at_ms, value in line.values.items():
        if before is not None:
            seconds = (at_ms - before[0]) / SECOND_MS if a_second else 1
            found[at_ms] = (value - before[1]) / seconds
        before = at_ms, value
    return Line(found, line.period_ms)


def _if(arguments: list[Value], scope: Scope) -> Value:
    """IF(condition, value where it holds[, value where not]); of lines, instant by instant."""
    if len(arguments) not in (2, 3) or any(isinstance(one, list) for one in arguments):
        raise refuse(scope.expression, "IF takes a condition and one or two values, and no arrays")
    condition, *choices = arguments
    if not isinstance(condition, Line):
        if condition:
            return choices[0]
        return choices[1] if len(choices) == 2 else Line({}, 0)
    chosen: dict[int, float] = {}
    for at_ms, holds in condition.values.items():
        choice = choices[0] if holds else choices[1] if len(choices) == 2 else None
        value = choice.values.get(at_ms) if isinstance(choice, Line) else choice
        if isinstance(value, float):
            chosen[at_ms] = value
    return Line(chosen, condition.period_ms)


def _metric_count(arguments: list[Value], scope: Scope) -> Value:
    return float(len(_lines(_one(arguments, scope, "METRIC_COUNT"), scope)))


def _period(arguments: list[Value], scope: Scope) -> Value:
    value = _one(arguments, scope, "PERIOD")
    if not isinstance(value, Line):
        raise refuse(scope.expression, "PERIOD takes one metric")
    return value.period_ms / SECOND_MS


def _time_series(arguments: list[Value], scope: Scope) -> Value:
    value = _one(arguments, scope, "TIME_SERIES")
    if not isinstance(value, float):
        raise refuse(scope.expression, "TIME_SERIES takes a number")
    period_ms = max((_period_of(one) for one in scope.values.values()), default=0) or 60_000
    return Line(dict.fromkeys(scope.instants(period_ms), value), period_ms)


def _period_of(value: Value) -> int:
    return value.period_ms if isinstance(value, Line) else 0


_FUNCTIONS: Mapping[str, _Function] = {
    "neg": _pointwise("-", lambda value: -value),
    "ABS": _pointwise("ABS", abs),
    "CEIL": _pointwise("CEIL", math.ceil),
    "FLOOR": _pointwise("FLOOR", math.floor),
    "LOG": _pointwise("LOG", math.log),
    "LOG10": _pointwise("LOG10", math.log10),
    "AVG": _total("AVG", lambda values: math.fsum(values) / len(values)),
    "SUM": _total("SUM", math.fsum),
    "MIN": _total("MIN", min),
    "MAX": _total("MAX", max),
    "STDDEV": _total("STDDEV", _deviation),
    "FIRST": _total("FIRST", lambda values: values[0]),
    "LAST": _total("LAST", lambda values: values[-1]),
    "DATAPOINT_COUNT": _total("DATAPOINT_COUNT", lambda values: float(len(values))),
    "DIFF": _along("DIFF", lambda line: _differences(line, a_second=False)),
    "RATE": _along("RATE", lambda line: _differences(line, a_second=True)),
    "RUNNING_SUM": _along("RUNNING_SUM", _running),
    "IF": _if,
    "METRIC_COUNT": _metric_count,
    "PERIOD": _period,
    "TIME_SERIES": _time_series,
}


def _metrics(tree: Apply, scope: Scope) -> Value:
    """METRICS() is all metrics of the request, METRICS("text") those whose id holds the text."""
    arguments = tree.arguments
    if len(arguments) > 1 or not all(isinstance(one, Text) for one in arguments):
        raise refuse(scope.expression, "METRICS takes a text, or nothing")
    text = arguments[0].value if arguments and isinstance(arguments[0], Text) else ""
    chosen = (scope.values[name] for name in scope.metrics if text in name)
    return [line for line in chosen if isinstance(line, Line)]


def _fill(tree: Apply, scope: Scope) -> Value:
    """FILL(line or list, number | line | REPEAT | LINEAR) has a value in each period."""
    if len(tree.arguments) != 2:
        raise refuse(scope.expression, "FILL takes two arguments")
    value, how = evaluate(tree.arguments[0], scope), tree.arguments[1]
    if isinstance(how, Name) and how.name in ("REPEAT", "LINEAR"):
        filler: float | Line | str = how.name
    else:
        given = evaluate(how, scope)
        if isinstance(given, list):
            raise refuse(scope.expression, "FILL takes a number, a metric, REPEAT or LINEAR")
        filler = given
    made = [_filled(line, filler, scope) for line in _lines(value, scope)]
    return made if isinstance(value, list) else made[0]


def _filled(line: Line, filler: float | Line | str, scope: Scope) -> Line:
    filled: dict[int, float] = {}
    before: tuple[int, float] | None = None
    known = iter(sorted(line.values.items()))
    following = next(known, None)
    for at_ms in scope.instants(line.period_ms):
        if following is not None and following[0] <= at_ms:
            before, following = following, next(known, None)
        value: float | None
        if at_ms in line.values:
            value = line.values[at_ms]
        elif isinstance(filler, Line):
            value = filler.values.get(at_ms)
        elif isinstance(filler, float):
            value = filler
        elif before is None:
            value = None
        elif filler == "REPEAT" or following is None:
            value = before[1]
        else:
            share = (at_ms - before[0]) / (following[0] - before[0])
            value = before[1] + share * (following[1] - before[1])
        if value is not None:
            filled[at_ms] = value
    return Line(filled, line.period_ms)


def as_lines(value: Value, scope: Scope) -> list[Line]:
    """Return what an expression returns as data: it must be one or several time series."""
    if isinstance(value, float):
        raise _no_series(scope.expression)
    return value if isinstance(value, list) else [value]


def _no_series(expression: str) -> ServiceError:
    return refuse(expression, "The expression must return time series, and this one is a number")
