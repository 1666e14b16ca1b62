"""The engines that the conformance suite runs on. One more is a class and a line in ENGINES."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import ENGINES, Engine


@pytest.fixture(params=ENGINES, ids=lambda kind: kind.__name__)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    made = request.param(tmp_path)
    yield made
    made.close()
