"""GetMetricStatistics, GetMetricData and ListMetrics: periods, statistics, pages, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from metrics_rig import ALWAYS, DAY_MS, HOUR_MS, OTHER, T0, Rig
from stand_ins import caller

from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, SECOND_MS
from redrive.services.metrics.model import METRICS

EVERY = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]


@pytest.fixture
def busy(rig: Rig) -> Rig:
    """A queue q to which 1, 2, … 10 messages were sent in the first ten minutes."""
    url = rig.create()
    for count in range(1, 11):
        for n in range(count):
            rig.send(url, "x" * (n + 1))
        rig.minute()
    return rig


def query(name: str, metric: str = "NumberOfMessagesSent", **more: Any) -> dict[str, Any]:
    """One query of GetMetricData."""
    stat = {
        "Metric": {
            "Namespace": "AWS/SQS",
            "MetricName": metric,
            "Dimensions": [{"Name": "QueueName", "Value": more.pop("queue", "q")}],
        },
        "Period": more.pop("period", 60),
        "Stat": more.pop("stat", "Sum"),
    }
    if "unit" in more:
        stat["Unit"] = more.pop("unit")
    return {"Id": name, "MetricStat": stat, **more}


def data(rig: Rig, *queries: dict[str, Any], **more: Any) -> Any:
    """GetMetricData over the first hour, the oldest first."""
    asked = {
        "MetricDataQueries": list(queries),
        "StartTime": T0,
        "EndTime": T0 + HOUR_MS,
        "ScanBy": "TimestampAscending",
        **more,
    }
    return rig.call("GetMetricData", "cloudwatch", **asked)


def math(rig: Rig, expression: str, *queries: dict[str, Any]) -> list[list[float]]:
    """The values of what an expression over m (the busy queue's sends) comes to."""
    metrics = queries or (query("m"),)
    hidden = [{**one, "ReturnData": False} for one in metrics]
    result = data(rig, *hidden, {"Id": "e", "Expression": expression})
    return [one["Values"] for one in result["MetricDataResults"]]


# --- GetMetricStatistics ----------------------------------------------------------------------


def test_five_statistics(busy: Rig) -> None:
    """Of a period of several minutes: one sample a minute, or a message for the sizes."""
    asked = {"StartTime": T0, "EndTime": T0 + 600 * SECOND_MS, "Period": 600}
    (sent,) = busy.statistics("NumberOfMessagesSent", **asked, Statistics=EVERY)
    assert [sent[name] for name in EVERY] == [10, 5.5, 55, 1, 10]
    assert (sent["Timestamp"], sent["Unit"]) == (T0, "Count")
    (size,) = busy.statistics("SentMessageSize", **asked, Statistics=EVERY)
    assert [size[name] for name in EVERY] == [55, 4, 220, 1, 10]


def test_periods_begin_at_the_start(busy: Rig) -> None:
    """The start is rounded down to a minute; periods follow it, and the end is not included."""
    asked = {"StartTime": T0 + 61_500, "EndTime": T0 + 6 * MINUTE_MS, "Period": 120}
    points = busy.statistics("NumberOfMessagesSent", **asked)
    assert [(p["Timestamp"], p["Sum"]) for p in points] == [
        (T0 + MINUTE_MS, 5),
        (T0 + 3 * MINUTE_MS, 9),
        (T0 + 5 * MINUTE_MS, 6),
    ]


def test_percentiles_where_the_samples_are_known(busy: Rig) -> None:
    """Nearest rank over minutes; none where only a set is known."""
    asked = {
        "StartTime": T0,
        "EndTime": T0 + 600 * SECOND_MS,
        "Period": 600,
        "ExtendedStatistics": ["p0", "p50", "p90", "p99.5", "p100"],
    }
    (point,) = busy.statistics("NumberOfMessagesSent", **asked)
    assert list(point["ExtendedStatistics"].values()) == [1, 5, 9, 10, 10]
    assert busy.statistics("SentMessageSize", **asked) == []
    alone = {**asked, "EndTime": T0 + MINUTE_MS, "Period": 60}
    (point,) = busy.statistics("SentMessageSize", **alone)
    assert set(point["ExtendedStatistics"].values()) == {1}


@pytest.mark.parametrize(
    "named",
    [
        {"MetricName": "NumberOfMessagesSend"},
        {"Namespace": "AWS/Lambda"},
        {"Dimensions": []},
        {"Dimensions": [{"Name": "QueueName", "Value": "other"}]},
        {"Dimensions": [{"Name": "Queue", "Value": "q"}]},
        {"Dimensions": [{"Name": "QueueName", "Value": "q"}] * 2},
        {"Unit": "Bytes"},
    ],
)
def test_what_does_not_exist_has_no_datapoints(busy: Rig, named: dict[str, Any]) -> None:
    """It is no error, and the label is what was asked for."""
    asked = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "StartTime": T0,
        "EndTime": T0 + HOUR_MS,
        "Period": 60,
        "Statistics": ["Sum"],
        "Unit": "Count",
    }
    assert busy.call("GetMetricStatistics", "cloudwatch", **asked)["Datapoints"]
    result = busy.call("GetMetricStatistics", "cloudwatch", **{**asked, **named})
    assert result == {"Label": {**asked, **named}["MetricName"], "Datapoints": []}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Statistics": None}, "InvalidParameterCombinationException"),
        ({"ExtendedStatistics": ["p99"]}, "InvalidParameterCombinationException"),
        ({"Period": 90}, "InvalidParameterValueException"),
        ({"Period": 2}, "InvalidParameterValueException"),
        ({"EndTime": T0}, "InvalidParameterValueException"),
        ({"EndTime": T0 - 1}, "InvalidParameterValueException"),
        ({"EndTime": T0 + 1_441 * MINUTE_MS}, "InvalidParameterCombinationException"),
        ({"Statistics": None, "ExtendedStatistics": ["p101"]}, "InvalidParameterValueException"),
        ({"Statistics": None, "ExtendedStatistics": ["tm90"]}, "InvalidParameterValueException"),
        ({"Statistics": None, "ExtendedStatistics": ["Sum"]}, "InvalidParameterValueException"),
    ],
)
def test_statistics_refuses(rig: Rig, changed: dict[str, Any], code: str) -> None:
    """What CloudWatch refuses."""
    asked = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "StartTime": T0,
        "EndTime": T0 + HOUR_MS,
        "Period": 60,
        "Statistics": ["Sum"],
        **changed,
    }
    params = {name: value for name, value in asked.items() if value is not None}
    assert rig.refused("GetMetricStatistics", **params)[0] == code


