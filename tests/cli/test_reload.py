"""Changes that a running `redrive up` takes up, each followed by an event and never by a sleep."""

from __future__ import annotations

import json
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_up import Up, client_of, save

from redrive.cli.client import Client

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Globals:
      Function: {Runtime: python3.12, Handler: app.handler, Timeout: 5}
    Resources:
      One: {Type: AWS::Serverless::Function, Properties: {CodeUri: one}}
      Two: {Type: AWS::Serverless::Function, Properties: {CodeUri: two, AutoPublishAlias: live}}
"""
CODE = """
import told

def handler(event, context):
    return [told.TOLD, context.function_version]
"""

PARENT = """
import os
import thing

def handler(event, context):
    return [{}, os.getppid(), thing.version]
"""

Told = dict[str, Any]


class Running:
    """An `up` under way, and its functions by logical id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.up = Up(folder)
        ready = self.up.ready()
        self.client: Client = client_of(ready)
        self.names = {each["LogicalId"]: each["Name"] for each in ready["Functions"]}

    def ask(self, name: str, qualifier: str | None = None) -> Any:
        """Invoke a function; return what it returns."""
        answer = self.client.invoke(self.names[name], b"{}", qualifier=qualifier)
        return json.loads(answer.payload)

    def reloaded(self) -> Told:
        """Wait until something was taken up."""
        return self.up.until(lambda told: told["Kind"] == "reloaded")

    def problems(self) -> list[Told]:
        """Wait until something cannot be taken up; return why."""
        told = self.up.until(lambda told: told["Kind"] == "problems")
        problems: list[Told] = told["Problems"]
        return problems


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    """Two functions, the second of them published."""
    (folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(CODE)
        (folder / name / "told.py").write_text("TOLD = 1\n")
    made = Running(folder)
    yield made
    made.client.close()
    assert made.up.stop() == 0


def test_the_next_invocation_runs_the_new_code(running: Running) -> None:
    """Only the function whose code changed is deployed, by whatever way the file was saved."""
    assert running.ask("One") == [1, "$LATEST"]
    told = running.folder / "one" / "told.py"
    save(told, "TOLD = 2\n")
    assert running.reloaded()["LogicalIds"] == ["One"]
    assert running.ask("One")[0] == 2

    save(told, "TOLD = 3\n")
    assert running.reloaded()["TookMs"] >= 0
    assert running.ask("One")[0] == 3

    made = running.folder / "being-made"
    made.mkdir()
    (made / "__init__.py").write_text("TOLD = 4\n")
    made.rename(told.with_name("package"))
    running.reloaded()
    save(told, "from package import TOLD\n")
    running.reloaded()
    assert running.ask("One")[0] == 4
    told.unlink()
    running.reloaded()
    assert running.ask("One")["errorType"] == "Runtime.ImportModuleError"
    save(told, "TOLD = 5\n")
    running.reloaded()
    assert running.ask("One")[0] == 5
    assert running.ask("Two") == [1, "$LATEST"]


def test_what_is_broken_is_told_and_the_old_goes_on(running: Running) -> None:
    """A syntax error and a broken template are told with their line; mended, all is taken up."""
    told = running.folder / "one" / "told.py"
    save(told, "TOLD = 1\nTOLD = (\n")
    (problem,) = running.problems()
    assert (Path(problem["File"]), problem["Line"]) == (told, 2)
    assert "SyntaxError" in problem["Message"]
    assert running.ask("One")[0] == 1
    # A change elsewhere does not take up what is still broken.
    save(running.folder / "one" / "other.py", "x = 1\n")
    assert Path(running.problems()[0]["File"]) == told
    save(told, "TOLD = 2\n")
    running.reloaded()
    assert running.ask("One")[0] == 2

    template = running.folder / "template.yaml"
    save(template, template.read_text().replace("Timeout: 5", "Timeout: [5"))
    (problem,) = running.problems()
    assert "not valid YAML" in problem["Message"]
    assert problem["Line"]
    assert running.ask("One")[0] == 2
    save(template, textwrap.dedent(TEMPLATE).replace("Timeout: 5", "Timeout: 6"))
    assert {"One", "Two"} <= set(running.reloaded()["LogicalIds"])
    assert running.ask("One")[0] == 2


def test_new_code_of_a_published_function_is_a_new_version(running: Running) -> None:
    """The alias names a version with the new code; the old version stays as it was."""
    assert running.ask("Two", "live") == [1, "1"]
    save(running.folder / "two" / "told.py", "TOLD = 2\n")
    running.reloaded()
    assert running.ask("Two", "live") == [2, "2"]
    assert running.ask("Two", "1") == [1, "1"]


def test_changed_code_has_the_parent_of_its_packages(folder: Path) -> None:
    """One process imports requirements for all versions of the code; another one new ones."""
    (folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(PARENT.format("'first'"))
    wheels = [_wheel(folder, version) for version in ("1.0", "2.0")]
    wanted = folder / "one" / "requirements.txt"
    wanted.write_text(f"{wheels[0].as_uri()}\n")
    (folder / "two" / "app.py").write_text("def handler(event, context): pass\n")
    made = Running(folder)
    try:
        said, parent, version = made.ask("One")
        assert (said, version) == ("first", "1.0")
        save(folder / "one" / "app.py", PARENT.format("'second'"))
        made.reloaded()
        assert made.ask("One") == ["second", parent, "1.0"]
        save(wanted, f"{wheels[1].as_uri()}\n")
        made.reloaded()
        said, other, version = made.ask("One")
        assert (said, version) == ("second", "2.0")
        assert other != parent
        save(folder / "one" / "thing.py", "version = 'mine'\n")
        made.reloaded()
        assert made.ask("One")[2] == "mine"
        (folder / "one" / "thing.py").unlink()
        made.reloaded()
        assert made.ask("One")[2] == "2.0"
    finally:
        made.client.close()
        assert made.up.stop() == 0


def _wheel(folder: Path, version: str) -> Path:
    """Make a distribution of one module that can be installed."""
    info = f"thing-{version}.dist-info"
    files = {
        "thing.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = folder / f"thing-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": listed}.items():
            archive.writestr(name, text)
    return path
