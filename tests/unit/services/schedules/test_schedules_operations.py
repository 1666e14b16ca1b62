"""Schedules and groups as they are made, shown, listed, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from events_world import ACCOUNT, CALLER, REGION, T0, World
from schedules_rig import OFF, ROLE, arn_of, create, target

from redrive.core.arn import queue_arn
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, Millis
from redrive.services.schedules.operations import groups, schedules

Q = queue_arn(REGION, ACCOUNT, "q")
RATE = "rate(5 minutes)"
GROUPS = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/"


def ask(world: World, operation: str, **params: Any) -> Any:
    """One of Scheduler's operations."""
    return world.call("scheduler", operation, **params)


def refused(world: World, operation: str, **params: Any) -> tuple[str, str]:
    """What an operation is refused with."""
    with pytest.raises(ServiceError) as told:
        ask(world, operation, **params)
    return told.value.code, told.value.message


def made(**members: Any) -> dict[str, Any]:
    """Parameters of CreateSchedule."""
    basic = {"Name": "s", "ScheduleExpression": RATE, "FlexibleTimeWindow": OFF}
    return {**basic, "Target": target(Q), **members}


def test_what_is_shown(world: World) -> None:
    """All that was set, and AWS's defaults of what was not."""
    assert ask(world, "CreateSchedule", **made()) == {"ScheduleArn": arn_of("s")}
    assert ask(world, "GetSchedule", Name="s") == {
        "Arn": arn_of("s"),
        "Name": "s",
        "GroupName": "default",
        "State": "ENABLED",
        "CreationDate": T0,
        "LastModificationDate": T0,
        "ScheduleExpression": RATE,
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": OFF,
        "ActionAfterCompletion": "NONE",
        "Target": {
            "Arn": Q,
            "RoleArn": ROLE,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
        },
    }


def test_an_update_replaces_everything(world: World) -> None:
    """What it leaves out has its default again. AWS: API_UpdateSchedule."""
    whole = made(
        Description="d",
        KmsKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
        State="DISABLED",
        ScheduleExpressionTimezone="Asia/Jerusalem",
        StartDate=T0 + MINUTE_MS,
        EndDate=T0 + 9 * MINUTE_MS,
        ActionAfterCompletion="DELETE",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
        Target=target(Q, Input="x", RetryPolicy={"MaximumRetryAttempts": 3}),
    )
    ask(world, "CreateSchedule", **whole)
    told = ask(world, "GetSchedule", Name="s")
    policy = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 3}
    whole["Target"]["RetryPolicy"] = policy
    assert {name: told[name] for name in whole} == whole
    world.pass_s(1)
    ask(world, "UpdateSchedule", **made())
    told = ask(world, "GetSchedule", Name="s")
    assert told["LastModificationDate"] == T0 + 1000
    assert told["CreationDate"] == T0
    assert told["State"] == "ENABLED"
    assert not {"Description", "KmsKeyArn", "StartDate", "EndDate"} & told.keys()
    assert told["Target"].get("Input") is None


def test_names_are_taken_once(world: World) -> None:
    """In a group; another group may have the same name."""
    ask(world, "CreateScheduleGroup", Name="g")
    ask(world, "CreateSchedule", **made())
    ask(world, "CreateSchedule", **made(GroupName="g"))
    assert refused(world, "CreateSchedule", **made()) == (
        "ConflictException",
        "Schedule s already exists.",
    )
    assert refused(world, "CreateScheduleGroup", Name="g") == (
        "ConflictException",
        "Schedule group g already exists.",
    )


def test_what_is_not_there(world: World) -> None:
    """Each operation says so, and a failed one leaves nothing."""
    missing = ("ResourceNotFoundException", "Schedule s does not exist.")
    assert refused(world, "GetSchedule", Name="s") == missing
    assert refused(world, "DeleteSchedule", Name="s") == missing
    assert refused(world, "UpdateSchedule", **made()) == missing
    no_group = ("ResourceNotFoundException", "Schedule group g does not exist.")
    assert refused(world, "CreateSchedule", **made(GroupName="g")) == no_group
    assert refused(world, "ListSchedules", GroupName="g") == no_group
    assert refused(world, "GetScheduleGroup", Name="g") == no_group
    assert refused(world, "DeleteScheduleGroup", Name="g") == no_group
    assert refused(world, "ListTagsForResource", ResourceArn=GROUPS + "g") == no_group


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"ScheduleExpression": "rate(0 minutes)"}, "Invalid Schedule Expression rate(0 minutes)."),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "Mars/Base"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"FlexibleTimeWindow": {**OFF, "MaximumWindowInMinutes": 5}}, "MaximumWindowInMinutes"),
        (
            {"StartDate": T0 - 6 * MINUTE_MS},
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        ({"StartDate": T0 + 5, "EndDate": T0 + 5}, "EndDate"),
        ({"EndDate": T0 - 1}, "EndDate"),
    ],
)
def test_refused_settings(world: World, members: dict[str, Any], text: str) -> None:
    """By ValidationException, and an update that is refused changes nothing."""
    code, told = refused(world, "CreateSchedule", **made(**members))
    assert code == "ValidationException"
    assert text in told
    ask(world, "CreateSchedule", **made())
    before = ask(world, "GetSchedule", Name="s")
    assert refused(world, "UpdateSchedule", **made(**members))[0] == "ValidationException"
    assert ask(world, "GetSchedule", Name="s") == before


