"""A fresh service for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from queues_rig import Rig, redrive
from wire_rig import PROTOCOLS, WireRig

MEMORY = Path("/dev/shm")
"""Files in memory: a sync costs nothing. What a sync is worth is the business of tests/store."""


@pytest.fixture(params=["direct", *PROTOCOLS])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The service in a directory of its own: its operations called, and over both protocols."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        direct = request.param == "direct"
        made = Rig(Path(folder)) if direct else WireRig(Path(folder), request.param)
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