def test_too_many_datapoints_are_refused_in_awss_words(rig: Rig) -> None:
    """The text is AWS's."""
    assert rig.refused(
        "GetMetricStatistics",
        Namespace="AWS/SQS",
        MetricName="NumberOfMessagesSent",
        StartTime=T0,
        EndTime=T0 + DAY_MS + MINUTE_MS,
        Period=60,
        Statistics=["Sum"],
    )[1] == (
        "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may"
        " reduce the datapoints requested by increasing Period, or decreasing the time range."
    )


# --- GetMetricData ----------------------------------------------------------------------------


def test_data_of_several_queries(busy: Rig) -> None:
    """In the order of the queries, labelled, the newest first by default."""
    result = data(
        busy,
        query("b", stat="Maximum", period=300, Label="most"),
        query("a", "SentMessageSize", stat="p50", period=60),
        query("none", queue="other"),
        query("hidden", ReturnData=False),
        query("bytes", unit="Bytes"),
        ScanBy="TimestampDescending",
    )
    first, second, third, fourth = result["MetricDataResults"]
    assert first == {
        "Id": "b",
        "Label": "most",
        "Timestamps": [T0 + 300_000, T0],
        "Values": [10, 5],
        "StatusCode": "Complete",
    }
    assert (second["Label"], second["Values"]) == ("SentMessageSize", [1])
    assert third["Values"] == fourth["Values"] == []
    assert "NextToken" not in result


def test_data_comes_in_pages(busy: Rig) -> None:
    """All pages together are what one page would hold, whichever way they are read."""
    queries = [query("a"), query("none", queue="other"), query("b", "SentMessageSize")]
    for order in ("TimestampAscending", "TimestampDescending"):
        whole = data(busy, *queries, ScanBy=order)["MetricDataResults"]
        for most in (1, 3, 10, 19, 20):
            seen: dict[str, list[tuple[int, float]]] = {"a": [], "none": [], "b": []}
            token: dict[str, str] = {}
            for _ in range(100):
                page = data(busy, *queries, ScanBy=order, MaxDatapoints=most, **token)
                got = 0
                for one in page["MetricDataResults"]:
                    pairs = list(zip(one["Timestamps"], one["Values"], strict=True))
                    seen[one["Id"]] += pairs
                    got += len(pairs)
                assert got <= most
                if "NextToken" not in page:
                    break
                token = {"NextToken": page["NextToken"]}
            expected = {
                one["Id"]: list(zip(one["Timestamps"], one["Values"], strict=True)) for one in whole
            }
            assert seen == expected, (order, most)


