"""A fresh world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from events_world import World

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server's files are."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    """All services in a directory of their own."""
    made = World(folder / "data")
    yield made
    made.close()
