"""Which functions share a parent, what a parent imports, and what it may say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.interpreters import Interpreter
from redrive.runtime.parents import LENGTH, parent_key, take_messages

PYTHON = Interpreter(12, "/usr/bin/python3.12")


def function(code: Path, **more: object) -> Environment:
    """Return an environment with code in a folder."""
    code.mkdir(parents=True, exist_ok=True)
    made = Environment(
        function_arn="arn:f",
        function_name="f",
        version="$LATEST",
        revision="1",
        runtime="python3.12",
        handler="app.handler",
        code_path=str(code),
        timeout_ms=Millis(3000),
        memory_mb=128,
        account="000000000000",
        region="us-east-1",
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def test_functions_without_packages_share_a_parent(tmp_path: Path) -> None:
    """Code, variables and names do not matter where nothing of the function's is imported ahead."""
    one = function(tmp_path / "a", variables=(("A", "1"),))
    two = function(tmp_path / "b", function_name="g")
    assert parent_key(one, PYTHON) == parent_key(two, PYTHON)
    assert parent_key(one, PYTHON) != parent_key(one, Interpreter(13, "/usr/bin/python3.13"))


def test_functions_with_packages_have_their_own(tmp_path: Path) -> None:
    """Where packages are imported ahead, their folder and the variables must be the same."""
    (tmp_path / "a" / "requests-2.0.dist-info").mkdir(parents=True)
    (tmp_path / "b" / "requests-2.0.dist-info").mkdir(parents=True)
    one, two = function(tmp_path / "a"), function(tmp_path / "b")
    assert parent_key(one, PYTHON).packages == ("requests-2.0.dist-info",)
    assert parent_key(one, PYTHON) != parent_key(two, PYTHON)
    other = dataclasses.replace(one, variables=(("A", "1"),))
    assert parent_key(one, PYTHON) != parent_key(other, PYTHON)
    same = dataclasses.replace(one, function_name="g", handler="other.handler")
    assert parent_key(one, PYTHON) == parent_key(same, PYTHON)


def test_versions_of_the_code_share_a_parent(tmp_path: Path) -> None:
    """The folder of their packages decides, and the names of what is their own."""
    shared = tmp_path / "shared"
    for folder in (shared, tmp_path / "a", tmp_path / "b"):
        (folder / "requests-2.0.dist-info").mkdir(parents=True)
        (folder / "requests.py").touch()
    for name in ("a", "b"):
        (tmp_path / name / "app.py").touch()
    one = function(tmp_path / "a", packages=str(shared))
    two = function(tmp_path / "b", packages=str(shared))
    key = parent_key(one, PYTHON)
    assert (key.code_path, key.own) == (str(shared), ("app",))
    assert parent_key(two, PYTHON) == key
    assert parent_key(dataclasses.replace(two, packages=""), PYTHON) != key
    (tmp_path / "b" / "more").mkdir()
    assert parent_key(two, PYTHON) == key._replace(own=("app", "more"))


def test_libraries_are_part_of_the_key(tmp_path: Path) -> None:
    """A process reads where its libraries are when it starts, so that they make another parent."""
    (tmp_path / "layer" / "lib").mkdir(parents=True)
    plain = function(tmp_path / "a")
    layered = function(tmp_path / "a", layers=(str(tmp_path / "layer"),))
    assert parent_key(layered, PYTHON).libraries == (str(tmp_path / "layer" / "lib"),)
    assert parent_key(plain, PYTHON) != parent_key(layered, PYTHON)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"top_level.txt": "yaml\n_yaml\n"}, ["yaml", "_yaml"]),
        (
            {
                "RECORD": "a/__init__.py,,\na/b.py,,\nc.py,,\nd/x.py,,\n../bin/e,,\n"
                "f-1.dist-info/RECORD,,\ng.cpython-312-x86_64-linux-gnu.so,,\nnot-a-name.py,,\n"
            },
            ["a", "c", "g"],
        ),
        ({}, []),
    ],
)
def test_what_a_distribution_owns(
    load: Callable[[str], ModuleType], tmp_path: Path, files: dict[str, str], names: list[str]
) -> None:
    """top_level.txt is believed, else RECORD is read; folders without code and scripts are not."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert load("parent").distribution_names(str(tmp_path)) == names


def message(value: object) -> bytes:
    """Return a message as a parent writes it."""
    text = json.dumps(value).encode()
    return LENGTH.pack(len(text)) + text


def test_messages_are_cut_as_they_come() -> None:
    """Whole messages are taken, the beginning of the next one is left."""
    buffer = bytearray(message({"a": 1}) + message({"b": 2}) + b"\0\0")
    assert take_messages(buffer) == [{"a": 1}, {"b": 2}]
    assert buffer == b"\0\0"


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", message([1]), LENGTH.pack(3) + b"{x}"])
def test_nonsense_is_refused(data: bytes) -> None:
    """A length, a value or a text that makes no sense is refused."""
    with pytest.raises(ValueError, match=r".+"):
        take_messages(bytearray(data))
