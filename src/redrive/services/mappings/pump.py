"""One mapping at work: it receives, batches, invokes and settles. All of it is memory.

    receive ──> filter ──> gather ──batch complete, window over──> ready ──a slot is free──> running
                  │                                                  ^                         │
                  │             settle <──answered, failed───────────│─────────────────────────┤
                  │ no match      │                               waiting <──throttled─────────┘
                  └───────────────┴──> deleted, or left to the visibility timeout

Whoever holds a pump tells it what has happened (`took`, `configure`, `vanish`) and then asks what
to do next (`move`). A pump does not know of others: a slow function of one mapping delays no other.

Invariants
1. At most one long poll waits; it is all that an idle mapping costs.
2. Receives are asked for only as slots are free for the batches that they may bring.
3. A message that was received is deleted, or noted as failed or throttled, or forgotten until its
   visibility timeout ends. Nothing is acknowledged here: a crash costs a redelivery, no more.
4. Every message that was polled is filtered out, or invoked, or left to its visibility timeout.
AWS: Lambda Developer Guide, "Using Lambda with Amazon SQS".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Call, Chance, Params, Reply
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.ids import uuid4
from redrive.core.limits import WAIT_MS_MAX
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.mappings import rules
from redrive.services.mappings.batches import Batch, Ready
from redrive.services.mappings.ends import Ends
from redrive.services.mappings.filters import Sieve
from redrive.services.mappings.model import NO_VERSION, Mapping
from redrive.services.mappings.paperwork import Paperwork
from redrive.services.mappings.records import (
    Gathering,
    Record,
    gather,
    make_event,
)
from redrive.services.mappings.refusals import queue_refusal
from redrive.services.mappings.settlements import FILTERED, Key, Settlements
from redrive.services.mappings.tally import Counts, Tally

CONSUMERS = {"lambda": ("lambda", "Invoke"), "pipes": ("pipes", "RunPipe")}
"""Who is given a batch: as a function is, and the answer is read as a function's."""

RECEIVES_MAX = 50
"""Receives of one mapping under way at a time, so that a large mapping cannot stop the loop."""


class _Receive(NamedTuple):
    """What a receive asked for."""

    messages: int
    visibility_s: int | None  # None: the queue's own


@dataclass(slots=True)
class Moves:
    """What a pump wants done now."""

    calls: list[Call] = field(default_factory=list)
    cancels: list[Key] = field(default_factory=list)


