"""Which Python a runtime gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from redrive.runtime.interpreters import Interpreter, choose, find_installed


def have(*minors: int) -> list[Interpreter]:
    """Return a machine's interpreters."""
    return [Interpreter(minor, f"/usr/bin/python3.{minor}") for minor in minors]


@pytest.mark.parametrize(
    ("runtime", "installed", "minor"),
    [
        ("python3.12", (8, 11, 12, 13), 12),
        ("python3.12", (8, 11), 11),
        ("python3.12", (11, 13), 13),
        ("python3.14", (11, 13), 13),
        ("python3.6", (3, 7, 9, 13), 9),
        ("python3.9", (7, 8, 11), 8),
    ],
)
def test_the_named_or_the_nearest(runtime: str, installed: tuple[int, ...], minor: int) -> None:
    """The named one if it is there, else the nearest from 3.8 on, and a sentence that says so."""
    choice = choose(runtime, have(*installed))
    assert choice.interpreter is not None
    assert choice.interpreter.minor == minor
    if runtime == f"python3.{minor}":
        assert choice.note == ""
    else:
        assert choice.note == (
            f"{runtime} is not installed on this machine; "
            f"Python 3.{minor} (/usr/bin/python3.{minor}) runs it instead."
        )


@pytest.mark.parametrize(
    ("runtime", "installed"),
    [("nodejs22.x", (12,)), ("provided.al2023", (12,)), ("python2.7", (12,)), ("python3.12", (7,))],
)
def test_nothing_fits(runtime: str, installed: tuple[int, ...]) -> None:
    """A runtime that is not Python 3, or a machine without one, is told in a sentence."""
    choice = choose(runtime, have(*installed))
    assert choice.interpreter is None
    assert choice.note


def put(path: Path, content: bytes = b"\x7fELF") -> Path:
    """Make a file that looks like a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_where_they_are_looked_for(tmp_path: Path) -> None:
    """PATH comes before pyenv's and uv's folders; other files and old versions are passed over."""
    first = put(tmp_path / "bin" / "python3.98")
    put(tmp_path / ".pyenv" / "versions" / "3.98.1" / "bin" / "python3.98")
    second = put(tmp_path / ".pyenv" / "versions" / "3.97.1" / "bin" / "python3.97")
    third = put(tmp_path / ".local" / "share" / "uv" / "python" / "x" / "bin" / "python3.96")
    put(tmp_path / "bin" / "python3.97-config")
    put(tmp_path / "bin" / "python3.5")
    found = find_installed({"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)})
    theirs = [each for each in found if each.minor > 90]
    assert theirs == [
        Interpreter(96, str(third)),
        Interpreter(97, str(second)),
        Interpreter(98, str(first)),
    ]
    assert 5 not in {each.minor for each in found}


@pytest.mark.parametrize(
    ("variable", "place"),
    [("UV_PYTHON_INSTALL_DIR", "cpython-3.12"), ("XDG_DATA_HOME", "uv/python/cpython-3.12")],
)
def test_where_uv_was_told_to_install(tmp_path: Path, variable: str, place: str) -> None:
    """uv's interpreters are found where its variables say that they are."""
    program = put(tmp_path / place / "bin" / "python3.39")
    found = find_installed({variable: str(tmp_path)})
    assert Interpreter(39, str(program)) in found


def test_what_is_no_interpreter(tmp_path: Path) -> None:
    """A shim, or the python of a virtual environment, which brings packages, is not taken."""
    put(tmp_path / "shims" / "python3.98", b"#!/usr/bin/env bash\n")
    put(tmp_path / "venv" / "bin" / "python3.97")
    put(tmp_path / "venv" / "pyvenv.cfg", b"home = /usr/bin\n")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "python3.96").symlink_to(tmp_path / "nowhere")
    path = ":".join(str(tmp_path / name) for name in ("shims", "venv/bin", "gone", "not-there"))
    found = find_installed({"PATH": path})
    assert not [each for each in found if each.minor > 90]


def test_a_link_is_followed_to_the_real_one(tmp_path: Path) -> None:
    """The python of a virtual environment that is a link stands for the one that it links to."""
    real = put(tmp_path / "real" / "bin" / "python3.98")
    put(tmp_path / "venv" / "pyvenv.cfg", b"")
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "bin" / "python3.98").symlink_to(real)
    found = find_installed({"PATH": str(tmp_path / "venv" / "bin")})
    assert Interpreter(98, str(real)) in found


def test_the_servers_own_is_always_there() -> None:
    """The interpreter that runs the server is found without any variables."""
    own = [each for each in find_installed({}) if each.minor == sys.version_info.minor]
    assert len(own) == 1
    assert Path(own[0].path).resolve() == Path(own[0].path)
