"""Packages that say what was installed for them: linked to it, swept with care."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from functions_rig import ROLE, T0, Rig

from redrive.core.errors import ServiceError
from redrive.services.functions import code as code_module
from redrive.services.functions.code import Code, CodeStore
from redrive.services.functions.operations.packages import LOCAL_BUCKET
from redrive.services.functions.sweeper import GRACE_MS, Sweeper

INSTALLED = {
    "boto3/__init__.py": "v = 1\n",
    "boto3/data/a.json": "{}",
    "six.py": "v = 2\n",
    "boto3-1.dist-info/RECORD": "boto3/__init__.py,,\n",
}


class Maker:
    """Makes packages as `redrive up` does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, name: str, files: dict[str, str]) -> Path:
        """Return a folder with files."""
        folder = self._folder / name
        for each, text in files.items():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_text(text)
        return folder

    def make(
        self, name: str, code: dict[str, str], installed: dict[str, str] | None = None
    ) -> Path:
        """Return a package, its parts written down beside it."""
        parts = INSTALLED if installed is None else installed
        below = self.install(f"installed-{hash(tuple(parts.items()))}", parts)
        package = self.install(name, {**parts, **code})
        said = {"installed": str(below), "code": sorted(code)}
        Path(f"{package}.parts").write_text(json.dumps(said))
        return package


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """A maker in a folder of its own."""
    return Maker(tmp_path / "cache")


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    """An empty store."""
    return CodeStore(tmp_path / "data" / "code")


def contents(root: Path) -> dict[str, str]:
    """Return the files below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file()
    }


def inode(store: CodeStore, code: Code, name: str) -> int:
    """Return which file it is that a package has under a name."""
    return (store.path(code.hash) / name).stat().st_ino


def test_versions_of_the_code_share_what_is_installed(store: CodeStore, maker: Maker) -> None:
    """Each package is one folder of real files; what is installed is stored and read once."""
    one = store.put_local(maker.make("one", {"app.py": "n = 1\n", "lib/in.py": ""}))
    two = store.put_local(maker.make("two", {"app.py": "n = 2\n"}))
    assert contents(store.path(one.hash)) == {**INSTALLED, "app.py": "n = 1\n", "lib/in.py": ""}
    assert contents(store.path(two.hash)) == {**INSTALLED, "app.py": "n = 2\n"}
    assert not any(path.is_symlink() for path in store.path(two.hash).rglob("*"))
    base = store.base(one.hash)
    assert base == store.base(two.hash) != ""
    assert contents(store.path(base)) == INSTALLED
    assert sorted(store.hashes()) == sorted([one.hash, two.hash, base])
    assert inode(store, one, "boto3/data/a.json") == inode(store, two, "boto3/data/a.json")
    assert two.bytes == sum(len(text) for text in INSTALLED.values()) + 6
    assert store.unpacked_bytes(two.hash) == two.bytes


def test_what_was_installed_is_not_read_again(
    store: CodeStore, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second version costs the reading of its code."""
    store.put_local(maker.make("one", {"app.py": "n = 1\n"}))
    package = maker.make("two", {"app.py": "n = 2\n"})
    read: list[str] = []

    def spied(path: Path) -> bytes:
        read.append(path.name)
        with path.open("rb") as file:
            return file.read()

    monkeypatch.setattr(Path, "read_bytes", spied)
    store.put_local(package)
    assert read == ["two.parts", "app.py"]


def test_every_change_is_another_package(store: CodeStore, maker: Maker) -> None:
    """Names, modes and contents of the code count, and so does what is installed."""
    first = maker.make("a", {"app.py": "x"})
    executable = maker.make("b", {"app.py": "x"})
    (executable / "app.py").chmod(0o755)
    packages = [
        first,
        executable,
        maker.make("c", {"app.py": "y"}),
        maker.make("d", {"apq.py": "x"}),
        maker.make("e", {"app.py": "x"}, {**INSTALLED, "six.py": "v = 3\n"}),
        maker.make("f", {"app.py": "x"}, {**INSTALLED, "more.py": ""}),
    ]
    hashes = [store.put_local(package).hash for package in packages]
    assert len(set(hashes)) == len(hashes)
    assert store.put_local(maker.make("g", {"app.py": "x"})).hash == hashes[0]
    bases = [store.base(each) for each in hashes]
    assert bases[0] == bases[1] == bases[2] == bases[3]
    assert len(set(bases)) == 3


def test_another_tree_under_the_same_name(store: CodeStore, maker: Maker) -> None:
    """What was installed anew in the place of the old is seen: a folder is known by more than its
    path."""
    package = maker.make("a", {"app.py": "x"})
    one = store.put_local(package)
    installed = Path(json.loads(Path(f"{package}.parts").read_text())["installed"])
    installed.rename(installed.with_name("gone"))
    maker.install(installed.name, {**INSTALLED, "six.py": "v = 9\n"})
    two = store.put_local(package)
    assert two.hash != one.hash
    assert (store.path(two.hash) / "six.py").read_text() == "v = 9\n"


@pytest.mark.parametrize("name", ["six.py", "six/__init__.py", "boto3/more.py"])
def test_code_that_shadows_a_package_wins(store: CodeStore, maker: Maker, name: str) -> None:
    """It lies in the package in the place of the other, and nothing is imported ahead of it."""
    code = store.put_local(maker.make("a", {"app.py": "x", name: "mine"}))
    assert contents(store.path(code.hash)) == {**INSTALLED, "app.py": "x", name: "mine"}
    assert store.base(code.hash) == ""
    assert store.unpacked_bytes(code.hash) == code.bytes


