"""The values of the telemetry service: pieces of logs, their groups and streams, live events.

Both are for people: they may be dropped under a flood or lost in a crash, and nothing that Redrive
decides depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

STIR_TOPIC = "telemetry:stir"
"""Steps the scribe: something has come and it is not yet going to look."""

NEWS_TOPIC = "telemetry:news"
"""Wakes readers: there are logs or live events that they have not seen."""


class Chunk(Protocol):
    """What the runtime gives on: text that an environment wrote, in whole lines where it can."""

    @property
    def function_name(self) -> str:
        """Return the function's name."""
        ...

    @property
    def account(self) -> str:
        """Return the function's account."""
        ...

    @property
    def region(self) -> str:
        """Return the function's region."""
        ...

    @property
    def stream(self) -> str:
        """Return the log stream: one environment's."""
        ...

    @property
    def request_id(self) -> str:
        """Return the invocation; "" for what was written during init or between invocations."""
        ...

    @property
    def at_ms(self) -> int:
        """Return when it was read."""
        ...

    @property
    def text(self) -> str:
        """Return the text."""
        ...


class Line(NamedTuple):
    """A row of the log file: one line or several, as they were read together."""

    id: int  # grows with every row, never given twice: the cursor of readers
    account: str
    region: str
    function_name: str
    stream: str
    request_id: str  # "" for what was written during init or between invocations
    at_ms: int
    text: str


class Aged(NamedTuple):
    """What the reaper must know of a row."""

    id: int
    group: int
    at_ms: int
    bytes: int


class Group(NamedTuple):
    """A log group. Its name is unique in its account and region."""

    id: int
    account: str
    region: str
    name: str
    function_name: str  # of /aws/lambda/<name>; "" for other groups
    created_ms: int
    retention_days: int | None  # None: no policy
    log_class: str
    key_id: str | None
    is_protected: int
    tags: str  # JSON
    bytes: int


class Stream(NamedTuple):
    """A log stream: of a function, one environment's. Without events the last three are None."""

    id: int
    group: int
    name: str
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None


class Piece(NamedTuple):
    """A row as readers of events need it."""

    id: int
    stream: int
    stream_name: str
    at_ms: int
    ingested_ms: int
    is_event: int  # 1: the text is one event; 0: each of its lines is one
    text: str


class Number(NamedTuple):
    """A single number."""

    value: int


class Event(NamedTuple):
    """Something that has just happened. Kinds: invocation, batch, buried, deployment."""

    n: int
    account: str
    region: str
    at_ms: int
    kind: str
    detail: Mapping[str, Any]  # JSON values by AWS's names: FunctionName, RequestId, ...
