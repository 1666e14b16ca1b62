"""PutMetricData: clients' own metrics, what is taken, told and refused."""

from __future__ import annotations

from typing import Any

import pytest
from metrics_rig import DAY_MS, HOUR_MS, T0, Rig
from stand_ins import caller

from redrive.core.time import MINUTE_MS

_V = "InvalidParameterValueException"
DIMENSIONS = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]


def put(rig: Rig, *data: dict[str, Any], namespace: str = "own") -> None:
    """Put data of a metric m."""
    rig.call(
        "PutMetricData",
        "cloudwatch",
        Namespace=namespace,
        MetricData=[{"MetricName": "m", **datum} for datum in data],
    )


def told(rig: Rig, *statistics: str, **params: Any) -> list[dict[str, Any]]:
    """Return the datapoints of the metric."""
    kind = "ExtendedStatistics" if statistics[0].startswith("p") else "Statistics"
    asked = {
        "Namespace": "own",
        "MetricName": "m",
        "StartTime": rig.now_ms - 15 * DAY_MS,
        "EndTime": rig.now_ms + 3 * HOUR_MS,
        "Period": 15 * DAY_MS // 1_000,
        kind: list(statistics),
        **params,
    }
    points: list[dict[str, Any]] = rig.call("GetMetricStatistics", "cloudwatch", **asked)[
        "Datapoints"
    ]
    return [
        {**point, **point.get("ExtendedStatistics", {})}
        for point in sorted(points, key=lambda point: point["Unit"])
    ]


def test_values_of_every_kind_add_up(rig: Rig) -> None:
    """A value, values with counts and a statistic set are samples of one metric."""
    put(rig, {"Value": 5.0}, {"Values": [1.0, 2.0], "Counts": [3.0, 1.0]}, {"Values": [4.0]})
    put(rig, {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 0, "Maximum": 3}})
    (point,) = told(rig, "SampleCount", "Sum", "Minimum", "Maximum", "Average")
    assert {name: point[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum")} == {
        "SampleCount": 8,
        "Sum": 17,
        "Minimum": 0,
        "Maximum": 5,
    }


def test_data_of_entities_are_data(rig: Rig) -> None:
    """What is sent with an entity is counted as what is sent without."""
    data = [{"MetricName": "m", "Value": 1.0}]
    entity = {"KeyAttributes": {"Type": "Service"}}
    rig.call(
        "PutMetricData",
        "cloudwatch",
        Namespace="own",
        MetricData=data,
        EntityMetricData=[{"Entity": entity, "MetricData": data}],
    )
    assert [point["Sum"] for point in told(rig, "Sum")] == [2]


def test_it_is_there_at_once_and_after_a_crash(rig: Rig) -> None:
    """What was answered is in the store."""
    put(rig, {"Value": 1.0})
    rig.crash()
    assert [point["Sum"] for point in told(rig, "Sum")] == [1]


def test_percentiles_where_the_samples_are_known(rig: Rig) -> None:
    """From values; not from a statistic set that spans anything."""
    put(rig, {"Values": [float(n) for n in range(1, 101)]})
    assert told(rig, "p95")[0]["p95"] == 95
    put(rig, {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 0, "Maximum": 3}})
    assert told(rig, "p95") == []


def test_a_sample_counts_in_its_minute(rig: Rig) -> None:
    """Timestamps of the past two weeks and the next two hours."""
    for at_ms in (T0 - 14 * DAY_MS, T0 - 30_000, T0, T0 + 2 * HOUR_MS):
        put(rig, {"Value": 1.0, "Timestamp": at_ms})
    points = told(rig, "Sum", Period=60, StartTime=T0 - 5 * MINUTE_MS)
    assert [point["Timestamp"] for point in points] == [
        T0 - MINUTE_MS,
        T0,
        T0 + 2 * HOUR_MS,
    ]


