"""A fresh server's worth of services for each test, under a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from events_world import World

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing."""


@pytest.fixture
def world() -> Iterator[World]:
    """All services in a directory of their own."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = World(Path(folder))
        yield made
        made.close()
