"""The code store: what a package may do, and what a crash may leave."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from stand_ins import package

from redrive.core.errors import ServiceError, Unavailable
from redrive.services.functions import code as code_module
from redrive.services.functions.code import CodeStore

UNZIP_TROUBLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    """An empty store."""
    return CodeStore(tmp_path / "data" / "code")


def archive(*entries: tuple[str, bytes, int]) -> bytes:
    """A zip file of (name, content, unix mode)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            made.writestr(info, content)
    return buffer.getvalue()


FILE = stat.S_IFREG | 0o644
LINK = stat.S_IFLNK | 0o777


def test_unpacked_by_hash(store: CodeStore) -> None:
    """A package lies under its hash, read-only, with its executable bits and its inner links."""
    code = store.put_zip(
        archive(
            ("app.py", b"x = 1\n", FILE),
            ("bin/tool", b"#!/bin/sh\n", stat.S_IFREG | 0o755),
            ("lib/deep/again", b"../../app.py", LINK),
        )
    )
    root = store.path(code.hash)
    assert (root / "app.py").read_bytes() == b"x = 1\n"
    assert stat.S_IMODE((root / "app.py").stat().st_mode) == 0o444
    assert stat.S_IMODE((root / "bin/tool").stat().st_mode) == 0o555
    assert (root / "lib/deep/again").read_bytes() == b"x = 1\n"
    assert store.hashes() == [code.hash]
    assert len(code.hash) == 64


def test_same_package_once(store: CodeStore) -> None:
    """The same bytes are one package; others are another."""
    one = store.put_zip(package())
    assert store.put_zip(package()) == one
    two = store.put_zip(package("other = 1\n"))
    assert sorted(store.hashes()) == sorted([one.hash, two.hash])


@pytest.mark.parametrize(
    "bad",
    [
        b"this is not a zip file",
        archive(("../evil.py", b"x", FILE)),
        archive(("a/../../evil.py", b"x", FILE)),
        archive(("/etc/evil.py", b"x", FILE)),
        archive(("a\\..\\evil.py", b"x", FILE)),
        archive(("out", b"/etc", LINK)),
        archive(("a/out", b"../../etc", LINK)),
        archive(("a/b/up", b"../..", LINK), ("out", b"a/b/up/..", LINK)),
        archive(("lib", b"/tmp", LINK), ("lib/evil.py", b"x", FILE)),
        archive(("lib", b"other", LINK), ("lib/evil.py", b"x", FILE)),
        archive(
            ("a/b/top", b"../..", LINK),
            ("a/b/top/out", b"../../..", LINK),
            ("a/b/top/out/evil.py", b"x", FILE),
        ),
        archive(("app.py", b"x", FILE), ("app.py/evil", b"x", FILE)),
        archive(("n" * 300, b"x", FILE)),
        package()[:-30],
        package().replace(b"return event", b"return EVENT", 1),
    ],
)
def test_bad_packages(store: CodeStore, bad: bytes, tmp_path: Path) -> None:
    """A broken package, or one that reaches out of its directory, leaves nothing behind."""
    with pytest.raises(ServiceError) as refused:
        store.put_zip(bad)
    assert refused.value.message == UNZIP_TROUBLE
    assert store.hashes() == []
    assert not list(tmp_path.rglob("evil*"))
    store.put_zip(package())  # what the failure left does not stand in the way


def test_empty_package(store: CodeStore) -> None:
    """A zip file without files is refused."""
    for empty in (archive(), archive(("only/", b"", stat.S_IFDIR | 0o755))):
        with pytest.raises(ServiceError, match="Uploaded file must be a non-empty zip"):
            store.put_zip(empty)


