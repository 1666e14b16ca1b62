"""`python -m tests.scale [MESSAGES] [--body BYTES]`: what so many messages in one queue take."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .probe import DRAINED

ROOT = Path(__file__).parents[2]
_HEAD = (
    "messages", "send us", "receive+delete us", "memory MB", "most MB",
    "disk MB", "bytes/message", "reopen ms", "pages read",
)  # fmt: skip
_MB = 1_000_000


def main() -> int:
    """Run the probe in a process of its own and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("messages", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--body", type=int, default=256, help="bytes of a body")
    given = parser.parse_args()
    print(f"bodies of {given.body} bytes; {DRAINED} received and deleted at each stop\n")
    print("  ".join(f"{title:>17}" for title in _HEAD))
    with tempfile.TemporaryDirectory(prefix="redrive-scale-") as folder:
        code = (
            f"from tests.scale.probe import main; main({folder!r}, {given.messages}, {given.body})"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(_row(json.loads(line)), flush=True)
    return process.returncode


def _row(told: dict[str, float]) -> str:
    cells = (
        f"{told['messages']:,.0f}",
        f"{told['send_us']:.1f}",
        f"{told['receive_delete_us']:.1f}",
        f"{max(told['memory_sending'], told['memory_receiving']) / _MB:.1f}",
        f"{told['memory_most'] / _MB:.1f}",
        f"{told['disk_bytes'] / _MB:,.1f}",
        f"{told['disk_bytes'] / told['messages']:.0f}",
        f"{told['reopen_ms']:.1f}",
        f"{told['reopen_pages']:.0f}",
    )
    return "  ".join(f"{cell:>17}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
