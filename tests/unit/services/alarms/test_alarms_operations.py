"""Putting, describing, testing and deleting alarms; tags and histories."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alarms_rig import (
    arn,
    history,
    mail,
    minute,
    put,
    refused,
    sample,
    set_state,
    shown,
    state,
    topic,
)
from events_world import ACCOUNT, REGION, T0, World

from redrive.core.effects import Caller
from redrive.core.time import DAY_MS, Millis
from redrive.services.alarms.changing import HISTORY_MAX

ELSEWHERE = Caller(ACCOUNT, "eu-west-1", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
OTHER = Caller("111122223333", REGION, "arn:aws:iam::111122223333:root", "111122223333")
GOOD = {
    "AlarmName": "a",
    "MetricName": "m",
    "Namespace": "own",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
STAT = {"Metric": {"Namespace": "own", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}


def test_what_was_put_is_shown(world: World) -> None:
    """Every member, and the state of a new alarm."""
    given: dict[str, Any] = {
        "AlarmDescription": "text",
        "ActionsEnabled": False,
        "OKActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:t"],
        "AlarmActions": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:live"],
        "InsufficientDataActions": [],
        "MetricName": "m",
        "Namespace": "own",
        "Statistic": "Average",
        "Dimensions": [{"Name": "k", "Value": "v"}],
        "Period": 300,
        "Unit": "Bytes",
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 1.5,
        "ComparisonOperator": "LessThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    world.call("cloudwatch", "PutMetricAlarm", AlarmName="a", **given)
    assert shown(world) == {
        "AlarmName": "a",
        "AlarmArn": arn("a"),
        "AlarmConfigurationUpdatedTimestamp": T0,
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": T0,
        "StateTransitionedTimestamp": T0,
        **given,
    }


def test_an_update_replaces_all_but_the_state_and_the_tags(world: World) -> None:
    """What is not given any more is gone."""
    put(world, AlarmDescription="old", Tags=[{"Key": "k", "Value": "v"}])
    set_state(world, "ALARM")
    world.pass_s(1)
    put(world, Threshold=7.0, Tags=[{"Key": "other", "Value": ""}])
    told = shown(world)
    assert (told["StateValue"], told["Threshold"]) == ("ALARM", 7.0)
    assert "AlarmDescription" not in told
    assert told["AlarmConfigurationUpdatedTimestamp"] == T0 + 1_000
    tags = world.call("cloudwatch", "ListTagsForResource", ResourceARN=arn("a"))["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    assert history(world, kind="ConfigurationUpdate") == [
        'Alarm "a" created',
        'Alarm "a" updated',
    ]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"MetricName": None}, "One of the parameters MetricName and Metrics"),
        ({"Namespace": None}, "Namespace is required"),
        ({"Period": None}, "Period is required"),
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "p101"}, "p101 for parameter ExtendedStatistic"),
        ({"Threshold": None}, "Threshold is required"),
        ({"Threshold": float("nan")}, "nan for parameter Threshold"),
        ({"EvaluationPeriods": None}, "EvaluationPeriods is required"),
        ({"ComparisonOperator": None}, "ComparisonOperator is required"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"ThresholdMetricId": "ad1"}, "anomaly detection"),
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 1}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"EvaluationPeriods": 1_441}, "must be <= 86400"),
        ({"Period": 3_600, "EvaluationPeriods": 169}, "must be <= 604800"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"TreatMissingData": "Missing"}, "TreatMissingData"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "percentiles"),
        ({"AlarmName": "a\nb"}, "control characters"),
        ({"AlarmActions": ["nobody"]}, "Invalid arn syntax: nobody"),
        ({"AlarmActions": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"]}, "Invalid arn syntax"),
        ({"OKActions": [f"arn:aws:automate:{REGION}:ec2:stop"]}, "not supported by this server"),
        (
            {"AlarmActions": [f"arn:aws:sns:eu-west-1:{ACCOUNT}:t"]},
            "Invalid region eu-west-1 specified. Only us-east-1 is supported.",
        ),
        ({"EvaluationInterval": 60}, "PromQL"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "WallClockWindow"),
        ({"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True}}}, "Tags"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "reserved"),
        ({"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}, "50"),
        ({"Metrics": [{"Id": "m", "MetricStat": STAT}]}, "mutually exclusive"),
    ],
)
def test_refusals(world: World, params: dict[str, Any], said: str) -> None:
    """ValidationError, and nothing is there."""
    asked = {key: value for key, value in {**GOOD, **params}.items() if value is not None}
    code, message = refused(world, "PutMetricAlarm", **asked)
    assert code == "ValidationError"
    assert said in message
    assert world.call("cloudwatch", "DescribeAlarms")["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ([{"Id": "m", "MetricStat": STAT}, {"Id": "e", "Expression": "m"}], "Exactly one element"),
        ([{"Id": "e", "Expression": "none + 1"}], "Unknown id none"),
        ([{"Id": "E", "Expression": "1"}], "Metrics.member.1.Id"),
        ([{"Id": "e", "Expression": "1 +"}], "not complete"),
        ([{"Id": "e", "Expression": "5"}], ""),
        ([{"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"}], "Unknown id m"),
        ([{"Id": "m", "MetricStat": {**STAT, "Period": 5}}], "Period must be"),
        ([{"Id": "m", "MetricStat": {**STAT, "Stat": "mode"}}], "mode"),
        ([{"Id": "m", "MetricStat": STAT, "AccountId": "1" * 12}], "another account"),
        (
            [
                {"Id": "m", "MetricStat": STAT, "ReturnData": False},
                {"Id": "n", "MetricStat": STAT, "ReturnData": False},
                {"Id": "e", "Expression": "METRICS()"},
            ],
            "single time series",
        ),
        (
            [
                {"Id": "m", "MetricStat": STAT, "ReturnData": False},
                {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"},
            ],
            "ANOMALY_DETECTION_BAND is not supported",
        ),
    ],
)
def test_refused_expressions(world: World, metrics: list[dict[str, Any]], said: str) -> None:
    """As GetMetricData refuses them, and what cannot be watched."""
    params = {
        "AlarmName": "a",
        "Metrics": metrics,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    code, message = refused(world, "PutMetricAlarm", **params)
    assert code == "ValidationError"
    assert said in message
    assert world.call("cloudwatch", "DescribeAlarms")["MetricAlarms"] == []


def test_an_expression_is_watched(world: World) -> None:
    """Errors by calls, in periods that slide from minute to minute."""
    stat = {"Metric": {"Namespace": "own", "MetricName": "bad"}, "Period": 120, "Stat": "Sum"}
    calls = {**stat, "Metric": {"Namespace": "own", "MetricName": "all"}}
    world.call(
        "cloudwatch",
        "PutMetricAlarm",
        AlarmName="a",
        Metrics=[
            {"Id": "e", "Expression": "100 * bad / calls", "Label": "rate"},
            {"Id": "bad", "MetricStat": stat, "ReturnData": False},
            {"Id": "calls", "MetricStat": calls, "ReturnData": False},
        ],
        EvaluationPeriods=1,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic(world)],
    )
    for bad, state_after in ((0, "OK"), (3, "ALARM"), (0, "ALARM"), (0, "OK")):
        sample(world, bad, "bad")
        sample(world, 10, "all")
        minute(world)
        assert state(world) == state_after
    ((_subject, message),) = mail(world)
    assert message["Trigger"]["Metrics"][0] == {
        "Id": "e",
        "Expression": "100 * bad / calls",
        "Label": "rate",
        "ReturnData": True,
    }
    assert json.loads(shown(world)["StateReasonData"])["period"] == 120
    assert "WatchedPeriod" not in shown(world)


def test_percentiles_and_units(world: World) -> None:
    """ExtendedStatistic, low samples ignored, and only samples in the unit that is asked for."""
    put(
        world,
        Statistic=None,
        ExtendedStatistic="p90",
        Unit="Seconds",
        Threshold=8.0,
        EvaluateLowSampleCountPercentile="ignore",
    )
    sample(world, 9, Unit="Seconds")
    minute(world)
    assert state(world) == "INSUFFICIENT_DATA"  # one sample is too few
    for value in range(100):
        sample(world, value % 10 + 0.5, Unit="Seconds")
    sample(world, -100, Unit="Bytes")
    minute(world)
    assert state(world) == "ALARM"


def test_high_resolution_alarms_lapse(world: World) -> None:
    """Each ten seconds, over figures of a minute: AWS warns of that."""
    put(world, Period=10, EvaluationPeriods=1)
    world.pass_until(T0 + 122_000)
    sample(world, 1)
    world.pass_s(18)
    assert state(world) == "ALARM"
    world.pass_s(60)
    assert state(world) == "INSUFFICIENT_DATA"


def test_an_alarm_over_days_is_evaluated_each_hour(world: World) -> None:
    """More than a day is looked at once an hour."""
    put(world, Period=3_600, EvaluationPeriods=48, DatapointsToAlarm=1)
    minute(world)
    sample(world, 1)
    world.pass_s(600)
    assert state(world) == "INSUFFICIENT_DATA"
    world.pass_s(3_600)
    assert state(world) == "ALARM"


def test_warm_up(world: World) -> None:
    """No state and no action until there is enough, or until its time is over."""
    for name, waits in (("early", False), ("late", True)):
        warming = {
            "WarmUpPeriodDurationInMinutes": 10,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": waits,
        }
        put(world, name, EvaluationPeriods=2, WarmUpConfiguration=warming)
    seen = []
    for _ in range(11):
        sample(world, 1)
        minute(world)
        seen.append((state(world, "early")[:2], state(world, "late")[:2]))
    assert seen == [("IN", "IN")] + [("AL", "IN")] * 8 + [("AL", "AL")] * 2


# --- states -----------------------------------------------------------------------------------


def test_a_state_for_a_test_is_acted_on_and_goes(world: World) -> None:
    """Told once; the next evaluation finds the truth."""
    put(world, AlarmActions=[topic(world)], TreatMissingData="notBreaching")
    minute(world)
    assert state(world) == "OK"
    for _ in range(2):
        world.call(
            "cloudwatch",
            "SetAlarmState",
            AlarmName="a",
            StateValue="ALARM",
            StateReason="a drill",
            StateReasonData='{"who": "me"}',
        )
    assert shown(world)["StateReason"] == "a drill"
    ((_subject, message),) = mail(world)
    assert message["NewStateReason"] == "a drill"
    minute(world)
    assert state(world) == "OK"


def test_set_state_refusals(world: World) -> None:
    """An alarm that there is not, data that is not JSON."""
    told = {"AlarmName": "none", "StateValue": "OK", "StateReason": "x"}
    assert refused(world, "SetAlarmState", **told)[0] == "ResourceNotFound"
    put(world)
    bad = {**told, "AlarmName": "a", "StateReasonData": "{"}
    assert refused(world, "SetAlarmState", **bad)[0] == "InvalidFormatFault"


def test_actions_are_switched_off_and_on(world: World) -> None:
    """The state changes without them; names that there are not do not matter."""
    put(world, AlarmActions=[topic(world)])
    world.call("cloudwatch", "DisableAlarmActions", AlarmNames=["a", "none"])
    assert shown(world)["ActionsEnabled"] is False
    set_state(world, "ALARM")
    assert mail(world) == []
    world.call("cloudwatch", "EnableAlarmActions", AlarmNames=["a"])
    assert mail(world) == []
    set_state(world, "OK")
    set_state(world, "ALARM")
    assert len(mail(world)) == 1


# --- describing -------------------------------------------------------------------------------


def names(world: World, who: Caller | None = None, /, **params: Any) -> list[str]:
    """The alarms of all pages, metric ones first."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        call = (who,) if who else ()
        page = world.call("cloudwatch", "DescribeAlarms", *call, **params, **token)
        found += [one["AlarmName"] for one in (*page["MetricAlarms"], *page["CompositeAlarms"])]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def test_filters_and_pages(world: World) -> None:
    """By name, prefix, state, action and kind; other accounts and regions are apart."""
    target = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
    for n in range(7):
        put(world, f"a{n}", AlarmActions=[target] if n % 3 == 0 else [])
    put(world, "b%")
    set_state(world, "ALARM", "a3")
    world.call("cloudwatch", "PutCompositeAlarm", AlarmName="a2c", AlarmRule="ALARM(a3) OR OK(b%)")
    every = [*(f"a{n}" for n in range(7)), "b%"]
    assert names(world) == every
    assert names(world, MaxRecords=3) == every
    assert names(world, AlarmNamePrefix="a") == every[:7]
    assert names(world, AlarmNamePrefix="b") == ["b%"]
    assert names(world, AlarmNamePrefix="%") == []
    assert names(world, StateValue="ALARM") == ["a3"]
    assert names(world, ActionPrefix=target[:-2]) == ["a0", "a3", "a6"]
    assert names(world, ActionPrefix=target, MaxRecords=1) == ["a0", "a3", "a6"]
    assert names(world, AlarmTypes=["CompositeAlarm"]) == ["a2c"]
    both = ["MetricAlarm", "CompositeAlarm"]
    assert sorted(names(world, AlarmTypes=both, MaxRecords=4)) == sorted([*every, "a2c"])
    assert names(world, AlarmTypes=["LogAlarm"]) == []
    assert names(world, AlarmNames=["a5", "none", "a1", "a2c"], MaxRecords=1) == ["a1", "a5"]
    assert names(world, ChildrenOfAlarmName="a2c") == ["a3", "b%"]
    assert names(world, ParentsOfAlarmName="a3") == ["a2c"]
    assert names(world, ParentsOfAlarmName="a2") == []
    assert names(world, ELSEWHERE) == names(world, OTHER) == []
    assert refused(world, "DescribeAlarms", NextToken="é")[0] == "InvalidNextToken"
    for clash in (
        {"AlarmNames": ["a"], "AlarmNamePrefix": "a"},
        {"ChildrenOfAlarmName": "a", "StateValue": "OK"},
    ):
        assert refused(world, "DescribeAlarms", **clash)[0] == "ValidationError"


