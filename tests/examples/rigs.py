"""Runs of the example outside of the tests' own process: its demo, and commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ORDERS = Path(__file__).resolve().parents[2] / "examples" / "orders"
CEILING_SECONDS = 240.0
"""Far beyond what any of it needs, so that a hang is a failure and a slow machine is not."""


def copy_example(folder: Path) -> Path:
    """Copy the example to where it can be run and spoilt."""
    leave = shutil.ignore_patterns("__pycache__", ".redrive*", "orders.db*")
    return Path(shutil.copytree(ORDERS, folder / "orders", ignore=leave))


class Ended(NamedTuple):
    """How a run of a demo ended."""

    code: int
    summary: dict[str, Any]
    said: str


def run_demos(demo: Path, runs: Mapping[str, Sequence[str]]) -> dict[str, Ended]:
    """Run a demo several times at once, with options for each run; return how they ended."""
    begun = {
        name: subprocess.Popen(
            [sys.executable, demo, "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, options in runs.items()
    }
    ended: dict[str, Ended] = {}
    try:
        for name, process in begun.items():
            told, said = process.communicate(timeout=CEILING_SECONDS)
            ended[name] = Ended(process.returncode, json.loads(told or "{}"), said)
        return ended
    finally:
        for process in begun.values():
            process.terminate()
            process.communicate()


class DemoRun:
    """A run of the demo on a copy of the example, begun in the background."""

    def __init__(self, folder: Path, spoil: dict[str, tuple[str, str]], orders: int) -> None:
        """spoil: by file, a text that is in it and what is put in its place."""
        example = copy_example(folder)
        for name, (old, new) in spoil.items():
            text = (example / name).read_text("utf-8")
            assert old in text, f"{name} has changed: the planted fault no longer fits"
            (example / name).write_text(text.replace(old, new), "utf-8")
        command = [str(example / "demo.py"), "--orders", str(orders), "--json"]
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.code: int | None = None
        self.summary: dict[str, Any] = {}
        self.said = ""

    def wait(self) -> None:
        """Wait for its end and take what it printed."""
        told, self.said = self._process.communicate(timeout=CEILING_SECONDS)
        self.code = self._process.returncode
        if told:
            self.summary = json.loads(told)

    def close(self) -> None:
        """End it, wherever it is."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.communicate()
