"""Groups, streams and pieces in the log file: what the log book and CloudWatch Logs both work on.

What is deleted is out of sight at once, and its rows go little by little: a stream that is deleted
loses its group (0), and the reaper finds it there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from redrive.core.time import DAY_MS
from redrive.services.telemetry.model import Aged, Group, Number, Piece, Stream
from redrive.services.telemetry.rules import (
    LOG_AGE_MS_MAX,
    REAP_GROUPS_MAX,
    REAP_ROWS_MAX,
    ROW_BYTES,
    Reaping,
    function_of,
    plan_expiry,
    plan_squeeze,
)
from redrive.store.sidefile import SideFile

PLACES_MAX = 10_000
"""Streams whose numbers are remembered; beyond it, all are looked up again."""

EMPTY_STREAMS_MAX = 200
"""Empty streams removed of one group in one step."""

Place = tuple[int, int]
"""A group's and a stream's number."""


class Entry(NamedTuple):
    """What is to be written: a piece of a function's log, or an event of a client's."""

    place: Place
    request_id: str
    at_ms: int
    is_event: bool
    text: str


class Archive:
    """All but the reading of pieces by cursor, which is the log book's."""

    def __init__(self, file: SideFile) -> None:
        self._file = file
        self._places: dict[tuple[str, str, str, str], Place] = {}
        self._reaped_group = 0  # the group at which the reaper's walk has arrived

    # --- writing: all within one `group()` of the file ---

    def place(self, account: str, region: str, group: str, stream: str, now_ms: int) -> Place:
        """Return where a stream's events go, after having made what is not there yet."""
        key = (account, region, group, stream)
        place = self._places.get(key)
        if place is None:
            place = self._made_place(account, region, group, stream, now_ms)
            if len(self._places) >= PLACES_MAX:
                self._places.clear()
            self._places[key] = place
        return place

    def forget_places(self) -> None:
        """Look up everything again: something was deleted, or not written after all."""
        self._places.clear()

    def _made_place(self, account: str, region: str, group: str, stream: str, now_ms: int) -> Place:
        found = self.group(account, region, group)
        if found is None:
            self._file.run("add_group", **new_group(account, region, group, now_ms))
            found = self.group(account, region, group)
        assert found is not None
        one = self.stream(found.id, stream)
        if one is None:
            self._file.run("add_stream", group=found.id, name=stream, created_ms=now_ms)
            one = self.stream(found.id, stream)
        assert one is not None
        return found.id, one.id

    def write(self, entries: Sequence[Entry], now_ms: int) -> int:
        """Write entries; return what they count for. Within a group of the file's."""
        rows: list[tuple[Any, ...]] = []
        spans: dict[int, tuple[int, int]] = {}
        sizes: dict[int, int] = {}
        for (group, stream), request_id, at_ms, is_event, text in entries:
            size = len(text.encode("utf-8", "replace")) + ROW_BYTES
            # A piece of a function's is written when it was read, a moment ago.
            ingested_ms = now_ms if is_event else max(at_ms, 0)
            rows.append((group, stream, request_id, at_ms, ingested_ms, int(is_event), size, text))
            sizes[group] = sizes.get(group, 0) + size
            first_ms, last_ms = spans.get(stream, (at_ms, at_ms))
            spans[stream] = (min(first_ms, at_ms), max(last_ms, at_ms))
        self._file.run_many("add", rows)
        for stream, (first_ms, last_ms) in spans.items():
            self._file.run(
                "tell_stream", id=stream, first_ms=first_ms, last_ms=last_ms, ingested_ms=now_ms
            )
        self._count(sizes)
        return sum(sizes.values())

    def _count(self, sizes: dict[int, int]) -> None:
        for group, size in sizes.items():
            self._file.run("grow_group", id=group, bytes=size)
        self._file.run("grow", bytes=sum(sizes.values()))

    def put(self, entries: Sequence[Entry], now_ms: int) -> bool:
        """Write entries at once; tell whether they are in the file."""
        with self._file.group() as done:
            self.write(entries, now_ms)
        return bool(done)

    def change(self, *statements: tuple[str, dict[str, Any]]) -> bool:
        """Run statements together; tell whether they are in the file."""
        with self._file.group() as done:
            for statement, params in statements:
                self._file.run(statement, **params)
        self.forget_places()
        return bool(done)

    # --- looking ---

    def group(self, account: str, region: str, name: str) -> Group | None:
        """Return a group by its name."""
        found = self._file.rows(Group, "group_named", account=account, region=region, name=name)
        return next(iter(list(found)), None)

    def groups(self, account: str, region: str, after: str) -> Iterator[Group]:
        """Yield an account's groups after a name, in order of name."""
        return self._file.rows(Group, "groups_named", account=account, region=region, after=after)

    def count_groups(self, account: str, region: str) -> int:
        """Return how many groups an account has."""
        found = self._file.rows(Number, "count_groups", account=account, region=region)
        return sum(number.value for number in found)

    def stream(self, group: int, name: str) -> Stream | None:
        """Return a stream by its name."""
        found = self._file.rows(Stream, "stream_named", group=group, name=name)
        return next(iter(list(found)), None)

    def streams(
        self, group: int, after_ms: int, after: str, *, by_time: bool, is_down: bool
    ) -> Iterator[Stream]:
        """Yield a group's streams by name, or by their latest event, after a place in the list."""
        statement = "streams_by_time" if by_time else "streams_by_name"
        return self._file.rows(
            Stream,
            statement + ("_down" if is_down else ""),
            group=group,
            after_ms=after_ms,
            after=after,
        )

    def pieces(
        self, group: int, stream: Stream | None, at_ms: int, number: int, *, is_up: bool
    ) -> Iterator[Piece]:
        """Yield the pieces of a stream, or of a whole group, from a place on, by time."""
        end = "up" if is_up else "down"
        if stream is None:
            return self._file.rows(Piece, f"group_{end}", group=group, at_ms=at_ms, id=number)
        return self._file.rows(
            Piece, f"stream_{end}", stream=stream.id, name=stream.name, at_ms=at_ms, id=number
        )

    def groups_of_account(self, account: str) -> list[int]:
        """Return the numbers of an account's groups, in all regions."""
        found = self._file.rows(Number, "groups_of_account", account=account)
        return [number.value for number in found]

    # --- reaping ---

    def reap(self, now_ms: int, total_bytes: int) -> bool:
        """Forget a bounded number of rows; tell whether to come again soon.

        First what is too much, then what was deleted, then what is too old: after the days of its
        group's policy since it happened, else after LOG_AGE_MS_MAX since it was written.
        """
        oldest = self._aged("oldest", limit=REAP_ROWS_MAX)
        if self._forget(oldest, lambda rows: plan_squeeze(rows, total_bytes), "forget"):
            return True
        for stream in list(self._file.rows(Number, "deleted", limit=REAP_GROUPS_MAX)):
            if self._reap_deleted(stream.value):
                return True
        walked = list(
            self._file.rows(Group, "groups_after", after=self._reaped_group, limit=REAP_GROUPS_MAX)
        )
        for group in walked:
            if self._reap_group(group, now_ms):
                return True
            self._reaped_group = group.id
        if len(walked) == REAP_GROUPS_MAX:
            return True
        self._reaped_group = 0
        return False

    def _reap_deleted(self, stream: int) -> bool:
        rows = self._aged("of_deleted", stream=stream, limit=REAP_ROWS_MAX)
        gone = self._forget(
            rows, lambda rows: plan_expiry(rows, 1 << 62), "forget_of_deleted", stream=stream
        )
        if gone < REAP_ROWS_MAX:
            self._file.run("forget_stream", id=stream)
        return gone > 0

    def _reap_group(self, group: Group, now_ms: int) -> bool:
        if group.retention_days is None:
            rows = self._aged("written_first", group=group.id)
            before_ms, forget = now_ms - LOG_AGE_MS_MAX, "forget_written"
        else:
            before_ms, forget = now_ms - group.retention_days * DAY_MS, "forget_happened"
            rows = self._aged(
                "happened_before", group=group.id, before_ms=before_ms, limit=REAP_ROWS_MAX
            )
        gone = self._forget(rows, lambda rows: plan_expiry(rows, before_ms), forget, group=group.id)
        if not gone:
            self._file.run(
                "forget_empty",
                group=group.id,
                before_ms=now_ms - LOG_AGE_MS_MAX,
                limit=EMPTY_STREAMS_MAX,
            )
            self.forget_places()
        return gone > 0

    def _aged(self, statement: str, **params: Any) -> Generator[Aged, None, None]:
        yield from self._file.rows(Aged, statement, **params)

    def _forget(
        self,
        rows: Generator[Aged, None, None],
        plan: Callable[[Iterable[Aged]], Reaping],
        statement: str,
        **where: Any,
    ) -> int:
        """Forget the first rows, as planned; return how many."""
        looked: list[Aged] = []
        count = plan(_noting(rows, looked)).rows
        rows.close()
        if count:
            last = looked[count - 1]
            if statement not in ("forget", "forget_written"):
                where["at_ms"] = last.at_ms
            self._file.run(statement, id=last.id, **where)
            sizes: dict[int, int] = {}
            for row in looked[:count]:
                sizes[row.group] = sizes.get(row.group, 0) - row.bytes
            self._count(sizes)
        return count


def _noting(rows: Iterable[Aged], looked: list[Aged]) -> Iterator[Aged]:
    """Yield rows, and note each; who stops early has looked at no more."""
    for row in rows:
        looked.append(row)
        yield row


def new_group(
    account: str,
    region: str,
    name: str,
    now_ms: int,
    *,
    log_class: str = "STANDARD",
    key_id: str | None = None,
    is_protected: bool = False,
    tags: str = "{}",
) -> dict[str, Any]:
    """Return what the statement add_group takes."""
    return {
        "account": account,
        "region": region,
        "name": name,
        "function_name": function_of(name),
        "created_ms": now_ms,
        "class": log_class,
        "key_id": key_id,
        "is_protected": int(is_protected),
        "tags": tags,
    }
