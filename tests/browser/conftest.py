"""A browser, if there is one, and a server of an attacker's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))  # for `live`
sys.path.insert(0, str(Path(__file__).parent))

from chromium import Chromium, find
from evil import HOSTS, Evil


@pytest.fixture
def evil() -> Iterator[Evil]:
    """An attacker's web server."""
    made = Evil()
    yield made
    made.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    """A browser, or the reason why there is none."""
    program = find()
    if program is None:
        pytest.skip("no Chromium is installed (or named by the variable CHROMIUM)")
    made = Chromium(program, tmp_path, HOSTS)
    yield made
    made.close()
