"""Writes each order into the books of one department, unless that is down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER, NAME = Path(os.environ["FOLDER"]), os.environ["NAME"]


def handler(event: dict[str, Any], _context: object) -> None:
    """Process a batch; one that fails comes back as a whole."""
    if (FOLDER / f"{NAME}-down").exists():
        raise RuntimeError(f"{NAME} is down")
    with (FOLDER / f"{NAME}.txt").open("a") as books:
        for record in event["Records"]:
            books.write(record["body"] + "\n")
