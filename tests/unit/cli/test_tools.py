"""Programs that the command line runs, and the files that it watches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from redrive.cli.watching import Watcher
from redrive.runtime.tools import ServerProcess, run_tool


def test_a_tool_is_heard() -> None:
    """Every line of both its outputs is given on, and its exit code is returned."""
    heard: list[str] = []
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(3)"
    assert run_tool([sys.executable, "-c", code], heard.append) == 3
    assert [line.strip() for line in heard] == ["one", "two"]


def test_a_tool_that_is_not_there() -> None:
    """A tool that cannot be started is a line and a shell's exit code."""
    heard: list[str] = []
    assert run_tool(["/nowhere/uv"], heard.append) == 127
    assert "/nowhere/uv cannot be started" in heard[0]


def test_a_server_is_asked_to_end(tmp_path: Path) -> None:
    """Its end is waited for, and what it said last can be read."""
    code = "import signal; print('up', flush=True); signal.sigwait([signal.SIGTERM])"
    code = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); {code}"
    server = ServerProcess([sys.executable, "-c", code], tmp_path / "deep" / "noise")
    assert server.ended_within(0) is None
    while server.words != "up":
        assert server.ended_within(0.01) is None
    server.stop()
    assert server.ended_within(60) == 0


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Path, Watcher]:
    """A template, a folder of code, a zip, and their watcher."""
    for name in ("template.yaml", "src/app.py", "code.zip", "src/__pycache__/app.pyc", "other.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "src" / ".data").mkdir()
    code = [tmp_path / "src", tmp_path / "code.zip"]
    return tmp_path, Watcher(tmp_path / "template.yaml", code, tmp_path / "src" / ".data")


@pytest.mark.parametrize("name", ["template.yaml", "src/app.py", "src/new/deep.py", "code.zip"])
def test_changes_are_seen(watched: tuple[Path, Watcher], name: str) -> None:
    """A change of the template, or of anything in the code, is seen once."""
    folder, watcher = watched
    assert not watcher.has_changes()
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    replacement = folder / "src" / ".data" / "replacement"
    replacement.write_text("changed")
    replacement.replace(path)  # as editors do
    while not watcher.has_changes():
        pass


@pytest.mark.parametrize("name", ["other.txt", "src/__pycache__/app.pyc", "src/.data/redrive.db"])
def test_other_changes_are_not(watched: tuple[Path, Watcher], name: str) -> None:
    """Neighbours of the template, caches and the data directory are no reason to deploy."""
    folder, watcher = watched
    (folder / name).write_text("changed")
    (folder / "src" / "last.py").write_text("")
    while not watcher.has_changes():  # the last change is the first that counts
        pass
    assert not watcher._counts(None, str(folder / name))  # type: ignore[arg-type]
