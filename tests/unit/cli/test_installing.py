"""What is installed and made beside the code: npm, Makefiles, layers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redrive.cli import installing
from redrive.cli.packages import Builder, Installer, PackageError, Progress


class Tool:
    """Stands for npm and make: keeps the commands and writes what they would."""

    def __init__(self, code: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.code = code

    def __call__(self, command: list[str], hear: Progress) -> int:
        self.commands.append(command)
        hear("thing: not found")
        if "--prefix" in command:
            module = Path(command[command.index("--prefix") + 1], "node_modules", "thing")
            made, link = module / "index.js", module.parent / ".bin"
            made.parent.mkdir(parents=True)
            made.write_text("installed")
            link.mkdir()
            (link / "thing").symlink_to("../thing/index.js")
        elif command[0] == "make":
            folder = next(word for word in command if word.startswith("ARTIFACTS_DIR="))
            copy = Path(command[command.index("-C") + 1])
            assert (copy / "Makefile").is_file()
            Path(folder.partition("=")[2], "bootstrap").write_text("made")
        else:
            Path(command[command.index("--target") + 1], "thing.py").write_text("installed")
        return self.code


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """A machine that has npm."""
    monkeypatch.setattr(installing.shutil, "which", lambda name: f"/bin/{name}")
    return Tool()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A function of Node.js that needs a package."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"dependencies": {"thing": "^1"}}))
    (folder / "index.mjs").write_text("export const handler = 1")
    return folder


def node(tool: Tool) -> Installer:
    return Installer("/usr/bin/python3", "3.12", tool, None, "v20.1.0")


def names(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))


def test_npm(source: Path, tmp_path: Path, tool: Tool) -> None:
    """package.json is installed once for its content; a lock file decides how; changed code needs
    no other installation."""
    builder = Builder(tmp_path / "cache")
    package = builder.build(source, node(tool))
    assert (package.path / "node_modules" / "thing" / "index.js").read_text() == "installed"
    assert (package.path / "node_modules" / ".bin" / "thing").read_text() == "installed"
    assert (package.path / "package.json").is_file()
    (source / "index.mjs").write_text("export const handler = 2")
    again = builder.build(source, node(tool))
    assert again != package
    (command,) = tool.commands
    assert command[0] == "/bin/npm"
    assert command[3:] == ["install", "--omit=dev", "--no-audit", "--no-fund"]
    (source / "package-lock.json").write_text("{}")
    builder.build(source, node(tool))
    assert tool.commands[1][3] == "ci"


def test_packages_that_are_there(source: Path, tmp_path: Path, tool: Tool) -> None:
    """node_modules beside the code is taken as it is; so is code that asks for nothing."""
    (source / "node_modules" / "thing").mkdir(parents=True)
    (source / "node_modules" / "thing" / "index.js").write_text("own")
    package = Builder(tmp_path / "cache").build(source, node(tool))
    assert (package.path / "node_modules" / "thing" / "index.js").read_text() == "own"
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "package.json").write_text('{"devDependencies": {"thing": "1"}}')
    Builder(tmp_path / "cache").build(plain, node(tool))
    assert tool.commands == []


def test_npm_fails(
    source: Path, tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What npm said last is told, and nothing is left that could be taken for complete."""
    tool.code = 1
    builder = Builder(tmp_path / "cache")
    with pytest.raises(PackageError, match="npm ended with code 1:\n  thing: not found"):
        builder.build(source, node(tool))
    tool.code = 0
    assert builder.build(source, node(tool))
    (source / "package.json").write_text("{")
    with pytest.raises(PackageError, match="not JSON"):
        builder.build(source, node(tool))
    (source / "package.json").write_text('{"dependencies": {"other": "1"}}')
    monkeypatch.setattr(installing.shutil, "which", lambda _name: None)
    with pytest.raises(PackageError, match="npm is not on the PATH"):
        builder.build(source, node(tool))


def test_makefile(tmp_path: Path, tool: Tool) -> None:
    """A target makes the code from a copy of the sources, once for equal ones."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "Makefile").write_text("build-F:\n\ttrue\n")
    builder = Builder(tmp_path / "cache")
    installer = Installer("/usr/bin/python3", "3.12", tool)
    package = builder.build(source, installer, make="build-F")
    assert names(package.path) == ["bootstrap"]
    assert names(source) == ["Makefile"], "nothing is made among the sources"
    assert builder.build(source, installer, make="build-F") == package
    assert [command[-1] for command in tool.commands] == ["build-F"]


def test_a_layer(tmp_path: Path, tool: Tool) -> None:
    """A layer that is built has all of it in its runtime's folder; another one is as it is."""
    source = tmp_path / "layer"
    source.mkdir()
    (source / "requirements.txt").write_text("thing")
    (source / "shared.py").write_text("x = 1")
    builder = Builder(tmp_path / "cache")
    installer = Installer("/usr/bin/python3", "3.12", tool, "/bin/uv")
    built = builder.build(source, installer, below="python")
    assert names(built.path) == [
        "python",
        "python/requirements.txt",
        "python/shared.py",
        "python/thing.py",
    ]
    plain = builder.build(source, installer, installs=False)
    assert names(plain.path) == ["requirements.txt", "shared.py"]


def test_what_is_known_is_linked(tmp_path: Path, tool: Tool) -> None:
    """A package shares the files that have not changed with the one before, and changing code
    changes no earlier package."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "same.py").write_text("same")
    (source / "app.py").write_text("1")
    builder = Builder(tmp_path / "cache")
    installer = Installer("/usr/bin/python3", "3.12", tool)
    first = builder.build(source, installer).path
    (source / "app.py").write_text("2")
    builder.forget([source / "app.py"])
    second = builder.build(source, installer).path
    assert (first / "same.py").samefile(second / "same.py")
    assert [(each / "app.py").read_text() for each in (first, second)] == ["1", "2"]


def test_code_does_not_write_into_what_is_installed(tmp_path: Path, tool: Tool) -> None:
    """A file of the code takes the place of an installed one in its package, and nowhere else."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "requirements.txt").write_text("thing")
    (source / "thing.py").write_text("own")
    installer = Installer("/usr/bin/python3", "3.12", tool, "/bin/uv")
    package = Builder(tmp_path / "cache").build(source, installer).path
    assert (package / "thing.py").read_text() == "own"
    (installed,) = (tmp_path / "cache" / "requirements").glob("*/thing.py")
    assert installed.read_text() == "installed"
