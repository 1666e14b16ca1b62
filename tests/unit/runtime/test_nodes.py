"""Which Node.js a runtime gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from redrive.runtime.choices import Choices
from redrive.runtime.interpreters import Interpreter
from redrive.runtime.nodes import choose_node, find_nodes


def have(*majors: int) -> list[Interpreter]:
    """Return a machine's programs."""
    return [Interpreter(major, f"/node{major}/bin/node") for major in majors]


@pytest.mark.parametrize(
    ("runtime", "installed", "major"),
    [
        ("nodejs20.x", (18, 20, 22), 20),
        ("nodejs24.x", (18, 20), 20),
        ("nodejs22.x", (20, 24), 24),
        ("nodejs18.x", (16, 20), 20),
    ],
)
def test_the_named_or_the_nearest(runtime: str, installed: tuple[int, ...], major: int) -> None:
    """The named one if it is there, else the nearest from 18 on, and a sentence that says so."""
    choice = choose_node(runtime, have(*installed))
    assert choice.interpreter == Interpreter(major, f"/node{major}/bin/node")
    if runtime == f"nodejs{major}.x":
        assert choice.note == ""
    else:
        assert choice.note == (
            f"{runtime} is not installed on this machine; "
            f"Node.js {major} (/node{major}/bin/node) runs it instead."
        )


def test_nothing_fits() -> None:
    """A machine without one is told in a sentence."""
    choice = choose_node("nodejs20.x", have(16))
    assert choice.interpreter is None
    assert choice.note == "No Node.js 18 or later was found on this machine."


def put(path: Path, content: bytes = b"\x7fELF") -> Path:
    """Make a file that looks like a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_where_they_are_looked_for(tmp_path: Path) -> None:
    """PATH first, then version managers; a folder, a header or the program tells the version."""
    home = tmp_path / "home"
    first = put(tmp_path / "bin" / "node")
    nvm = put(home / ".nvm/versions/node/v42.1.0/bin/node")
    put(home / ".nvm/versions/node/v43.9.0/bin/node", b"#!/bin/sh\n")
    fnm = put(home / ".local/share/fnm/node-versions/v44.0.1/installation/bin/node")
    volta = put(home / ".volta/tools/image/node/45.2.0/bin/node")
    headed = put(tmp_path / "headed" / "bin" / "node")
    put(
        tmp_path / "headed/include/node/node_version.h",
        b"#define NODE_MAJOR_VERSION 46\n#define NODE_MINOR_VERSION 1\n",
    )
    shim = tmp_path / "shims" / "node"
    shim.parent.mkdir()
    shim.symlink_to(put(tmp_path / "shims" / "volta-shim"))
    asked: list[str] = []

    def ask(program: str) -> str:
        asked.append(program)
        return "v41.0.0" if program == str(first) else ""

    path = f"{tmp_path}/bin:{tmp_path}/headed/bin:{tmp_path}/shims"
    found = {each.minor: each.path for each in find_nodes({"PATH": path, "HOME": str(home)}, ask)}
    ours = {major: found[major] for major in found if major > 40}
    assert ours == {41: str(first), 42: str(nvm), 44: str(fnm), 45: str(volta), 46: str(headed)}
    assert str(first) in asked
    assert str(nvm) not in asked
    assert str(headed) not in asked


def test_choices_for_every_kind_of_runtime() -> None:
    """Each runtime is answered with a program and a note; what cannot run here with a sentence."""
    choices = Choices({})
    custom = choices.of("provided.al2023")
    assert custom.interpreter is not None
    assert (custom.interpreter.path, custom.note) == ("bootstrap", "")
    java = choices.of("java21")
    assert java.interpreter is None
    assert java.note.startswith("java21 functions cannot run here: only those in Python, Node.js")
    assert choices.own().path in choices.known().values()
    assert choices.notes() == [java.note]