def test_alarms_of_a_metric(world: World) -> None:
    """With exactly its dimensions; statistic, period and unit narrow it."""
    put(world, "plain")
    dimensions = [{"Name": "x", "Value": "1"}, {"Name": "y", "Value": "2"}]
    put(world, "deep", Dimensions=dimensions, Period=300)

    def found(**params: Any) -> list[str]:
        told = world.call(
            "cloudwatch", "DescribeAlarmsForMetric", Namespace="own", MetricName="m", **params
        )
        return [alarm["AlarmName"] for alarm in told["MetricAlarms"]]

    assert found() == ["plain"]
    assert found(Dimensions=dimensions[::-1]) == ["deep"]
    assert found(Dimensions=dimensions[:1]) == []
    assert found(Statistic="Maximum", Period=60) == ["plain"]
    assert found(Statistic="Sum") == found(Period=300) == found(Unit="Bytes") == []


def test_contributors(world: World) -> None:
    """None, of an alarm that there is."""
    put(world)
    told = world.call("cloudwatch", "DescribeAlarmContributors", AlarmName="a")
    assert told == {"AlarmContributors": []}
    code, _ = refused(world, "DescribeAlarmContributors", AlarmName="none")
    assert code == "ResourceNotFoundException"


# --- histories --------------------------------------------------------------------------------


