"""A fresh server's worth of queues and metrics for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from metrics_rig import Rig

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server's files are."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def rig(folder: Path) -> Iterator[Rig]:
    """The services in a directory of their own."""
    made = Rig(folder)
    yield made
    made.store.close()