@pytest.mark.parametrize("token", ["", "x", "bm8=", "é", "WzEsMiwzXQ=="])
def test_a_token_of_nowhere_is_refused(busy: Rig, token: str) -> None:
    """As is one of another request."""
    page = data(busy, query("a"), MaxDatapoints=1)
    for asked, given in ((query("a"), token), (query("b"), page["NextToken"])):
        with pytest.raises(ServiceError) as seen:
            data(busy, asked, NextToken=given)
        assert seen.value.code == "InvalidNextToken"


def test_another_accounts_metrics_are_forbidden(busy: Rig) -> None:
    """AccountId names the caller's own, or has no data."""
    own, other = data(busy, query("a", AccountId="000000000000"), query("b", AccountId=OTHER))[
        "MetricDataResults"
    ]
    assert (own["StatusCode"], len(own["Values"])) == ("Complete", 10)
    assert (other["StatusCode"], other["Values"]) == ("Forbidden", [])


@pytest.mark.parametrize(
    "queries",
    [
        [],
        [query(f"q{n}") for n in range(501)],
        [query("Upper")],
        [query("a"), query("a")],
        [{"Id": "a"}],
        [{**query("a"), "Expression": "1"}],
        [query("a", period=90)],
        [query("a", stat="Median")],
        [query("a", stat="p101")],
        [query("a", ReturnData=False)],
        [{"Id": "a", "MetricStat": {"Metric": {}, "Period": 60, "Stat": "Sum"}}],
        [{"Id": "a", "Expression": "b"}],
        [{"Id": "a", "Expression": "a + 1"}],
        [{"Id": "a", "Expression": "b + 1"}, {"Id": "b", "Expression": "a + 1"}],
    ],
)
def test_data_refuses(rig: Rig, queries: list[dict[str, Any]]) -> None:
    """What CloudWatch refuses."""
    with pytest.raises(ServiceError) as seen:
        data(rig, *queries)
    assert seen.value.code == "ValidationError"


@pytest.mark.parametrize("changed", [{"EndTime": T0}, {"MaxDatapoints": 100_801}])
def test_data_refuses_spans(rig: Rig, changed: dict[str, int]) -> None:
    """An end before the start, a page that is too large."""
    with pytest.raises(ServiceError) as seen:
        data(rig, query("a"), **changed)
    assert seen.value.code == "ValidationError"


# --- metric math ------------------------------------------------------------------------------

