"""A back end goes down, messages die, it is mended, and a schedule brings them back. See it happen.

It is `template.yaml` with two times changed: the schedule comes once, some seconds after the
messages have died. Ends with 0 when all of them are in the books, each once; with 1 when not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from redrive.testing import RunningStack, template_up

TEMPLATE = Path(__file__).with_name("template.yaml")
LOOK_SECONDS = 0.2
DEATH_SECONDS = 30  # three receives, five seconds apart, and room for a slow machine
PATIENCE_SECONDS = 120
_NEVER = threading.Event()


def wait_for(stack: RunningStack, queues: tuple[str, ...], count: int) -> bool:
    """Wait until the queues hold so many messages together; tell whether they did in time."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if sum(stack.depth(queue) for queue in queues) == count:
            return True
        _NEVER.wait(LOOK_SECONDS)
    return False


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20, help="in each of the two queues")
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    at = datetime.now(UTC) + timedelta(seconds=DEATH_SECONDS)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        parameters = {"Folder": text, "When": f"at({at:%Y-%m-%dT%H:%M:%S})", "Zone": "UTC"}
        (folder / "down").touch()
        with template_up(TEMPLATE, parameters=parameters, clock="system") as stack:
            console.print(f"the back end is down; {options.messages} orders and as many jobs come")
            sent = [f"{queue} {n}" for queue in ("Orders", "Jobs") for n in range(options.messages)]
            for body in sent:
                stack.send(body.partition(" ")[0], body)
            died = wait_for(stack, ("DeadOrders", "DeadJobs"), len(sent))
            console.print("all of them are dead letters" if died else "they have not died in time")
            (folder / "down").unlink()
            console.print(f"it is mended; the schedule comes at {at:%H:%M:%S} UTC")
            came_back = died and wait_for(stack, ("DeadOrders", "DeadJobs"), 0)
            is_done = came_back and wait_for(stack, ("Orders", "Jobs"), 0)
        books = folder / "done.txt"
        done = books.read_text().splitlines() if books.exists() else []
    is_right = is_done and sorted(done) == sorted(sent)
    console.print(f"in the books: {len(done)} of {len(sent)}" + (", each once" if is_right else ""))
    if options.json:
        print(json.dumps({"ok": is_right, "sent": len(sent), "done": len(done), "died": died}))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
