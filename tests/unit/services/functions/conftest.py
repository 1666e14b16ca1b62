"""A fresh service for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from functions_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """The service with AWS's limits, in a directory of its own."""
    made = Rig(tmp_path)
    yield made
    made.store.close()
