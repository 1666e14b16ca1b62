"""Archives through their operations, in virtual time, with crashes."""

from __future__ import annotations

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
from events_world import CALLER, REGION, T0, World

from redrive.core.time import DAY_MS, SECOND_MS
from redrive.services.buses.archiving import EXPIRY_CHUNK, Number


@pytest.fixture
def world(world: World) -> World:
    """The world of archives_rig."""
    return furnished(world)


def test_an_archive_is_made_shown_changed_and_deleted(world: World) -> None:
    """With AWS's members, those that were not given left out."""
    made = world.call("events", "CreateArchive", ArchiveName="all", EventSourceArn=DEFAULT)
    assert made == {"ArchiveArn": ARCHIVE, "State": "ENABLED", "CreationTime": T0}
    plain = {
        "ArchiveName": "all",
        "ArchiveArn": ARCHIVE,
        "EventSourceArn": DEFAULT,
        "State": "ENABLED",
        "RetentionDays": 0,
        "SizeBytes": 0,
        "EventCount": 0,
        "CreationTime": T0,
    }
    assert described(world) == plain
    world.pass_s(1)
    given = {
        "Description": "what",
        "EventPattern": '{"source": ["x"]}',
        "RetentionDays": 7,
        "KmsKeyIdentifier": "alias/k",
    }
    changed = world.call("events", "UpdateArchive", ArchiveName="all", **given)
    assert changed == {**made, "CreationTime": T0 + SECOND_MS}
    world.call("events", "UpdateArchive", ArchiveName="all", RetentionDays=8)
    world.crash()
    assert described(world) == {**plain, **given, "RetentionDays": 8}
    assert world.call("events", "DeleteArchive", ArchiveName="all") == {}
    missing = ("ResourceNotFoundException", "Archive all does not exist.")
    for operation in ("DescribeArchive", "DeleteArchive"):
        assert refused(world, operation, ArchiveName="all") == missing
    assert refused(world, "UpdateArchive", ArchiveName="all", Description="d") == missing


def test_an_archive_that_cannot_be_is_refused(world: World) -> None:
    """In AWS's words."""
    archive(world)
    make = {"ArchiveName": "new", "EventSourceArn": DEFAULT}
    assert refused(world, "CreateArchive", **{**make, "ArchiveName": "all"}) == (
        "ResourceAlreadyExistsException",
        "Archive all already exists.",
    )
    for arn in (f"{BEGIN}event-bus/none", DEFAULT.replace(REGION, "eu-west-1")):
        code, text = refused(world, "CreateArchive", **{**make, "EventSourceArn": arn})
        assert code == "ResourceNotFoundException"
        assert text == f"Event bus {arn.partition('/')[2]} does not exist."
    code, text = refused(world, "CreateArchive", **{**make, "EventSourceArn": ARCHIVE})
    assert (code, text) == (
        "ValidationException",
        "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.",
    )
    for operation in ("CreateArchive", "UpdateArchive"):
        told = refused(world, operation, **{**make, "ArchiveName": "all"}, EventPattern='{"a": 5}')
        assert told == (
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "a" must be an object or an array',
        )
    assert refused(world, "UpdateArchive", ArchiveName="all") == (
        "ValidationException",
        "At least one of EventPattern, RetentionDays or Description must be provided.",
    )


def test_what_a_bus_accepts_is_kept_and_counted(world: World) -> None:
    """By its own archives, each by its pattern; in bytes as targets see the events."""
    archive(world)
    archive(world, "some", EventPattern='{"source": ["x"], "detail": {"n": [1, 2]}}')
    archive(world, "elsewhere", OTHER)
    put(world, 1, 2, 3)
    put(world, 2, source="y")
    world.call("events", "UpdateArchive", ArchiveName="some", EventPattern='{"source": ["y"]}')
    put(world, 5, source="y")
    put(world, 6, EventBusName="other")
    assert [described(world, name)["EventCount"] for name in ("all", "some", "elsewhere")] == [
        5,
        3,
        1,
    ]
    world.pass_s(1)
    sizes = [len(body.encode()) for body in world.bodies("q")]
    assert len(sizes) == 3
    assert described(world)["SizeBytes"] == sum(sizes) + 2 * sizes[0]
    world.crash()
    listed = world.call("events", "ListArchives")["Archives"]
    assert [(one["ArchiveName"], one["EventCount"]) for one in listed] == [
        ("all", 5),
        ("elsewhere", 1),
        ("some", 3),
    ]


