"""One attempt at one batch: its events are rendered, its requests made one after another, and what
has become of each is written before the next begins. A crash makes the latest request again.

    batch ─> render (a Job when there is JSONata) ─> request ─> settled? ─> the next ... ─> gone
                                                       └ failed ─> due again, or given up

Rounds goes between due_batches and this. The outbox is not used for attempts: it forgets what is
taken and ends what is refused by rules of its own, while here an answer says of each entry what
became of it, a batch shrinks, a group has to wait, and every refusal is tried again (RetryStrategy
ALL). What is given up is left to the outbox, in the transaction that gives it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from redrive.core.effects import Ask, Caller, Context, Job, Params, Reply, Result
from redrive.core.errors import ServiceError
from redrive.core.time import NEVER, Millis
from redrive.services.custom_buses.bounds import Moment
from redrive.services.custom_buses.contents import json_text, whole
from redrive.services.custom_buses.failures import Failure, queue_call
from redrive.services.custom_buses.model import Batch, Event, Subscriber
from redrive.services.custom_buses.names import read_arn
from redrive.services.custom_buses.rendering import Rendered, Send, render
from redrive.services.custom_buses.room import CustomBuses
from redrive.services.custom_buses.rules import (
    EXHAUSTED_AGE,
    Again,
    after_failure,
    taken_ms,
)
from redrive.services.custom_buses.settings import uses_jsonata
from redrive.services.ports import EVENTS_RETRY, Settlement
from redrive.store.store import Tx

PURPOSE = "custom_buses:on-failure"
"""Of what is left to the outbox."""

BROKEN = "INVALID_TRANSFORMATION"
"""The ERROR_CODE of an event that no request could be made of; another attempt would meet it too.
"""


def deliver_batch(room: CustomBuses, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Make an attempt at the batch of an Id. -> {}"""
    batch: Batch | None = tx.one(Batch, "custom_buses.batch", id=params["Id"])
    if batch is None:
        return {}
    row = _subscriber(tx, batch.subscriber)
    if row is None:
        return {}
    now_ms = context.now_ms
    attempt = _Attempt(room, row, batch.id, batch.lane, _settings(row))
    if not row.is_running:
        tx.run("custom_buses.hold_batches", subscriber=row.number, never_ms=NEVER)
        return {}
    if attempt.is_over(batch, now_ms):
        code, message = orjson.loads(batch.error or '["TIMEOUT", ""]')
        failure = Failure(code, message, max(0, batch.attempts - 1), EXHAUSTED_AGE)
        return attempt.give_up(tx, orjson.loads(batch.seqs), failure, now_ms)
    tx.run("custom_buses.begin_batch", id=batch.id, now_ms=now_ms)
    seqs = orjson.loads(batch.seqs)
    found = [tx.one(Event, "custom_buses.event", seq=seq) for seq in seqs]
    events: list[Event] = [event for event in found if event is not None]  # the rest has expired
    if not events:
        return attempt.finish(tx, now_ms)
    attempt.note_begin(events[0], batch.attempts, now_ms)
    work = partial(render, row, events, Moment(now_ms, room.chance.token(16)))
    if uses_jsonata(attempt.settings):
        return Ask(Job(work), attempt.rendered)
    return attempt.go_on(tx, work(), now_ms)


