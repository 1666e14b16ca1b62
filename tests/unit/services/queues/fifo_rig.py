"""What tests of FIFO queues share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queues_rig import Rig


def make(rig: Rig, name: str = "q.fifo", **attributes: str) -> str:
    """Create a FIFO queue; return its URL."""
    return rig.create(name, FifoQueue="true", **attributes)


def put(rig: Rig, url: str, *bodies: str, group: str = "g") -> list[Any]:
    """Send messages of one group, each with its body as deduplication id."""
    return [
        rig.send(url, body, MessageGroupId=group, MessageDeduplicationId=body) for body in bodies
    ]


def take(rig: Rig, url: str, count: int = 10, **params: Any) -> list[dict[str, Any]]:
    """Receive messages with all their attributes."""
    return rig.receive(url, count, AttributeNames=["All"], **params)


def delete(rig: Rig, url: str, *messages: dict[str, Any]) -> None:
    """Delete messages by the handles under which they were received."""
    for message in messages:
        rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def hide(rig: Rig, url: str, message: dict[str, Any], seconds: int) -> None:
    """Change a message's visibility."""
    handle = message["ReceiptHandle"]
    rig.call(
        "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds
    )


def lapsed(message: dict[str, Any]) -> tuple[str, str]:
    """Return the refusal of a handle whose time is over."""
    return (
        "InvalidParameterValue",
        f"Value {message['ReceiptHandle']} for parameter ReceiptHandle is invalid."
        " Reason: The receipt handle has expired.",
    )


def steps(rig: Rig, work: Callable[[], object]) -> int:
    """Return how many instructions SQLite's machine runs meanwhile."""
    ran = 0

    def step() -> bool:
        nonlocal ran
        ran += 1
        return False

    connection = rig.store._connection
    connection.set_progress_handler(step, 1)
    try:
        work()
    finally:
        connection.set_progress_handler(None)
    return ran