def test_size_limits(store: CodeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Zipped and unzipped sizes are limited in AWS's words; a local zip file only unzipped."""
    assert code_module.ZIPPED_BYTES_MAX == 52_428_800
    assert code_module.UNZIPPED_BYTES_MAX == 262_144_000
    monkeypatch.setattr(code_module, "ZIPPED_BYTES_MAX", 100)
    with pytest.raises(ServiceError) as refused:
        store.put_zip(package())
    assert (refused.value.code, refused.value.status) == ("RequestEntityTooLargeException", 413)
    assert refused.value.message == "Zipped size must be smaller than 100 bytes"
    (tmp_path / "local.zip").write_bytes(package())
    store.put_local(tmp_path / "local.zip")
    monkeypatch.setattr(code_module, "ZIPPED_BYTES_MAX", 10_000)
    monkeypatch.setattr(code_module, "UNZIPPED_BYTES_MAX", 10)
    for put in (
        lambda: store.put_zip(package("another = 1\n")),
        lambda: store.put_local(tmp_path),
    ):
        with pytest.raises(ServiceError) as refused:
            put()
        assert refused.value.code == "InvalidParameterValueException"
        assert refused.value.message == "Unzipped size must be smaller than 10 bytes"


def test_local_directory(store: CodeStore, tmp_path: Path) -> None:
    """A directory is copied by content: links to files as files, the data directory left out."""
    source = tmp_path
    (source / "pkg").mkdir()
    (source / "pkg/mod.py").write_text("y = 2\n")
    (source / "app.py").write_text("x = 1\n")
    (source / "also.py").symlink_to(source / "app.py")
    code = store.put_local(source)
    root = store.path(code.hash)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert names == ["also.py", "app.py", "pkg/mod.py"]
    assert not (root / "also.py").is_symlink()
    assert code.bytes == 18
    assert store.put_local(source) == code
    (source / "pkg/mod.py").write_text("y = 3\n")
    assert store.put_local(source).hash != code.hash
    (source / "linked").symlink_to(source / "pkg")
    with pytest.raises(ServiceError, match="is a link to a directory, which is not followed"):
        store.put_local(source)


def test_names_and_contents_do_not_run_together(store: CodeStore, tmp_path: Path) -> None:
    """Directories whose names and contents join to the same bytes have different hashes."""
    hashes = set()
    for number, (name, text) in enumerate([("a", "bc"), ("ab", "c")]):
        source = tmp_path / str(number)
        source.mkdir()
        (source / name).write_text(text)
        hashes.add(store.put_local(source).hash)
    assert len(hashes) == 2


def test_missing_local_package(store: CodeStore, tmp_path: Path) -> None:
    """A path with nothing there is AWS's NoSuchKey."""
    with pytest.raises(ServiceError) as refused:
        store.put_local(tmp_path / "nothing")
    assert refused.value.message == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
        "S3 Error Message: The specified key does not exist."
    )


def test_dry_run_writes_nothing(store: CodeStore, tmp_path: Path) -> None:
    """A dry run tells the hash that the package would have."""
    checked = store.put_zip(package(), dry_run=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text("x = 1\n")
    local = store.put_local(tmp_path / "src", dry_run=True)
    assert list(store.root.iterdir()) == []
    assert store.put_zip(package()) == checked
    assert store.put_local(tmp_path / "src") == local


def test_left_overs_of_a_crash(tmp_path: Path) -> None:
    """What was being unpacked or removed when the process died is ignored and removed at the
    start."""
    root = tmp_path / "code"
    for name in (".new", ".old-" + "0" * 64):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep/app.py").write_text("half")
    store = CodeStore(root)
    assert list(root.iterdir()) == []
    assert store.hashes() == []


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_crash_at_every_sync_and_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Whenever the process dies, a directory named by a hash is complete and was synced before."""
    files = {f"m{number}.py": f"n = {number}\n" for number in range(count)}
    steps: list[str] = []
    die_at = -1

    def step(name: str) -> None:
        if len(steps) == die_at:
            raise Died
        steps.append(name)

    def spied(function: object, name: str) -> object:
        def run(*args: object, **kwargs: object) -> object:
            step(name)
            return function(*args, **kwargs)  # type: ignore[operator]

        return run

    monkeypatch.setattr(os, "fsync", spied(os.fsync, "sync"))
    monkeypatch.setattr(os, "sync", spied(os.sync, "sync"))
    monkeypatch.setattr(Path, "rename", spied(Path.rename, "rename"))
    code = CodeStore(tmp_path / "whole").put_zip(package(**files))
    whole = len(steps)
    assert steps.index("rename") == whole - 2
    assert "sync" in steps[: whole - 2], "the files are synced before they get their name"
    assert steps[-1] == "sync", "the name is synced before put_zip returns"
    for die_at in range(whole):
        steps.clear()
        root = tmp_path / f"died{die_at}"
        with pytest.raises(Died):
            CodeStore(root).put_zip(package(**files))
        store = CodeStore(root)
        for code_hash in store.hashes():
            found = {path.name for path in store.path(code_hash).iterdir()}
            assert found == {"app.py", *files}
        steps.clear()
        die_before, die_at = die_at, -1
        assert store.put_zip(package(**files)) == code
        die_at = die_before


def test_removal_takes_the_name_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal that dies half-way leaves no incomplete package under its hash."""
    store = CodeStore(tmp_path)
    code = store.put_zip(package())

    def die(path: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", die)
        with pytest.raises(Died):
            store.remove(code.hash)
    assert store.hashes() == []
    assert CodeStore(tmp_path).put_zip(package()) == code


def test_full_disk(store: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is no fault of the package's: the caller may retry."""

    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(Unavailable, match="No space left"):
            store.put_zip(package())
    assert store.hashes() == []
    store.put_zip(package())


def test_a_sweep_spares_what_is_being_looked_for(tmp_path: Path) -> None:
    """A known package is spared from before the look that finds it: what a sweep removed between
    the two would be named by a row."""

    class Looked(CodeStore):
        spared: frozenset[str] | None = None

        def path(self, code_hash: str) -> Path:
            if self.spared is None:
                self.spared = self.take_recent()
            return super().path(code_hash)

    store = Looked(tmp_path / "code")
    code = store.put_zip(package())
    store.take_recent()
    store.spared = None
    assert store.put_zip(package()) == code
    assert store.spared == {code.hash}
