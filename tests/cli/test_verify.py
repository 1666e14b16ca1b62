"""`redrive verify` on stores that are whole, damaged, in use and not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redrive.cli.main import cli
from redrive.core.time import Millis
from redrive.shell.lock import DataLock
from redrive.store.sqlite import SqliteStore


def verify(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["verify", "--data", str(folder), *words])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stopped store."""
    store = SqliteStore(str(tmp_path / "redrive.db"), ())
    store.commit(Millis(1))
    store.close()
    return tmp_path


def flip(path: Path, byte: int) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 16
    path.write_bytes(content)


def test_a_whole_store(data: Path) -> None:
    """Exit code 0, and how much was read."""
    result = verify(data)
    assert result.exit_code == 0, result.output
    assert "pages of 4 KiB" in result.output
    assert "everything is whole" in result.output
    told = json.loads(verify(data, "--json").output)
    assert told["is_whole"] is True
    assert told["damaged"] == []


def test_a_damaged_page(data: Path) -> None:
    """Exit code 1, and which page; programs get the same."""
    flip(data / "redrive.db", 2 * 4_096 + 77)
    result = verify(data)
    assert result.exit_code == 1
    assert "damaged pages: 3\n" in result.output
    assert "put back a copy" in result.output
    assert json.loads(verify(data, "--json").output)["damaged"] == [3]


def test_a_damaged_log_may_be_given_up(data: Path) -> None:
    """It is told first; once it is given up, there is nothing more to do."""
    store = SqliteStore(str(data / "redrive.db"), ())
    store.transact(lambda tx: tx.sequence(Millis(5)))
    store.transact(lambda tx: setattr(tx, "has_written", True))
    store.commit(Millis(9))
    left = {path: path.read_bytes() for path in data.iterdir()}
    store.close()
    for path, content in left.items():
        path.write_bytes(content)
    flip(data / "redrive.db-wal", 32 + 24 + 500)
    assert "the log:" in verify(data).output
    result = verify(data, "--give-up-log")
    assert result.exit_code == 0, result.output
    assert "was given up" in result.output
    assert "nothing was given up" in verify(data, "--give-up-log").output


def test_a_store_in_use_is_left_alone(data: Path) -> None:
    """The holder is named."""
    lock = DataLock(data)
    lock.say("a server of ours")
    result = verify(data)
    assert result.exit_code == 1
    assert "a server of ours" in result.output
    lock.release()


def test_no_store(tmp_path: Path) -> None:
    """Nothing is made where nothing was."""
    result = verify(tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "holds no store" in result.output
    assert not (tmp_path / "nowhere").exists()