def test_an_old_start_date_may_stay(world: World) -> None:
    """A schedule can be updated after it has begun."""
    start = {"StartDate": T0 + MINUTE_MS, "EndDate": T0 + 2 * MINUTE_MS}
    ask(world, "CreateSchedule", **made(**start))
    world.now_ms = Millis(T0 + 60 * MINUTE_MS)
    ask(world, "UpdateSchedule", **made(**start, Description="late"))
    code, _ = refused(world, "UpdateSchedule", **made(StartDate=T0))
    assert code == "ValidationException"


def test_a_token_makes_a_request_once(world: World) -> None:
    """The same again is answered as before; something else with it is a conflict."""
    first = ask(world, "CreateSchedule", **made(ClientToken="t"))
    assert ask(world, "CreateSchedule", **made(ClientToken="t")) == first
    code, _ = refused(world, "CreateSchedule", **made(ClientToken="t", Description="x"))
    assert code == "ConflictException"
    code, _ = refused(world, "DeleteSchedule", Name="s", ClientToken="t")
    assert code == "ConflictException"
    for _ in range(2):
        ask(world, "DeleteSchedule", Name="s", ClientToken="u")
    assert refused(world, "DeleteSchedule", Name="s", ClientToken="v")[0] == (
        "ResourceNotFoundException"
    )


def test_tokens_are_forgotten(world: World) -> None:
    """After an hour; what is left of them is bounded by what is asked within one."""
    for n in range(10):
        ask(world, "CreateSchedule", **made(Name=f"s{n}", ClientToken=f"t{n}"))
    world.now_ms = Millis(T0 + 61 * MINUTE_MS)
    ask(world, "DeleteSchedule", Name="s0", ClientToken="t0")
    for n in range(1, 4):
        ask(world, "DeleteSchedule", Name=f"s{n}", ClientToken=f"u{n}")
    kept = world.store.transact(lambda tx: tx.run("schedules.forget_tokens", since_ms=T0))
    assert kept == 0


def pages(world: World, operation: str, member: str, **params: Any) -> list[list[str]]:
    """The names of all pages."""
    found = []
    token = {}
    while True:
        told = ask(world, operation, **params, **token)
        found.append([each["Name"] for each in told[member]])
        if "NextToken" not in told:
            return found
        token = {"NextToken": told["NextToken"]}


def test_lists(world: World) -> None:
    """By group and name, in pages, by prefix, by state."""
    ask(world, "CreateScheduleGroup", Name="a-group")
    for name in ("b1", "b2", "a1", "c1"):
        create(world, name, RATE, Q)
    create(world, "a2", RATE, Q, GroupName="a-group", State="DISABLED")
    create(world, "z", RATE, Q, GroupName="a-group")
    listed = ("ListSchedules", "Schedules")
    assert pages(world, *listed) == [["a2", "z", "a1", "b1", "b2", "c1"]]
    assert pages(world, *listed, MaxResults=4) == [["a2", "z", "a1", "b1"], ["b2", "c1"]]
    assert pages(world, *listed, MaxResults=2, GroupName="default") == [
        ["a1", "b1"],
        ["b2", "c1"],
        [],
    ]
    assert pages(world, *listed, NamePrefix="a") == [["a2", "a1"]]
    assert pages(world, *listed, NamePrefix="b", GroupName="default") == [["b1", "b2"]]
    assert pages(world, *listed, State="DISABLED") == [["a2"]]
    assert refused(world, "ListSchedules", NextToken="zzz") == (
        "ValidationException",
        "Invalid NextToken.",
    )
    (summary,) = ask(world, "ListSchedules", NamePrefix="z")["Schedules"]
    assert summary["Target"] == {"Arn": Q}
    assert summary["GroupName"] == "a-group"
    assert "ScheduleExpression" not in summary


