"""A fresh world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mappings_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The services in a directory of its own."""
    made = World(tmp_path)
    yield made
    made.store.close()
