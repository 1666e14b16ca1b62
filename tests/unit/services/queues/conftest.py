"""A fresh service for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from queues_rig import Rig, redrive

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing. What a sync is worth is the business of tests/store."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """The service in a directory of its own."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Rig(Path(folder))
        yield made
        made.store.close()


@pytest.fixture
def url(rig: Rig) -> str:
    """The URL of a queue with AWS's defaults."""
    return rig.create()


@pytest.fixture
def dlq(rig: Rig) -> str:
    """The URL of a dead-letter queue."""
    return rig.create("dlq")


@pytest.fixture
def source(rig: Rig, dlq: str) -> str:
    """A queue that buries after two receives."""
    return rig.create("source", RedrivePolicy=redrive())