def test_groups(world: World) -> None:
    """`default` is there; others are made, listed and shown."""
    for name in ("b", "a1", "a2"):
        told = ask(world, "CreateScheduleGroup", Name=name)
        assert told == {"ScheduleGroupArn": GROUPS + name}
    listed = ("ListScheduleGroups", "ScheduleGroups")
    assert pages(world, *listed, MaxResults=3) == [["a1", "a2", "b"], ["default"]]
    assert pages(world, *listed, NamePrefix="a") == [["a1", "a2"]]
    assert ask(world, "GetScheduleGroup", Name="default") == {
        "Arn": GROUPS + "default",
        "Name": "default",
        "State": "ACTIVE",
        "CreationDate": T0,
        "LastModificationDate": T0,
    }


def test_a_group_goes_with_its_schedules(world: World) -> None:
    """In chunks, of which each is a transaction; until it is gone it is DELETING."""
    ask(world, "CreateScheduleGroup", Name="g")
    create(world, "other", RATE, Q)
    for n in range(groups._SWEPT_MAX + 1):
        ask(world, "CreateSchedule", **made(Name=f"s{n}", GroupName="g"))
    world.registry.away.add(("scheduler", "SweepGroups"))
    ask(world, "DeleteScheduleGroup", Name="g")
    assert ask(world, "GetScheduleGroup", Name="g")["State"] == "DELETING"
    for operation, params in (
        ("DeleteScheduleGroup", {"Name": "g"}),
        ("CreateSchedule", made(Name="more", GroupName="g")),
        ("CreateScheduleGroup", {"Name": "g"}),
    ):
        assert refused(world, operation, **params)[0] == "ConflictException"
    world.crash()
    assert refused(world, "GetScheduleGroup", Name="g")[0] == "ResourceNotFoundException"
    assert pages(world, "ListSchedules", "Schedules") == [["other"]]
    ask(world, "CreateScheduleGroup", Name="g")
    assert ask(world, "ListSchedules", GroupName="g") == {"Schedules": []}


def test_the_default_group_stays(world: World) -> None:
    """It cannot be deleted."""
    assert refused(world, "DeleteScheduleGroup", Name="default")[0] == "ValidationException"


def test_tags(world: World) -> None:
    """Groups have them, schedules do not."""
    given = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    ask(world, "CreateScheduleGroup", Name="g", Tags=given)
    of_group = {"ResourceArn": GROUPS + "g"}
    ask(world, "TagResource", **of_group, Tags=[{"Key": "b", "Value": "3"}])
    ask(world, "UntagResource", **of_group, TagKeys=["a", "never"])
    assert ask(world, "ListTagsForResource", **of_group) == {"Tags": [{"Key": "b", "Value": "3"}]}
    own = [{"Key": "aws:x", "Value": ""}]
    assert refused(world, "TagResource", **of_group, Tags=own)[0] == "ValidationException"
    many = [{"Key": f"k{n}", "Value": ""} for n in range(groups.TAGS_MAX)]
    assert refused(world, "TagResource", **of_group, Tags=many)[0] == "ValidationException"
    schedule = {"ResourceArn": arn_of("s")}
    assert refused(world, "ListTagsForResource", **schedule)[0] == "ValidationException"
    elsewhere = {"ResourceArn": of_group["ResourceArn"].replace(ACCOUNT, "1" * 12)}
    assert refused(world, "ListTagsForResource", **elsewhere)[0] == "ResourceNotFoundException"


def test_quotas(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted in the groups' rows; what is deleted makes room."""
    monkeypatch.setattr(schedules, "SCHEDULES_MAX", 2)
    monkeypatch.setattr(groups, "GROUPS_MAX", 2)
    ask(world, "CreateScheduleGroup", Name="g")
    assert refused(world, "CreateScheduleGroup", Name="h")[0] == "ServiceQuotaExceededException"
    create(world, "a", RATE, Q)
    create(world, "b", RATE, Q, GroupName="g")
    assert refused(world, "CreateSchedule", **made())[0] == "ServiceQuotaExceededException"
    ask(world, "DeleteSchedule", Name="a")
    ask(world, "CreateSchedule", **made())


def test_accounts_and_regions_do_not_meet(world: World) -> None:
    """Nothing of one is shown to another; a reset takes an account's in all regions."""
    elsewhere = [CALLER._replace(region="eu-west-1"), CALLER._replace(account="111111111111")]
    create(world, "s", RATE, Q)
    for who in elsewhere:
        assert world.call("scheduler", "ListSchedules", who)["Schedules"] == []
        world.call("scheduler", "CreateSchedule", who, **made(Description="theirs"))
    assert "Description" not in ask(world, "GetSchedule", Name="s")
    ask(world, "ResetAccount")
    left = [len(world.call("scheduler", "ListSchedules", who)["Schedules"]) for who in elsewhere]
    assert left == [0, 1]
