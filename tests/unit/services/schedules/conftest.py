"""A fresh server's worth of services for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from events_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with a queue `q` and a queue `dead`."""
    made = World(tmp_path / "world")
    made.queue("q")
    made.queue("dead")
    yield made
    made.close()
