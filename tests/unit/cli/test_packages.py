"""Code as packages: named by content, installed once, complete or not there."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from redrive.cli.packages import Installer, PackageError, Progress, build_package


class Tool:
    """Stands for uv or pip: keeps the commands, writes a module, says two lines, ends."""

    def __init__(self, code: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.code = code

    def __call__(self, command: list[str], hear: Progress) -> int:
        self.commands.append(command)
        hear("Collecting thing\n")
        target = Path(command[command.index("--target") + 1])
        (target / "thing").mkdir()
        (target / "thing" / "__init__.py").write_text("installed = True")
        (target / "app.py").write_text("shadowed by the function's own")
        hear("No matching distribution found" if self.code else "done")
        return self.code


@pytest.fixture
def tool() -> Tool:
    """A tool that succeeds."""
    return Tool()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a handler, a nested module, and what does not belong to the code."""
    folder = tmp_path / "src"
    for name in ("app.py", "lib/inner.py", ".git/config", "__pycache__/app.pyc", ".venv/x.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def names(folder: Path) -> list[str]:
    """Return every file below a folder, with slashes."""
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


def installer(tool: Tool, uv: str | None = None, python: str = "3.12") -> Installer:
    """Return an installer that uses the tool."""
    return Installer("/usr/bin/python3", python, tool, uv)


def test_a_folder_is_copied_by_content(source: Path, tmp_path: Path, tool: Tool) -> None:
    """Equal code has one package, changed code another, and nothing else is in it."""
    cache = tmp_path / "cache"
    first = build_package(source, cache, installer(tool))
    assert names(first.path) == ["app.py", "lib/inner.py"]
    assert first.path == cache / "packages" / first.sha256
    assert build_package(source, cache, installer(tool)) == first
    (source / "app.py").write_text("changed")
    second = build_package(source, cache, installer(tool))
    assert second.sha256 != first.sha256
    assert (first.path / "app.py").read_text() == "app.py"
    assert tool.commands == []
    assert not list(cache.rglob("*.tmp"))


def test_names_and_modes_count(source: Path, tmp_path: Path, tool: Tool) -> None:
    """A renamed file and a file made executable are other packages."""
    found = {build_package(source, tmp_path / "cache", installer(tool)).sha256}
    (source / "app.py").chmod(0o755)
    package = build_package(source, tmp_path / "cache", installer(tool))
    assert os.access(package.path / "app.py", os.X_OK)
    found.add(package.sha256)
    (source / "app.py").rename(source / "main.py")
    found.add(build_package(source, tmp_path / "cache", installer(tool)).sha256)
    assert len(found) == 3


def test_requirements_are_installed_once(source: Path, tmp_path: Path, tool: Tool) -> None:
    """One installation serves all code with the same requirements and Python, and the code wins."""
    (source / "requirements.txt").write_text("thing==1\n")
    heard: list[str] = []
    package = build_package(source, tmp_path / "cache", installer(tool), heard.append)
    assert names(package.path) == [
        "app.py",
        "lib/inner.py",
        "requirements.txt",
        "thing/__init__.py",
    ]
    assert (package.path / "app.py").read_text() == "app.py"
    assert heard == ["Collecting thing", "done"]
    (source / "app.py").write_text("changed")
    build_package(source, tmp_path / "cache", installer(tool))
    assert len(tool.commands) == 1
    other = build_package(source, tmp_path / "cache", installer(tool, python="3.13"))
    assert len(tool.commands) == 2
    (source / "requirements.txt").write_text("thing==2\n")
    assert build_package(source, tmp_path / "cache", installer(tool)).sha256 != other.sha256
    assert len(tool.commands) == 3


def test_the_tool_that_is_there(source: Path, tmp_path: Path, tool: Tool) -> None:
    """uv is used when it is there, else our pip, which installs for the function's interpreter."""
    (source / "requirements.txt").write_text("thing\n")
    build_package(source, tmp_path / "a", installer(tool, uv="/bin/uv"))
    build_package(source, tmp_path / "b", installer(tool))
    with_uv, with_pip = tool.commands
    assert with_uv[:5] == ["/bin/uv", "pip", "install", "--python", "/usr/bin/python3"]
    ours = [sys.executable, "-m", "pip", "--python", "/usr/bin/python3", "install"]
    assert with_pip[:6] == ours
    for command in tool.commands:
        assert command[-2:] == ["--requirement", str(source / "requirements.txt")]


def test_included_requirements_count(source: Path, tmp_path: Path, tool: Tool) -> None:
    """A change in a file that requirements.txt takes in is a change of it."""
    (source / "requirements.txt").write_text("-r base.txt\n")
    (source / "base.txt").write_text("thing==1\n-r requirements.txt\n")
    build_package(source, tmp_path / "cache", installer(tool))
    (source / "base.txt").write_text("thing==2\n")
    build_package(source, tmp_path / "cache", installer(tool))
    assert len(tool.commands) == 2


def test_empty_requirements_need_no_tool(source: Path, tmp_path: Path, tool: Tool) -> None:
    """A requirements.txt of comments starts nothing."""
    (source / "requirements.txt").write_text("# none yet\n\n")
    build_package(source, tmp_path / "cache", installer(tool))
    assert tool.commands == []


def test_a_failed_installation_tells_why_and_is_tried_again(source: Path, tmp_path: Path) -> None:
    """A failure shows the tool's last lines and leaves nothing that looks installed."""
    (source / "requirements.txt").write_text("thing==99\n")
    with pytest.raises(
        PackageError, match=r"pip ended with code 1:\n.*\n  No matching distribution"
    ):
        build_package(source, tmp_path / "cache", installer(Tool(code=1)))
    tool = Tool()
    package = build_package(source, tmp_path / "cache", installer(tool))
    assert len(tool.commands) == 1
    assert (package.path / "thing").is_dir()


def test_a_crash_in_the_middle_leaves_no_package(source: Path, tmp_path: Path) -> None:
    """An installation that was cut short is not taken for a complete one, and is swept away."""
    (source / "requirements.txt").write_text("thing\n")
    cache = tmp_path / "cache"

    def crash(command: list[str], hear: Progress) -> int:
        Tool()(command, hear)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_package(source, cache, Installer("python3", "3.12", crash))
    left = list(cache.rglob("*.tmp"))
    assert len(left) == 1
    dead = left[0].with_name(left[0].name.replace(f".{os.getpid()}.", ".999999999."))
    left[0].rename(dead)
    tool = Tool()
    build_package(source, cache, installer(tool))
    assert len(tool.commands) == 1
    assert not list(cache.rglob("*.tmp"))


def test_a_zip_and_a_single_file(tmp_path: Path, tool: Tool) -> None:
    """A zip is unpacked with its modes and taken as complete; a single file is a package of one."""
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        entry = zipfile.ZipInfo("bin/run")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, "#!")
        archive.writestr("app.py", "x = 1")
        archive.writestr("requirements.txt", "thing")
        archive.writestr("empty/", "")
    package = build_package(tmp_path / "code.zip", tmp_path / "cache", installer(tool))
    assert names(package.path) == ["app.py", "bin/run", "requirements.txt"]
    assert os.access(package.path / "bin/run", os.X_OK)
    (tmp_path / "app.py").write_text("x = 1")
    single = build_package(tmp_path / "app.py", tmp_path / "cache", installer(tool))
    assert names(single.path) == ["app.py"]
    assert tool.commands == []