def test_events_are_removed_when_they_have_been_kept_long_enough(world: World) -> None:
    """By when they came, whatever their own time; in more steps than one, over a crash."""
    archive(world, RetentionDays=2)
    archive(world, "ever")
    count = 2 * EXPIRY_CHUNK + 10
    put(world, *range(count), Time=T0 - 400 * DAY_MS)
    jump(world, DAY_MS)
    put(world, 1, 2)
    jump(world, DAY_MS)
    assert described(world)["EventCount"] == count + 2
    world.crash()
    world.pass_s(61)
    assert described(world)["EventCount"] == 2
    jump(world, DAY_MS)
    assert (described(world)["EventCount"], described(world)["SizeBytes"]) == (0, 0)
    assert described(world, "ever")["EventCount"] == count + 2
    world.call("events", "UpdateArchive", ArchiveName="ever", RetentionDays=1)
    world.pass_s(61)
    assert described(world, "ever")["EventCount"] == 0


def test_what_has_expired_is_not_replayed(world: World) -> None:
    """Even while it has not been removed yet: one step does not remove so many."""
    archive(world, RetentionDays=1)
    put(world, *range(2 * EXPIRY_CHUNK))
    put(world, 1, Time=T0 - DAY_MS)
    world.pass_s(60)
    put(world, 2)
    world.pass_s(1)
    world.bodies("q")
    world.registry.away.add(("events", "TendArchives"))
    jump(world, DAY_MS - 31 * SECOND_MS)
    start(world, EventStartTime=T0 - DAY_MS)
    world.registry.away.clear()
    world.pass_s(2)
    assert replay(world)["State"] == "COMPLETED"
    assert numbers(world) == [2]


def test_what_another_bus_replays_is_not_archived(world: World) -> None:
    """A rule may send replayed events on: they are marked, and archives leave them out."""
    archive(world)
    archive(world, "there", OTHER)
    add_rule(world, "on", '{"source": ["x"]}', OTHER)
    add_rule(world, "there", '{"source": ["x"]}', world.queue("there"), "other")
    put(world, 1)
    world.pass_s(1)
    assert numbers(world, "there") == [1]
    start(world)
    world.pass_s(1)
    assert numbers(world, "there") == [1]
    assert described(world, "there")["EventCount"] == 1


def test_an_archive_of_a_name_used_before_is_empty(world: World) -> None:
    """The events of the one that was deleted go bit by bit, over a crash, and all of them."""
    archive(world)
    put(world, *range(EXPIRY_CHUNK + 1))
    world.call("events", "DeleteArchive", ArchiveName="all")
    archive(world)
    assert is_something_left(world)
    world.crash()
    put(world, 1)
    world.pass_s(1)
    assert described(world)["EventCount"] == 1
    assert not is_something_left(world)
    world.call("events", "ResetAccount")
    assert is_something_left(world)
    world.pass_s(1)
    assert not is_something_left(world)
    assert world.call("events", "ListArchives") == {"Archives": []}


def is_something_left(world: World) -> bool:
    """Tell whether the store has events of an archive that was deleted."""
    dropped = world.store.transact(lambda tx: tx.one(Number, "archives.dropped"))
    world.store.commit(world.now_ms)
    return dropped is not None


def test_archives_are_listed_in_pages_and_by_one_filter(world: World) -> None:
    """By name; another account and another region see none."""
    for name in ("b", "a", "ab", "c"):
        archive(world, name, OTHER if name == "c" else DEFAULT)

    def names(who: Any = CALLER, /, **params: Any) -> list[str]:
        told = world.call("events", "ListArchives", who, **params)
        return [one["ArchiveName"] for one in told["Archives"]]

    first = world.call("events", "ListArchives", Limit=3)
    assert [one["ArchiveName"] for one in first["Archives"]] == ["a", "ab", "b"]
    assert set(first["Archives"][0]) == {
        *("ArchiveName", "EventSourceArn", "State", "RetentionDays", "SizeBytes", "EventCount"),
        "CreationTime",
    }
    assert names(Limit=3, NextToken=first["NextToken"]) == ["c"]
    assert names(NamePrefix="a") == ["a", "ab"]
    assert names(EventSourceArn=OTHER) == ["c"]
    assert names(EventSourceArn=f"{BEGIN}event-bus/none") == []
    assert names(EventSourceArn=OTHER.replace(REGION, "eu-west-1")) == []
    assert (names(State="ENABLED"), names(State="DISABLED")) == (["a", "ab", "b", "c"], [])
    for who in (CALLER._replace(account="111111111111"), CALLER._replace(region="eu-west-1")):
        assert names(who) == []
    code, _text = refused(world, "ListArchives", NamePrefix="a", State="ENABLED")
    assert code == "ValidationException"
