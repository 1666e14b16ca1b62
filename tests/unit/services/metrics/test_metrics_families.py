"""What other services count: readable as metrics after the minute, and at once on /metrics."""

from __future__ import annotations

from metrics_rig import ACCOUNT, OTHER, REGION, Rig
from stand_ins import caller

from redrive.core.time import MINUTE_MS
from redrive.services.metrics.families import Family
from redrive.services.metrics.totals import TOTALS_MAX, Totals, family_name

PLACE = (ACCOUNT, REGION)
RULE = {"EventBusName": "b", "RuleName": "r"}


def count(rig: Rig, name: str, namespace: str, dimensions: dict[str, str], value: float) -> None:
    """Count as a room does."""
    rig.room.count(PLACE, namespace, name, dimensions, value, rig.now_ms)


def page(rig: Rig, account: str | None = None) -> list[str]:
    """The lines of /metrics that hold a sum of these."""
    told = rig.call("Scrape", "cloudwatch", Figures=[], Account=account)["Text"].decode()
    return [line for line in told.splitlines() if line.startswith(("redrive_ev", "redrive_sns"))]


def test_they_are_metrics(rig: Rig) -> None:
    """ListMetrics, GetMetricData and GetMetricStatistics tell them, in their account."""
    count(rig, "MatchedEvents", "AWS/Events", RULE, 3)
    count(rig, "InvocationAttemptCount", "AWS/Scheduler", {"ScheduleGroup": "default"}, 1)
    count(rig, "NumberOfMessagesPublished", "AWS/SNS", {"TopicName": "t"}, 2)
    at_ms = rig.minute()
    listed = rig.call("ListMetrics", "cloudwatch")["Metrics"]
    names = {(one["Namespace"], one["MetricName"]) for one in listed}
    assert names == {
        ("AWS/Events", "MatchedEvents"),
        ("AWS/Scheduler", "InvocationAttemptCount"),
        ("AWS/SNS", "NumberOfMessagesPublished"),
    }
    dimensions = [{"Name": name, "Value": value} for name, value in RULE.items()]
    metric = {"Namespace": "AWS/Events", "MetricName": "MatchedEvents", "Dimensions": dimensions}
    told = rig.call(
        "GetMetricData",
        "cloudwatch",
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
        ],
        StartTime=at_ms,
        EndTime=at_ms + MINUTE_MS,
    )
    assert told["MetricDataResults"][0]["Values"] == [3]
    assert rig.call("ListMetrics", "cloudwatch", caller(OTHER))["Metrics"] == []


def test_they_are_on_the_page_at_once(rig: Rig) -> None:
    """As counters; of one account, or of all."""
    for value in (1, 2):
        count(rig, "MatchedEvents", "AWS/Events", RULE, value)
    count(rig, "NumberOfMessagesPublished", "AWS/SNS", {"TopicName": 'a"b'}, 5)
    tail = f'account="{ACCOUNT}",region="{REGION}"}}'
    assert page(rig) == [
        f'redrive_events_matched_events_total{{event_bus_name="b",rule_name="r",{tail} 3',
        f'redrive_sns_number_of_messages_published_total{{topic_name="a\\"b",{tail} 5',
    ]
    assert page(rig, ACCOUNT) == page(rig)
    assert page(rig, OTHER) == []


def test_sums_of_others_are_not_told_twice(rig: Rig) -> None:
    """The account's and the bus's are those of its rules; a figure without parts stands alone."""
    for dimensions in (RULE, {"EventBusName": "b"}, {}):
        count(rig, "MatchedEvents", "AWS/Events", dimensions, 1)
    count(rig, "PutEventsEntriesCount", "AWS/Events", {}, 4)
    lines = page(rig)
    assert [line.partition("{")[0] for line in lines] == [
        "redrive_events_matched_events_total",
        "redrive_events_put_events_entries_count_total",
    ]
    assert "rule_name" in lines[0]


def test_they_are_bounded(rig: Rig) -> None:
    """And times are no sums."""
    totals = Totals(rig.room.gatherer)
    for n in range(TOTALS_MAX + 5):
        totals.count(PLACE, "AWS/SNS", "N", {"TopicName": str(n)}, 1, rig.now_ms)
    totals.count(PLACE, "AWS/SNS", "PublishSize", {}, 1, rig.now_ms, "Bytes")
    (family,) = totals.families(None)
    assert isinstance(family, Family)
    assert len(family.samples) == TOTALS_MAX


def test_names() -> None:
    """Words of letters and numbers."""
    assert family_name("AWS/SNS", "NumberOfNotificationsFilteredOut-InvalidAttributes") == (
        "redrive_sns_number_of_notifications_filtered_out_invalid_attributes_total"
    )
    assert family_name("AWS/Events", "InvocationsSentToDlq") == (
        "redrive_events_invocations_sent_to_dlq_total"
    )
