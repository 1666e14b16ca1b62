"""The variables that `redrive up --debug` gives to functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from redrive.cli import debugging
from redrive.cli.debugging import Debugging
from redrive.services.stacks.model import Resource, Stack, TemplateError, World

WORLD = World.named("000000000000", "us-east-1", "shop")


def stack(runtime: str, **properties: Any) -> Stack:
    """Return a stack of one function F."""
    given = {"Runtime": runtime, "Code": {"S3Bucket": "redrive-local", "S3Key": "/none"}}
    function = Resource("F", "AWS::Lambda::Function", {**given, **properties}, line=7)
    return Stack(WORLD, {"F": function})


def variables(debug: Debugging, made: Stack, source: Path) -> dict[str, str]:
    """Return the variables that F has then."""
    shaped = debug.shape(made, {"F": source}).resources["F"].properties
    found: dict[str, str] = shaped.get("Environment", {}).get("Variables", {})
    return found


def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python functions always know their source; a debugger is the one beside us if need be."""
    given = {"Variables": {"OWN": "1"}}
    made = stack("python3.12", Environment=given, FunctionName="named")
    source = str(tmp_path)
    assert variables(Debugging((), "t"), made, tmp_path) == {"OWN": "1", "REDRIVE_SOURCE": source}

    monkeypatch.setattr(debugging, "find_spec", lambda _name: None)
    with pytest.raises(TemplateError, match=r"t:7: --debug F: debugpy is neither among"):
        variables(Debugging(["named"], "t"), made, tmp_path)
    (tmp_path / "debugpy").mkdir()
    own = stack("python3.12", Code={"S3Bucket": "redrive-local", "S3Key": source})
    found = variables(Debugging(["F", "F"], "t"), own, tmp_path)
    assert found["REDRIVE_DEBUG"] == "debugpy:5678"
    assert "REDRIVE_DEBUGPY" not in found


def test_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A debugged Node.js function runs where its source is, and so needs its packages there."""
    monkeypatch.setattr(debugging, "node_version", lambda: "v20.20.2")
    made = stack("nodejs20.x", Environment={"Variables": {"NODE_OPTIONS": "--no-warnings"}})
    assert variables(Debugging((), "t"), made, tmp_path) == {"NODE_OPTIONS": "--no-warnings"}
    debug = Debugging(["F"], "t")
    assert variables(debug, made, tmp_path) == {
        "NODE_OPTIONS": "--no-warnings --inspect-wait=127.0.0.1:9229",
        "REDRIVE_DEBUG": "inspect:9229",
        "REDRIVE_SOURCE": str(tmp_path),
    }
    (told,) = debug.as_json()
    assert (told["Launch"]["type"], told["Launch"]["port"]) == ("node", 9229)
    monkeypatch.setattr(debugging, "node_version", lambda: "v18.1.0")
    assert "--inspect-brk=" in variables(debug, made, tmp_path)["NODE_OPTIONS"]
    (tmp_path / "package.json").write_text('{"dependencies": {"thing": "1"}}')
    with pytest.raises(TemplateError, match=r"run npm install in"):
        variables(debug, made, tmp_path)


def test_others(tmp_path: Path) -> None:
    """A program in machine code has no debugger that we know."""
    with pytest.raises(TemplateError, match=r"provided.al2023 has no debugger"):
        variables(Debugging(["F"], "t"), stack("provided.al2023"), tmp_path)
