"""Schedules fire: which are due, and one of them. Internal; the ticker calls them.

One transaction sets when a schedule comes next and leaves with the outbox what it owes now. A crash
before it leaves both as they were; after it the delivery is a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.core.rounds import Due
from redrive.core.time import SECOND_MS
from redrive.services.ports import EVENTS_RETRY, DeadLetter
from redrive.services.schedules import rules
from redrive.services.schedules.inputs import ATTEMPT, Run, fill, notification, stamp
from redrive.services.schedules.model import Instant, Schedule
from redrive.services.schedules.operations.schedules import drawn
from redrive.services.schedules.room import Schedules
from redrive.services.schedules.targets import run_call
from redrive.services.targets import role_caller
from redrive.store.store import Tx

RUN, LAST_RUN = "schedule", "schedule:last"
"""Purposes of what schedules owe; with what the latter ends in, the schedule goes."""


def due_schedules(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Name due schedules, at most Limit; and when the next is due.

    -> {"Events": [Due], "NextMs": int | None}
    """
    del room
    found: list[Due] = tx.rows(Due, "schedules.due", now_ms=context.now_ms, limit=params["Limit"])
    following: Instant | None = tx.one(Instant, "schedules.next_due", now_ms=context.now_ms)
    return {"Events": found, "NextMs": following.at_ms if following else None}


def fire_schedule(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Fire the schedule of an Id, if it is still due. -> {"Fired": bool}"""
    now_ms = context.now_ms
    schedule: Schedule | None = tx.one(Schedule, "schedules.schedule_by_id", id=params["Id"])
    if schedule is None or schedule.due_ms is None or schedule.due_ms > now_ms:
        return {"Fired": False}
    assert schedule.scheduled_ms is not None
    body = orjson.loads(schedule.body)
    timing = rules.timing_of(body)
    next_ms = rules.following(timing, schedule.anchor_ms, schedule.scheduled_ms, now_ms)
    ends = next_ms is None and body["ActionAfterCompletion"] == "DELETE"
    tx.run(
        "schedules.advance",
        id=schedule.id,
        scheduled_ms=next_ms,
        due_ms=drawn(room, timing, next_ms),
        ends=int(ends),
    )
    run = Run(
        schedule.arn,
        schedule.account,
        schedule.region,
        schedule.scheduled_ms,
        room.chance.token(8).hex(),
    )
    _owe(room, tx, body["Target"], run, LAST_RUN if ends else RUN, context)
    return {"Fired": True}


def _owe(
    room: Schedules, tx: Tx, target: Mapping[str, Any], run: Run, purpose: str, context: Context
) -> None:
    given = target.get("Input")
    payload = notification(run, uuid4(room.chance)) if given is None else fill(given, run)
    # The target is asked as the schedule's role; AWS: User Guide, "Execution role".
    caller = role_caller(target["RoleArn"], run.account, run.region)
    call = run_call(target, payload, caller, run.arn)
    policy = target["RetryPolicy"]
    # Calls of one API wait for each other only within a schedule: one account's slow function does
    # not keep another's queue waiting.
    is_own = call.service == "scheduler"
    room.outbox.put(
        tx,
        call,
        context.now_ms,
        target=run.arn if is_own else target["Arn"],
        purpose=purpose,
        source=run.arn,
        retry=EVENTS_RETRY._replace(
            attempts_max=policy["MaximumRetryAttempts"],
            age_ms_max=policy["MaximumEventAgeInSeconds"] * SECOND_MS,
            mark=ATTEMPT if ATTEMPT in payload else "",
        ),
        dead_letter=_dead_letter(target, payload, run),
    )


def _dead_letter(target: Mapping[str, Any], payload: str, run: Run) -> DeadLetter | None:
    """Return where a run goes that fails for good.

    AWS: Scheduler User Guide, "Configuring a dead-letter queue", with the attributes of its
    example; the courier adds those that tell of the failure.
    """
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue is None:
        return None
    attributes = {
        "SCHEDULE_ARN": run.arn,
        "TARGET_ARN": target["Arn"],
        "SCHEDULED_TIME": stamp(run.scheduled_ms),
        "EXECUTION_ID": run.execution_id,
        "IS_PAYLOAD_TRUNCATED": "false",
    }
    message = {
        "MessageBody": payload,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        },
    }
    return DeadLetter(queue, message)
