"""Event patterns: each operator, array semantics, and what is refused, as tables."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest

from redrive.core.patterns import (
    ARRAYS_MAX,
    Field,
    PatternError,
    Rule,
    compile_pattern,
    flatten,
    paths_to,
)
from redrive.core.patterns_complexity import complexity
from redrive.core.patterns_operators import Fixed, Prefix


def leaf(*alternatives: Any) -> str:
    """A pattern for the field x."""
    return json.dumps({"x": alternatives})


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        (leaf("a", "b"), "b", True),
        (leaf("a", "b"), "ab", False),
        (leaf(""), "", True),
        (leaf("300"), 300, False),
        (leaf(300), 300.0, True),
        ('{"x": [3.0e2]}', 300, True),
        (leaf(300), "300", False),
        (leaf(1), True, False),
        (leaf(True), True, True),
        (leaf(True), 1, False),
        (leaf(False), 0, False),
        (leaf(None), None, True),
        (leaf(None), "null", False),
        (leaf({"prefix": "eu-"}), "eu-west-1", True),
        (leaf({"prefix": "eu-"}), "EU-west-1", False),
        (leaf({"prefix": {"equals-ignore-case": "eU-"}}), "Eu-west-1", True),
        (leaf({"prefix": "1"}), 12, False),
        (leaf({"suffix": ".png"}), "a.png", True),
        (leaf({"suffix": ".png"}), "a.PNG", False),
        (leaf({"suffix": {"equals-ignore-case": ".PNG"}}), "a.pnG", True),
        (leaf({"equals-ignore-case": "Alice"}), "aLICE", True),
        (leaf({"equals-ignore-case": "Alice"}), "alic", False),
        (leaf({"wildcard": "dir/*.png"}), "dir/a/b.png", True),
        (leaf({"wildcard": "dir/*.png"}), "dir/.png", True),
        (leaf({"wildcard": "*a*b*"}), "xxaxxb", True),
        (leaf({"wildcard": "*a*b*"}), "xxbxxa", False),
        (leaf({"wildcard": "ab*ba"}), "aba", False),
        (leaf({"wildcard": r"a\*b"}), "a*b", True),
        (leaf({"wildcard": r"a\*b"}), "axb", False),
        (leaf({"wildcard": r"a\\*"}), "a\\x", True),
        (leaf({"numeric": ["=", 5]}), 5.0, True),
        (leaf({"numeric": [">", 0, "<=", 5]}), 5, True),
        (leaf({"numeric": [">", 0, "<=", 5]}), 0, False),
        (leaf({"numeric": [">=", 0, "<", 5]}), 5, False),
        (leaf({"numeric": [">=", 0, "<", 5]}), 0, True),
        (leaf({"numeric": ["<", -1.5]}), -2, True),
        (leaf({"numeric": [">", 0]}), "1", False),
        (leaf({"numeric": [">", 0]}), True, False),
        (leaf({"cidr": "10.0.0.0/24"}), "10.0.0.255", True),
        (leaf({"cidr": "10.0.0.0/24"}), "10.0.1.0", False),
        (leaf({"cidr": "10.0.0.77/24"}), "10.0.0.1", True),
        (leaf({"cidr": "2001:db8::/32"}), "2001:db8:1::", True),
        (leaf({"cidr": "10.0.0.0/24"}), "::a00:1", False),
        (leaf({"cidr": "10.0.0.0/24"}), "no address", False),
        (leaf({"exists": True}), None, True),
        (leaf({"exists": False}), None, False),
        (leaf({"anything-but": "a"}), "b", True),
        (leaf({"anything-but": "a"}), "a", False),
        (leaf({"anything-but": ["a", "b"]}), "b", False),
        (leaf({"anything-but": [1, 2]}), 1.0, False),
        (leaf({"anything-but": [1, 2]}), "1", True),
        (leaf({"anything-but": "a"}), None, True),
        (leaf({"anything-but": {"prefix": "a"}}), "ab", False),
        (leaf({"anything-but": {"prefix": ["a", "b"]}}), "c", True),
        (leaf({"anything-but": {"prefix": "a"}}), 5, True),
        (leaf({"anything-but": {"suffix": ["a", "b"]}}), "ab", False),
        (leaf({"anything-but": {"equals-ignore-case": ["A", "B"]}}), "b", False),
        (leaf({"anything-but": {"wildcard": ["*/a", "b"]}}), "x/a", False),
        (leaf({"anything-but": {"wildcard": ["*/a", "b"]}}), "b", False),
        (leaf({"anything-but": {"wildcard": "*/a"}}), "a", True),
    ],
)
def test_operators_judge_a_value(pattern: str, value: Any, matches: bool) -> None:
    """Each operator says yes to what AWS says yes to."""
    assert compile_pattern(pattern).matches({"x": value}) is matches


TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character"
    " sequences after a wildcard character"
)
EXISTS = {"b": [{"exists": True}]}
MISSING = {"b": [{"exists": False}]}


@pytest.mark.parametrize(
    ("pattern", "event", "matches"),
    [
        ({"a": {"b": [1], "c": [2]}}, {"a": {"b": 1, "c": 2, "d": 3}}, True),
        ({"a": {"b": [1], "c": [2]}}, {"a": {"b": 1}}, False),
        # A field that is an array matches by any of its elements.
        ({"a": [1, 5]}, {"a": [4, 5]}, True),
        ({"a": [1]}, {"a": []}, False),
        ({"a": [{"anything-but": "x"}]}, {"a": ["x", "y"]}, True),
        ({"a": [1]}, {"a": [[2, [1]]]}, True),
        # Fields below an array of objects match within one of them.
        ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]}, False),
        ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}, {"b": 1, "c": 2}]}, True),
        (
            {"a": {"b": {"x": [1]}, "c": [2]}},
            {"a": [{"b": [{"x": 0}, {"x": 1}], "c": 3}, {"b": [{"x": 0}], "c": 2}]},
            False,
        ),
        (
            {"a": {"b": {"x": [1]}, "c": [2]}},
            {"a": [{"b": {"x": 1}, "c": 3}, {"b": [{"x": 0}, {"x": 1}], "c": 2}]},
            True,
        ),
        # Arrays beside each other are chosen from independently.
        ({"a": {"x": [1]}, "b": {"y": [2]}}, {"a": [{}, {"x": 1}], "b": [{"y": 2}]}, True),
        # exists is about leaves, and false where any node on the way is missing or is no leaf.
        ({"a": EXISTS}, {"a": {"b": 1}}, True),
        ({"a": EXISTS}, {"a": {"b": {"c": 1}}}, False),
        ({"a": MISSING}, {}, True),
        ({"a": MISSING}, {"a": 1}, True),
        ({"a": MISSING}, {"a": {"b": {"c": 1}}}, True),
        ({"a": MISSING}, {"a": {"b": None}}, False),
        ({"a": MISSING}, {"a": {"b": []}}, True),
        ({"a": {"b": ["x", {"exists": False}]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x", {"exists": False}]}}, {"a": {"b": "y"}}, False),
        # exists: false looks at the objects that earlier fields have chosen.
        ({"a": MISSING}, {"a": [{"b": 1}, {"c": 2}]}, False),
        ({"a": {"a": [2], **MISSING}}, {"a": [{"b": 1}, {"a": 2}]}, True),
        ({"a": {"a": [2], **MISSING}}, {"a": [{"b": 1, "a": 2}]}, False),
        ({"a": {"a": [2], **MISSING, "c": [3]}}, {"a": [{"a": 2}, {"c": 3}]}, False),
        # $or
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 1}, False),
        ({"c": [3], "$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, False),
        ({"d": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"d": {"a": 1}}, True),
        ({"$or": [{"$or": [{"a": [1]}, {"a": [2]}]}, {"b": [2]}]}, {"a": 2}, True),
        ({"$or": ["x"]}, {"$or": "x"}, True),
        ({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "by"}, True),
        # Names with dots are paths.
        ({"a.b": [1]}, {"a": {"b": 1}}, True),
    ],
)
def test_structures_judge_an_event(pattern: Any, event: Any, matches: bool) -> None:
    """Objects, arrays, missing fields and $or."""
    assert compile_pattern(json.dumps(pattern)).matches(event) is matches


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('["a"]', "Filter is not an object"),
        ("null", "Filter is not an object"),
        ("{}", "Empty patterns are not allowed"),
        ('{"a": {}}', "Empty patterns are not allowed"),
        ('{"int": 5}', '"int" must be an object or an array'),
        ('{"string": "x"}', '"string" must be an object or an array'),
        ('{"a": {"b": "c"}}', '"b" must be an object or an array'),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": [["b"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS"),
        ('{"a": [{"NUMERIC": ["=", 5]}]}', "Unrecognized match type NUMERIC"),
        ('{"a": [{"prefix": "a", "suffix": "b"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"exists": "no"}]}', "exists match pattern must be either true or false."),
        ('{"a": [{"prefix": 5}]}', "prefix match pattern must be a string"),
        ('{"a": [{"suffix": ["x"]}]}', "suffix match pattern must be a string"),
        ('{"a": [{"wildcard": 5}]}', "wildcard match pattern must be a string"),
        (
            '{"a": [{"equals-ignore-case": ["x"]}]}',
            "equals-ignore-case match pattern must be a string",
        ),
        (
            '{"a": [{"wildcard": "arn:aws:events:us-east-1:**:event-bus/*"}]}',
            "Consecutive wildcard characters at pos 26",
        ),
        (r'{"a": [{"wildcard": "a\\b"}]}', "Invalid escape character at pos 2"),
        (leaf({"wildcard": "*a" * 51}), TOO_COMPLEX),
        (leaf({"wildcard": "*" + "a" * 100}), TOO_COMPLEX),
        (leaf({"anything-but": {"wildcard": ["x*" + "a" * 100, "y*"]}}), TOO_COMPLEX),
        ('{"a": [{"numeric": 5}]}', "Value of numeric must be an array."),
        ('{"a": [{"numeric": []}]}', "Invalid member in numeric match: ]"),
        ('{"a": [{"numeric": [1]}]}', "Invalid member in numeric match: 1"),
        ('{"a": [{"numeric": ["is", 1]}]}', "Unrecognized numeric range operator: is"),
        ('{"a": [{"numeric": ["=", "1"]}]}', "Value of equals must be numeric"),
        ('{"a": [{"numeric": ["<"]}]}', "Value of < must be numeric"),
        ('{"a": [{"numeric": ["<", 1, ">", 0]}]}', "Too many elements in numeric expression"),
        ('{"a": [{"numeric": [">", 1, ">", 2]}]}', "Bad numeric range operator: >"),
        ('{"a": [{"numeric": [">", 1, 30]}]}', "Bad value in numeric range: 30"),
        ('{"a": [{"numeric": [">", 1, "<", "2"]}]}', "Value of < must be numeric"),
        ('{"a": [{"numeric": [">", 1, "<", 1]}]}', "Bottom must be less than top"),
        (
            '{"a": [{"numeric": [">", 1, "<", 2, 3]}]}',
            "Too many terms in numeric range expression",
        ),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
        ('{"a": [{"cidr": "10.0.0.0/x"}]}', "Malformed CIDR, mask bits must be an integer"),
        ('{"a": [{"cidr": "10.0.0.0/-1"}]}', "Malformed CIDR, mask bits must not be negative"),
        ('{"a": [{"cidr": "xx.11.xx/8"}]}', "Nonstandard IP address: xx.11.xx"),
        (
            '{"a": [{"cidr": "xxxx:db8:1234:1a00::/8"}]}',
            "Nonstandard IP address: xxxx:db8:1234:1a00::",
        ),
        ('{"a": [{"cidr": "10.0.0.0/32"}]}', "IPv4 mask bits must be < 32"),
        ('{"a": [{"cidr": "::/128"}]}', "IPv6 mask bits must be < 128"),
        (
            '{"a": [{"anything-but": ["x", 1]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not"
            " supported",
        ),
        (
            '{"a": [{"anything-but": [null]}]}',
            "Inside anything but list, start|null|boolean is not supported.",
        ),
        (
            '{"a": [{"anything-but": null}]}',
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            '{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]}',
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            '{"a": [{"anything-but": {"equals-ignore-case": ["x", 1]}}]}',
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not"
            " supported.",
        ),
        (
            '{"a": [{"anything-but": {"suffix": ["x", 1]}}]}',
            "prefix/suffix match pattern must be a string",
        ),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
        ('{"a": [{"anything-but": {"numeric": []}}]}', "Unsupported anything-but pattern: numeric"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
        ('{"a": [NaN]}', "NaN is not a JSON value"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_reason(pattern: str, reason: str) -> None:
    """The reasons are event-ruler's words, which EventBridge shows."""
    with pytest.raises(PatternError) as refusal:
        compile_pattern(pattern)
    assert str(refusal.value) == reason


