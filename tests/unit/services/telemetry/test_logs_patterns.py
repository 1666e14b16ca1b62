"""Filter patterns: which events match, and which patterns are none."""

from __future__ import annotations

import pytest

from redrive.services.telemetry.filters.comparing import BadPattern
from redrive.services.telemetry.filters.patterns import parse_pattern

ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
JSON = (
    '{"level": "ERROR", "code": 404, "ratio": 1.5, "tags": ["a", {"b": "c"}], "none": null,'
    ' "yes": true, "no": false, "text": "7", "ip": "10.0.3.4", "a.b": 1, "user": {"name": "ada x"}}'
)


def matches(pattern: str, message: str) -> bool:
    """Tell whether a message matches."""
    test = parse_pattern(pattern)
    return test is None or test(message)


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "exit with ERRORCODE: -1", True),
        ("ERROR", "an error", False),
        ("ERROR code", "code ERROR", True),
        ("ERROR code", "ERROR", False),
        ('"a b"', "xa bx", True),
        ('"a b"', "b a", False),
        ('"say \\"no\\""', 'say "no"', True),
        ("ERROR -timeout", "ERROR", True),
        ("ERROR -timeout", "ERROR timeout", False),
        ("-timeout", "fine", True),
        ('-"a b"', "a b", False),
        ("?one ?two", "two", True),
        ("?one ?two", "three", False),
        ("?one three", "three", True),
        ("größe_1", "die größe_1", True),
    ],
)
def test_terms(pattern: str, message: str, expected: bool) -> None:
    """AWS: "Match terms in log events"."""
    assert matches(pattern, message) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERROR }", True),
        ("{$.level=ERR*}", True),
        ('{ $.level = "*RR*" }', True),
        ('{ $.level = "*RO" }', False),
        ("{ $.level != INFO }", True),
        ("{ $.missing != INFO }", False),
        ("{ $.code = 404 }", True),
        ("{ $.code = 404.0 }", True),
        ("{ $.code = 4* }", True),
        ("{ $.code >= 404 && $.code < 405 }", True),
        ("{ $.code > 404 || $.code <= 403 }", False),
        ("{ $.ratio > 1.4e0 }", True),
        ("{ $.text = 7 }", True),
        ("{ $.yes > 0 }", False),
        ("{ $.ip = 10.0.* }", True),
        ('{ $.user.name = "ada *" }', True),
        ("{ $.tags[0] = a }", True),
        ("{ $.tags[1].b = c }", True),
        ("{ $.tags[2] = a }", False),
        ("{ $['a.b'] = 1 }", True),
        ('{ $.["a.b"] = 1 }', True),
        ("{ $.none IS NULL }", True),
        ("{ $.missing IS NULL }", False),
        ("{ $.yes IS TRUE && $.no IS FALSE }", True),
        ("{ $.missing NOT EXISTS }", True),
        ("{ $.none NOT EXISTS }", False),
        ("{ $.none EXISTS }", True),
        # && binds more tightly than ||.
        ("{ $.level = ERROR || $.level = X && $.code = 1 }", True),
        ("{ ($.level = ERROR || $.level = X) && $.code = 1 }", False),
        ("{ $.user = ada }", False),
        ("{ $.code.deeper = 1 }", False),
    ],
)
def test_properties(pattern: str, expected: bool) -> None:
    """AWS: "Match terms in JSON log events"."""
    assert matches(pattern, JSON) == expected
    assert not matches(pattern, "no JSON, level ERROR")
    assert not matches(pattern, "{ half")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, id, user, time, request, status, bytes]", True),
        ("[ip, id, user, time, request, status]", False),
        ("[..., status = 404, bytes]", True),
        ("[ip, ...]", True),
        ("[ip = 127.*, ..., bytes > 1000]", True),
        ("[ip, id, user, time, request = *html*, status = 4*, bytes]", True),
        ("[ip, id, user = ada || user = frank, ...]", True),
        ("[ip, id, user != frank, ...]", False),
        ("[ip, id, user, time = 10/Oct/2000*, ...]", True),
        ('[..., request = "GET /index.html HTTP/1.0", status, bytes < 1e3]', False),
        ("[a, b, c, d, e, f, g, ...]", True),
        ("[a, b, c, d, e, f, g, h, ...]", False),
    ],
)
def test_fields(pattern: str, expected: bool) -> None:
    """AWS: "Match terms in space-delimited log events"."""
    assert matches(pattern, ACCESS) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "a-b",
        "-",
        '"open',
        "%regular%",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a = 1",
        "{ $.a = 1 } more",
        "{ $.a > text }",
        "{ $.a = %x% }",
        "{ ($.a = 1 }",
        "{ $.a = 1 && }",
        "{ $.a IS MAYBE }",
        "{ $. = 1 }",
        "{ $.a[*] = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{" + "(" * 100 + "$.a = 1" + ")" * 100 + "}",
        "[a, , b]",
        "[a",
        "[..., a, ...]",
        "[a = 1 && b = 2]",
        "[= 1]",
    ],
)
def test_what_is_no_pattern(pattern: str) -> None:
    """It is refused, and never taken for something else."""
    with pytest.raises(BadPattern):
        parse_pattern(pattern)


def test_a_hostile_line_costs_little() -> None:
    """A pattern's work is in proportion to the line, whatever the line."""
    line = "[ " * 200_000 + "*" * 1_000
    assert not matches("[a = *x*y*z*, b]", line)
    assert not matches('{ $.a = "*a*b*c*" }', '{"a": "' + "ab" * 100_000 + '"}')
