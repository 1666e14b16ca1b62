"""CloudWatch Logs: what functions and clients write, and what readers of it see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logs_rig import ACCOUNT, GROUP, OTHER, REGION, T0, Chunk, LogsRig, messages
from stand_ins import caller

from redrive.core.errors import Unavailable
from redrive.core.time import DAY_MS, HOUR_MS
from redrive.services.telemetry.cloudwatch import reading
from redrive.services.telemetry.cloudwatch.putting import judge
from redrive.store.sidefile import SideFile
from redrive.store.statements import parse_statements

STREAM = Chunk().stream


# --- functions ------------------------------------------------------------------------------------


def test_a_function_that_has_written_has_a_group(logs: LogsRig) -> None:
    """Its group and stream exist as soon as it has written, its lines are events of their own."""
    logs.write("START RequestId: r1\nfirst\n\n", "second\nthird")
    (group,) = logs.call("DescribeLogGroups")["logGroups"]
    assert (group["logGroupName"], group["creationTime"]) == (GROUP, T0)
    assert group["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"
    assert group["storedBytes"] > 0
    (stream,) = logs.call("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert stream["logStreamName"] == STREAM
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (T0, T0)
    page = logs.call("FilterLogEvents", logGroupName=GROUP)
    assert messages(page) == ["START RequestId: r1\n", "first\n", "\n", "second\n", "third"]
    ids = [event["eventId"] for event in page["events"]]
    assert ids == sorted(set(ids))
    assert all(len(one) == 56 and one.isdigit() for one in ids)
    assert {event["timestamp"] for event in page["events"]} == {T0}
    assert messages(logs.get(GROUP, STREAM)) == messages(page)


def test_accounts_and_regions_are_apart(logs: LogsRig) -> None:
    """Nobody sees another's groups."""
    logs.write("mine\n")
    logs.write("theirs\n", account=OTHER)
    for who in (caller(OTHER), caller(region="eu-west-1")):
        groups = logs.call("DescribeLogGroups", who)["logGroups"]
        assert len(groups) == (1 if who.account == OTHER else 0)
    assert logs.filter(GROUP) == ["mine\n"]
    theirs = f"arn:aws:logs:{REGION}:{OTHER}:log-group:{GROUP}"
    code, _ = logs.refused("FilterLogEvents", logGroupIdentifier=theirs)
    assert code == "ResourceNotFoundException"


def test_a_deleted_group_begins_again(logs: LogsRig) -> None:
    """After DeleteLogGroup nothing of it is seen; the function's next words begin a new group."""
    logs.write("before\n")
    logs.call("DeleteLogGroup", logGroupName=GROUP)
    assert logs.call("DescribeLogGroups")["logGroups"] == []
    assert logs.call("ReadLogs", FunctionName="orders")["Logs"] == []
    logs.write("after\n")
    assert logs.filter(GROUP) == ["after\n"]
    assert [log["Text"] for log in logs.call("ReadLogs")["Logs"]] == ["after\n"]