def test_text_that_is_not_json_is_refused() -> None:
    """So is what is nested too deeply to be read; neither is an error of ours."""
    for text in ("this is no JSON", '{"a": ', "", '{"a":' * 5_000 + "[1]" + "}" * 5_000):
        with pytest.raises(PatternError):
            compile_pattern(text)


@pytest.mark.parametrize(
    ("wildcards", "places"),
    [
        (["*"], 1),
        (["ab*"], 1),
        (["*a"], 2),
        (["*ab"], 2),
        (["*aa"], 3),
        (["*a*aa"], 5),
        (["*abab"], 3),
        (["*ab", "*ba"], 3),
        (["*a*b", "*a*c"], 3),
        (["a*x", "b*x", "c*x"], 2),
        (["a*x", "ab*x"], 4),
        (["arn:aws:events:us-east-1:*:event-bus/*"], 3),
    ],
)
def test_the_complexity_of_wildcards_is_what_one_value_can_meet(
    wildcards: list[str], places: int
) -> None:
    """Counted as aws/event-ruler counts, and as trying all short values does."""
    parts = [tuple(text.split("*")) for text in wildcards]
    assert complexity(parts) == places
    begun = {text[:end] for text in wildcards for end in range(text.find("*") + 1, len(text) + 1)}
    if all(len(text) < 6 for text in wildcards):
        values = map("".join, product("abcx", repeat=5))
        assert places == max(sum(fnmatchcase(value, one) for one in begun) for value in values)


