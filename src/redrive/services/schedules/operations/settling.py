"""What becomes of what schedules owe: it is counted, and a schedule that is complete may go.

AWS: Scheduler User Guide, "Monitoring with CloudWatch", namespace AWS/Scheduler.
"""

from __future__ import annotations

from redrive.core.arn import parse_arn
from redrive.core.effects import Caller
from redrive.core.time import Millis
from redrive.services.ports import Heard, Settlement
from redrive.services.schedules.lookup import seek_schedule
from redrive.services.schedules.operations.firing import LAST_RUN, RUN
from redrive.services.schedules.operations.schedules import remove
from redrive.services.schedules.room import Schedules
from redrive.store.store import Tx

_METRICS = {
    "taken": ("InvocationAttemptCount",),
    "again": ("InvocationAttemptCount", "TargetErrorCount"),
    "buried": ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount"),
    "dropped": ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount"),
    "buried-taken": ("InvocationsSentToDeadLetterCount",),
    "buried-dropped": ("InvocationsFailedToBeSentToDeadLetterCount",),
}
_THROTTLED = "THROTTLING"


def listen(room: Schedules) -> None:
    """Have the outbox tell what becomes of what schedules owe."""
    heard = _heard(room)
    for purpose in (RUN, LAST_RUN):
        room.outbox.listen(purpose, heard)


def _heard(room: Schedules) -> Heard:
    def heard(tx: Tx, told: Settlement, now_ms: Millis) -> None:
        arn = parse_arn(told.source)
        assert arn is not None
        _, group, name = arn.resource.split("/")
        for metric in _named(told):
            room.count(
                (arn.account, arn.region),
                "AWS/Scheduler",
                metric,
                (("ScheduleGroup", group),),
                1,
                now_ms,
            )
        if told.purpose == LAST_RUN and told.outcome in ("taken", "buried", "dropped"):
            caller = Caller(arn.account, arn.region, "", "")
            schedule = seek_schedule(tx, caller, group, name)
            if schedule is not None and schedule.ends:
                remove(tx, schedule)

    return heard


def _named(told: Settlement) -> list[str]:
    names = list(_METRICS[told.outcome])
    if told.code == _THROTTLED and "TargetErrorCount" in names:
        names.append("TargetErrorThrottledCount")
    if told.outcome == "buried-dropped" and told.code:
        names.append(f"InvocationsFailedToBeSentToDeadLetterCount_{told.code}")
    return names
