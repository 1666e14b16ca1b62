"""What holds for all tests: that an interrupt reaches the programs that they start, and which of
them run only where the modules that they plant faults in are interpreted.
"""

from __future__ import annotations

import signal

import pytest

from redrive.store import sqlite

IS_COMPILED = not sqlite.__file__.endswith(".py")
"""The hot modules are those that `pip install .` compiles (setup.py)."""


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker means, and let SIGINT do what it does in a terminal.

    A shell starts what it runs in the background with SIGINT ignored, and that is inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "interpreted: replaces what cannot be replaced in C")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs interpreted modules when they are compiled."""
    if IS_COMPILED:
        skip = pytest.mark.skip(reason="the hot modules are compiled")
        for item in items:
            if item.get_closest_marker("interpreted"):
                item.add_marker(skip)