UP = [float(n) for n in range(1, 11)]
FIRST = query("m")
GAPS = query("s", "SentMessageSize", stat="Maximum")


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m", UP),
        ("m + 1", [n + 1 for n in UP]),
        ("2 * m - 1", [2 * n - 1 for n in UP]),
        ("-m ^ 2 / 2", [-(n**2) / 2 for n in UP]),
        ("10 / (m - 1)", [10 / (n - 1) for n in UP[1:]]),
        ("(m - 5) ^ 0.5", [(n - 5) ** 0.5 for n in UP[4:]]),
        ("m * m", [n * n for n in UP]),
        ("m > 5", [float(n > 5) for n in UP]),
        ("m >= 2 AND m < 4 || m == 9", [float(n in (2, 3, 9)) for n in UP]),
        ("ABS(m - 5)", [abs(n - 5) for n in UP]),
        ("CEIL(m / 4)", [-(-n // 4) for n in UP]),
        ("FLOOR(m / 4)", [n // 4 for n in UP]),
        ("LOG10(m) * 0 + LOG(m) * 0", [0.0] * 10),
        ("m - AVG(m)", [n - 5.5 for n in UP]),
        ("m * 0 + SUM(m)", [55.0] * 10),
        ("m * 0 + MAX(m) - MIN(m)", [9.0] * 10),
        ("m * 0 + FIRST(m) + LAST(m)", [11.0] * 10),
        ("m * 0 + DATAPOINT_COUNT(m)", [10.0] * 10),
        ("m * 0 + STDDEV(m) ^ 2", [8.25] * 10),
        ("m / PERIOD(m)", [n / 60 for n in UP]),
        ("DIFF(m)", [1.0] * 9),
        ("RATE(m)", [1 / 60] * 9),
        ("RUNNING_SUM(m)", [sum(UP[: k + 1]) for k in range(10)]),
        ("IF(m > 5, m)", UP[5:]),
        ("IF(m > 5, m, 0)", [n if n > 5 else 0.0 for n in UP]),
        ("IF(m > 5, 1, m)", [1.0 if n > 5 else n for n in UP]),
        ("FILL(m, 0)", [*UP, *[0.0] * 50]),
        ("FILL(m, REPEAT)", [*UP, *[10.0] * 50]),
        ("FILL(IF(m != 5, m), LINEAR) + 0 * m", UP),
        ("TIME_SERIES(7)", [7.0] * 60),
        ("SUM([m, m, m])", [3 * n for n in UP]),
        ("MAX([m, 5 + 0 * m])", [max(n, 5) for n in UP]),
        ("SUM(METRICS()) / METRIC_COUNT(METRICS())", UP),
    ],
)
def test_an_expression(busy: Rig, expression: str, values: list[float]) -> None:
    """Operators, functions, and what has no result at an instant."""
    (found,) = math(busy, expression)
    assert found == pytest.approx(values)


def test_expressions_over_several_metrics(busy: Rig) -> None:
    """Arrays are worked on line by line; METRICS("text") chooses by id."""
    assert math(busy, "METRICS() * 2", query("x"), query("y")) == [[2 * n for n in UP]] * 2
    assert math(busy, 'SUM(METRICS("x"))', query("x1"), query("x2"), query("y")) == [
        [2 * n for n in UP]
    ]
    assert math(busy, "SUM(METRICS())", query("x", queue="other")) == [[]]


def test_expressions_over_expressions(busy: Rig) -> None:
    """In any order."""
    result = data(
        busy,
        {"Id": "b", "Expression": "a * 2", "Label": "twice"},
        {"Id": "a", "Expression": "m + 1", "ReturnData": False},
        query("m", ReturnData=False),
    )
    (one,) = result["MetricDataResults"]
    assert (one["Label"], one["Values"]) == ("twice", [2 * (n + 1) for n in UP])


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "not complete"),
        ("m +", "not complete"),
        ("(m", "not complete"),
        ("m m", "Unexpected 'm'"),
        ("m # 2", "Unexpected character at position 3"),
        ("n + 1", "Unknown id n"),
        ("5", "must return time series"),
        ("AVG(m)", "must return time series"),
        ("1 / 0 + m", "not a number"),
        ("(0 - 8) ^ 0.5 + m", "not a number"),
        ("SEARCH(' {AWS/SQS} ', 'Sum', 60)", "SEARCH is not supported"),
        ("ANOMALY_DETECTION_BAND(m)", "ANOMALY_DETECTION_BAND is not supported"),
        ("METRICS() + METRICS()", "one array"),
        ("FILL(m)", "two arguments"),
        ("FILL(m, METRICS())", "FILL takes"),
        ("ABS(m, m)", "one argument"),
        ("IF(m)", "IF takes"),
        ("PERIOD(5)", "PERIOD takes"),
        ("METRICS(m)", "METRICS takes"),
        ("'text' + m", "only an argument"),
        ("SUM([1, m])", "A number stands"),
        ("(" * 30 + "m" + ")" * 30, "nested too deeply"),
        ("2^" * 30 + "m", "nested too deeply"),
        ("m" + "+1" * 300, "more than 400 parts"),
    ],
)
def test_an_expression_is_refused(busy: Rig, expression: str, reason: str) -> None:
    """By what is wrong with it."""
    with pytest.raises(ServiceError) as seen:
        math(busy, expression)
    assert seen.value.code == "ValidationError"
    assert reason in seen.value.message


@pytest.mark.parametrize(
    "expression",
    [
        "m * 1e308 * 10",
        "SUM([m * 1e308, m * 1e308, m * 1e308])",
        "STDDEV([m * 1e200, m])",
        "CEIL(m) * 1e999",
        "m ^ 1e9",
        "IF(m > AVG(IF(m > 99, m)), 1 / m, m * 0)",
        "m" + "+1" * 190,
        "-" * 300 + "m",
    ],
)
def test_no_expression_breaks_the_server(busy: Rig, expression: str) -> None:
    """What has no finite value has no datapoint."""
    for values in math(busy, expression):
        assert all(abs(value) < 1e309 for value in values)


