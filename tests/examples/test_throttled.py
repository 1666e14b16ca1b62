"""examples/throttled: healthy messages die, the cure saves them, and the demo judges both."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from .rigs import ORDERS, Ended, run_demos

DEMO = ORDERS.with_name("throttled") / "demo.py"


def run(*options: str) -> Ended:
    """Run the demo on few messages."""
    return run_demos(DEMO, {"it": ("--messages", "30", *options)})["it"]


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plot goes."""
    return tmp_path_factory.mktemp("throttled") / "plot.svg"


def test_throttled_messages_die_unseen_and_are_explained(svg: Path) -> None:
    """With one receive each, throttling alone buries some; the cured setting loses none."""
    code, summary, said = run("--receives", "1", "--plot", str(svg))
    assert code == 0, said
    assert summary["ok"] is True
    assert summary["dead"]["throttled"] == summary["unseen"]["throttled"] > 0
    assert summary["dead"]["cured"] == 0
    assert "throttled" in said
    assert "buried" in said
    titles = [text.text for text in ElementTree.parse(svg).iter() if text.tag.endswith("text")]
    assert titles[0] == "throttled: reserved concurrency 1, no MaximumConcurrency"


def test_the_demo_sees_when_nothing_is_shown() -> None:
    """With receives to spare nothing dies, and the demo says that it has shown nothing."""
    code, summary, said = run("--receives", "1000")
    assert code == 1, said
    assert summary["wrong"] == "no healthy message died: nothing is shown"
