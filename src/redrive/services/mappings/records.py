"""The messages of a batch, and the event that holds them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

EVENT_BYTES_MAX = 6_291_456
"""AWS: Lambda Developer Guide, "Batching behavior": 6 MB, metadata included; Invoke takes as
much."""

_HEAD, _TAIL = b'{"Records":[', b"]}"


class Record(NamedTuple):
    """One message of a batch, as the queue shows it for a function's event (sqs.ReceiveRecords)."""

    id: str
    handle: str
    lease_ms: int  # until when it is ours
    text: bytes  # JSON, as it stands in the event
    group: str = ""  # its message group, where the queue is a FIFO queue


def make_event(records: Sequence[Record]) -> bytes:
    """Return the event of a batch."""
    return _HEAD + b",".join(record.text for record in records) + _TAIL


def _is_one_event(records: Sequence[Record]) -> bool:
    size = sum([len(record.text) for record in records]) + len(records)  # commas, one too many
    return len(_HEAD) + size + len(_TAIL) <= EVENT_BYTES_MAX


class Gathering:
    """A batch that is being filled. It never holds what would not fit into one event.

    first_ms is the instant of its first message, where its window begins; undefined while empty.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._bytes = len(_HEAD) + len(_TAIL)
        self.first_ms = 0

    def __len__(self) -> int:
        return len(self._records)

    def fits(self, record: Record) -> bool:
        """Tell whether the event stays within its limit with one more record."""
        return self._bytes + len(record.text) + len(self._records) <= EVENT_BYTES_MAX

    def add(self, record: Record, now_ms: int) -> None:
        """Add a record."""
        if not self._records:
            self.first_ms = now_ms
        self._records.append(record)
        self._bytes += len(record.text)

    def take(self) -> tuple[Record, ...]:
        """Return the records and begin anew."""
        records = tuple(self._records)
        self._records.clear()
        self._bytes = len(_HEAD) + len(_TAIL)
        return records


def gather(
    gathering: Gathering, records: Sequence[Record], batch_size: int, now_ms: int, *, waits: bool
) -> list[tuple[Record, ...]]:
    """Put records into a gathering; return the batches that are complete, in order.

    A batch is complete when it has batch_size records or the next one does not fit; without `waits`
    (no window) also when there are no more.
    """
    if not waits and not len(gathering) and len(records) <= batch_size and _is_one_event(records):
        return [tuple(records)] if records else []  # what nearly every receive without a window is
    done: list[tuple[Record, ...]] = []
    for record in records:
        if len(gathering) and not gathering.fits(record):
            done.append(gathering.take())
        gathering.add(record, now_ms)
        if len(gathering) >= batch_size:
            done.append(gathering.take())
    if len(gathering) and not waits:
        done.append(gathering.take())
    return done
