"""What the tests of the identity service share: a server without keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from identity_rig import Client, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A server that takes callers at their word."""
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def iam(rig: Rig) -> Client:
    """Its IAM, asked by the root of one account."""
    return rig.client("iam")
