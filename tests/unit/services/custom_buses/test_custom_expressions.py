"""JSONata within its bounds: what it makes, and what it is not allowed to."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from redrive.services.custom_buses.bounds import Moment
from redrive.services.custom_buses.expressions import (
    ExpressionError,
    check_expression,
    evaluate,
    is_expression,
)

MOMENT = Moment(1_800_000_000_000, b"seed")
EVENT = {
    "Data": {"detail": {"id": 7, "items": [{"n": 1, "p": 2.5}, {"n": 3, "p": 4}], "s": "a-1 b-2"}},
    "Metadata": {"k": "v"},
}


def made(expression: str, events: Any = EVENT) -> Any:
    """Evaluate an expression without its delimiters."""
    return evaluate(f"{{% {expression} %}}", events, MOMENT)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$events.Data.detail.id", 7),
        ("$events[0].Metadata.k", "v"),
        ("$sum(Data.detail.items.(n * p))", 14.5),
        ('{"a": Data.detail.items.n}', {"a": [1, 3]}),
        ("Data.nothing", None),
        ('$replace(Data.detail.s, /([a-z])-(\\d)/, "$2$1$$$3")', "1a$ 2b$"),
        ('$replace("aXbX", "X", "$0$0", 1)', "aXXbX"),
        ('$replace("abc", /b/, function($m) { $uppercase($m.match) })', "aBc"),
        ("$now()", "2027-01-15T08:00:00.000Z"),
        ("$millis()", 1_800_000_000_000),
        ("$distinct([1, 2, 1, 2])", [1, 2]),
        ('$pad("a", -3, "0")', "00a"),
        ('$join(["a", "b"], "-")', "a-b"),
        ("$sort($shuffle([3, 1, 2]))", [1, 2, 3]),
        ('$contains("AB", /b/i)', True),
        ("$match(Data.detail.s, /[a-z]/).match", ["a", "b"]),
        ('Data.detail ~> |$|{"id": 8}, ["items", "s"]|', {"id": 8}),
    ],
)
def test_expressions(expression: str, value: Any) -> None:
    """The language, and the functions that are ours."""
    assert made(expression) == value


def test_chance_is_given() -> None:
    """The same bytes draw the same numbers, other bytes others."""
    assert made("$random()") == made("$random()")
    other = evaluate("{% $random() %}", EVENT, MOMENT._replace(chance=b"other"))
    assert made("$random()") != other
    assert made("$random() = $random()") is False


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("($f := function($n) { $f($n + 1) }; $f(1))", "steps"),
        ("($f := function($n) { 1 + $f($n + 1) }; $f(1))", "within each other"),
        ("$map([1..200000], function($i) { $i })", "steps"),
        ("[1..9999999]", "larger"),
        ('$pad("", 1000000000)', r"\$pad"),
        ("($f := function($n, $s) { $n = 0 ? $s : $f($n - 1, $s & $s) }; $f(60, 'ab'))", "larger"),
        (
            "($f := function($x, $n) { $n = 0 ? $x : $f([$x, $x], $n - 1) }; $f([[1]], 60))",
            "larger",
        ),
        ('($s := $pad("", 1000000, "a"); $replace($s, /a/, $s))', r"\$replace"),
        ('($s := $pad("", 1000000, "a"); $join(["", "", "", "", "", ""], $s))', r"\$join"),
        ("$reduce([1..500], function($a, $b) { $a * 1000000000 })", "range"),
        ('$formatInteger(1000000000000, "I")', "Roman"),
        ('$eval("1")', r"\$eval"),
        ("1 / 0", "zero"),
        ('$error("mine")', "mine"),
        ("$nothing(1)", "non-function"),
        ("function($x) { $x }", "Symbol"),
        ("1 + 'a'", "."),
    ],
)
def test_bounds(expression: str, why: str) -> None:
    """Whatever is asked, it ends, and says why."""
    with pytest.raises(ExpressionError, match=why):
        made(expression)


@pytest.mark.parametrize("expression", ["(", "{", "$match(a, /(?=x)/)", "(" * 3_000, "a b"])
def test_what_is_malformed(expression: str) -> None:
    """It is refused when it is given."""
    with pytest.raises(ExpressionError):
        check_expression(f"{{% {expression} %}}")


def test_regular_expressions_are_linear() -> None:
    """One that others would never end with."""
    assert made('$contains($pad("", 100000, "a") & "!", /^(a+)+$/)') is False


def test_literals_are_none() -> None:
    """Only what stands between the delimiters is an expression."""
    assert is_expression("{% 1 %}")
    assert not is_expression("a {% 1 %}")
    with pytest.raises(ExpressionError):
        check_expression("1")


def test_the_interpreter_keeps_its_limit() -> None:
    """The library would have set another for the whole process."""
    assert sys.getrecursionlimit() < 10_000