def test_logs_of_the_first_schema_are_kept(tmp_path: Path) -> None:
    """A file from before there were groups is carried over, with its cursors and its size."""
    sql = Path("src/redrive/services/telemetry/telemetry.sql").read_text("utf-8")
    first = sql[: sql.index("-- schema 2:")] + "-- name: add\n-- Add.\n" + _OLD_ADD
    file = SideFile(str(tmp_path / "telemetry.db"), parse_statements("telemetry", first))
    with file.group():
        file.run_many(
            "add",
            [
                (ACCOUNT, REGION, "orders", STREAM, "r1", T0, 210, "one\n"),
                (ACCOUNT, REGION, "orders", "", "", T0 + 1, 210, "two\n"),
            ],
        )
    file.close()
    logs = LogsRig(tmp_path)
    assert logs.filter(GROUP) == ["one\n", "two\n"]
    streams = logs.call("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [STREAM, "redrive"]
    logs.write("three\n", at_ms=T0 + 2)
    answer = logs.call("ReadLogs", FunctionName="orders", Cursor="1")
    assert [log["Text"] for log in answer["Logs"]] == ["two\n", "three\n"]
    logs.close()


_OLD_ADD = """
INSERT INTO logs (account, region, function_name, stream, request_id, at_ms, bytes, text)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);
"""


# --- GetLogEvents ---------------------------------------------------------------------------------


def test_forward_to_the_end_and_on(logs: LogsRig) -> None:
    """Forward tokens lead through all events; at the end the token stays, until more has come."""
    logs.create()
    logs.put(*((n, str(n)) for n in range(5)))
    page = logs.get(startFromHead=True, limit=2)
    seen = messages(page)
    for _ in range(5):
        following = logs.get(nextToken=page["nextForwardToken"], startFromHead=True, limit=2)
        if following["nextForwardToken"] == page["nextForwardToken"]:
            break
        page = following
        seen += messages(page)
    else:
        pytest.fail("there is no end")
    assert seen == ["0", "1", "2", "3", "4"]
    logs.put((10, "later"))
    assert messages(logs.get(nextToken=page["nextForwardToken"], startFromHead=True)) == ["later"]


def test_backward_to_the_beginning(logs: LogsRig) -> None:
    """Without startFromHead the latest events come first, in order; backward tokens lead back."""
    logs.create()
    logs.put(*((n, str(n)) for n in range(5)))
    page = logs.get(limit=2)
    assert messages(page) == ["3", "4"]
    page = logs.get(nextToken=page["nextBackwardToken"], limit=2)
    assert messages(page) == ["1", "2"]
    page = logs.get(nextToken=page["nextBackwardToken"], limit=2)
    assert messages(page) == ["0"]
    end = logs.get(nextToken=page["nextBackwardToken"], limit=2)
    assert (end["events"], end["nextBackwardToken"]) == ([], page["nextBackwardToken"])
    assert messages(logs.get(nextToken=end["nextForwardToken"])) == ["1", "2", "3", "4"]


def test_an_empty_stream_can_be_followed(logs: LogsRig) -> None:
    """The tokens of a page without events lead to what comes later."""
    logs.create()
    page = logs.get()
    assert page["events"] == []
    logs.put((0, "first"))
    assert messages(logs.get(nextToken=page["nextForwardToken"])) == ["first"]


def test_the_lines_of_one_piece_are_paged(logs: LogsRig) -> None:
    """A page may end within what was written together, in either direction."""
    logs.write("a\nb\nc\nd\n")
    up = logs.get(GROUP, STREAM, startFromHead=True, limit=3)
    assert messages(up) == ["a\n", "b\n", "c\n"]
    assert messages(logs.get(GROUP, STREAM, nextToken=up["nextForwardToken"])) == ["d\n"]
    down = logs.get(GROUP, STREAM, limit=3)
    assert messages(down) == ["b\n", "c\n", "d\n"]
    assert messages(logs.get(GROUP, STREAM, nextToken=down["nextBackwardToken"])) == ["a\n"]


def test_time_ranges(logs: LogsRig) -> None:
    """endTime is beyond the range of GetLogEvents, and within that of FilterLogEvents."""
    logs.create()
    logs.put((0, "a"), (1, "b"), (2, "c"))
    span: dict[str, Any] = {"startTime": T0 + 1, "endTime": T0 + 2}
    assert messages(logs.get(**span)) == messages(logs.get(**span, startFromHead=True)) == ["b"]
    assert logs.filter(**span) == ["b", "c"]
    assert logs.filter(startTime=2**62, endTime=2**63 - 1) == []


@pytest.mark.parametrize("token", ["x", "f/1/s", "g/" + "0" * 56 + "/s", "f/" + "9" * 56 + "/s"])
def test_a_bad_token_is_refused(logs: LogsRig, token: str) -> None:
    """A token that is none is the caller's mistake, for both operations."""
    logs.create()
    where = {"logGroupName": "own", "nextToken": token}
    refused = ("InvalidParameterException", "The specified nextToken is invalid.")
    assert logs.refused("GetLogEvents", **where, logStreamName="s") == refused
    assert logs.refused("FilterLogEvents", **where) == refused


# --- FilterLogEvents ------------------------------------------------------------------------------


def test_streams_are_merged_by_time(logs: LogsRig) -> None:
    """All streams of a group by time, those that are named, those with a prefix."""
    logs.create(stream="a1")
    for name in ("a2", "b"):
        logs.call("CreateLogStream", logGroupName="own", logStreamName=name)
    logs.put((0, "1"), (3, "4"), stream="a1")
    logs.put((1, "2"), (4, "5"), stream="b")
    logs.put((2, "3"), stream="a2")
    assert logs.filter() == ["1", "2", "3", "4", "5"]
    assert logs.filter(startFromHead=False, startTime=T0) == ["5", "4", "3", "2", "1"]
    assert logs.filter(logStreamNames=["a1", "b"]) == ["1", "2", "4", "5"]
    assert logs.filter(logStreamNames=["b"]) == ["2", "5"]
    assert logs.filter(logStreamNamePrefix="a") == ["1", "3", "4"]
    both = {"logStreamNames": ["b"], "logStreamNamePrefix": "a"}
    assert logs.refused("FilterLogEvents", logGroupName="own", **both)[0] == (
        "InvalidParameterException"
    )


@pytest.mark.parametrize("is_up", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_lose_and_repeat_nothing(
    logs: LogsRig, monkeypatch: pytest.MonkeyPatch, limit: int, is_up: bool
) -> None:
    """Whatever the size of a page and of what it looks at, all pages are all matching events."""
    monkeypatch.setattr(reading, "LOOKED_ROWS_MAX", 3)
    for n in range(10):
        logs.write(f"no {n}\nyes {n} a\nyes {n} b\n", at_ms=T0 + n // 2)
    expected = [f"yes {n} {end}\n" for n in range(10) for end in "ab"]
    params: dict[str, Any] = {"filterPattern": "yes", "startTime": T0, "limit": limit}
    found = logs.filter(GROUP, **params, startFromHead=is_up)
    assert found == (expected if is_up else expected[::-1])


def test_no_page_after_the_last(logs: LogsRig) -> None:
    """A page that holds the last matching event has no next one."""
    logs.create()
    logs.put((0, "yes"), (1, "no"))
    page = logs.call("FilterLogEvents", logGroupName="own", filterPattern="yes", limit=1)
    assert "nextToken" not in page


def test_tail_as_the_aws_cli_does(logs: LogsRig) -> None:
    """Asking again from the last timestamp on finds what is new, told apart by its id."""
    logs.write("one\n")
    page = logs.call("FilterLogEvents", logGroupName=GROUP, startTime=T0, interleaved=True)
    seen = {event["eventId"] for event in page["events"]}
    logs.write("two\n")
    again = logs.call("FilterLogEvents", logGroupName=GROUP, startTime=T0, interleaved=True)
    fresh = [event for event in again["events"] if event["eventId"] not in seen]
    assert [event["message"] for event in fresh] == ["two\n"]


def test_a_token_is_of_its_request(logs: LogsRig) -> None:
    """A token does not go on with another pattern."""
    logs.create()
    logs.put((0, "a"), (1, "a"))
    page = logs.call("FilterLogEvents", logGroupName="own", filterPattern="a", limit=1)
    params = {"logGroupName": "own", "filterPattern": "b", "nextToken": page["nextToken"]}
    assert logs.refused("FilterLogEvents", **params)[0] == "InvalidParameterException"


def test_a_bad_pattern_is_refused(logs: LogsRig) -> None:
    """With what is wrong about it."""
    logs.create()
    assert logs.refused("FilterLogEvents", logGroupName="own", filterPattern="a-b") == (
        "InvalidParameterException",
        "Invalid filter pattern: Invalid character(s) in term 'a-b'",
    )


# --- PutLogEvents ---------------------------------------------------------------------------------


def test_an_event_is_kept_as_it_is(logs: LogsRig) -> None:
    """An event of several lines stays one, at its own instant; any sequence token will do."""
    logs.create()
    answer = logs.put((-1_000, "one\ntwo\n"))
    assert set(answer) == {"nextSequenceToken"}
    (event,) = logs.get()["events"]
    assert event == {"timestamp": T0 - 1_000, "message": "one\ntwo\n", "ingestionTime": T0}
    logs.call(
        "PutLogEvents",
        logGroupName="own",
        logStreamName="s",
        logEvents=[{"timestamp": T0, "message": "three"}],
        sequenceToken="anything",
    )
    assert messages(logs.get()) == ["one\ntwo\n", "three"]


@pytest.mark.parametrize(
    ("times", "days", "taken", "told"),
    [
        ([0], None, (0, 1), {}),
        ([-14 * DAY_MS - 1, -14 * DAY_MS], None, (1, 2), {"tooOldLogEventEndIndex": 1}),
        ([0, 2 * HOUR_MS, 2 * HOUR_MS + 1], None, (0, 2), {"tooNewLogEventStartIndex": 2}),
        ([-3 * DAY_MS - 1, -3 * DAY_MS, 0], 3, (1, 3), {"expiredLogEventEndIndex": 1}),
        (
            [-20 * DAY_MS, -5 * DAY_MS, 0],
            3,
            (2, 3),
            {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2},
        ),
        ([-20 * DAY_MS], 30, (1, 1), {"tooOldLogEventEndIndex": 1}),
    ],
)
def test_what_is_taken(
    times: list[int], days: int | None, taken: tuple[int, int], told: dict[str, int]
) -> None:
    """14 days back, two hours ahead, and within the retention; the others are told by index."""
    judged = judge([T0 + at for at in times], T0, days)
    assert ((judged.first, judged.last), judged.told) == (taken, told)


def test_the_rest_of_a_batch_is_taken(logs: LogsRig) -> None:
    """What is refused does not keep the others of the batch away."""
    logs.create()
    answer = logs.put((-15 * DAY_MS, "old"), (0, "now"), (3 * HOUR_MS, "new"))
    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "tooNewLogEventStartIndex": 2,
    }
    assert messages(logs.get()) == ["now"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([(1, "a"), (0, "b")], "must be in chronological order"),
        ([(-DAY_MS - 1, "a"), (0, "b")], "cannot span more than 24 hours"),
        ([(0, "x" * 1_048_551)], "Upload too large: 1048577 bytes exceeds limit of 1048576"),
        ([(0, "é" * 524_276)], "Upload too large: 1048578 bytes"),
    ],
)
def test_a_bad_batch_is_refused_whole(
    logs: LogsRig, events: list[tuple[int, str]], said: str
) -> None:
    """Nothing of it is written."""
    logs.create()
    params = {
        "logGroupName": "own",
        "logStreamName": "s",
        "logEvents": [{"timestamp": T0 + at, "message": text} for at, text in events],
    }
    code, message = logs.refused("PutLogEvents", **params)
    assert code == "InvalidParameterException"
    assert said in message
    assert logs.get()["events"] == []
    logs.put((0, "x" * 1_048_550))
    assert len(logs.get()["events"]) == 1


def test_a_disk_that_takes_nothing_is_told(logs: LogsRig) -> None:
    """PutLogEvents answers only for what is in the file; the client may try again."""
    logs.create()
    logs.room.book._file._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable):
        logs.put((0, "lost"))
    logs.room.book._file._connection.execute("PRAGMA query_only = OFF")
    logs.put((0, "kept"))
    assert messages(logs.get()) == ["kept"]


def test_what_was_put_outlives_a_kill(tmp_path: Path) -> None:
    """What was answered is in the file: nothing is left to be written at the end."""
    first = LogsRig(tmp_path)
    first.create()
    first.put((0, "kept"))
    first.room.book._file._connection.close()
    first.store.close()
    second = LogsRig(tmp_path)
    assert messages(second.get()) == ["kept"]
    second.close()
