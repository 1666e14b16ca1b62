"""The outcome table of batches, each row through the real services under a virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mappings_world import REPORTS, World, reserve, update
from stand_ins import answering, failing

from redrive.core.effects import Ran

ALL, NONE = ["a", "b", "c"], list[str]()


def items(*identifiers: Any) -> Any:
    """A partial batch response; a letter stands for the message with that body."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


TABLE = {
    # AWS: Lambda Developer Guide, "Success and failure conditions" of partial batch responses.
    "an empty list": (items(), NONE),
    "a null list": ({"batchItemFailures": None}, NONE),
    "an empty object": ({}, NONE),
    "null": (None, NONE),
    "another object": ({"statusCode": 200}, NONE),
    "one id": (items("b"), ["b"]),
    "two ids": (items("a", "c"), ["a", "c"]),
    "one id twice": (items("b", "b"), ["b"]),
    "every id": (items("a", "b", "c"), ALL),
    "an empty id": (items(""), ALL),
    "a null id": (items(None), ALL),
    "an id that is a number": (items(5), ALL),
    "an id that is not in the batch": (items("stranger"), ALL),
    "a good id and a stranger": (items("a", "stranger"), ALL),
    "a bad key": ({"batchItemFailures": [{"foo": "a"}]}, ALL),
    # No key at all is read as a bad key: nothing is lost by that.
    "no key": ({"batchItemFailures": [{}]}, ALL),
    "a list of texts": ({"batchItemFailures": ["a"]}, ALL),
    "no list": ({"batchItemFailures": "a"}, ALL),
    "a text": ("done", ALL),
    "a list": ([], ALL),
}


@pytest.mark.parametrize("row", TABLE)
def test_a_partial_response_deletes_and_keeps(world: World, row: str) -> None:
    """What is not named is deleted at once; what is kept comes back after 30 s, not before."""
    response, kept = TABLE[row]
    uuid = world.ready(FunctionResponseTypes=REPORTS, Enabled=False)

    def answer(event: Any) -> Ran:
        ids = {record["body"]: record["messageId"] for record in event["Records"]}
        filled = json.loads(json.dumps(response))
        for item in (
            (filled or {}).get("batchItemFailures") or () if isinstance(filled, dict) else ()
        ):
            if isinstance(item, dict) and item.get("itemIdentifier") in ids:
                item["itemIdentifier"] = ids[item["itemIdentifier"]]
        return Ran(json.dumps(filled).encode())

    check(world, uuid, answer, kept)


@pytest.mark.parametrize("reports", [REPORTS, NONE])
@pytest.mark.parametrize(
    "ran",
    [
        failing(None),
        Ran(b'{"errorType":"Sandbox.Timedout"}', error="Unhandled", status="timeout"),
        Ran(b'{"errorType":"Runtime.ExitError"}', error="Unhandled", status="exit"),
    ],
)
def test_an_error_keeps_the_whole_batch(world: World, reports: list[str], ran: Ran) -> None:
    """A function that raises, times out or dies fails all, whether it reports failures or not."""
    uuid = world.ready(FunctionResponseTypes=reports, Enabled=False)
    check(world, uuid, lambda _event: ran, ALL)


@pytest.mark.parametrize(
    ("payload", "reports", "kept"),
    [(b"{", REPORTS, ALL), (b"{", NONE, NONE), (b"", REPORTS, ALL), (b'"b"', NONE, NONE)],
)
def test_what_is_not_json_fails_only_whoever_reports_failures(
    world: World, payload: bytes, reports: list[str], kept: list[str]
) -> None:
    """Without ReportBatchItemFailures nobody reads the response."""
    uuid = world.ready(FunctionResponseTypes=reports, Enabled=False)
    check(world, uuid, lambda _event: Ran(payload), kept)


def test_without_reporting_named_messages_are_deleted_too(world: World) -> None:
    """batchItemFailures means nothing to a mapping that has not asked for it."""
    uuid = world.ready(Enabled=False)
    check(world, uuid, answering(items("b")), NONE)


def check(world: World, uuid: str, answer: Any, kept: list[str]) -> None:
    """Send a, b and c as one batch; see what is kept, and when and as what it comes back."""
    world.scripts["worker"] = answer
    world.send(*ALL)
    update(world, uuid, Enabled=True)
    assert world.events() == [ALL]
    assert world.counts() == (0, len(kept))
    world.scripts["worker"] = answering(None)
    world.pass_s(29.999)
    assert len(world.runs) == 1
    world.pass_s(0.001)
    later = [record for run in world.runs[1:] for record in json.loads(run.event)["Records"]]
    assert sorted(record["body"] for record in later) == kept
    assert {r["attributes"]["ApproximateReceiveCount"] for r in later} <= {"2"}
    assert world.counts() == (0, 0)


def test_a_throttled_batch_is_retried_until_its_visibility_lapses(world: World) -> None:
    """Tries at 0, 1, 3, 7 and 15 s; at 30 s the batch has been let go and is received anew."""
    world.ready()
    reserve(world, 0)
    (sent,) = world.send("a")
    world.pass_s(29.999)
    assert len(world.asked("Invoke")) == 5
    assert world.story(sent).count("received") == 1
    world.pass_s(0.001)
    assert world.story(sent).count("received") == 2
    assert world.counts() == (0, 1)
