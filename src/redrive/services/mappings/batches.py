"""Batches that wait for a slot, and in which order they may have one. Memory of one mapping.

On a FIFO queue a message group is in one invocation at a time. The queue sees to it, by hiding the
rest of a group while its first messages are in flight; but one receive may be too large for one
event, and a visibility timeout may end before the function does. So a batch waits here for the
batches before it that have one of its groups, and loses the messages of a group in which one before
them has not been processed: they stay hidden until that one comes back.
AWS: Lambda Developer Guide, "Using Lambda with Amazon SQS", on FIFO queues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from redrive.services.mappings.records import Record


@dataclass(slots=True, eq=False)
class Batch:
    """Messages for one invocation."""

    records: tuple[Record, ...]
    attempts: int = 0
    request_id: str = ""  # of the latest attempt
    was_throttled: bool = False

    @property
    def lease_ms(self) -> int:
        """Return until when all of them are ours."""
        return min(record.lease_ms for record in self.records)

    def groups(self, among: Collection[str] | None = None) -> set[str]:
        """Return the message groups of a FIFO queue, of all its messages or of those with ids."""
        return {
            record.group
            for record in self.records
            if record.group and (among is None or record.id in among)
        }


class Ready:
    """The batches that wait, in their order."""

    def __init__(self, *, is_fifo: bool) -> None:
        self._is_fifo = is_fifo
        self._batches: deque[Batch] = deque()

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, records: tuple[Record, ...]) -> None:
        """Put a batch behind the others."""
        self._batches.append(Batch(records))

    def take(self, under_way: Iterable[Batch]) -> Batch | None:
        """Return the first batch that may be invoked beside those under way; None: none may."""
        if not self._batches:
            return None
        if not self._is_fifo:
            return self._batches.popleft()
        locked = {group for batch in under_way for group in batch.groups()}
        for at, batch in enumerate(self._batches):
            groups = batch.groups()
            if locked.isdisjoint(groups):
                del self._batches[at]
                return batch
            locked |= groups
        return None

    def forsake(self, batch: Batch, kept: Collection[str] | None = None) -> None:
        """Leave to their visibility timeout the messages whose groups a batch has not processed.

        kept: the ids of what it has not processed; None: all of it.
        """
        if not self._is_fifo or not self._batches:
            return
        groups = batch.groups(kept)
        left: deque[Batch] = deque()
        for other in self._batches:
            other.records = tuple(r for r in other.records if r.group not in groups)
            if other.records:
                left.append(other)
        self._batches = left
