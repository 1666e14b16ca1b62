"""A process that fills a queue and empties it, and says at each decade what that takes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redrive.store import checksums

from .house import House

DRAINED = 20_000
"""Messages received and deleted at each stop."""


def memory_bytes(kind: str = "VmRSS") -> int:
    """Return this process's resident memory, or its most (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) * 1_024
    return 0


def stops(messages: int) -> Iterator[int]:
    """Yield the decades up to a number, and the number."""
    stop = 10_000
    while stop < messages:
        yield stop
        stop *= 10
    yield messages


class Reads:
    """Counts the pages that SQLite reads from the database's file."""

    def __init__(self) -> None:
        self.pages = 0
        read = checksums.SealedFile.xRead

        def counted(file: Any, amount: int, offset: int) -> bytes:
            self.pages += 1
            return read(file, amount, offset)

        checksums.SealedFile.xRead = counted  # type: ignore[method-assign]


def probe(folder: Path, messages: int, body_bytes: int) -> Iterator[dict[str, Any]]:
    """Fill one queue up to so many messages; yield what is measured at each stop."""
    reads = Reads()
    body, sent = "b" * body_bytes, 0
    house = House(folder)
    url = house.create()
    for stop in stops(messages):
        begun = time.perf_counter()
        house.send(url, stop - sent, body)
        send_s = time.perf_counter() - begun
        figures: dict[str, Any] = {
            "messages": stop,
            "send_us": round(send_s / max(1, stop - sent) * 1e6, 1),
            "memory_sending": memory_bytes(),
        }
        begun = time.perf_counter()
        seen = house.drain(url, min(DRAINED, stop))
        figures["receive_delete_us"] = round((time.perf_counter() - begun) / seen * 1e6, 1)
        figures["memory_receiving"] = memory_bytes()
        house.send(url, seen, body)
        sent = stop
        house.close()
        figures["disk_bytes"] = house.file_bytes
        reads.pages = 0
        begun = time.perf_counter()
        house = House(folder)
        figures["reopen_ms"] = round((time.perf_counter() - begun) * 1e3, 1)
        figures["reopen_pages"] = reads.pages
        figures["memory_most"] = memory_bytes("VmHWM")
        yield figures
    house.close()


def main(folder: str, messages: int, body_bytes: int) -> None:
    """Print a line of JSON for each stop."""
    for figures in probe(Path(folder), messages, body_bytes):
        print(json.dumps(figures), flush=True)
