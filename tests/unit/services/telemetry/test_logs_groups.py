"""CloudWatch Logs: groups and streams, their lists, tags, retention, and what the reaper takes."""

from __future__ import annotations

from typing import Any

import pytest
from logs_rig import ACCOUNT, GROUP, OTHER, REGION, T0, LogsRig, messages
from stand_ins import caller

from redrive.core.time import DAY_MS
from redrive.services.telemetry import archive, rules
from redrive.services.telemetry.cloudwatch import LOGS, REFUSED, groups
from redrive.services.telemetry.rules import LOG_AGE_MS_MAX, REAP_INTERVAL_MS

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:own"
NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")


def names(answer: Any) -> list[str]:
    """Return the names of a list of groups or streams."""
    kind = "logGroup" if "logGroups" in answer else "logStream"
    return [one[f"{kind}Name"] for one in answer[f"{kind}s"]]


def pages(logs: LogsRig, operation: str, **params: Any) -> list[str]:
    """Return the names of all pages."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = logs.call(operation, **params, **token)
        found += names(answer)
        if "nextToken" not in answer:
            return found
        token = {"nextToken": answer["nextToken"]}


def reap(logs: LogsRig) -> None:
    """Let the reaper take all that it takes at this instant."""
    logs.pass_ms(REAP_INTERVAL_MS)


def test_a_group_is_made_once(logs: LogsRig) -> None:
    """With its tags and class; a second one of its name is refused."""
    logs.call("CreateLogGroup", logGroupName="own", tags={"a": "b"}, kmsKeyId="key")
    assert logs.refused("CreateLogGroup", logGroupName="own") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    (shown,) = logs.call("DescribeLogGroups")["logGroups"]
    assert shown == {
        "logGroupName": "own",
        "creationTime": T0,
        "metricFilterCount": 0,
        "arn": f"{ARN}:*",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": ARN,
        "deletionProtectionEnabled": False,
        "kmsKeyId": "key",
    }
    assert logs.call("ListTagsLogGroup", logGroupName="own") == {"tags": {"a": "b"}}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"logGroupName": "aws/own"}, "reserved for AWS"),
        ({"logGroupName": "own", "logGroupClass": "DELIVERY"}, "class DELIVERY is not supported"),
        ({"logGroupName": "own", "tags": {"aws:x": "y"}}, "reserved for system use"),
        ({"logGroupName": "own", "tags": {"a!": "y"}}, "holds characters"),
    ],
)
def test_groups_that_are_refused(logs: LogsRig, params: dict[str, Any], said: str) -> None:
    """And nothing is made."""
    code, message = logs.refused("CreateLogGroup", **params)
    assert code == "InvalidParameterException"
    assert said in message
    assert logs.call("DescribeLogGroups")["logGroups"] == []


def test_groups_are_bounded(logs: LogsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account has so many groups and no more."""
    monkeypatch.setattr(groups, "GROUPS_MAX", 2)
    for name in ("a", "b"):
        logs.create(name, None)
    assert logs.refused("CreateLogGroup", logGroupName="c")[0] == "LimitExceededException"
    logs.call("DeleteLogGroup", logGroupName="a")
    logs.create("c", None)


def test_lists_of_groups(logs: LogsRig) -> None:
    """In order of name, by prefix, by a part of the name, by identifier, a page at a time."""
    for name in ("b/1", "a", "b/2", "ab"):
        logs.create(name, None)
    for operation in ("DescribeLogGroups", "ListLogGroups"):
        assert pages(logs, operation, limit=1) == ["a", "ab", "b/1", "b/2"]
        assert pages(logs, operation, limit=3) == ["a", "ab", "b/1", "b/2"]
    assert pages(logs, "DescribeLogGroups", logGroupNamePrefix="b/", limit=1) == ["b/1", "b/2"]
    assert pages(logs, "DescribeLogGroups", logGroupNamePattern="b", limit=2) == [
        "ab",
        "b/1",
        "b/2",
    ]
    assert pages(logs, "ListLogGroups", logGroupNamePattern="^b/1|^a") == ["a", "ab", "b/1"]
    found = logs.call("DescribeLogGroups", logGroupIdentifiers=["b/1", "a"])
    assert names(found) == ["a", "b/1"]
    assert logs.refused("DescribeLogGroups", logGroupNamePrefix="a", logGroupNamePattern="b") == (
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    )