def test_units_are_apart(rig: Rig) -> None:
    """Datapoints of each unit, or of the one that is asked for; metric data takes all."""
    put(rig, {"Value": 1.0, "Unit": "Seconds"}, {"Value": 5.0, "Unit": "Bytes"}, {"Value": 7.0})
    units = [(point["Unit"], point["Sum"]) for point in told(rig, "Sum")]
    assert units == [("Bytes", 5), ("None", 7), ("Seconds", 1)]
    assert [point["Sum"] for point in told(rig, "Sum", Unit="Seconds")] == [1]
    stat = {"Metric": {"Namespace": "own", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    answer = rig.call(
        "GetMetricData",
        "cloudwatch",
        MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
        StartTime=T0,
        EndTime=T0 + MINUTE_MS,
    )
    assert answer["MetricDataResults"][0]["Values"] == [13]
    assert len(rig.call("ListMetrics", "cloudwatch", Namespace="own")["Metrics"]) == 1


def test_dimensions_tell_metrics_apart(rig: Rig) -> None:
    """In any order, but exactly those."""
    put(rig, {"Value": 1.0, "Dimensions": DIMENSIONS}, {"Value": 2.0})
    assert [point["Sum"] for point in told(rig, "Sum")] == [2]
    assert [point["Sum"] for point in told(rig, "Sum", Dimensions=DIMENSIONS[::-1])] == [1]
    assert told(rig, "Sum", Dimensions=DIMENSIONS[:1]) == []
    found = rig.call("ListMetrics", "cloudwatch", Dimensions=[{"Name": "a"}])["Metrics"]
    assert found == [{"Namespace": "own", "MetricName": "m", "Dimensions": DIMENSIONS[::-1]}]
    assert rig.call("ListMetrics", "cloudwatch", caller("111122223333"))["Metrics"] == []


def test_lists_are_paged(rig: Rig) -> None:
    """All metrics of queues and others are listed, each once."""
    rig.send(rig.create())
    rig.minute()
    for start in range(0, 1_200, 400):
        data = [{"MetricName": f"m{n}", "Value": 1.0} for n in range(start, start + 400)]
        put(rig, *data)
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = rig.call("ListMetrics", "cloudwatch", **token)
        assert len(page["Metrics"]) <= 500
        found += [metric["MetricName"] for metric in page["Metrics"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert len(found) == len(set(found)) > 1_200


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"Namespace": "AWS/Lambda"}, "InvalidParameterValueException", "AWS/"),
        ({"MetricData": []}, "MissingRequiredParameterException", "MetricData"),
        (
            {"MetricData": [{"MetricName": "m", "Value": 1.0}] * 1_001},
            _V,
            "1000",
        ),
        ({"MetricData": [{"MetricName": "m"}]}, "MissingRequiredParameterException", "Value"),
        (
            {"MetricData": [{"MetricName": "m", "Value": 1.0, "Values": [1.0]}]},
            "InvalidParameterCombinationException",
            "mutually exclusive",
        ),
        (
            {"MetricData": [{"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}]},
            "InvalidParameterCombinationException",
            "same size",
        ),
        ({"MetricData": [{"MetricName": "m", "Values": [1.0], "Counts": [0.0]}]}, _V, "Counts"),
        ({"MetricData": [{"MetricName": "m", "Values": [float(n) for n in range(151)]}]}, _V, ""),
        ({"MetricData": [{"MetricName": "m", "Value": float("nan")}]}, _V, "nan"),
        ({"MetricData": [{"MetricName": "m", "Value": 2.0**361}]}, _V, "invalid"),
        (
            {"MetricData": [{"MetricName": "m", "Value": 1.0, "Timestamp": T0 - 14 * DAY_MS - 1}]},
            _V,
            "two weeks",
        ),
        (
            {"MetricData": [{"MetricName": "m", "Value": 1.0, "Timestamp": T0 + 2 * HOUR_MS + 1}]},
            _V,
            "two hours",
        ),
        ({"MetricData": [{"MetricName": "m", "Value": 1.0, "StorageResolution": 30}]}, _V, "60"),
        (
            {"MetricData": [{"MetricName": "m", "Value": 1.0, "Dimensions": DIMENSIONS[:1] * 2}]},
            _V,
            "twice",
        ),
        (
            {
                "MetricData": [
                    {
                        "MetricName": "m",
                        "StatisticValues": {
                            "SampleCount": 0,
                            "Sum": 0,
                            "Minimum": 0,
                            "Maximum": 0,
                        },
                    }
                ]
            },
            _V,
            "SampleCount",
        ),
    ],
)
def test_refusals(rig: Rig, params: dict[str, Any], code: str, said: str) -> None:
    """And nothing of the request is written."""
    good = {"Namespace": "own", "MetricData": [{"MetricName": "m", "Value": 1.0}]}
    told_code, message = rig.refused("PutMetricData", **{**good, **params})
    assert told_code == code
    assert said in message
    assert rig.call("ListMetrics", "cloudwatch")["Metrics"] == []


def test_a_bad_token_is_refused(rig: Rig) -> None:
    """A token of ListMetrics that is none is the caller's mistake."""
    code, _ = rig.refused("ListMetrics", NextToken="OngK")
    assert code == "InvalidParameterValueException"