class Pump:
    """The work of one mapping; over when the mapping does not poll and nothing is under way.

    numbers counts the calls of all pumps, so that no key is used twice.
    """

    def __init__(
        self,
        mapping: Mapping,
        chance: Chance,
        numbers: Iterator[int],
        now_ms: Millis,
        tally: Tally | None = None,
    ) -> None:
        self.mapping = mapping
        self._is_draining = False
        self._chance = chance
        self._numbers = numbers
        self._tally = tally
        self._counts = Counts()
        self._scale = rules.first_scale(now_ms, _bounds(mapping))
        self._sieve = _sieve(mapping)
        self._ends = Ends(mapping)
        self._paperwork = Paperwork(mapping)
        self._settlements = Settlements()
        self._receives: dict[Key, _Receive] = {}
        self._cancelled: dict[Key, _Receive] = {}  # an answer may have been under way all the same
        self._fence: Key | None = None  # when this is answered, none is under way any more
        self._renews = False  # receives under way ask for what is no longer wanted
        self._record_bytes = 0  # the largest of the latest receive; 0 before the first
        self._has_backlog = False
        self._is_saturated = False
        self._gathering = Gathering()
        self._ready = Ready(is_fifo=mapping.is_fifo)
        self._running: dict[Key, Batch] = {}
        self._waiting: list[tuple[int, Batch]] = []
        self._refusals = {"queue": 0, "function": 0}  # in a row
        self._rest_ms = Millis(0)  # no receives before

    # --- what it is ------------------------------------------------------------------------------

    @property
    def is_polling(self) -> bool:
        """Tell whether it may receive."""
        mapping = self.mapping
        return not self._is_draining and rules.is_polling(mapping.state, bool(mapping.enabled))

    @property
    def is_idle(self) -> bool:
        """Tell whether no message is in its hands."""
        return self._settlements.is_empty and not (
            self._running or self._waiting or self._ready or len(self._gathering)
        )

    @property
    def is_over(self) -> bool:
        """Tell whether it can be forgotten."""
        is_settled = self._is_draining or not self._paperwork.needs_advance(self.mapping)
        is_quiet = self._paperwork.is_idle and self._fence is None and not self._ends.is_asking
        return is_settled and is_quiet and self.is_idle and not self.is_polling

    @property
    def _free(self) -> int:
        return self._scale.slots - len(self._running) - len(self._waiting) - len(self._ready)

    def next_ms(self, now_ms: Millis) -> Millis:
        """Return when it has something to do if nothing happens; NEVER when only events count."""
        at_ms: list[int] = [at for at, _batch in self._waiting]
        at_ms += (self._settlements.next_ms, self._paperwork.next_ms(now_ms))
        if len(self._gathering):
            at_ms.append(self._gathering.first_ms + self.mapping.window_ms)
        if self._is_saturated:
            at_ms.append(rules.grows_at_ms(self._scale))
        if self._rest_ms > now_ms and self.is_polling:
            at_ms.append(self._rest_ms)
        return Millis(min(at_ms, default=NEVER))

    # --- what happens to it ----------------------------------------------------------------------

    def configure(self, mapping: Mapping, now_ms: Millis) -> None:
        """Take changed settings; they hold from the next receive and the next batch on."""
        if mapping.version == self.mapping.version:
            return
        if _bounds(mapping) != self._scale.bounds:
            self._scale = rules.rebound(self._scale, _bounds(mapping))
        if mapping.filters != self.mapping.filters:
            self._sieve = _sieve(mapping)
        self.mapping = mapping
        self._ends.learn(mapping)
        self._renews = True
        self._paperwork.problems.clear()
        self._refusals = dict.fromkeys(self._refusals, 0)
        self._rest_ms = now_ms

    def vanish(self) -> None:
        """Take notice that the mapping's row is gone."""
        self.mapping = self.mapping._replace(state="Deleting", version=NO_VERSION)

    def drain(self) -> None:
        """Receive no more: the server is going down. The mapping's state stays what it is."""
        self._is_draining = True

    def took(self, key: Key, reply: Reply, now_ms: Millis) -> None:
        """Take the answer to one of its calls."""
        kind = key[1]
        if kind == "receive":
            self._took_receive(key, reply, now_ms)
        elif kind == "invoke":
            self._took_invoke(self._running.pop(key), reply, now_ms)
        elif kind == "settle":
            self._counts.deleted += self._settlements.took(key, reply, now_ms)
        elif kind in ("advance", "problem"):
            self._paperwork.took(kind, reply, now_ms)
        elif kind == "fence":
            if key == self._fence:
                self._fence = None
                self._cancelled.clear()
        else:
            self._ends.took(kind, reply)

    def _took_receive(self, key: Key, reply: Reply, now_ms: Millis) -> None:
        asked = self._receives.pop(key, None) or self._cancelled.pop(key)
        mapping = self.mapping
        if reply.result is None:
            self._has_backlog = False
            if isinstance(reply.error, ServiceError) and reply.error.code != "OverLimit":
                self._paperwork.problems["queue"] = queue_refusal(reply.error).message
            self._rest("queue", now_ms)
            return
        self._paperwork.problems.pop("queue", None)
        self._refusals["queue"] = 0
        received = reply.result["Records"]
        self._has_backlog = len(received) >= asked.messages
        if received or mapping.window_ms:
            self._ends.want()
        if not received:
            return
        self._counts.polled += len(received)
        lease_ms = now_ms + self._ends.lease_ms(asked.visibility_s)
        if lease_ms == now_ms:
            # Without a visibility timeout what is let go is back, and would be polled, at once.
            self._rest("queue", now_ms)
        records = [
            Record(name, handle, lease_ms, text, group) for name, handle, text, group in received
        ]
        self._record_bytes = max(len(record.text) for record in records)
        if self._sieve is not None:
            records = self._filter(self._sieve, records)
        waits = bool(mapping.window_ms)
        for batch in gather(self._gathering, records, mapping.batch_size, now_ms, waits=waits):
            self._ready.add(batch)

    def _filter(self, sieve: Sieve, records: list[Record]) -> list[Record]:
        """Return the messages that are for the function; the others are deleted."""
        passed: list[Record] = []
        others: list[Record] = []
        for record in records:
            (passed if sieve.passes(record) else others).append(record)
        if others:
            self._counts.filtered += len(others)
            handles = [record.handle for record in others]
            self._settlements.add(self._settlement(handles, [], None, FILTERED))
        return passed

    def _rest(self, kind: str, now_ms: Millis) -> None:
        self._refusals[kind] += 1
        self._rest_ms = Millis(now_ms + rules.back_off_ms(self._refusals[kind]))

    def _took_invoke(self, batch: Batch, reply: Reply, now_ms: Millis) -> None:
        if reply.result is not None:
            self._judge(batch, reply.result)
            return
        error = reply.error
        is_throttled = isinstance(error, ServiceError) and error.code == "TooManyRequestsException"
        if is_throttled or isinstance(error, Unavailable):
            self._postpone(batch, now_ms, is_throttled=is_throttled)
            return
        if isinstance(error, ServiceError):
            self._paperwork.problems["function"] = error.message
        self._scale = rules.set_back(self._scale)
        self._rest("function", now_ms)
        self._counts.failed += len(batch.records)
        everything = frozenset(record.id for record in batch.records)
        self._settle(batch, rules.Verdict(everything, rules.refusal_text(error)), "failed")

    def _judge(self, batch: Batch, result: Any) -> None:
        self._paperwork.problems.pop("function", None)
        self._refusals["function"] = 0
        error = result.get("FunctionError")
        reports = bool(self.mapping.reports_failures)
        if error is not None and not reports:
            self._scale = rules.set_back(self._scale)
        ids = [record.id for record in batch.records]
        verdict = rules.judge(result["Payload"], error, ids, reports)
        self._counts.failed += len(verdict.kept)
        self._settle(batch, verdict, "failed")

    def _postpone(self, batch: Batch, now_ms: Millis, *, is_throttled: bool) -> None:
        """Try a batch again later; let go of it when by then it would not be ours any more."""
        self._counts.failed += len(batch.records)
        batch.was_throttled = batch.was_throttled or is_throttled
        if is_throttled:
            self._scale = rules.set_back(self._scale)
        again_ms = now_ms + rules.back_off_ms(batch.attempts)
        if again_ms < batch.lease_ms:
            self._waiting.append((again_ms, batch))
        else:
            self._let_go(batch)

    def _let_go(self, batch: Batch) -> None:
        """Leave a batch that never ran to its visibility timeout."""
        everything = frozenset(record.id for record in batch.records)
        if batch.was_throttled:
            self._settle(batch, rules.Verdict(everything), "throttled")
        else:
            self._ready.forsake(batch)

    def _settle(self, batch: Batch, verdict: rules.Verdict, outcome: str) -> None:
        kept = verdict.kept
        self._ready.forsake(batch, kept)
        done = [record.handle for record in batch.records if record.id not in kept]
        rest = [record.handle for record in batch.records if record.id in kept]
        settlement = self._settlement(done, rest, batch.request_id, outcome, verdict.error)
        self._settlements.add(settlement)

    def _settlement(
        self,
        done: list[str],
        rest: list[str],
        request_id: str | None,
        outcome: str,
        error: str | None = None,
    ) -> Params:
        """Return the parameters of SettleBatch: receipt handles to delete and to leave."""
        return {
            "QueueArn": self.mapping.queue_arn,
            "FunctionArn": self.mapping.function_arn,
            "RequestId": request_id,
            "Delete": done,
            "Keep": rest,
            "Outcome": outcome,
            "Error": error,
        }

    # --- what it does ----------------------------------------------------------------------------

    def move(self, now_ms: Millis) -> Moves:
        """Return all that is to be done at this instant."""
        moves = Moves()
        mapping, is_polling = self.mapping, self.is_polling
        self._scale = rules.rescale(
            self._scale,
            now_ms,
            saturated=self._is_saturated,
            backlog=self._has_backlog,
        )
        if self._renews or not is_polling:
            self._renews = False
            self._cancel_receives(moves)
        if not is_polling:
            self._stop()
        self._close_window(now_ms)
        self._invoke(moves, now_ms)
        moves.calls += self._settlements.calls(now_ms, mapping.caller, self._key)
        if is_polling and now_ms >= self._rest_ms and not self._settlements.is_stuck:
            self._receive(moves)
        if not self._is_draining:
            moves.calls += self._ends.calls(mapping, now_ms, self._key)
            may_advance = is_polling or self.is_idle
            moves.calls += self._paperwork.calls(
                mapping, now_ms, self._key, may_advance=may_advance
            )
        self._is_saturated = is_polling and self._has_backlog and self._free <= 0
        self._counts.tell(self._tally, mapping, now_ms)
        return moves

    def _cancel_receives(self, moves: Moves) -> None:
        """Cancel what waits; an answer that is under way comes all the same and counts."""
        if not self._receives:
            return
        moves.cancels += self._receives
        self._cancelled.update(self._receives)
        self._receives.clear()
        self._fence = self._key("fence")
        nothing = {"UUID": self.mapping.uuid, "Version": NO_VERSION}
        caller = self.mapping.caller
        moves.calls.append(Call("mappings", "AdvanceMapping", nothing, caller, self._fence))

    def _stop(self) -> None:
        """Let go of what was only throttled."""
        self._has_backlog = False
        waiting, self._waiting = self._waiting, []
        for _at_ms, batch in waiting:
            self._let_go(batch)

    def _close_window(self, now_ms: Millis) -> None:
        gathering, mapping = self._gathering, self.mapping
        is_over = now_ms >= gathering.first_ms + mapping.window_ms or not self.is_polling
        if len(gathering) and (is_over or len(gathering) >= mapping.batch_size):
            records, size = gathering.take(), mapping.batch_size
            for start in range(0, len(records), size):  # more than one when the size has shrunk
                self._ready.add(records[start : start + size])

    def _invoke(self, moves: Moves, now_ms: Millis) -> None:
        due = [batch for at_ms, batch in self._waiting if at_ms <= now_ms]
        self._waiting = [(at_ms, batch) for at_ms, batch in self._waiting if at_ms > now_ms]
        taken = len(self._running) + len(self._waiting) + len(due)
        while len(self._ready) and taken < self._scale.slots:
            waiting = (batch for _at_ms, batch in self._waiting)
            batch = self._ready.take(chain(self._running.values(), waiting, due))
            if batch is None:
                break
            due.append(batch)
            taken += 1
        for batch in due:
            if now_ms >= batch.lease_ms:  # waited too long for a slot, or for the store
                self._let_go(batch)
                continue
            batch.attempts += 1
            self._counts.invoked += len(batch.records)
            batch.request_id = uuid4(self._chance)
            key = self._key("invoke")
            self._running[key] = batch
            params = {
                "FunctionName": self.mapping.function_arn,
                "InvocationType": "RequestResponse",
                "Payload": make_event(batch.records),
            }
            caller, (service, operation) = self.mapping.caller, CONSUMERS[self.mapping.consumer]
            moves.calls.append(Call(service, operation, params, caller, key, batch.request_id))

    def _receive(self, moves: Moves) -> None:
        """Ask for one batch and wait for it, or with a backlog for as many as slots are free."""
        under_way = len(self._receives)
        if self._has_backlog:
            wanted = min(self._free, RECEIVES_MAX) - under_way
        else:
            wanted = int(self._free > 0 and not under_way)
        for _ in range(wanted):
            asked = _Receive(
                rules.records_wanted(self.mapping.batch_size, self._record_bytes),
                self._ends.asked_visibility_s(self.mapping.window_ms),
            )
            params = {
                "QueueUrl": self.mapping.queue_url,
                "MaxNumberOfMessages": asked.messages,
                "WaitTimeSeconds": 0 if self._has_backlog else WAIT_MS_MAX // SECOND_MS,
                "VisibilityTimeout": asked.visibility_s,
            }
            key = self._key("receive")
            self._receives[key] = asked
            moves.calls.append(Call("sqs", "ReceiveRecords", params, self.mapping.caller, key))

    def _key(self, kind: str) -> Key:
        return self.mapping.uuid, kind, next(self._numbers)


def _bounds(mapping: Mapping) -> rules.Bounds:
    return rules.bounds(mapping.concurrency_max, mapping.pollers_min, mapping.pollers_max)


def _sieve(mapping: Mapping) -> Sieve | None:
    return None if mapping.filters is None else Sieve(orjson.loads(mapping.filters))
