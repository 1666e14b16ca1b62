"""What counts as a change of the code, on a real file system."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from redrive.cli.watching import Watcher

WAIT_MS = 20_000  # a bound, not a wait: a change ends it


class Project:
    """A template with a folder of code and a single file of it, and what watches them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.yaml"
        self.code = folder / "src"
        self.single = folder / "single.py"
        for file in (self.template, self.code / "app.py", self.code / "lib" / "a.py", self.single):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("1")
        for name in (".git", "node_modules/x", ".venv/bin", "__pycache__", "env/bin"):
            (self.code / name).mkdir(parents=True)
        (self.code / "env" / "pyvenv.cfg").write_text("")
        (folder / ".redrive").mkdir()
        self.watcher = Watcher(self.template, [self.code, self.single], folder / ".redrive")

    def told(self, *files: Path) -> set[Path]:
        """Return what is told up to when all of these have been."""
        found: set[Path] = set()
        while not found.issuperset(files):
            more = self.watcher.changes(WAIT_MS)
            assert more, f"nothing more is told than {found}"
            found |= more
        return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A watched project."""
    made = Project(tmp_path.resolve())
    yield made
    made.watcher.close()


def test_saves_of_every_kind(project: Project) -> None:
    """A write, a new file, a rename over a file, a deletion: each is told by the file's path."""
    app = project.code / "app.py"
    app.write_text("2")
    assert project.told(app) == {app}
    made = project.code / "lib" / "b.py"
    made.write_text("2")
    assert project.told(made) == {made}
    beside = project.code / "app.py.new"
    beside.write_text("3")
    beside.replace(app)
    assert project.told(app) <= {app, beside}
    made.unlink()
    assert project.told(made) == {made}
    project.template.write_text("2")
    project.single.write_text("2")
    assert project.told(project.template, project.single) == {project.template, project.single}


def test_what_is_not_code_is_not_told(project: Project) -> None:
    """Packages, repositories, virtual environments, caches, editors' files and our own data are
    left out, and so is what lies beside the template."""
    for name in (
        "src/.git/index",
        "src/node_modules/x/index.js",
        "src/.venv/bin/python",
        "src/env/bin/python",
        "src/__pycache__/app.pyc",
        "src/app.pyc",
        "src/.app.py.swp",
        "src/app.py~",
        "src/.#app.py",
        ".redrive/redrive.db-wal",
        "README.md",
    ):
        (project.folder / name).write_text("2")
    last = project.code / "last.py"
    last.write_text("2")
    assert project.told(last) == {last}


def test_a_new_folder_is_watched_before_it_is_told(project: Project) -> None:
    """What is written into a folder after its making was told is told as well."""
    folder = project.code / "new" / "deep"
    folder.mkdir(parents=True)
    project.told(project.code / "new")
    inner = folder / "c.py"
    inner.write_text("2")
    assert inner in project.told(inner)


def test_code_that_goes_and_comes_again(project: Project) -> None:
    """The whole folder may be deleted, and made again: both are told, and it is watched again."""
    shutil.rmtree(project.code)
    project.told(project.code)
    project.code.mkdir()
    project.told(project.code)
    app = project.code / "app.py"
    app.write_text("2")
    assert app in project.told(app)


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    """Linked code is code; a link that leads back is not walked for ever."""
    real, code = tmp_path / "real", tmp_path / "code"
    real.mkdir()
    code.mkdir()
    (code / "linked").symlink_to(real)
    (code / "ring").symlink_to(code)
    watcher = Watcher(tmp_path / "template.yaml", [code], tmp_path / ".redrive")
    (real / "a.py").write_text("1")
    assert code / "linked" / "a.py" in watcher.changes(WAIT_MS)
    watcher.close()


def test_nothing_has_changed(project: Project) -> None:
    """A look ends without a change."""
    assert project.watcher.changes(1) == frozenset()


def test_our_own_data_among_the_code(tmp_path: Path) -> None:
    """What the server writes is no change, also where its directory lies in the code; a zip is."""
    code, zipped = tmp_path / "code", tmp_path / "code.zip"
    (code / "state" / "run").mkdir(parents=True)
    zipped.write_text("1")
    watcher = Watcher(tmp_path / "template.yaml", [code, zipped], code / "state")
    (code / "state" / "redrive.db").write_text("1")
    (code / "state" / "run" / "log").write_text("1")
    zipped.write_text("2")
    assert watcher.changes(WAIT_MS) == {zipped}
    watcher.close()


def test_what_was_not_told_yet_outlives_a_change_of_the_code(tmp_path: Path) -> None:
    """Other code is watched from then on, and no change falls in between."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    watcher = Watcher(tmp_path / "template.yaml", [one], tmp_path / ".redrive")
    (one / "a.py").write_text("1")
    watcher.cover([one, two])
    (two / "b.py").write_text("1")
    told: set[Path] = set()
    while not told >= {one / "a.py", two / "b.py"}:
        more = watcher.changes(WAIT_MS)
        assert more
        told |= more
    watcher.close()
