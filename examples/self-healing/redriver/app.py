"""The redriver: sends dead letters back to where they came from. A schedule starts it."""

from __future__ import annotations

import os
from typing import Any

import boto3

sqs = boto3.client("sqs")


def handler(_event: dict[str, Any], _context: object) -> dict[str, str]:
    """Start the move of all dead letters; return the task's handle."""
    task = sqs.start_message_move_task(SourceArn=os.environ["DEAD_LETTERS"])
    print("redrive started:", task["TaskHandle"])
    return {"task": task["TaskHandle"]}
