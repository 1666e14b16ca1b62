"""Replays of archives through their operations, in virtual time, with crashes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from archives_rig import (
    ARCHIVE,
    BEGIN,
    DEFAULT,
    OTHER,
    add_rule,
    archive,
    described,
    furnished,
    jump,
    numbers,
    put,
    refused,
    replay,
    start,
)
from buses_rig import Wire
from events_world import CALLER, REGION, T0, World

from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, MINUTE_MS, SECOND_MS, Millis
from redrive.services.buses.archiving import REPLAY_CHUNK, REPLAY_PAUSE_MS


@pytest.fixture
def world(world: World) -> World:
    """The world of archives_rig."""
    return furnished(world)


def test_a_replay_sends_what_is_archived_again(world: World) -> None:
    """As it was, with the name of the replay, to the rules of the archived bus."""
    archive(world)
    put(world, 1, 2)
    world.pass_s(5)
    before = [json.loads(body) for body in world.bodies("q")]
    made = start(world, Description="once more")
    assert made == {
        "ReplayArn": f"{BEGIN}replay/again",
        "State": "STARTING",
        "ReplayStartTime": world.now_ms,
    }
    begun_ms = world.now_ms
    assert replay(world)["State"] == "RUNNING"
    world.pass_s(5)
    after = [json.loads(body) for body in world.bodies("q")]
    assert after == [{**event, "replay-name": "again"} for event in before]
    assert described(world)["EventCount"] == 2
    told = replay(world)
    assert begun_ms < told.pop("ReplayEndTime") < begun_ms + SECOND_MS
    assert told == {
        "ReplayName": "again",
        "ReplayArn": f"{BEGIN}replay/again",
        "Description": "once more",
        "EventSourceArn": ARCHIVE,
        "Destination": {"Arn": DEFAULT},
        "State": "COMPLETED",
        "EventStartTime": T0,
        "EventEndTime": begun_ms + SECOND_MS,
        "EventLastReplayedTime": T0,
        "ReplayStartTime": begun_ms,
    }


def test_only_the_rules_that_were_named_see_a_replay(world: World) -> None:
    """And what they do not match they do not see either; a rule that is not there sees nothing."""
    archive(world)
    add_rule(world, "all", '{"version": ["0"]}', world.queue("all"))
    first = add_rule(world, "first", '{"detail": {"n": [1]}}', world.queue("first"))
    put(world, 1, 2)
    world.pass_s(1)
    for queue in ("q", "all", "first"):
        world.bodies(queue)
    start(world, Destination={"Arn": DEFAULT, "FilterArns": [first]})
    start(world, "nobody", Destination={"Arn": DEFAULT, "FilterArns": [f"{BEGIN}rule/none"]})
    world.pass_s(5)
    assert replay(world)["Destination"] == {"Arn": DEFAULT, "FilterArns": [first]}
    assert replay(world, "nobody")["State"] == "COMPLETED"
    assert [numbers(world, queue) for queue in ("q", "all", "first")] == [[], [], [1]]


def test_a_rule_of_another_bus_is_named_with_its_bus(world: World) -> None:
    """A replay of a bus that is not the default one."""
    archive(world, "all", OTHER)
    arn = add_rule(world, "there", '{"source": ["x"]}', world.queue("there"), "other")
    put(world, 1, EventBusName="other")
    world.pass_s(1)
    world.bodies("there")
    start(world, Destination={"Arn": OTHER, "FilterArns": [arn]})
    world.pass_s(5)
    assert (numbers(world, "there"), numbers(world)) == ([1], [])


def test_a_replay_is_of_a_time_and_in_the_order_of_times(world: World) -> None:
    """Both ends included; what came late to the archive stands where its time is."""
    archive(world)
    for number, seconds in ((4, 40), (1, 10), (3, 30), (5, 50), (2, 20)):
        put(world, number, Time=T0 + seconds * SECOND_MS)
    world.pass_s(1)
    world.bodies("q")
    start(world, EventStartTime=T0 + 20 * SECOND_MS, EventEndTime=T0 + 40 * SECOND_MS)
    world.pass_s(1)
    assert [json.loads(body)["detail"]["n"] for body in world.bodies("q")] == [2, 3, 4]
    assert replay(world)["EventLastReplayedTime"] == T0 + 40 * SECOND_MS


def test_what_comes_after_its_beginning_is_not_replayed(world: World) -> None:
    """Or a target that answers an event with an event would never let a replay end."""
    archive(world)
    put(world, *range(3 * REPLAY_CHUNK))
    world.pass_s(1)
    world.bodies("q")
    start(world, EventEndTime=T0 + DAY_MS)
    put(world, 1_000)
    world.pass_s(10)
    assert numbers(world) == [*range(3 * REPLAY_CHUNK), 1_000]


def test_a_replay_is_moved_on_in_small_chunks(world: World) -> None:
    """Of events, of bytes, and of all replays together."""
    archive(world)
    put(world, *range(2 * REPLAY_CHUNK))
    start(world, "one")
    start(world, "two")
    asked = len(world.registry.asked)
    world.pass_s(1)
    tended = sum(operation == "TendArchives" for _, _, operation, _ in world.registry.asked[asked:])
    assert tended >= 4
    archive(world, "large", OTHER)
    add_rule(world, "large", '{"source": ["x"]}', world.queue("large"), "other")
    for number in range(3):
        detail = json.dumps({"n": number, "text": "x" * 600_000})
        entry = {"Source": "x", "DetailType": "d", "Detail": detail, "EventBusName": "other"}
        world.call("events", "PutEvents", Entries=[entry])
    world.pass_s(1)
    world.bodies("large")
    start(world, EventSourceArn=f"{BEGIN}archive/large", Destination={"Arn": OTHER})
    for sent in ([0], [1], [2]):
        world.pass_until(world.now_ms + REPLAY_PAUSE_MS)
        assert numbers(world, "large") == sent


def test_a_replay_survives_crashes_and_sends_each_event_once(world: World) -> None:
    """Wherever the process ends: before a chunk, after its work, after its commit."""
    archive(world)
    everything = range(3 * REPLAY_CHUNK + 7)
    put(world, *everything)
    world.pass_s(1)
    world.bodies("q")
    start(world)
    crashes = 0
    while replay(world)["State"] in ("STARTING", "RUNNING"):
        world.now_ms = Millis(world.now_ms + REPLAY_PAUSE_MS)
        for _ in range(crashes % 3):
            world.dispatch.advance()  # done, not committed
        world.crash()
        crashes += 1
    assert crashes > 4
    world.pass_s(1)
    sent = Counter(json.loads(body)["detail"]["n"] for body in world.bodies("q"))
    assert sent == Counter(everything)
    assert replay(world)["State"] == "COMPLETED"


def test_a_store_that_is_away_only_delays_a_replay(world: World) -> None:
    """It goes on a second later."""
    archive(world)
    put(world, 1)
    world.pass_s(1)
    world.bodies("q")
    world.registry.away.add(("events", "TendArchives"))
    start(world)
    world.pass_s(10)
    assert replay(world)["State"] == "STARTING"
    world.registry.away.clear()
    world.pass_s(2)
    assert numbers(world) == [1]


def test_a_replay_is_cancelled(world: World) -> None:
    """What was sent is sent, the rest is not; one that has ended cannot be cancelled."""
    archive(world)
    put(world, *range(3 * REPLAY_CHUNK))
    world.pass_s(1)
    world.bodies("q")
    start(world)
    world.pass_until(world.now_ms + REPLAY_PAUSE_MS)
    told = world.call("events", "CancelReplay", ReplayName="again")
    assert told == {"ReplayArn": f"{BEGIN}replay/again", "State": "CANCELLING"}
    world.pass_s(10)
    ended = replay(world)
    assert (ended["State"], ended["EventLastReplayedTime"]) == ("CANCELLED", T0)
    assert ended["ReplayEndTime"] < world.now_ms
    assert numbers(world) == [*range(REPLAY_CHUNK)]
    code, _text = refused(world, "CancelReplay", ReplayName="again")
    assert code == "IllegalStatusException"


def test_a_replay_that_is_being_cancelled_stays_so_over_a_crash(world: World) -> None:
    """And is then cancelled, once."""
    archive(world)
    put(world, 1)
    world.registry.away.add(("events", "TendArchives"))
    start(world)
    world.call("events", "CancelReplay", ReplayName="again")
    assert replay(world)["State"] == "CANCELLING"
    assert refused(world, "CancelReplay", ReplayName="again")[0] == "IllegalStatusException"
    world.crash()
    assert replay(world)["State"] == "CANCELLED"


@pytest.mark.parametrize(
    ("operation", "params", "reason"),
    [
        ("DeleteArchive", {"ArchiveName": "all"}, "Archive all does not exist."),
        ("DeleteEventBus", {"Name": "other"}, "Event bus other does not exist."),
    ],
)
def test_a_replay_fails_when_there_is_nothing_to_send_or_no_bus(
    operation: str, params: dict[str, Any], reason: str, world: World
) -> None:
    """It says why, and ends."""
    archive(world, "all", OTHER)
    put(world, *range(2 * REPLAY_CHUNK), EventBusName="other")
    start(world, Destination={"Arn": OTHER})
    world.call("events", operation, **params)
    world.pass_s(1)
    told = replay(world)
    assert (told["State"], told["StateReason"]) == ("FAILED", reason)
    assert "ReplayEndTime" in told


def test_a_replay_that_cannot_be_is_refused(world: World) -> None:
    """AWS: as captured, test_archive_and_replay."""
    archive(world)
    start(world, "taken")
    good = {
        "ReplayName": "new",
        "EventSourceArn": ARCHIVE,
        "EventStartTime": T0,
        "EventEndTime": T0 + MINUTE_MS,
        "Destination": {"Arn": DEFAULT},
    }
    not_permitted = "Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
    for wrong, code, text in (
        ({"ReplayName": "taken"}, "ResourceAlreadyExistsException", "Replay taken already exists."),
        ({"Destination": {"Arn": OTHER}}, "ValidationException", f"Parameter {not_permitted}"),
        (
            {"Destination": {"Arn": ARCHIVE}},
            "ValidationException",
            "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.",
        ),
        (
            {"EventSourceArn": f"{BEGIN}archive/none"},
            "ValidationException",
            "Parameter EventSourceArn is not valid. Reason: Archive none does not exist.",
        ),
        (
            {"EventSourceArn": DEFAULT},
            "ValidationException",
            "Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.",
        ),
        *(
            (
                {"EventEndTime": end_ms},
                "ValidationException",
                "Parameter EventEndTime is not valid. Reason: EventStartTime must be before"
                " EventEndTime.",
            )
            for end_ms in (T0, T0 - 10 * SECOND_MS)
        ),
    ):
        assert refused(world, "StartReplay", **{**good, **wrong}) == (code, text)
    for operation in ("DescribeReplay", "CancelReplay"):
        told = refused(world, operation, ReplayName="none")
        assert told == ("ResourceNotFoundException", "Replay none does not exist.")


def test_ten_replays_go_on_at_a_time(world: World) -> None:
    """An eleventh is refused until one has ended; another region has ten of its own."""
    archive(world)
    world.registry.away.add(("events", "TendArchives"))
    for number in range(10):
        start(world, f"r{number}")
    with pytest.raises(ServiceError, match="exceeds the maximum number allowed") as refusal:
        start(world, "r10")
    assert refusal.value.code == "LimitExceededException"
    there = CALLER._replace(region="eu-west-1")
    bus = DEFAULT.replace(REGION, "eu-west-1")
    world.call("events", "CreateArchive", there, ArchiveName="all", EventSourceArn=bus)
    made = world.call(
        "events",
        "StartReplay",
        there,
        ReplayName="r0",
        EventSourceArn=ARCHIVE.replace(REGION, "eu-west-1"),
        EventStartTime=T0,
        EventEndTime=T0 + 1,
        Destination={"Arn": bus},
    )
    assert made["State"] == "STARTING"
    world.registry.away.clear()
    world.pass_s(2)
    start(world, "r10")


def test_a_replay_is_forgotten_in_time(world: World) -> None:
    """Ninety days after it ended."""
    archive(world)
    start(world)
    world.pass_s(1)
    jump(world, 89 * DAY_MS)
    assert replay(world)["State"] == "COMPLETED"
    jump(world, DAY_MS)
    assert refused(world, "DescribeReplay", ReplayName="again")[0] == "ResourceNotFoundException"


def test_replays_are_listed_in_pages_and_by_one_filter(world: World) -> None:
    """By name; another account and another region see none."""
    archive(world)
    archive(world, "two")
    put(world, 1)
    for name in ("b", "a", "ab"):
        start(world, name)
    start(world, "c", EventSourceArn=f"{BEGIN}archive/two")
    world.pass_s(1)
    world.registry.away.add(("events", "TendArchives"))
    start(world, "d")

    def names(who: Any = CALLER, /, **params: Any) -> list[str]:
        told = world.call("events", "ListReplays", who, **params)
        return [one["ReplayName"] for one in told["Replays"]]

    first = world.call("events", "ListReplays", Limit=2)
    assert [one["ReplayName"] for one in first["Replays"]] == ["a", "ab"]
    assert set(first["Replays"][0]) == {
        *("ReplayName", "EventSourceArn", "State", "EventStartTime", "EventEndTime"),
        *("EventLastReplayedTime", "ReplayStartTime", "ReplayEndTime"),
    }
    assert names(NextToken=first["NextToken"]) == ["b", "c", "d"]
    assert names(NamePrefix="a") == ["a", "ab"]
    assert names(State="STARTING") == ["d"]
    assert names(EventSourceArn=f"{BEGIN}archive/two") == ["c"]
    for who in (CALLER._replace(account="111111111111"), CALLER._replace(region="eu-west-1")):
        assert names(who) == []
    code, _text = refused(world, "ListReplays", EventSourceArn=ARCHIVE, State="RUNNING")
    assert code == "ValidationException"


def test_archives_and_replays_as_an_sdk_sees_them(world: World) -> None:
    """Times are instants, and what the model forbids is refused before anything is done."""
    ask = Wire(world)
    made = ask("CreateArchive", ArchiveName="all", EventSourceArn=DEFAULT, RetentionDays=1)
    assert made["CreationTime"] == datetime.fromtimestamp(T0 / 1_000, UTC)
    put(world, 1)
    begin, end = made["CreationTime"], made["CreationTime"] + timedelta(hours=1)
    given = {
        "ReplayName": "again",
        "EventSourceArn": ARCHIVE,
        "EventStartTime": begin,
        "EventEndTime": end,
        "Destination": {"Arn": DEFAULT},
    }
    assert ask("StartReplay", **given)["ReplayStartTime"] == begin
    world.pass_s(1)
    told = ask("DescribeReplay", ReplayName="again")
    assert (told["State"], told["EventStartTime"], told["EventEndTime"]) == (
        "COMPLETED",
        begin,
        end,
    )
    assert told["EventLastReplayedTime"] == begin
    assert ask("DescribeArchive", ArchiveName="all")["EventCount"] == 1
    wrong = ask("CreateArchive", ArchiveName="no good", EventSourceArn=DEFAULT)
    assert (wrong["ResponseMetadata"]["HTTPStatusCode"], wrong["Error"]) == (
        400,
        {
            "Code": "ValidationException",
            "Message": "1 validation error detected: Value 'no good' at 'archiveName' failed to"
            r" satisfy constraint: Member must satisfy regular expression pattern:"
            r" [\.\-_A-Za-z0-9]+",
        },
    )
