"""What is written when an attempt at a delivery has ended, in one transaction.

A call that is given up is replaced by one that owes it to its dead-letter queue: either row is
there, never none and never both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from redrive.core.effects import Call, Caller, Result
from redrive.core.time import Millis
from redrive.services.delivery import rules
from redrive.services.delivery.failures import Failure, failure_of, out_of_time
from redrive.services.delivery.letters import burial, letter_of, queue_region
from redrive.services.delivery.model import Delivery, GivenUp
from redrive.services.delivery.outbox import add
from redrive.services.delivery.room import Deliveries
from redrive.services.ports import EVENTS_RETRY, Settlement
from redrive.store.store import Tx

_UNTOLD: Result = {"GivenUp": None}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a delivery, under the id of a request."""

    room: Deliveries
    delivery: Delivery
    request_id: str


def settle(tx: Tx, attempt: Attempt, error: Exception | None, now_ms: Millis) -> Result:
    """Write how an attempt has ended. -> {"GivenUp": GivenUp | None}"""
    delivery = attempt.delivery
    made = delivery.attempts + 1
    failure = None if error is None else failure_of(error)
    decision = rules.settle(delivery, failure, now_ms)
    if isinstance(decision, rules.Over):
        return _end(tx, attempt, decision, made, now_ms)
    assert failure is not None
    kept = orjson.dumps(list(failure)).decode()
    changes = decision._asdict()
    if tx.run("delivery.postpone", id=delivery.id, now_ms=now_ms, failure=kept, **changes):
        _tell(tx, attempt, "again", made, failure, now_ms)
    return _UNTOLD


def put_off(tx: Tx, attempt: Attempt, now_ms: Millis) -> Result:
    """Write that a call could not even be made, as on a full disk or at the end of this process.

    It is no attempt, so that it costs none of those that the owner grants.
    """
    delivery = attempt.delivery
    tx.run("delivery.pause", id=delivery.id, due_ms=now_ms + rules.pause_ms(delivery.pauses))
    return _UNTOLD


def expire(tx: Tx, attempt: Attempt, now_ms: Millis) -> Result:
    """Write that a call grew too old before it could be tried, or tried again (the server was
    down).
    """
    delivery = attempt.delivery
    failure = out_of_time()
    if delivery.failure is not None:
        failure = Failure(*orjson.loads(delivery.failure))
    over = rules.Over(failure, "MaximumEventAgeInSeconds")
    return _end(tx, attempt, over, delivery.attempts, now_ms)


def _end(tx: Tx, attempt: Attempt, over: rules.Over, made: int, now_ms: Millis) -> Result:
    """Forget a delivery; the row may have gone in a reset meanwhile, which is no error."""
    delivery, failure = attempt.delivery, over.failure
    if not tx.run("delivery.delete", id=delivery.id):
        return _UNTOLD
    if delivery.lane is not None:
        tx.run("delivery.advance_lane", lane=delivery.lane, now_ms=now_ms)
    is_letter = delivery.buried_from is not None
    if failure is None:
        _tell(tx, attempt, "buried-taken" if is_letter else "taken", made, None, now_ms)
        return _UNTOLD
    queue = ""
    if delivery.dead_letter is not None:
        queue = _bury(tx, attempt, delivery.dead_letter, over, max(0, made - 1), now_ms)
        _tell(tx, attempt, "buried", made, failure, now_ms, queue)
    else:
        _tell(tx, attempt, "buried-dropped" if is_letter else "dropped", made, failure, now_ms)
    reason = f"{failure.error}: {failure.message}"
    return {"GivenUp": GivenUp(delivery.purpose, delivery.source, delivery.target, reason, queue)}


def _bury(
    tx: Tx, attempt: Attempt, dead_letter: str, over: rules.Over, retries: int, now_ms: Millis
) -> str:
    """Owe a call that was given up to its dead-letter queue; return the queue's ARN.

    Whoever asked for the call asks for this one, and it is retried as often as EventBridge retries.
    It does not grow too old: nothing would be left of it, if this server was down for a day. Dead
    letters of a lane keep its order.
    """
    delivery = attempt.delivery
    assert over.failure is not None
    letter = letter_of(dead_letter)
    params = burial(letter, over.failure, over.condition, retries, attempt.request_id)
    caller = Caller(
        delivery.account,
        queue_region(letter.queue, delivery.region),
        delivery.principal,
        delivery.account,
        source=delivery.asker,
    )
    add(
        tx,
        Call("sqs", "SendMessage", params, caller),
        now_ms,
        target=letter.queue,
        purpose=delivery.purpose,
        source=delivery.source,
        lane=None if delivery.lane is None else f"dead {delivery.lane}",
        due_ms=now_ms,
        deadline_ms=None,
        retry=rules.retry_text(EVENTS_RETRY._replace(age_ms_max=None)),
        dead_letter=None,
        buried_from=delivery.target,
    )
    return letter.queue


Outcome = Literal["taken", "again", "buried", "dropped", "buried-taken", "buried-dropped"]


def _tell(
    tx: Tx,
    attempt: Attempt,
    outcome: Outcome,
    made: int,
    failure: Failure | None,
    now_ms: Millis,
    queue: str = "",
) -> None:
    delivery = attempt.delivery
    if delivery.buried_from is not None:
        queue = delivery.target
    settlement = Settlement(
        outcome,
        delivery.purpose,
        delivery.source,
        delivery.buried_from or delivery.target,
        made,
        failure.code if failure is not None else "",
        failure.message if failure is not None else "",
        queue,
    )
    attempt.room.tell(tx, settlement, now_ms)