def lines(world: World, **params: Any) -> list[str]:
    """The summaries of all pages."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = world.call("cloudwatch", "DescribeAlarmHistory", **params, **token)
        found += [line["HistorySummary"] for line in page["AlarmHistoryItems"]]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def test_histories(world: World) -> None:
    """The latest first, a page at a time, by date; that of a deleted alarm stays for 30 days."""
    put(world, "a")
    world.pass_s(1)
    put(world, "b")
    set_state(world, "ALARM", "b")
    created = ['Alarm "a" created', 'Alarm "b" created']
    changed = "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert lines(world) == lines(world, MaxRecords=1) == [changed, *created[::-1]]
    rising = {"ScanBy": "TimestampAscending"}
    assert lines(world, **rising) == lines(world, MaxRecords=2, **rising) == [*created, changed]
    assert lines(world, AlarmName="b") == [changed, created[1]]
    assert lines(world, HistoryItemType="StateUpdate") == [changed]
    assert lines(world, EndDate=T0) == [created[0]]
    assert lines(world, StartDate=T0 + 1) == [changed, created[1]]
    assert lines(world, AlarmTypes=["CompositeAlarm"]) == []
    world.call("cloudwatch", "DeleteAlarms", AlarmNames=["b", "none"])
    assert names(world) == ["a"]
    assert lines(world, AlarmName="b")[0] == 'Alarm "b" deleted'
    world.now_ms = Millis(T0 + 30 * DAY_MS)
    world.pass_s(2 * 3_600)
    assert lines(world, AlarmName="b") == []
    told = world.call("cloudwatch", "DescribeAlarmHistory", ELSEWHERE)
    assert told["AlarmHistoryItems"] == []


def test_histories_are_bounded(world: World) -> None:
    """The latest lines of an alarm are kept."""
    put(world)
    for n in range(HISTORY_MAX + 20):
        set_state(world, "ALARM" if n % 2 else "OK")
    assert len(lines(world, AlarmName="a", MaxRecords=100)) == HISTORY_MAX


# --- tags -------------------------------------------------------------------------------------


def test_tags(world: World) -> None:
    """Of alarms; a resource that there is not, or that is not the caller's, is not found."""
    put(world)
    tags = [{"Key": "team", "Value": "q"}, {"Key": "x", "Value": ""}]
    world.call("cloudwatch", "TagResource", ResourceARN=arn("a"), Tags=tags)
    world.call("cloudwatch", "UntagResource", ResourceARN=arn("a"), TagKeys=["x", "none"])
    assert world.call("cloudwatch", "ListTagsForResource", ResourceARN=arn("a")) == {
        "Tags": tags[:1]
    }
    for bad, code in (
        (arn("none"), "ResourceNotFoundException"),
        ("a", "InvalidParameterValueException"),
        (f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "InvalidParameterValueException"),
        (f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:insight-rule/x", "ResourceNotFoundException"),
    ):
        assert refused(world, "ListTagsForResource", ResourceARN=bad)[0] == code
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    code, _ = refused(world, "TagResource", ResourceARN=arn("a"), Tags=many)
    assert code == "InvalidParameterValueException"


def test_a_reset_forgets_one_account(world: World) -> None:
    """All regions of it, and nothing of others."""
    put(world)
    for who in (ELSEWHERE, OTHER):
        world.call("cloudwatch", "PutMetricAlarm", who, **GOOD)
    world.call("alarms", "ResetAccount")
    assert names(world) == names(world, ELSEWHERE) == []
    assert names(world, OTHER) == ["a"]
    assert lines(world) == []
