"""The telemetry service's room: what is pending, the ring of live events, the log file.

    append ──> pending ──scribe, every FLUSH_MS──> file ──> readers
    note   ──> ring ─────────(wakes)────────────────────────> readers

Invariants
1. `append` and `note` do no I/O; what they cost does not grow with what is pending.
2. Memory is bounded: PENDING_BYTES_MAX of logs, EVENTS_MAX events. What does not fit is dropped,
   and a line in the function's log says how much of it.
3. Cursors grow; one from before a restart begins at the first event that is remembered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from redrive.core.time import Millis
from redrive.services.telemetry.book import LogBook, Row
from redrive.services.telemetry.model import STIR_TOPIC, Chunk, Event
from redrive.services.telemetry.rules import (
    EVENTS_MAX,
    FLUSH_BYTES_MAX,
    PENDING_BYTES_MAX,
    ROW_BYTES,
)
from redrive.store.store import Tx


class Telemetry:
    """What the operations, the scribe and the app share.

    wake is `Dispatch.wake` once there is a dispatch: it steps the scribe. is_stirred is the
    scribe's: it has been stepped and will look by itself.
    """

    def __init__(self, book: LogBook, started_ms: Millis) -> None:
        self.book = book
        self.wake: Callable[[str], None] = lambda _topic: None
        self.is_stirred = False
        self._started_ms = started_ms  # part of every event's cursor: it tells runs apart
        self._pending: deque[tuple[Row, int]] = deque()
        self._pending_bytes = 0
        self._dropped: dict[tuple[str, str, str], int] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._last_event = 0

    # --- logs -----------------------------------------------------------------------------------

    def append(self, chunk: Chunk) -> None:
        """Take what a function wrote. Not within a transaction."""
        size = len(chunk.text) + ROW_BYTES
        owner = (chunk.account, chunk.region, chunk.function_name)
        if self._pending_bytes + size > PENDING_BYTES_MAX:
            self._dropped[owner] = self._dropped.get(owner, 0) + len(chunk.text)
        else:
            self._pending.append(
                ((*owner, chunk.stream, chunk.request_id, chunk.at_ms, chunk.text), size)
            )
            self._pending_bytes += size
        if not self.is_stirred:
            self.wake(STIR_TOPIC)

    @property
    def has_pending(self) -> bool:
        """Tell whether there are logs to write."""
        return bool(self._pending or self._dropped)

    def flush(self, now_ms: Millis, bytes_max: int = FLUSH_BYTES_MAX) -> None:
        """Write pending logs, about bytes_max of them."""
        rows: list[Row] = []
        size = 0
        while self._pending and size < bytes_max:
            row, row_bytes = self._pending.popleft()
            rows.append(row)
            size += row_bytes
        self._pending_bytes -= size
        if not self._pending and self._dropped:
            rows += [
                (*owner, "", "", now_ms, f"[redrive] {count} characters were not kept: {_WHY}\n")
                for owner, count in self._dropped.items()
            ]
            self._dropped.clear()
        if rows:
            self.book.write(rows)

    def flush_all(self, now_ms: Millis) -> None:
        """Write all that is pending, so that a reader sees it."""
        while self.has_pending:
            self.flush(now_ms)

    # --- events ---------------------------------------------------------------------------------

    def note(
        self,
        account: str,
        region: str,
        at_ms: int,
        kind: str,
        detail: Mapping[str, Any],
        tx: Tx | None = None,
    ) -> None:
        """Remember a live event. Within a transaction, give it: waking then waits for the commit.

        The event stays even when that transaction is rolled back: events tell, they do not count.
        """
        self._last_event += 1
        known = {name: value for name, value in detail.items() if value is not None}
        self._events.append(Event(self._last_event, account, region, at_ms, kind, known))
        if self.is_stirred:
            return
        if tx is not None:
            tx.wake(STIR_TOPIC)
        else:
            self.wake(STIR_TOPIC)

    def cursor(self, n: int | None = None) -> str:
        """Return the cursor after event n, or after the newest."""
        return f"{self._started_ms}-{self._last_event if n is None else n}"

    def after(self, cursor: str | None) -> int:
        """Return the number of the event that a cursor stands behind: 0 for one of another run."""
        run, _, n = (cursor or "").partition("-")
        if run != str(self._started_ms) or not n.isdigit():
            return 0
        return int(n)

    def events(self, account: str, region: str, after: int, limit: int) -> list[Event]:
        """Return an account's events after a number, the oldest first."""
        skipped = 0
        if self._events:
            skipped = max(0, after + 1 - self._events[0].n)
        recent = islice(self._events, skipped, None)
        mine = (e for e in recent if e.account == account and e.region == region)
        return list(islice(mine, limit))

    def missed(self, after: int) -> int:
        """Return how many events after a number the ring has let go."""
        first = self._events[0].n if self._events else self._last_event + 1
        return max(0, first - after - 1)


_WHY = "the function wrote faster than its log can be written"
