"""What `redrive up` says of the lessons, and when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redrive.cli.advice import Advice
from redrive.cli.project import Project
from redrive.services.stacks.model import TemplateError, World
from redrive.services.stacks.template import Document, load

TEMPLATE = """\
Resources:
  Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      Code: src
      Role: arn:aws:iam::000000000000:role/r
      Timeout: 10
  Feed:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Worker, BatchSize: 1}
"""


def advice(folder: Path, *, as_json: bool = False, is_strict: bool = False) -> Advice:
    world = World.named("000000000000", "us-east-1", "shop")
    project = Project(folder / "template.yaml", {}, world, folder / "cache")
    return Advice(project, as_json=as_json, is_strict=is_strict)


def changed(*changes: tuple[str, str]) -> Document:
    text = TEMPLATE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load(text)


def told(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [
        (each["Rule"], each["Resource"])
        for line in capsys.readouterr().out.splitlines()
        for each in json.loads(line)["Findings"]
    ]


def test_a_finding_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was told is not told again, moved or not, until it has gone and comes back."""
    spoken = advice(folder, as_json=True)
    spoken.consider(changed())
    spoken.tell()
    assert told(capsys) == [("RD020", "Jobs"), ("RD063", "Worker")]
    spoken.tell()
    spoken.consider(changed(("Resources:\n", "Resources:\n\n\n")))
    spoken.tell()
    assert told(capsys) == []
    spoken.consider(changed(("Timeout: 10", "Timeout: 11\n      MemorySize: 256")))
    spoken.tell()
    assert told(capsys) == [("RD011", "Jobs")]
    spoken.consider(changed())
    spoken.tell()
    assert told(capsys) == [("RD063", "Worker")]


def test_it_is_brief(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each warning, notes as a number, nothing where there is nothing."""
    spoken = advice(folder)
    spoken.consider(changed())
    spoken.tell()
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("warning RD020  ")
    assert "template.yaml:2  Jobs: a message that fails is delivered again" in first
    assert last == "`redrive check` tells what to do about it, and 1 note."
    spoken.consider(changed())
    spoken.tell()
    assert capsys.readouterr().out == ""


def test_strict_stands_in_the_way(folder: Path) -> None:
    """Strict refuses what is graver than a note before anything is deployed."""
    strict = advice(folder, is_strict=True)
    with pytest.raises(TemplateError) as refused:
        strict.consider(changed())
    (problem,) = refused.value.problems
    assert (problem.line, problem.logical_id) == (2, "Jobs")
    assert "warning RD020" in problem.message
    silenced = ("Resources:", "Metadata: {Redrive: {Ignore: [RD020]}}\nResources:")
    strict.consider(changed(silenced))


def test_up_strict(folder: Path) -> None:
    """`redrive up --strict` says what it warns of and ends with 1, with nothing left running."""
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("def handler(event, context): pass")
    done = subprocess.run(
        [sys.executable, "-m", "redrive", "up", "--port", "0", "--strict", "--detach"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "template.yaml:2: Jobs: warning RD020: " in done.stderr
    assert "RD063" not in done.stderr
