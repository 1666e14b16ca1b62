"""CloudWatch Logs in a folder of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from logs_rig import LogsRig


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogsRig]:
    """A fresh service."""
    made = LogsRig(tmp_path)
    yield made
    made.close()
