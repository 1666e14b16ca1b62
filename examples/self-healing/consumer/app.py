"""The consumer: writes each message into the books, unless the back end is down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FOLDER"])


class BackEndDown(Exception):
    """Nobody answers there."""


def enter(body: str) -> None:
    """Write one message into the books."""
    if (FOLDER / "down").exists():
        raise BackEndDown
    with (FOLDER / "done.txt").open("a") as books:
        books.write(body + "\n")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Process a batch; what fails comes back by its visibility timeout."""
    failed = []
    for record in event["Records"]:
        try:
            enter(record["body"])
        except BackEndDown:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
