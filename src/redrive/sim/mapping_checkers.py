"""The invariants of mappings, each a judge of its own: mapping accounting · mapped groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.effects import Run
from redrive.sim.checkers import Checker, Settings, deliveries
from redrive.sim.evidence import Attempt, Audit, name_in
from redrive.sim.mapping_workload import FILTERS, Passes


class MappingAccounting(Checker):
    """polled = filtered + invoked; invoked = deleted + returned, by what the function said of each
    message and what its queue's filter says of it.

    Excused are: answers
    that a refused commit (a full disk) may have lost; messages whose lease may have ended, or may
    be believed to have ended, before a slot was free, because it was short or was changed, time has
    jumped, or the function was throttled.
    """

    invariant = "mapping accounting"
    lease_ms_least = 30_000
    gap_ms_most = 10_000

    def __init__(self) -> None:
        self._settings = Settings()
        self._polled: set[str] = set()  # handles that no invocation was asked for
        self._running: dict[str, frozenset[str]] = {}  # request id -> handles
        self._ended: dict[str, tuple[frozenset[str], frozenset[str]]] = {}  # -> deleted, kept
        self._excused: set[str] = set()  # ended, and perhaps never settled
        self._seen_ms = 0
        self._changed: set[str] = set()  # queues whose visibility timeout a mapping may not know
        self._filters: dict[str, Passes] = {}  # of queues, by ARN
        self._seen: dict[str, tuple[str, str | None]] = {}  # handle -> body and tint

    def commit(self, attempt: Attempt) -> None:
        """Follow the handles of mappings, whose queue URLs are paths."""
        self._settings.commit(attempt)
        if attempt.operation in ("SetQueueAttributes", "DeleteQueue"):
            self._changed.add(name_in(attempt.params))
        if attempt.operation == "CreateEventSourceMapping":
            self._keep_filter(attempt.params)
        elif deliveries(attempt) and attempt.params["QueueUrl"].startswith("/"):
            for message in deliveries(attempt):
                tint = message.get("MessageAttributes", {}).get("tint", {}).get("StringValue")
                self._seen[message["ReceiptHandle"]] = (message["Body"], tint)
            timeout = attempt.params.get("VisibilityTimeout")
            name = name_in(attempt.params)
            lease_ms = self._settings.visibility_ms(name) if timeout is None else timeout * 1000
            if lease_ms >= self.lease_ms_least and name not in self._changed:
                self._polled.update(m["ReceiptHandle"] for m in deliveries(attempt))
        elif attempt.operation == "Invoke":
            self._polled -= _handles(attempt.params.get("Payload") or b"")
            if attempt.error is not None:
                self._polled.clear()
        elif attempt.operation == "SettleBatch" and attempt.result is not None:
            if attempt.params["Outcome"] == "filtered":
                self._filtered(attempt)
            else:
                self._settled(attempt)

    def _keep_filter(self, params: Mapping[str, Any]) -> None:
        for one in params.get("FilterCriteria", {}).get("Filters", ()):
            self._filters[params["EventSourceArn"]] = FILTERS[one["Pattern"]]

    def _passes(self, queue_arn: str, handle: str) -> bool:
        passes = self._filters.get(queue_arn)
        return passes is None or handle not in self._seen or passes(*self._seen[handle])

    def _filtered(self, attempt: Attempt) -> None:
        """Hear that messages were deleted without an invocation."""
        queue_arn, handles = attempt.params["QueueArn"], attempt.params["Delete"]
        if queue_arn not in self._filters:
            raise self.fail(f"{queue_arn} has no filter, and {handles} were filtered out")
        for handle in handles:
            if handle in self._seen and self._passes(queue_arn, handle):
                raise self.fail(f"{self._seen[handle]} was filtered out and passes")
        self._polled.difference_update(handles)

    def audit(self, audit: Audit) -> None:
        """Notice when time has jumped."""
        if audit.now_ms - self._seen_ms > self.gap_ms_most:
            self._polled.clear()
        self._seen_ms = audit.now_ms

    def _settled(self, attempt: Attempt) -> None:
        params = attempt.params
        deleted, kept = frozenset(params["Delete"]), frozenset(params["Keep"])
        known = self._ended.pop(params["RequestId"], None)
        if known is None:
            if deleted:
                raise self.fail(f"deleted {deleted} of a batch that no function has run")
        elif known != (deleted, kept) and (deleted or params["RequestId"] not in self._excused):
            raise self.fail(f"the function said {known}, settled is {(deleted, kept)}")

    def started(self, run: Run) -> None:
        """No message is in two invocations at a time, none that its filter does not let through."""
        handles = _handles(run.event)
        for record in _records(run.event):
            if not self._passes(record["eventSourceARN"], record["receiptHandle"]):
                raise self.fail(f"{record['body']} was invoked and does not pass")
        for other in self._running.values():
            if handles & other:
                raise self.fail("a message is in two invocations at a time")
        if handles:
            self._running[run.request_id] = handles

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Keep what must be settled."""
        handles = self._running.pop(run.request_id, None)
        if handles is not None:
            kept = _handles(run.event, failed)
            self._ended[run.request_id] = (handles - kept, kept)

    def refused(self) -> None:
        """Excuse the answers that may have been lost."""
        self._polled.clear()
        self._excused.update(self._ended)

    def restart(self, high_water_ms: int) -> None:
        """Forget what was in memory: its messages return by themselves."""
        self._polled.clear()
        self._running.clear()
        self._excused.update(self._ended)  # the group that a crash cut off may have settled them

    def rest(self) -> None:
        """All is accounted for."""
        if self._polled:
            raise self.fail(f"{len(self._polled)} messages were polled and not invoked")
        if self._ended.keys() - self._excused or self._running:
            raise self.fail(f"{len(self._ended)} batches were run and not settled")