def test_a_dry_run_tells_the_same(store: CodeStore, maker: Maker) -> None:
    """A dry run writes nothing."""
    package = maker.make("a", {"app.py": "x"})
    told = store.put_local(package, dry_run=True)
    assert list(store.root.iterdir()) == []
    assert store.put_local(package) == told
    assert store.put_local(package, dry_run=True) == told


def test_too_large(store: CodeStore, maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parts count together."""
    package = maker.make("a", {"app.py": "x" * 20})
    monkeypatch.setattr(code_module, "UNZIPPED_BYTES_MAX", 50)
    with pytest.raises(ServiceError, match="Unzipped size must be smaller than 50 bytes"):
        store.put_local(package)
    assert not [name for name in store.hashes() if not name.startswith("deps-")]


@pytest.mark.parametrize(
    "said",
    [
        "nonsense",
        "[]",
        '{"installed": "/nowhere", "code": ["app.py"]}',
        '{"installed": "/", "code": ["../app.py"]}',
        '{"installed": "/", "code": ["/etc/passwd"]}',
    ],
)
def test_parts_that_make_no_sense(store: CodeStore, maker: Maker, said: str) -> None:
    """The package is then copied as it is."""
    package = maker.make("a", {"app.py": "x"})
    Path(f"{package}.parts").write_text(said)
    code = store.put_local(package)
    assert contents(store.path(code.hash)) == {**INSTALLED, "app.py": "x"}
    assert store.base(code.hash) == ""


def test_what_is_shared_is_known_after_a_restart(tmp_path: Path, maker: Maker) -> None:
    """A note without its package, which a crash may leave, is removed."""
    store = CodeStore(tmp_path / "code")
    code = store.put_local(maker.make("a", {"app.py": "x"}))
    (tmp_path / "code" / ".of-0000").write_text("deps-0000")
    again = CodeStore(tmp_path / "code")
    assert again.base(code.hash) == store.base(code.hash) != ""
    assert not (tmp_path / "code" / ".of-0000").exists()
    again.remove(code.hash)
    assert again.base(code.hash) == ""
    assert CodeStore(tmp_path / "code").base(code.hash) == ""


class Died(BaseException):
    """The process ends here."""


def test_crash_at_every_sync_and_rename(
    tmp_path: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the process dies, what has a name is whole, and the next try succeeds."""
    package = maker.make("a", {"app.py": "x"})
    whole = {**INSTALLED, "app.py": "x"}
    left = [10_000]

    def dying(function: object) -> object:
        def run(*args: object, **kwargs: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Died
            return function(*args, **kwargs)  # type: ignore[operator]

        return run

    monkeypatch.setattr(os, "fsync", dying(os.fsync))
    monkeypatch.setattr(os, "sync", dying(os.sync))
    monkeypatch.setattr(os, "link", dying(os.link))
    monkeypatch.setattr(Path, "rename", dying(Path.rename))
    code = CodeStore(tmp_path / "whole").put_local(package)
    steps = 10_000 - left[0]
    for died_at in range(steps):
        root = tmp_path / f"died{died_at}"
        left[0] = died_at
        with pytest.raises(Died):
            CodeStore(root).put_local(package)
        left[0] = 10_000
        store = CodeStore(root)
        for name in store.hashes():
            assert contents(store.path(name)) == (INSTALLED if name.startswith("deps-") else whole)
        assert store.put_local(package) == code
        assert store.base(code.hash) in store.hashes()


def test_a_file_system_without_links(
    store: CodeStore, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then files are copied."""

    def refuse(source: str, target: str) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    code = store.put_local(maker.make("a", {"app.py": "x"}))
    assert contents(store.path(code.hash)) == {**INSTALLED, "app.py": "x"}
    assert (
        inode(store, code, "six.py") != (store.path(store.base(code.hash)) / "six.py").stat().st_ino
    )


def deploy(rig: Rig, package: Path, operation: str = "UpdateFunctionCode") -> str:
    """Give a function a package; return the hash of its code."""
    code = {"S3Bucket": LOCAL_BUCKET, "S3Key": str(package)}
    if operation == "CreateFunction":
        more = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": code}
    else:
        more = code
    told = rig.call(operation, FunctionName="orders", **more)
    return str(told["CodeSha256"])


def test_the_sweep_takes_what_nothing_shares(tmp_path: Path, maker: Maker) -> None:
    """What is installed stays while a package that a row names was linked to it."""
    (tmp_path / "data").mkdir()
    rig = Rig(tmp_path / "data")
    rig.dispatch.post(Sweeper())
    store = rig.room.code
    first = deploy(rig, maker.make("a", {"app.py": "x = 1"}), "CreateFunction")
    second = deploy(rig, maker.make("b", {"app.py": "x = 2"}))
    assert first != second
    rig.call("Invoke", FunctionName="orders")
    (run,) = rig.runs
    base = Path(run.environment.packages)
    assert base.name.startswith("deps-")
    assert contents(base) == INSTALLED
    rig.pass_time(T0 + 4 * GRACE_MS)
    assert {base.name, Path(run.environment.code_path).name} == set(store.hashes())
    assert rig.call("SweepCode", Condemned=[base.name]) == {"Unused": []}
    assert base.is_dir()

    deploy(rig, maker.make("c", {"app.py": "x = 2"}, {"other.py": ""}))
    rig.call("Invoke", FunctionName="orders")
    new = rig.runs[-1].environment
    rig.pass_time(T0 + 12 * GRACE_MS)
    assert {Path(new.packages).name, Path(new.code_path).name} == set(store.hashes())
    assert Path(new.packages) != base
    rig.call("DeleteFunction", FunctionName="orders")
    rig.pass_time(T0 + 20 * GRACE_MS)
    assert list(store.root.iterdir()) == []