def test_code_that_cannot_be_packaged(tmp_path: Path, tool: Tool) -> None:
    """Missing code, and a zip that points out of itself, are told and leave nothing."""
    with pytest.raises(PackageError, match="there is no code at"):
        build_package(tmp_path / "nowhere", tmp_path / "cache", installer(tool))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../escaped.py", "x")
    with pytest.raises(PackageError, match="points out of the package"):
        build_package(tmp_path / "bad.zip", tmp_path / "cache", installer(tool))
    assert not list((tmp_path / "cache").rglob("*.py"))
    assert not list(tmp_path.glob("escaped.py"))


def test_links_are_followed_but_not_in_a_ring(source: Path, tmp_path: Path, tool: Tool) -> None:
    """A linked file or folder is part of the code; a link to a folder above is not walked."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "util.py").write_text("u")
    (source / "shared").symlink_to(shared)
    (source / "lib" / "up").symlink_to(source)
    package = build_package(source, tmp_path / "cache", installer(tool))
    assert names(package.path) == ["app.py", "lib/inner.py", "shared/util.py"]


def test_a_cache_inside_of_the_code_is_not_code(source: Path, tool: Tool) -> None:
    """Packaging a folder that holds the cache does not package the cache."""
    first = build_package(source, source / "cache", installer(tool))
    assert names(first.path) == ["app.py", "lib/inner.py"]
    assert build_package(source, source / "cache", installer(tool)) == first


def test_the_zip_is_always_the_same(source: Path, tmp_path: Path, tool: Tool) -> None:
    """Two packages of equal code give the same bytes, and the zip holds the package."""
    first = build_package(source, tmp_path / "a", installer(tool))
    os.utime(source / "app.py", (1, 1))
    second = build_package(source, tmp_path / "b", installer(tool))
    packed = first.zip_bytes()
    assert packed is not None
    assert packed == second.zip_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["app.py", "lib/inner.py"]


def test_a_package_too_large_for_a_request_has_no_zip(
    source: Path, tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit of CreateFunction the package is named by its place alone."""
    package = build_package(source, tmp_path / "cache", installer(tool))
    monkeypatch.setattr("redrive.cli.packages.ZIP_BYTES_MAX", 100)
    assert package.zip_bytes() is None
    monkeypatch.setattr("redrive.cli.packages.ZIP_BYTES_MAX", 1)
    assert package.zip_bytes() is None


def test_what_a_package_is_made_of_is_written_down(
    source: Path, tmp_path: Path, tool: Tool
) -> None:
    """Beside one with requirements: which folder they were installed into, and the code's files."""
    cache = tmp_path / "cache"
    plain = build_package(source, cache, installer(tool))
    assert not Path(f"{plain.path}.parts").exists()
    (source / "requirements.txt").write_text("thing\n")
    package = build_package(source, cache, installer(tool))
    note = Path(f"{package.path}.parts")
    said = json.loads(note.read_text())
    assert said["code"] == ["app.py", "lib/inner.py", "requirements.txt"]
    assert names(Path(said["installed"])) == ["app.py", "thing/__init__.py"]
    assert Path(said["installed"]).parent == cache / "requirements"
    note.unlink()  # of a package from before these were written, or from before a crash
    assert build_package(source, cache, installer(tool)) == package
    assert json.loads(note.read_text()) == said
