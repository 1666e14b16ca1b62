"""A world with topics for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from topics_rig import Client, TopicsWorld

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing."""


@pytest.fixture
def world() -> Iterator[TopicsWorld]:
    """All services under a virtual clock."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = TopicsWorld(Path(folder))
        yield made
        made.close()


@pytest.fixture
def client(world: TopicsWorld) -> Client:
    """botocore."""
    return Client(world)
