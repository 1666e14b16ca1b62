"""What the machine of the queues draws from, and how it becomes what clients say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from redrive.sim.evidence import arn_of

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DEDUP_MS = 300_000

NAMES = st.sampled_from(
    ["main", "main.fifo", "main", "main.fifo", "main", "main.fifo", "side", "dead", "dead.fifo"]
)
SOURCES = st.sampled_from(["dead", "dead.fifo", "dead", "dead.fifo", "main"])
SECONDS = st.sampled_from([30, 30, 600, 0, 1])
COUNTS = st.sampled_from([10, 1, 2])
PICKS = st.integers(0, 3) | st.integers(0, 40)  # which handle: 0 is the latest
ELSEWHERE = st.sampled_from([None] * 6 + ["main", "main.fifo", "dead"])
SETTINGS = st.fixed_dictionaries(
    {
        "VisibilityTimeout": st.sampled_from(["30", "0", "5", "300"]),
        "MessageRetentionPeriod": st.sampled_from(["345600", "345600", "345600", "60", "3600"]),
        "DelaySeconds": st.sampled_from(["0", "0", "0", "2"]),
        "maxReceiveCount": st.sampled_from([1, 2, 3]),
        "ContentBasedDeduplication": st.sampled_from(["true", "false"]),
        "DeduplicationScope": st.sampled_from(["queue", "messageGroup"]),
    }
)
ENTRIES = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([None, None, None, None, None, 0, 1, 900]),
        "group": st.sampled_from(["a", "a", "a", "b", "c"]),
        "dedup": st.sampled_from(["fresh", "fresh", "fresh", "d1", "d2"]),
        "lacks": st.sampled_from([None] * 10 + ["group", "dedup"]),
    }
)
BATCHES = st.lists(ENTRIES, min_size=1, max_size=4)
PASSES = st.sampled_from(
    [1, 999, 1_000, 1_000, 5_000, 30_000, 30_000, MINUTE_MS, DEDUP_MS, HOUR_MS, 50 * HOUR_MS]
)


def dead_of(name: str) -> str:
    return "dead.fifo" if name.endswith(".fifo") else "dead"


def attributes_of(name: str, settings: dict[str, Any], *, buries: bool) -> dict[str, str]:
    """Return attributes as a client gives them, of those that the queue's kind has."""
    attributes = dict(settings)
    policy = {"deadLetterTargetArn": arn_of(dead_of(name)), "maxReceiveCount": 0}
    policy["maxReceiveCount"] = attributes.pop("maxReceiveCount")
    if buries and name != dead_of(name):
        attributes["RedrivePolicy"] = json.dumps(policy)
    if not name.endswith(".fifo"):
        del attributes["ContentBasedDeduplication"], attributes["DeduplicationScope"]
    return attributes


def asked(
    name: str, most: int, seconds: int | None, attempt: str | None, wait: int
) -> dict[str, Any]:
    """Return a receive's parameters."""
    params: dict[str, Any] = {
        "MaxNumberOfMessages": most,
        "AttributeNames": ["All"],
        "WaitTimeSeconds": wait,
    }
    if seconds is not None:
        params["VisibilityTimeout"] = seconds
    if attempt is not None and name.endswith(".fifo"):
        params["ReceiveRequestAttemptId"] = attempt
    return params