class MappedGroups(Checker):
    """No two invocations have messages of one group of a FIFO queue at a time.

    Excused are messages whose lease has ended before their function did, or that may be gone
    meanwhile: expired, or dropped with their queue.
    """

    invariant = "mapped groups"
    retention_ms_least = 60_000

    def __init__(self) -> None:
        self._settings = Settings()
        self._until: dict[str, int] = {}  # handle -> when its lease, or its message's life, ends
        self._running: dict[str, set[tuple[str, str]]] = {}  # request id -> (group, handle)
        self._now_ms = 0

    def commit(self, attempt: Attempt) -> None:
        """Keep the leases."""
        self._settings.commit(attempt)
        self._now_ms = attempt.now_ms
        name = name_in(attempt.params)
        if not name.endswith(".fifo"):
            return
        if attempt.operation in ("PurgeQueue", "DeleteQueue"):
            self._running.clear()
        timeout = attempt.params.get("VisibilityTimeout")
        for message in deliveries(attempt):
            lease_ms = self._settings.visibility_ms(name) if timeout is None else timeout * 1000
            dies_ms = int(message["Attributes"]["SequenceNumber"]) - 10**19 >> 20
            self._until[message["ReceiptHandle"]] = min(
                attempt.now_ms + lease_ms, dies_ms + self.retention_ms_least
            )

    def audit(self, audit: Audit) -> None:
        """Keep the time."""
        self._now_ms = audit.now_ms

    def started(self, run: Run) -> None:
        """Compare with what runs."""
        mine = {
            (record["attributes"]["MessageGroupId"], record["receiptHandle"])
            for record in _records(run.event)
            if record["eventSourceARN"].endswith(".fifo")
        }
        groups = {group for group, _handle in mine}
        for other in self._running.values():
            for group, handle in other:
                if group in groups and self._now_ms < self._until.get(handle, 0):
                    raise self.fail(f"group {group} is in two invocations at a time")
        if mine:
            self._running[run.request_id] = mine

    def ended(self, run: Run, failed: frozenset[str]) -> None:
        """Forget it."""
        self._running.pop(run.request_id, None)

    def restart(self, high_water_ms: int) -> None:
        """Forget all."""
        self._running.clear()


def _records(event: bytes) -> list[dict[str, Any]]:
    """Return the records of a batch event."""
    if not event.startswith(b'{"Records"'):
        return []
    records: list[dict[str, Any]] = orjson.loads(event)["Records"]
    return records


def _handles(event: bytes, among: frozenset[str] | None = None) -> frozenset[str]:
    """Return the receipt handles in a batch event, of all its messages or of those with ids."""
    return frozenset(
        record["receiptHandle"]
        for record in _records(event)
        if among is None or record["messageId"] in among
    )


MAPPING_CHECKERS: tuple[type[Checker], ...] = (MappingAccounting, MappedGroups)