def test_filling_is_bounded(busy: Rig) -> None:
    """A second's period over a year would be thirty million datapoints."""
    with pytest.raises(ServiceError) as seen:
        data(
            busy,
            query("m", period=1, ReturnData=False),
            {"Id": "e", "Expression": "FILL(m, 0)"},
            StartTime=T0 - 365 * DAY_MS,
        )
    assert "would fill more" in seen.value.message


# --- ListMetrics ------------------------------------------------------------------------------


def listed(rig: Rig, **params: Any) -> list[tuple[str, str]]:
    """ListMetrics, all pages: (queue, metric)."""
    found: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    for _ in range(100):
        page = rig.call("ListMetrics", "cloudwatch", **params, **token)
        for metric in page["Metrics"]:
            assert metric["Namespace"] == "AWS/SQS"
            (dimension,) = metric["Dimensions"]
            assert dimension["Name"] == "QueueName"
            found.append((dimension["Value"], metric["MetricName"]))
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}
    raise AssertionError("the list has no end")


def test_metrics_are_listed_by_queue(rig: Rig) -> None:
    """Those that the kind of queue has, and the size once something was sent."""
    rig.create("a")
    rig.send(rig.create("b"))
    rig.create("c.fifo", None, FifoQueue="true")
    assert listed(rig) == [], "nothing is recorded yet"
    rig.minute()
    names = listed(rig)
    assert [name for queue, name in names if queue == "a"] == ALWAYS
    assert set(names) - {("a", name) for name in ALWAYS} == {
        *(("b", name) for name in [*ALWAYS, "SentMessageSize"]),
        *(("c.fifo", name) for name, one in METRICS.items() if one.kind in ("every", "fifo")),
    }
    assert listed(rig, MetricName="SentMessageSize") == [("b", "SentMessageSize")]
    assert listed(rig, Namespace="AWS/Lambda") == listed(rig, MetricName="x") == []
    one = {"Dimensions": [{"Name": "QueueName", "Value": "a"}]}
    assert listed(rig, **one) == [("a", name) for name in ALWAYS]
    assert len(listed(rig, Dimensions=[{"Name": "QueueName"}])) == len(names)
    assert listed(rig, Dimensions=[{"Name": "FunctionName"}]) == []
    assert rig.call("ListMetrics", "cloudwatch", caller(OTHER))["Metrics"] == []


def test_a_long_list_comes_in_pages(rig: Rig) -> None:
    """Of whole queues, up to 500 metrics."""
    for n in range(120):
        rig.create(f"q{n:03}")
    rig.minute()
    first = rig.call("ListMetrics", "cloudwatch")
    assert 500 - len(ALWAYS) < len(first["Metrics"]) <= 500
    assert len(listed(rig)) == 120 * len(ALWAYS)
    with pytest.raises(ServiceError):
        rig.call("ListMetrics", "cloudwatch", NextToken="é")


def test_metrics_that_are_over_are_not_listed(rig: Rig) -> None:
    """After two weeks; after three hours when only recent ones are wanted."""
    url = rig.create()
    rig.minute()
    rig.pass_to(T0 + 8 * HOUR_MS)
    recent = {"RecentlyActive": "PT3H"}
    assert listed(rig, **recent)
    rig.pass_to(T0 + 10 * HOUR_MS)
    assert listed(rig, **recent) == []
    assert listed(rig)
    rig.now_ms += 15 * DAY_MS
    assert listed(rig) == []
    assert url


def test_linked_accounts(rig: Rig) -> None:
    """There are none: the owner of all that is listed is the caller."""
    rig.create()
    rig.minute()
    result = rig.call("ListMetrics", "cloudwatch", IncludeLinkedAccounts=True)
    assert result["OwningAccounts"] == ["000000000000"] * len(result["Metrics"])
    other = rig.call("ListMetrics", "cloudwatch", IncludeLinkedAccounts=True, OwningAccount=OTHER)
    assert other == {"Metrics": [], "OwningAccounts": []}
    assert rig.refused("ListMetrics", OwningAccount=OTHER)[0] == "InvalidParameterValueException"