def test_what_people_write_is_not_too_complex() -> None:
    """Long texts, many alternatives, some asterisks in each."""
    compile_pattern(
        leaf({"wildcard": "arn:aws:s3:::" + "bucket/" * 200 + "*/" + "x-y/" * 60 + "*"})
    )
    compile_pattern(leaf(*({"wildcard": f"dir{n}/*/logs/*.{n}.gz"} for n in range(60))))
    compile_pattern(leaf(*({"wildcard": f"*-word{n}"} for n in range(90))))


def test_or_is_expanded_up_to_a_thousand_rules() -> None:
    """Three choices of ten are a thousand rules; one more is too complex."""
    ten = [{"a": [n]} for n in range(10)]
    given = {f"f{n}": {"$or": ten} for n in range(3)}
    assert len(compile_pattern(json.dumps(given)).rules) == 1_000
    given["f3"] = {"$or": ten[:2]}
    with pytest.raises(PatternError, match="too complex"):
        compile_pattern(json.dumps(given))


def test_a_compiled_pattern_is_data() -> None:
    """Rules of fields in the order of their paths: comparable, hashable, ready for an index."""
    made = compile_pattern('{"b": [null, 1, {"exists": false}], "a": [{"prefix": "x"}, true]}')
    fields = (
        Field("a", frozenset([Fixed.TRUE]), (Prefix("x"),), absent=False),
        Field("b", frozenset([Fixed.NULL, 1]), (), absent=True),
    )
    assert made.rules == (Rule(fields),)
    assert hash(made) == hash(
        compile_pattern('{"a":[true,{"prefix":"x"}],"b":[1.0,null,{"exists":false}]}')
    )


