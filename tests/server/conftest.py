"""One server for all that do not harm it, and a new account for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from live import LiveServer

_ACCOUNTS = count(100_000_000_001)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that lives as long as the tests do."""
    server = LiveServer(tmp_path_factory.mktemp("shared"), "--allow-reset")
    assert server.port, server.text
    yield server
    server.close()


@pytest.fixture
def server(shared: LiveServer) -> Iterator[LiveServer]:
    """The shared server, which has to be well and free of faults afterwards."""
    yield shared
    health = shared.health()
    assert (health["status"], health["faults"], health["waiting"]) == ("ok", 0, health["waiting"])
    assert "a bug of ours" not in shared.text


@pytest.fixture
def account() -> str:
    """An account that no other test uses."""
    return str(next(_ACCOUNTS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server of a test's own lives."""
    return tmp_path
