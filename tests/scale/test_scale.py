"""Large numbers in short: what `make scale` measures, at a size that every build can afford."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from redrive.core.errors import ServiceError
from redrive.core.limits import IN_FLIGHT_MAX
from redrive.core.time import SECOND_MS

from .house import House
from .probe import stops

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")
BODY = "b" * 2_000
MESSAGES = 4_000
FULL_BYTES = MESSAGES * 2_000
GROWTH_BYTES_MAX = 28_000_000
"""Between ten thousand and a hundred thousand messages of 512 bytes, which are 70 MB on disk:
SQLite's page cache, which the first ten thousand do not fill, and as much again for chance."""
REOPEN_PAGES_MAX = 50
RETENTION_S = 600


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory in memory, where a sync costs nothing."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def house(folder: Path) -> Iterator[House]:
    """The service with its workers."""
    made = House(folder)
    made.work()
    yield made
    made.close()


def test_memory_and_reopening_do_not_grow_with_the_messages(folder: Path) -> None:
    """Ten times the messages: about the same memory, and as many pages read to open the store."""
    code = f"from tests.scale.probe import main; main({str(folder)!r}, 100_000, 512)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    small, large = (json.loads(line) for line in done.stdout.splitlines())
    assert (small["messages"], large["messages"]) == (10_000, 100_000)
    assert large["disk_bytes"] > 8 * small["disk_bytes"]
    for kind in ("memory_sending", "memory_receiving"):
        assert large[kind] - small[kind] < GROWTH_BYTES_MAX
    assert large["reopen_pages"] < REOPEN_PAGES_MAX


def test_stops_are_decades() -> None:
    """Figures at each power of ten, and at the end."""
    assert list(stops(1_000_000)) == [10_000, 100_000, 1_000_000]
    assert list(stops(25_000)) == [10_000, 25_000]


def delete_all(house: House, url: str) -> None:
    """Receive and delete everything."""
    assert house.drain(url, MESSAGES) == MESSAGES


def purge(house: House, url: str) -> None:
    """Purge the queue."""
    house.call("PurgeQueue", QueueUrl=url)


def delete_queue(house: House, url: str) -> None:
    """Delete the queue."""
    house.call("DeleteQueue", QueueUrl=url)


def let_expire(house: House, url: str) -> None:
    """Wait until the retention period is over."""
    house.pass_to(house.now_ms + (RETENTION_S + 60) * SECOND_MS)


def lease_and_let_expire(house: House, url: str) -> None:
    """Receive everything over and over, delete nothing, and wait."""
    for _ in range(2):
        while house.receive(url, VisibilityTimeout=30):
            pass
        house.pass_to(house.now_ms + 31 * SECOND_MS)
    let_expire(house, url)


@pytest.mark.parametrize("way", [delete_all, purge, delete_queue, let_expire, lease_and_let_expire])
def test_space_returns_to_the_disk(house: House, way: Callable[[House, str], None]) -> None:
    """However messages go, the file shrinks when the server has a moment."""
    empty = house.file_bytes
    url = house.create(MessageRetentionPeriod=str(RETENTION_S))
    house.send(url, MESSAGES, BODY)
    house.rest(1)
    full = house.file_bytes
    assert full > FULL_BYTES
    way(house, url)
    house.rest(600)
    # What remains is life-lines, and room for what comes next.
    left = house.file_bytes - empty
    assert left < full // 4, f"{left} of {full} bytes are left"


def in_flight(house: House, url: str) -> int:
    """Return how many messages are in flight."""
    told: dict[str, Any] = house.call(
        "GetQueueAttributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    return int(told["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


def fill(house: House, url: str, **params: Any) -> None:
    """Bring a queue to its quota of messages in flight."""
    house.send(url, IN_FLIGHT_MAX + 20, "x", **params)
    for _ in range(IN_FLIGHT_MAX // 10):
        house.enter(
            "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=43_200
        )
    house.settle()


def test_the_quota_of_messages_in_flight(house: House) -> None:
    """120,000 and not one more: a short poll hears OverLimit, a long one waits and hears nothing.

    AWS: SQS Developer Guide, "Quotas related to messages".
    """
    url = house.create()
    fill(house, url)
    assert in_flight(house, url) == IN_FLIGHT_MAX == 120_000
    with pytest.raises(ServiceError) as refused:
        house.receive(url, WaitTimeSeconds=0)
    assert (refused.value.code, refused.value.status) == ("OverLimit", 403)
    waiting = house.enter("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=5)
    house.settle()
    assert waiting == []
    house.pass_to(house.now_ms + 5 * SECOND_MS)
    assert waiting[0].result == {}
    assert in_flight(house, url) == IN_FLIGHT_MAX
    house.pass_to(house.now_ms + 43_200 * SECOND_MS)
    assert len(house.receive(url, WaitTimeSeconds=0)) == 10