def test_deep_and_wide_events_are_judged_in_bounded_time() -> None:
    """A document nested 5,000 deep, or six arrays of 60 objects that all fit, is no work."""
    deep: Any = 1
    for _ in range(5_000):
        deep = [{"a": deep}]
    assert not compile_pattern('{"x": [1]}').matches({"y": deep})
    names = "abcdef"
    wide = {name: [{"n": n, "last": 0} for n in range(60)] for name in names}
    given: dict[str, Any] = {name: {"n": [{"numeric": [">=", 0]}]} for name in names}
    given["z"] = {"n": [1]}
    assert not compile_pattern(json.dumps(given)).matches({**wide, "z": [{"m": 1}, {"n": 2}]})
    given["z"] = [{"exists": False}]
    assert compile_pattern(json.dumps(given)).matches(wide)


def test_an_event_is_flattened_once_for_many_patterns() -> None:
    """What `flatten` returns is judged as the event itself is."""
    flat = flatten({"a": [{"b": 1}, {"b": 2}], "c": None})
    assert compile_pattern('{"a": {"b": [2]}, "c": [null]}').matches_flat(flat)
    assert not compile_pattern('{"a": {"b": [3]}}').matches_flat(flat)


@pytest.mark.parametrize("last", [3, {"exists": False}])
def test_a_long_array_of_objects_costs_its_length(last: Any) -> None:
    """Of 30,000 objects that match in part none is compared with all the others."""
    pattern = compile_pattern(json.dumps({"a": {"x": [1], "y": [2], "z": [last]}}))
    halves = [{"x": 1, "y": 2, "z": 4}, {"x": 1, "z": 3, "y": 4}]
    event = {"a": halves * 15_000}
    steps = 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1
        assert steps < 10_000_000

    sys.setprofile(count)
    try:
        assert not pattern.matches(event)
    finally:
        sys.setprofile(None)


def test_what_no_rule_asks_for_is_not_flattened() -> None:
    """However long the paths of an event are, and however deep its brackets."""
    wanted = paths_to(compile_pattern('{"a": {"b": [1]}, "c.d": [2]}').rules)
    assert wanted == {"", "a", "a.b", "c", "c.d"}
    assert compile_pattern('{"": {"a": [1]}}').matches({"": {"a": 1}})
    event: Any = {"a": {"b": 1, "x": {"b": 1}}, "c": {"d": 2, "e": 3}, "c.d": 4, "f": [[{"b": 1}]]}
    assert set(flatten(event, wanted)) == {"a.b", "c.d"}
    brackets: Any = [1]
    for _ in range(200):
        brackets = [brackets, 1]
    places = [places for _value, places in flatten({"a": brackets}, wanted)["a"]]
    assert len(places) == 201
    assert max(map(len, places)) == ARRAYS_MAX