def test_lists_of_streams(logs: LogsRig) -> None:
    """By name or by the latest event, up or down, a page at a time, those without events first."""
    logs.create(stream="a")
    for name in ("b", "c", "d"):
        logs.call("CreateLogStream", logGroupName="own", logStreamName=name)
    for name, at in (("b", 5), ("a", 7), ("d", 5)):
        logs.put((at, "x"), stream=name)
    for limit in (1, 2, 50):
        asked: dict[str, Any] = {"logGroupName": "own", "limit": limit}
        streams = "DescribeLogStreams"
        assert pages(logs, streams, **asked) == ["a", "b", "c", "d"]
        assert pages(logs, streams, **asked, descending=True) == ["d", "c", "b", "a"]
        by_time = {**asked, "orderBy": "LastEventTime"}
        assert pages(logs, streams, **by_time) == ["c", "b", "d", "a"]
        assert pages(logs, streams, **by_time, descending=True) == ["a", "d", "b", "c"]
    prefixed = {"logGroupName": "own", "logStreamNamePrefix": "c"}
    assert pages(logs, "DescribeLogStreams", **prefixed) == ["c"]
    code, _ = logs.refused("DescribeLogStreams", **prefixed, orderBy="LastEventTime")
    assert code == "InvalidParameterException"
    bad = {"logGroupName": "own", "nextToken": "x"}
    assert logs.refused("DescribeLogStreams", **bad)[0] == "InvalidParameterException"


def test_a_stream_is_made_once_and_goes(logs: LogsRig) -> None:
    """Its events go with it, at once for readers; the same name can begin again."""
    logs.create()
    own = {"logGroupName": "own", "logStreamName": "s"}
    assert logs.refused("CreateLogStream", **own) == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    logs.put((0, "gone"))
    logs.call("DeleteLogStream", **own)
    assert logs.refused("GetLogEvents", **own) == NO_STREAM
    assert logs.filter() == []
    logs.call("CreateLogStream", **own)
    assert logs.get()["events"] == []
    reap(logs)
    assert logs.room.book.size_bytes == 0


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteLogGroup", {}),
        ("CreateLogStream", {"logStreamName": "s"}),
        ("DeleteLogStream", {"logStreamName": "s"}),
        ("DescribeLogStreams", {}),
        ("PutLogEvents", {"logStreamName": "s", "logEvents": [{"timestamp": T0, "message": "x"}]}),
        ("GetLogEvents", {"logStreamName": "s"}),
        ("FilterLogEvents", {}),
        ("PutRetentionPolicy", {"retentionInDays": 1}),
        ("DeleteRetentionPolicy", {}),
        ("TagLogGroup", {"tags": {"a": "b"}}),
        ("UntagLogGroup", {"tags": ["a"]}),
        ("ListTagsLogGroup", {}),
        ("DescribeSubscriptionFilters", {}),
        ("DescribeMetricFilters", {}),
    ],
)
def test_a_group_that_is_not_there(logs: LogsRig, operation: str, params: dict[str, Any]) -> None:
    """Every operation says so in the same words; so where only the stream is missing."""
    assert logs.refused(operation, logGroupName="own", **params) == NO_GROUP
    if "logStreamName" in params and operation != "CreateLogStream":
        logs.create(stream=None)
        assert logs.refused(operation, logGroupName="own", **params) == NO_STREAM


def test_name_or_identifier(logs: LogsRig) -> None:
    """A group is named in one way, which may be its ARN, with or without its end."""
    logs.create()
    logs.put((0, "x"))
    for identifier in ("own", ARN, f"{ARN}:*"):
        found = logs.call("FilterLogEvents", logGroupIdentifier=identifier)
        assert messages(found) == ["x"]
    both = {"logGroupIdentifier": ARN, "logGroupName": "own"}
    for params in (both, {}):
        assert logs.refused("FilterLogEvents", **params)[0] == "InvalidParameterException"
    theirs = ARN.replace(ACCOUNT, OTHER)
    assert logs.refused("FilterLogEvents", logGroupIdentifier=theirs) == NO_GROUP


