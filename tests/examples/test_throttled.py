"""examples/throttled: healthy messages die, the cure saves them, and the demo judges both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .rigs import CEILING_SECONDS, ORDERS

DEMO = ORDERS.with_name("throttled") / "demo.py"


def run(*options: str) -> tuple[int, dict[str, object], str]:
    """Run the demo; return its exit code, its summary and what it printed."""
    ended = subprocess.run(
        [sys.executable, DEMO, "--json", "--messages", "30", *options],
        capture_output=True,
        text=True,
        timeout=CEILING_SECONDS,
    )
    return ended.returncode, json.loads(ended.stdout or "{}"), ended.stderr


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plot goes."""
    return tmp_path_factory.mktemp("throttled") / "plot.svg"


def test_throttled_messages_die_unseen_and_are_explained(svg: Path) -> None:
    """With one receive each, throttling alone buries some; the cured setting loses none."""
    code, summary, said = run("--receives", "1", "--plot", str(svg))
    assert code == 0, said
    assert summary["ok"] is True
    assert summary["dead"]["throttled"] == summary["unseen"]["throttled"] > 0  # type: ignore[index]
    assert summary["dead"]["cured"] == 0  # type: ignore[index]
    assert "throttled" in said
    assert "buried" in said
    titles = [text.text for text in ElementTree.parse(svg).iter() if text.tag.endswith("text")]
    assert titles[0] == "throttled: reserved concurrency 1, no MaximumConcurrency"


def test_the_demo_sees_when_nothing_is_shown() -> None:
    """With receives to spare nothing dies, and the demo says that it has shown nothing."""
    code, summary, said = run("--receives", "1000")
    assert code == 1, said
    assert summary["wrong"] == "no healthy message died: nothing is shown"
