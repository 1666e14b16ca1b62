"""When schedules fire: instants, windows, bounds, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from events_world import ACCOUNT, CALLER, REGION, T0, World
from schedules_rig import SDK, arn_of, create, ms, target, times

from redrive.core.arn import queue_arn
from redrive.core.effects import Context
from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, Millis, iso
from redrive.services.registry import Operation
from redrive.services.schedules.model import Schedule
from redrive.store.store import Tx

Q = queue_arn(REGION, ACCOUNT, "q")


def stamps(world: World) -> list[str]:
    """The scheduled times that queue q has been told, to the minute."""
    return [time[:16] for time in times(world.bodies("q"))]


def sent(world: World) -> list[int]:
    """When messages were sent to q, in ms after T0."""
    found = [int(each["Attributes"]["SentTimestamp"]) for each in world.messages("q")]
    return [at_ms - T0 for at_ms in found]


def by_hours(world: World, hours: int, step_ms: int = HOUR_MS) -> None:
    """Let the clock jump from hour to hour: who waits for nothing else is stepped seldom."""
    for _ in range(hours * HOUR_MS // step_ms):
        world.now_ms = Millis(world.now_ms + step_ms)
        world.settle()


def test_rate(world: World) -> None:
    """One interval after it was made, and in even steps from there, to the millisecond."""
    world.now_ms = Millis(T0 + 123)
    create(world, "s", "rate(5 minutes)", Q)
    world.pass_s(16 * 60)
    assert sent(world) == [123 + n * 5 * MINUTE_MS for n in (1, 2, 3)]


def test_at(world: World) -> None:
    """Once, by the clock of its zone."""
    create(world, "s", "at(2027-01-15T12:00:00)", Q, ScheduleExpressionTimezone="Asia/Jerusalem")
    world.pass_s(4 * 3600)
    assert sent(world) == [2 * HOUR_MS]


def test_a_past_at_never_fires(world: World) -> None:
    """It is accepted. AWS: as captured."""
    create(world, "s", "at(2027-01-15T07:59:59)", Q)
    world.pass_s(3600)
    assert sent(world) == []
    assert world.call("scheduler", "GetSchedule", Name="s")["State"] == "ENABLED"


def test_evenings_in_jerusalem_across_the_change_of_clocks(tmp_path: Path) -> None:
    """23:00 from Sunday to Thursday for two weeks; the clock is put forward on March 26th 2027."""
    world = World(tmp_path / "spring", Millis(ms("2027-03-19T12:00:00")))
    world.queue("q", MessageRetentionPeriod=14 * 86_400)
    zone = {"ScheduleExpressionTimezone": "Asia/Jerusalem"}
    create(world, "s", "cron(0 23 ? * SUN-THU *)", Q, **zone)
    by_hours(world, 14 * 24)
    winter = [f"2027-03-{day}T21:00" for day in (21, 22, 23, 24, 25)]
    summer = [f"2027-03-{day}T20:00" for day in (28, 29, 30, 31)] + ["2027-04-01T20:00"]
    assert stamps(world) == winter + summer
    world.close()


@pytest.mark.parametrize(
    ("begin", "expression", "wanted"),
    [
        ("2027-03-13T12:00:00", "cron(30 2 * * ? *)", ["2027-03-15T06:30"]),
        ("2027-11-06T12:00:00", "cron(30 1 * * ? *)", ["2027-11-07T05:30", "2027-11-08T06:30"]),
    ],
)
def test_a_skipped_time_is_skipped_and_a_repeated_one_comes_once(
    tmp_path: Path, begin: str, expression: str, wanted: list[str]
) -> None:
    """New York, the nights in which its clock is put forward and back."""
    world = World(tmp_path / "york", Millis(ms(begin)))
    world.queue("q")
    create(world, "s", expression, Q, ScheduleExpressionTimezone="America/New_York")
    by_hours(world, 2 * 24, MINUTE_MS * 30)
    assert stamps(world) == wanted
    world.close()


def test_start_and_end(world: World) -> None:
    """Nothing before the one or after the other; a rate counts from its start."""
    start, end = T0 + 10 * MINUTE_MS, T0 + 20 * MINUTE_MS
    create(world, "r", "rate(5 minutes)", Q, StartDate=start, EndDate=end)
    world.pass_s(3600)
    assert sent(world) == [10 * MINUTE_MS, 15 * MINUTE_MS, 20 * MINUTE_MS]
    assert world.call("scheduler", "GetSchedule", Name="r")["State"] == "ENABLED"


def test_a_one_time_schedule_has_no_bounds(world: World) -> None:
    """StartDate and EndDate are ignored. AWS: API_CreateSchedule."""
    later = T0 + DAY_MS
    create(world, "s", "at(2027-01-15T08:01:00)", Q, StartDate=later, EndDate=later + DAY_MS)
    world.pass_s(120)
    assert sent(world) == [MINUTE_MS]


def test_a_disabled_schedule_rests(world: World) -> None:
    """It fires when it is enabled again, its rate counted from there."""
    create(world, "s", "rate(5 minutes)", Q, State="DISABLED")
    world.pass_s(660)
    update(world, "s", State="ENABLED")
    world.pass_s(360)
    assert sent(world) == [660_000 + 5 * MINUTE_MS]


def update(world: World, name: str, **members: object) -> None:
    """Update a schedule: what it is, with some members replaced."""
    told = world.call("scheduler", "GetSchedule", Name=name)
    shown = ("Arn", "CreationDate", "LastModificationDate")
    params = {key: value for key, value in told.items() if key not in shown}
    world.call("scheduler", "UpdateSchedule", **{**params, **members})


def test_an_update_of_something_else_leaves_the_times(world: World) -> None:
    """A rate goes on counting, and what has fired once does not fire again."""
    create(world, "rate", "rate(5 minutes)", Q)
    create(world, "once", "at(2027-01-15T08:01:00)", Q)
    world.pass_s(120)
    update(world, "rate", Description="new")
    update(world, "once", Description="new")
    world.pass_s(240)
    assert sent(world) == [MINUTE_MS, 5 * MINUTE_MS]


def test_a_flexible_window(world: World) -> None:
    """Each instant is drawn within the window, once, and a restart does not draw again."""
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}
    for n in range(20):
        create(world, f"s{n}", "at(2027-01-15T08:01:00)", Q, FlexibleTimeWindow=window)
    due = world.store.transact(lambda tx: [each.due_ms for each in rows(tx)])
    world.crash()
    assert world.store.transact(lambda tx: [each.due_ms for each in rows(tx)]) == due
    world.pass_s(3600)
    found = sent(world)
    assert sorted(found) == sorted(at_ms - T0 for at_ms in due)
    assert all(MINUTE_MS <= at_ms < 11 * MINUTE_MS for at_ms in found)
    assert len(set(found)) > 10


def rows(tx: Tx) -> list[Schedule]:
    """All schedules, as they are stored."""
    group = {"account": ACCOUNT, "region": REGION, "grp": "default"}
    return tx.rows(
        Schedule, "schedules.list_schedules", **group, after="", prefix="", beyond="\x7f", limit=-1
    )


def test_windows_longer_than_the_rate_lose_nothing(world: World) -> None:
    """An instant whose window is open when the one before it fires is not missed."""
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    create(world, "s", "rate(5 minutes)", Q, FlexibleTimeWindow=window)
    world.pass_s(7200)
    told = stamps(world)
    assert told == [iso(T0 + n * 5 * MINUTE_MS)[:16] for n in range(1, len(told) + 1)]
    assert len(told) >= 21


def test_missed_ones_fire_once_at_the_start(world: World) -> None:
    """A server that was down for an hour fires each schedule once, with the time that it missed."""
    create(world, "rate", "rate(10 minutes)", Q)
    create(world, "cron", "cron(0/15 * * * ? *)", Q)
    create(world, "once", "at(2027-01-15T08:30:00)", Q)
    world.now_ms = Millis(T0 + HOUR_MS + 1)
    world.crash()
    assert sorted(stamps(world)) == ["2027-01-15T08:10", "2027-01-15T08:15", "2027-01-15T08:30"]
    world.pass_s(1260)
    assert stamps(world) == ["2027-01-15T09:10", "2027-01-15T09:15", "2027-01-15T09:20"]


def test_a_crash_between_firing_and_delivery(world: World) -> None:
    """The delivery is a row from the transaction on that fires: it is made after the restart."""
    create(world, "s", "at(2027-01-15T08:01:00)", Q)
    world.registry.away.add(("sqs", "SendMessage"))
    world.pass_s(61)
    assert world.messages("q") == []
    world.crash()
    world.pass_s(60)
    assert stamps(world) == ["2027-01-15T08:01"]


def test_a_crash_before_firing(world: World) -> None:
    """A store that is away when it is due: it fires when it is back, once."""
    create(world, "s", "at(2027-01-15T08:01:00)", Q)
    world.registry.away.add(("scheduler", "FireSchedule"))
    world.pass_s(90)
    world.registry.away.clear()
    world.pass_s(2)
    assert stamps(world) == ["2027-01-15T08:01"]
    world.pass_s(3600)
    assert stamps(world) == []


def test_delete_after_completion(world: World) -> None:
    """The schedule goes when its last run has been delivered, not before."""
    once = "at(2027-01-15T08:01:00)"
    create(world, "once", once, Q, ActionAfterCompletion="DELETE")
    create(world, "kept", once, Q)
    end = {"EndDate": T0 + 3 * MINUTE_MS, "ActionAfterCompletion": "DELETE"}
    create(world, "rate", "rate(1 minute)", Q, **end)
    world.registry.away.add(("sqs", "SendMessage"))
    world.pass_s(61)
    assert names(world) == ["kept", "once", "rate"]
    world.registry.away.clear()
    world.pass_s(60)
    assert names(world) == ["kept", "rate"]
    world.pass_s(120)
    assert names(world) == ["kept"]
    with pytest.raises(ServiceError, match=r"Schedule once does not exist\."):
        world.call("scheduler", "GetSchedule", Name="once")


def test_a_schedule_changed_before_its_end_stays(world: World) -> None:
    """Whoever gives a complete schedule new times, or wants to keep it, keeps it."""
    once = "at(2027-01-15T08:01:00)"
    for name in ("later", "kept"):
        create(world, name, once, Q, ActionAfterCompletion="DELETE")
    world.registry.away.add(("sqs", "SendMessage"))
    world.pass_s(61)
    update(world, "later", ScheduleExpression="at(2027-01-15T09:00:00)")
    update(world, "kept", ActionAfterCompletion="NONE")
    world.registry.away.clear()
    world.pass_s(60)
    assert names(world) == ["kept", "later"]
    world.pass_s(3600)
    assert names(world) == ["kept"]


def names(world: World) -> list[str]:
    """The names of all schedules."""
    listed = world.call("scheduler", "ListSchedules")["Schedules"]
    return [each["Name"] for each in listed]


def test_a_run_that_is_given_up_ends_a_schedule_too(world: World) -> None:
    """Its dead-letter queue has it, with what AWS tells of it; the schedule is gone."""
    create(
        world,
        "s",
        "at(2027-01-15T08:01:00)",
        queue_arn(REGION, ACCOUNT, "gone"),
        Input="hello",
        ActionAfterCompletion="DELETE",
        DeadLetterConfig={"Arn": queue_arn(REGION, ACCOUNT, "dead")},
    )
    world.pass_s(120)
    (message,) = world.messages("dead")
    told = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert message["Body"] == "hello"
    assert told.pop("ERROR_MESSAGE") == "The specified queue does not exist."
    assert len(told.pop("EXECUTION_ID")) == 16
    assert told == {
        "SCHEDULE_ARN": arn_of("s"),
        "TARGET_ARN": queue_arn(REGION, ACCOUNT, "gone"),
        "SCHEDULED_TIME": "2027-01-15T08:01:00Z",
        "IS_PAYLOAD_TRUNCATED": "false",
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    assert names(world) == []


def test_retries_keep_to_the_policy(world: World) -> None:
    """Two retries, each told its number, then the dead-letter queue says why no more."""
    tried = throttle(world)
    given = '{"QueueUrl": "/000000000000/q", "MessageBody": "try <aws.scheduler.attempt-number>"}'
    create(
        world,
        "s",
        "at(2027-01-15T08:01:00)",
        f"{SDK}sqs:sendMessage",
        Input=given,
        RetryPolicy={"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
        DeadLetterConfig={"Arn": queue_arn(REGION, ACCOUNT, "dead")},
    )
    world.pass_s(600)
    assert tried == ["try 1", "try 2", "try 3"]
    (message,) = world.messages("dead")
    told = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "THROTTLING"
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert told["RETRY_ATTEMPTS"] == "2"


def throttle(world: World) -> list[str]:
    """Refuse what is sent to q from now on; return the list of the bodies."""
    tried: list[str] = []

    def around(operation: Operation) -> Operation:
        def refuse(tx: Tx, params: Any, context: Context) -> Any:
            if params["QueueUrl"].endswith("dead"):
                return operation(tx, params, context)
            tried.append(params["MessageBody"])
            raise ServiceError("ThrottlingException", "Rate exceeded", status=400)

        return refuse

    world.registry.watch("sqs", "SendMessage", around)
    return tried


def test_deleting_a_schedule_stops_it(world: World) -> None:
    """What it has set off goes on; nothing more comes."""
    create(world, "s", "rate(1 minute)", Q)
    world.pass_s(90)
    world.call("scheduler", "DeleteSchedule", Name="s")
    world.pass_s(600)
    assert sent(world) == [MINUTE_MS]


def test_another_region(world: World) -> None:
    """A schedule of one region fires into another's queue, and neither sees the other's."""
    there = CALLER._replace(region="eu-west-1")
    world.call(
        "scheduler",
        "CreateSchedule",
        there,
        Name="s",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target(Q),
    )
    world.pass_s(61)
    assert sent(world) == [MINUTE_MS]
    assert names(world) == []
