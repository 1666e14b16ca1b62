"""What a server does on a store that its disk has changed, and on one that it has sealed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live import LiveServer, request

Start = Callable[..., LiveServer]
SECRET = "the kitchen door opens at seven"
PAGE = 4_096


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start servers; all are ended with the test."""
    made: list[LiveServer] = []

    def begin(*flags: str, **options: Any) -> LiveServer:
        made.append(LiveServer(folder, *flags, **options))
        return made[-1]

    yield begin
    for server in made:
        server.close()


def flip(path: Path, places: list[int]) -> None:
    """Flip a bit in each of some bytes."""
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 4
    path.write_bytes(content)


def test_a_damaged_page_is_not_served_and_ends_the_server(start: Start, folder: Path) -> None:
    """The request that meets it is not answered, and the exit code is that of a failed store."""
    server = start()
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    for _ in range(300):
        server.call("SendMessage", QueueUrl=url, MessageBody="x" * 2_000)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    database = folder / "data" / "redrive.db"
    pages = database.stat().st_size // PAGE
    # Bodies fill the pages behind the middle; what the start reads lies before and behind them.
    first = pages * 2 // 3
    flip(database, [page * PAGE + 2_000 for page in range(first - 20, first + 20)])
    server = start()
    assert server.port, server.text
    seen = 0
    with server.wire() as wire:
        for _ in range(40):
            wire.send(request("ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}))
            answer = wire.answer()
            if answer is None:
                break
            assert answer.status == 200
            assert answer.body.count(b"x" * 2_000) == 10
            seen += 1
        else:
            pytest.fail("the damage was not met")
    assert seen > 5
    assert server.wait() == 74
    assert "is not what was written there" in server.text


def test_a_damaged_log_is_not_opened(start: Start, folder: Path) -> None:
    """The refusal names the file and what a person can do; giving the log up lets it start."""
    server = start()
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    for body in ("first", "second"):
        server.call("SendMessage", QueueUrl=url, MessageBody=body)
    server.signal(signal.SIGKILL)
    server.wait()
    log = folder / "data" / "redrive.db-wal"
    flip(log, [log.stat().st_size - PAGE // 2])
    server = start()
    assert server.port == 0
    assert server.wait() == 1
    assert "redrive.db-wal: " in server.text
    assert "redrive verify --give-up-log" in server.text


def test_sealed_bodies_are_nowhere_in_the_data_directory(start: Start, folder: Path) -> None:
    """Over sends, a receive, SIGKILL and a clean stop; the same server reads them all."""
    server = start("--encryption", "on")
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    for number in range(20):
        server.call("SendMessage", QueueUrl=url, MessageBody=f"{SECRET} {number}")
    server.call("ReceiveMessage", QueueUrl=url)
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 0)):
        server.signal(number)
        assert server.wait() == code
        for path in (folder / "data").rglob("*"):
            assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
        server = start()
        assert server.port, server.text
        params = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
        got = server.call("ReceiveMessage", **params)["Messages"]
        assert len({m["Body"] for m in got if m["Body"].startswith(SECRET)}) == 10
    server.signal(signal.SIGTERM)
    server.wait()
    (folder / "data" / "redrive.key").unlink()
    server = start()
    assert server.port == 0
    assert server.wait() == 1
    assert "redrive.key is not there" in server.text
