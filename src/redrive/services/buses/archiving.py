"""Rows of archives and replays, and the rules about them. Pure.

STARTING ── first chunk ──> RUNNING ── nothing left ──> COMPLETED
   │                           ├── archive or bus is gone ──> FAILED
   └────── CancelReplay ───────┴──> CANCELLING ── next step ──> CANCELLED

An archive is ENABLED from its creation to its deletion. AWS: EventBridge User Guide, "Archiving and
replaying events".
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import orjson

from redrive.core.ids import SEQ_BITS
from redrive.core.patterns import Pattern, compile_pattern
from redrive.core.time import DAY_MS, MINUTE_MS, NEVER, SECOND_MS
from redrive.services.buses.model import BusKey, Event

ARCHIVE_STATE = "ENABLED"
ACTIVE = ("STARTING", "RUNNING")
"""States in which a replay goes on."""

REPLAYS_ACTIVE_MAX = 10
"""Of an account in a region. AWS: as captured (tests_concurrency_error_too_many_active_replays)."""

REPLAY_KEPT_MS = 90 * DAY_MS
"""So long a replay that has ended is shown."""

REPLAY_CHUNK = 100
"""Events that one step replays, of all replays together: a few milliseconds, in which nobody else
is served."""

REPLAY_CHUNK_BYTES = 1_048_576
"""At least one event, and no more than so many bytes, of one replay in one step."""

REPLAY_PAUSE_MS = 5
"""Between two steps, so that requests go first."""

EXPIRY_CHUNK = 500
"""Events of one archive that one step removes."""

EXPIRY_PAUSE_MS = MINUTE_MS
"""What has expired is removed so late at most."""

REPLAY_NAME = "replay-name"
"""The member of an event that tells that it is replayed: such an event is not archived."""


class Archive(NamedTuple):
    """One row of `archives`."""

    id: int
    account: str
    region: str
    name: str
    bus: str  # its name
    description: str | None
    pattern: str | None  # None: all events are kept
    retention_days: int  # 0: for ever
    kms_key: str | None  # shown; nothing is encrypted with it
    created_ms: int

    @property
    def arn(self) -> str:
        """Return its ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:archive/{self.name}"

    @property
    def key(self) -> BusKey:
        """Return which bus it keeps the events of."""
        return BusKey(self.account, self.region, self.bus)

    @property
    def retention_ms(self) -> int:
        """Return how long an event is kept from when it was archived."""
        return self.retention_days * DAY_MS if self.retention_days else NEVER

    def expired_seq(self, now_ms: int) -> int:
        """Return the number below which its events are too old: 0 when none is ever."""
        return max(0, now_ms - self.retention_ms) << SEQ_BITS


class Held(NamedTuple):
    """What an archive holds."""

    events: int
    bytes: int  # of the events as JSON


class Sized(NamedTuple):
    """An event of an archive without its text."""

    seq: int
    time_ms: int
    bytes: int


class Number(NamedTuple):
    """A number that may be missing."""

    value: int | None


class Text(NamedTuple):
    """A text."""

    text: str


class Replay(NamedTuple):
    """One row of `replays`."""

    id: int
    account: str
    region: str
    name: str
    archive: int
    source: str  # ARN of the archive
    bus: str  # name
    rules: str  # JSON list of ARNs; empty: all rules of the bus
    description: str | None
    state: str
    reason: str | None
    start_ms: int  # times of events, both included
    end_ms: int
    limit_seq: int  # what was archived from here on is not replayed
    at_ms: int  # the cursor; before the first event the start
    at_seq: int
    last_ms: int | None  # time of the last event that was replayed
    started_ms: int
    ended_ms: int | None

    @property
    def arn(self) -> str:
        """Return its ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:replay/{self.name}"

    @property
    def key(self) -> BusKey:
        """Return which bus its events go to."""
        return BusKey(self.account, self.region, self.bus)

    @property
    def only_rules(self) -> frozenset[str] | None:
        """Return the names of the rules that see its events, None for all."""
        arns = orjson.loads(self.rules)
        before = self.key.rule_arn("")
        own = (arn.removeprefix(before) for arn in arns if arn.startswith(before))
        return frozenset(own) if arns else None


Keepers = tuple[tuple[int, Pattern | None], ...]
"""The archives of a bus: id, and which events it keeps, None for all."""


@lru_cache(1_024)
def keepers(listed: str) -> Keepers:
    """Return what [[id, pattern], ...] says."""
    return tuple((id_, text and compile_pattern(text)) for id_, text in orjson.loads(listed))


def event_time_ms(event: Event) -> int:
    """Return an event's time, which its envelope has in whole seconds."""
    return int(datetime.fromisoformat(event["time"]).timestamp()) * SECOND_MS
