"""The crash campaign finds faults that were put in on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from .campaign import run_campaign
from .server import CrashServer

PLANTED = Path(__file__).with_name("planted.py")


@pytest.mark.parametrize("fault", ["early-reply", "lost-tail"])
def test_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    """A server that acknowledges what is not on the disk is found out within a few kills."""
    server = CrashServer(tmp_path, (str(PLANTED), fault, str(tmp_path)))
    outcome = run_campaign(1, tmp_path, kills=20, server=server)
    assert outcome.violations
    assert any(
        "counters say" in text or "is lost" in text or "came back" in text
        for text in outcome.violations
    )
