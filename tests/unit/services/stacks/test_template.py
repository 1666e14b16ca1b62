"""Templates as text: values, short tags, lines and what is not a template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.services.stacks.model import TemplateError
from redrive.services.stacks.template import check_sections, is_sam, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("1.50", 1.5),
        ("1e3", "1e3"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("2012-10-17", "2012-10-17"),
        ("000000000000", "000000000000"),
        ("12:30", "12:30"),
        ("true", True),
        ("no", False),
        ("'yes'", "yes"),
        ("~", None),
        ("", None),
        ("0x1f", "0x1f"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """A plain scalar becomes a number or a boolean only where it can mean nothing else."""
    found = load(f"Value: {text}").body["Value"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Orders", {"Ref": "Orders"}),
        ("!Ref 123", {"Ref": "123"}),
        ("!GetAtt Orders.Arn", {"Fn::GetAtt": ["Orders", "Arn"]}),
        ("!GetAtt [Orders, Arn]", {"Fn::GetAtt": ["Orders", "Arn"]}),
        ("!GetAtt A.Outputs.B", {"Fn::GetAtt": ["A", "Outputs.B"]}),
        ("!Condition IsProd", {"Condition": "IsProd"}),
        ("!Sub '${A}-b'", {"Fn::Sub": "${A}-b"}),
        ("!Sub ['${a}', {a: !Ref B}]", {"Fn::Sub": ["${a}", {"a": {"Ref": "B"}}]}),
        ("!Join ['-', [!Ref A, b]]", {"Fn::Join": ["-", [{"Ref": "A"}, "b"]]}),
        ("!If [A, 1, !Ref AWS::NoValue]", {"Fn::If": ["A", 1, {"Ref": "AWS::NoValue"}]}),
        ("!Equals [!Ref A, b]", {"Fn::Equals": [{"Ref": "A"}, "b"]}),
        ("!FindInMap [A, B, C]", {"Fn::FindInMap": ["A", "B", "C"]}),
        ("!Base64 abc", {"Fn::Base64": "abc"}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("!ImportValue x", {"Fn::ImportValue": "x"}),
        ("!Not [!Condition A]", {"Fn::Not": [{"Condition": "A"}]}),
    ],
)
def test_short_tags(text: str, value: object) -> None:
    """Each short tag is its long form."""
    assert load(f"Value: {text}").body["Value"] == value


def test_lines_of_everything() -> None:
    """Every key and every list item knows its line, also inside of short tags."""
    document = load("A:\n  B: !Sub\n    - x\n    - C: 1\n  L:\n    - D: 2\n")
    assert document.lines[("A", "B")] == 2
    assert document.lines[("A", "B", "Fn::Sub", 1, "C")] == 4
    assert document.lines[("A", "L", 0)] == 6
    assert document.line(("A", "L", 0, "D", "unknown")) == 6
    assert document.line(()) is None


def test_json_is_read_with_lines() -> None:
    """A JSON template gives json.loads's values, and lines besides."""
    body = {"A": {"B": [1, "two", None, True]}, "C": 'tab\t/ "q" \\ é \U0001f600 \\ud83d'}
    for indent in (2, "\t"):
        text = json.dumps(body, indent=indent)
        document = load(text, "template.json")
        assert document.body == body
        assert document.lines[("A", "B")] == 3


def test_anchors_and_merges() -> None:
    """Anchors, aliases and << work as in YAML; own keys win over merged ones."""
    text = "Base: &b {X: 1, Y: 2}\nOne: *b\nTwo: {<<: *b, Y: 3}\nThree: {<<: [*b, {Z: 4}]}"
    body = load(text).body
    assert body["One"] == {"X": 1, "Y": 2}
    assert body["Two"] == {"X": 1, "Y": 3}
    assert body["Three"] == {"X": 1, "Y": 2, "Z": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A: [1\nB: 2", "template.yaml:2: not valid YAML"),
        ("A: 1\nB: 2\nA: 3", "template.yaml:3: A: stands twice"),
        ("A: 1\nB: !Reff x", "template.yaml:2: B: unknown tag !Reff; did you mean !Ref?"),
        ("A: 1\nB: !!binary x", "template.yaml:2: B: !!binary has no meaning"),
        ("A: 1\n? [a]\n: 2", "template.yaml:2: a key is a word"),
        ("- 1", "template.yaml:1: a template is an object"),
        ("", "template.yaml:1: a template is an object"),
        ("A: &a [*a]", "nested deeper"),
        ("A: *missing", "template.yaml:1: not valid YAML"),
        ("A: \0", "not valid YAML"),
    ],
)
def test_texts_that_are_no_template(text: str, said: str) -> None:
    """What cannot be read is told with its line."""
    with pytest.raises(TemplateError) as caught:
        load(text)
    assert said in str(caught.value)


def test_aliases_of_aliases_are_bounded() -> None:
    """A few lines of aliases cannot fill the memory."""
    levels = [f"A{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(9)]
    with pytest.raises(TemplateError, match="larger than"):
        load("\n".join(["A0: &a0 [x]", *levels]))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "a template needs at least one resource"),
        ({"Resources": []}, "a template needs at least one resource"),
        ({"Resorces": {}}, "unknown section Resorces; did you mean Resources?"),
        ({"Rules": {}}, "Rules: this section is not supported"),
        ({"Outputs": []}, "Outputs: must be an object"),
        ({"Transform": "Mine"}, "Mine is not supported; supported: AWS::Serverless-2016-10-31"),
        ({"Globals": {}}, "Globals needs `Transform: AWS::Serverless-2016-10-31`"),
    ],
)
def test_sections(body: dict[str, Any], said: str) -> None:
    """A section that is unknown, refused or of the wrong form is told by name."""
    problems = check_sections(load(json.dumps(body)))
    assert any(said in str(problem) for problem in problems)


def test_sam_is_seen_in_both_forms() -> None:
    """A transform may be one name or a list of names."""
    assert is_sam({"Transform": "AWS::Serverless-2016-10-31"})
    assert is_sam({"Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]})
    assert not is_sam({"Resources": {}})