def test_tags(logs: LogsRig) -> None:
    """By name and by ARN; a key again replaces; at most fifty."""
    logs.create()
    logs.call("TagLogGroup", logGroupName="own", tags={"a": "1", "b": "2"})
    logs.call("TagResource", resourceArn=ARN, tags={"b": "3", "c": "4"})
    assert logs.call("ListTagsForResource", resourceArn=ARN) == {
        "tags": {"a": "1", "b": "3", "c": "4"}
    }
    logs.call("UntagResource", resourceArn=ARN, tagKeys=["a", "nothing"])
    logs.call("UntagLogGroup", logGroupName="own", tags=["b"])
    assert logs.call("ListTagsLogGroup", logGroupName="own") == {"tags": {"c": "4"}}
    many = {f"k{n}": "" for n in range(50)}
    code, _ = logs.refused("TagResource", resourceArn=ARN, tags=many)
    assert code == "TooManyTagsException"
    code, _ = logs.refused("TagResource", resourceArn="arn:aws:sqs:x", tags={"a": "b"})
    assert code == "InvalidParameterException"


def test_a_protected_group_stays(logs: LogsRig) -> None:
    """Until its protection is taken away."""
    logs.call("CreateLogGroup", logGroupName="own", deletionProtectionEnabled=True)
    assert logs.refused("DeleteLogGroup", logGroupName="own")[0] == "ValidationException"
    protection = {"logGroupIdentifier": ARN, "deletionProtectionEnabled": False}
    logs.call("PutLogGroupDeletionProtection", **protection)
    logs.call("DeleteLogGroup", logGroupName="own")


@pytest.mark.parametrize("operation", sorted(REFUSED))
def test_what_is_not_built(logs: LogsRig, operation: str) -> None:
    """It says so, with a code of the operation."""
    code, message = logs.refused(operation)
    assert code == REFUSED[operation][0]
    assert "not built into this server" in message
    assert operation not in LOGS


# --- retention ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 2, 8, 3654, -1])
def test_days_that_there_are_not(logs: LogsRig, days: int) -> None:
    """Only AWS's numbers of days are taken."""
    logs.create()
    code, message = logs.refused("PutRetentionPolicy", logGroupName="own", retentionInDays=days)
    assert code == "InvalidParameterException"
    assert f"Value '{days}' at 'retentionInDays' failed to satisfy constraint" in message


def test_retention_is_by_group(logs: LogsRig) -> None:
    """Events go when they are as old as their group's policy says, whenever they were written."""
    for name, days in (("short", 1), ("long", 30), ("none", None)):
        logs.create(name)
        if days is not None:
            logs.call("PutRetentionPolicy", logGroupName=name, retentionInDays=days)
        logs.put((-DAY_MS + 60_000, "old"), group=name)
        logs.put((0, "new"), group=name)
    (shown,) = logs.call("DescribeLogGroups", logGroupNamePrefix="long")["logGroups"]
    assert shown["retentionInDays"] == 30
    logs.pass_ms(2 * 60_000)
    assert logs.filter("short") == ["new"]
    assert logs.filter("long") == logs.filter("none") == ["old", "new"]
    logs.pass_ms(LOG_AGE_MS_MAX)
    assert logs.filter("short") == logs.filter("none") == []
    assert logs.filter("long") == ["old", "new"]
    logs.pass_ms(23 * DAY_MS)
    assert logs.filter("long") == []
    assert logs.room.book.size_bytes == 0


def test_a_policy_can_be_taken_away(logs: LogsRig) -> None:
    """Then the group is as if it had never had one."""
    logs.create()
    logs.call("PutRetentionPolicy", logGroupName="own", retentionInDays=1)
    logs.call("DeleteRetentionPolicy", logGroupName="own")
    logs.put((0, "x"))
    logs.pass_ms(2 * DAY_MS)
    assert logs.filter() == ["x"]
    assert "retentionInDays" not in logs.call("DescribeLogGroups")["logGroups"][0]


def test_an_old_event_is_not_reaped_as_it_comes(logs: LogsRig) -> None:
    """What was put with an old timestamp is kept for as long as what was put with a new one."""
    logs.create()
    logs.put((-13 * DAY_MS, "old"))
    reap(logs)
    assert logs.filter() == ["old"]