def hear(room: CustomBuses, _tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
    """Count what an on-failure queue has taken, and what it has not."""
    name = _COUNTED.get(settlement.outcome)
    named = read_arn(settlement.source)
    if name is not None and named is not None:
        told = {"SubscriberName": named.name}
        room.count((named.account, named.region), "AWS/Events", name, told, 1, now_ms)


_COUNTED = {"taken": "InvocationsSentToDlq", "dropped": "InvocationsFailedToBeSentToDlq"}


def _subscriber(tx: Tx, number: int) -> Subscriber | None:
    row: Subscriber | None = tx.one(Subscriber, "custom_buses.subscriber_by_number", number=number)
    return row


def _settings(row: Subscriber) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = orjson.loads(row.settings)
    return settings


@dataclass(slots=True)
class _Attempt:
    """One attempt, while its requests are made. In memory only: a crash begins another."""

    room: CustomBuses
    row: Subscriber
    id: int
    lane: str
    settings: Mapping[str, Any]
    failed: list[int] = field(default_factory=list)  # in the order of the batch
    error: tuple[str, str] = ("", "")  # of the latest failure
    is_advanced: bool = False  # something of the batch was taken

    @property
    def _place(self) -> tuple[str, str]:
        return (self.row.account, self.row.region)

    def count(self, name: str, value: float, now_ms: int, unit: str = "Count") -> None:
        """Count for CloudWatch."""
        told = {"SubscriberName": self.row.name}
        self.room.count(self._place, "AWS/Events", name, told, value, now_ms, unit)

    def note_begin(self, first: Event, attempts: int, now_ms: Millis) -> None:
        """Count the attempt."""
        self.count("InvocationAttempts", 1, now_ms)
        if attempts:
            self.count("RetryInvocationAttempts", 1, now_ms)
        else:
            lag_ms = now_ms - taken_ms(first.seq)
            self.count("IngestionToInvocationStartLatency", lag_ms, now_ms, "Milliseconds")

    def is_over(self, batch: Batch, now_ms: Millis) -> bool:
        """Tell whether a batch that has failed is too old: the server was away."""
        age_ms = self.settings["RetryPolicy"]["MaxEventAgeInSeconds"] * 1_000
        return batch.attempts > 0 and now_ms > (batch.first_ms or now_ms) + age_ms

    # --- requests -------------------------------------------------------------------------------

    def rendered(self, tx: Tx, reply: Reply, now_ms: Millis) -> Result | Ask:
        """Take what the Job has made."""
        if reply.made is None:  # it could not be begun, or ours has failed: try again
            self.error = _told(reply)
            batch: Batch | None = tx.one(Batch, "custom_buses.batch", id=self.id)
            self.failed = [] if batch is None else orjson.loads(batch.seqs)
            return self._end(tx, now_ms)
        return self.go_on(tx, reply.made, now_ms)

    def go_on(self, tx: Tx, made: Rendered, now_ms: Millis) -> Result | Ask:
        """Give up what cannot be sent, and make the requests."""
        if tx.one(Batch, "custom_buses.batch", id=self.id) is None:
            return {}  # the subscriber has gone, or goes on from a later place
        for seq, why in made.broken:
            failure = Failure(BROKEN, why, 0, None)
            self._fail(tx, [seq], failure, now_ms)
            self.is_advanced = True
        return self._next(tx, made.sends, now_ms)

    def _next(self, tx: Tx, sends: Sequence[Send], now_ms: Millis) -> Result | Ask:
        left = [seq for send in sends for seq in send.seqs]
        batch: Batch | None = tx.one(Batch, "custom_buses.batch", id=self.id)
        if batch is None:
            return {}  # the subscriber has gone
        if not left or (self.failed and self.lane):
            self.failed += left
            return self._end(tx, now_ms)
        keep = [*self.failed, *left]
        if len(keep) != batch.events:
            seqs = orjson.dumps(keep).decode()
            tx.run("custom_buses.shrink_batch", id=self.id, seqs=seqs, events=len(keep))
        return Ask(sends[0].call, partial(self._answered, sends))

    def _answered(
        self, sends: Sequence[Send], tx: Tx, reply: Reply, now_ms: Millis
    ) -> Result | Ask:
        send = sends[0]
        failed = _failures(send, reply)
        if failed:
            self.error = failed[min(failed)]
            self.failed += [seq for seq in send.seqs if seq in failed]
        if len(failed) < len(send.seqs):
            self.count("Invocations", len(send.seqs) - len(failed), now_ms)
            self.is_advanced = True
        return self._next(tx, sends[1:], now_ms)

    # --- ends -----------------------------------------------------------------------------------

    def _end(self, tx: Tx, now_ms: Millis) -> Result:
        """Write down what has become of the batch."""
        batch: Batch | None = tx.one(Batch, "custom_buses.batch", id=self.id)
        if batch is None:
            return {}
        if not self.failed:
            return self.finish(tx, now_ms)
        # In a group that has gone forward the one that fails now is a new head.
        is_new = bool(self.lane) and self.is_advanced
        attempts = 0 if is_new else batch.attempts
        first_ms = now_ms if is_new else batch.first_ms or now_ms
        retry = self.settings["RetryPolicy"]
        decision = after_failure(
            attempts=attempts,
            attempts_max=retry["MaxRetryAttempts"],
            age_s_max=retry["MaxEventAgeInSeconds"],
            first_ms=first_ms,
            now_ms=now_ms,
            chance=self.room.chance.token(4)[-1],
        )
        if not isinstance(decision, Again):
            failure = Failure(*self.error, attempts, decision.condition)
            return self.give_up(tx, self.failed, failure, now_ms)
        fresh = _subscriber(tx, self.row.number)
        is_running = fresh is not None and fresh.is_running
        seqs = orjson.dumps(self.failed).decode()
        tx.run("custom_buses.shrink_batch", id=self.id, seqs=seqs, events=len(self.failed))
        tx.run(
            "custom_buses.postpone",
            id=self.id,
            due_ms=decision.due_ms if is_running else NEVER,
            attempts=attempts + 1,
            first_ms=first_ms,
            error=orjson.dumps(self.error).decode(),
        )
        return {}

    def give_up(self, tx: Tx, seqs: Sequence[int], failure: Failure, now_ms: Millis) -> Result:
        """Give up a batch; of a group that goes event by event its head only."""
        is_single = bool(self.lane) and ":lambda:" not in self.row.target
        given_up = seqs[:1] if is_single else seqs
        rest = seqs[len(given_up) :]
        self._fail(tx, given_up, failure, now_ms)
        if not rest:
            return self.finish(tx, now_ms)
        left = orjson.dumps(rest).decode()
        tx.run("custom_buses.shrink_batch", id=self.id, seqs=left, events=len(rest))
        tx.run(
            "custom_buses.postpone",
            id=self.id,
            due_ms=now_ms,
            attempts=0,
            first_ms=None,
            error=None,
        )
        return {}

    def finish(self, tx: Tx, now_ms: Millis) -> Result:
        """Forget the batch, and let the next of its group go."""
        if not tx.run("custom_buses.delete_batch", id=self.id):
            return {}
        number = self.row.number
        tx.run("custom_buses.add_pending", number=number, count=-1)
        if self.lane:
            key = {"subscriber": number, "lane": self.lane}
            fresh = _subscriber(tx, number)
            if fresh is not None and fresh.is_running:
                tx.run("custom_buses.promote", **key, now_ms=now_ms)
            tx.run("custom_buses.open_lane", **key)
        return {}

    def _fail(self, tx: Tx, seqs: Sequence[int], failure: Failure, now_ms: Millis) -> None:
        """Owe events to the on-failure queue, when there is one."""
        self.count("FailedInvocations", len(seqs), now_ms)
        queue = (self.settings.get("OnFailureConfiguration") or {}).get("Arn")
        if queue is None:
            return
        row = self.row
        role = self.settings["InvokeConfiguration"]["RoleArn"]
        for seq in seqs:
            event: Event | None = tx.one(Event, "custom_buses.event", seq=seq)
            if event is None:
                continue
            call = queue_call(
                queue,
                json_text(whole(event, row.bus_arn)),
                failure,
                source={"SUBSCRIBER_ARN": row.arn, "TARGET_ARN": row.target},
                event_id=event.event_id,
                group=event.lane,
                caller=Caller(row.account, row.region, role, row.account),
            )
            self.room.outbox.put(
                tx,
                call,
                now_ms,
                target=queue,
                purpose=PURPOSE,
                source=row.arn,
                retry=EVENTS_RETRY,
                lane=f"{row.arn} {self.lane}" if self.lane else None,
            )


# --- answers ------------------------------------------------------------------------------------


def _failures(send: Send, reply: Reply) -> dict[int, tuple[str, str]]:
    """Return the events of a request that were not taken, with code and text of each."""
    if reply.result is None:
        return dict.fromkeys(send.seqs, _told(reply))
    result = reply.result
    if send.call.service == "lambda":
        if result.get("FunctionError"):
            return dict.fromkeys(send.seqs, (str(result["FunctionError"]), _payload(result)))
        return {}
    if not send.is_batch:
        return {}
    if send.call.service == "eventbridgev2":
        return {
            seq: (str(entry["ErrorCode"]), str(entry.get("ErrorMessage", "")))
            for seq, entry in zip(send.seqs, result["Entries"], strict=True)
            if entry.get("ErrorCode")
        }
    return {
        send.seqs[int(entry["Id"])]: (str(entry["Code"]), str(entry.get("Message", "")))
        for entry in result.get("Failed") or ()
    }


def _payload(result: Mapping[str, Any]) -> str:
    payload = result.get("Payload") or b""
    return payload.decode(errors="replace") if isinstance(payload, bytes) else str(payload)


def _told(reply: Reply) -> tuple[str, str]:
    error = reply.error
    if isinstance(error, ServiceError):
        return error.code, error.message
    return "InternalFailure", "The request failed because of an internal error."