def test_the_cap_holds_for_all_together(logs: LogsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of all groups go while all of them are too large, and the sizes follow."""
    monkeypatch.setattr(rules, "LOG_BYTES_MAX", 10 * (rules.ROW_BYTES + 6))
    logs.create()
    for n in range(20):
        logs.write(f"f{n:04d}\n")
        logs.put((n, f"c{n:05d}"))
    reap(logs)
    kept = logs.filter(GROUP) + logs.filter()
    assert len(kept) == 10
    assert "f0019\n" in kept
    shown = logs.call("DescribeLogGroups")["logGroups"]
    assert sum(group["storedBytes"] for group in shown) == logs.room.book.size_bytes


def test_much_is_reaped_in_steps(logs: LogsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is to go, a step takes its share, and in the end it is all gone."""
    for module in (rules, archive):
        monkeypatch.setattr(module, "REAP_ROWS_MAX", 10)
        monkeypatch.setattr(module, "REAP_GROUPS_MAX", 2, raising=False)
    for n in range(5):
        logs.create(f"own{n}")
        for _ in range(15):
            logs.put((0, "x"), group=f"own{n}")
    logs.call("DeleteLogGroup", logGroupName="own0")
    logs.pass_ms(LOG_AGE_MS_MAX)
    for _ in range(5):
        reap(logs)
    assert logs.room.book.size_bytes == 0


def test_streams_that_are_empty_go(logs: LogsRig) -> None:
    """An environment's stream goes when its events have long gone; its group stays."""
    logs.write("x\n")
    logs.create(stream="fresh")
    logs.pass_ms(LOG_AGE_MS_MAX - 1)
    logs.call("CreateLogStream", logGroupName="own", logStreamName="later")
    logs.pass_ms(2 * REAP_INTERVAL_MS)
    assert names(logs.call("DescribeLogStreams", logGroupName=GROUP)) == []
    assert names(logs.call("DescribeLogStreams", logGroupName="own")) == ["later"]
    logs.write("again\n")
    assert logs.filter(GROUP) == ["again\n"]


def test_reset(logs: LogsRig) -> None:
    """ResetAccount takes all of an account's logs, and nobody else's."""
    logs.write("mine\n")
    logs.write("theirs\n", account=OTHER)
    logs.call("ResetAccount")
    assert logs.call("DescribeLogGroups")["logGroups"] == []
    assert len(logs.call("DescribeLogGroups", caller(OTHER))["logGroups"]) == 1


# --- ReadLogs -------------------------------------------------------------------------------------


def test_several_functions_are_merged(logs: LogsRig) -> None:
    """One, several or all functions, in the order of writing; clients' own groups are not among
    them.
    """
    logs.create()
    logs.put((0, "own"))
    for n, name in enumerate("abcab"):
        logs.write(f"{name}{n}\n", function_name=name)

    def texts(**params: Any) -> str:
        return "".join(log["Text"].strip() for log in logs.call("ReadLogs", **params)["Logs"])

    assert texts() == texts(Cursor="0") == "a0b1c2a3b4"
    assert texts(FunctionNames=["a", "b"]) == texts(FunctionNames=["a", "b"], Cursor="0")
    assert texts(FunctionNames=["a", "b"]) == "a0b1a3b4"
    assert texts(FunctionNames=["a"], FunctionName="c") == "a0c2a3"
    assert texts(Limit=2) == "a3b4"


def test_since_and_containing(logs: LogsRig) -> None:
    """From an instant on, and only the lines that hold a text, in any case."""
    logs.write("an Error\nfine\n", at_ms=T0)
    logs.write("fine\n", "ERROR two\n", at_ms=T0 + 5)
    told = logs.call("ReadLogs", SinceMs=T0 + 1)["Logs"]
    assert [log["Text"] for log in told] == ["fine\n", "ERROR two\n"]
    found = logs.call("ReadLogs", Containing="error", Limit=5)
    assert [log["Text"] for log in found["Logs"]] == ["an Error\n", "ERROR two\n"]
    further = logs.call("ReadLogs", Containing="none", Cursor="1")
    assert further["Logs"] == []
    assert further["Cursor"] == found["Cursor"], "what does not match is not read again"
