"""AWS/Lambda: what each run, refusal and note becomes, under which dimensions, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from metrics_rig import ACCOUNT, DAY_MS, HOUR_MS, REGION, T0, Rig
from stand_ins import caller

from redrive.core.effects import Environment, Ran, Run
from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, Millis
from redrive.services.metrics import lambdas
from redrive.services.metrics.exposition import write
from redrive.services.metrics.gatherer import CELLS_MAX, Gatherer
from redrive.services.metrics.lambdas import LambdaTally, MappingTally, named
from redrive.services.metrics.model import Named, Number, SetRow
from redrive.services.metrics.spreads import VALUES_MAX

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"


class Target(NamedTuple):
    """A function as the functions service names it."""

    name: str = "orders"
    qualifier: str | None = None
    account: str = ACCOUNT
    region: str = REGION


def environment(version: str = "$LATEST", name: str = "orders") -> Environment:
    """An environment of a function."""
    arn = FUNCTION.replace("orders", name)
    return Environment(
        arn if version == "$LATEST" else f"{arn}:{version}",
        name,
        version,
        "1",
        "python3.12",
        "app.handler",
        "/code",
        Millis(3_000),
        128,
        ACCOUNT,
        REGION,
    )


class Scene:
    """A rig with functions that run for as long as a test says."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.tally = LambdaTally(rig.room.gatherer)
        self._waiting: list[Callable[[Ran], None]] = []
        self._run = self.tally.watched_runs(
            lambda _run, done: self._waiting.append(done), lambda: rig.now_ms
        )

    def begin(self, invoked_arn: str | None = None, version: str = "$LATEST") -> None:
        """Begin a run."""
        run = Run(environment(version), "r", b"{}", Millis(0), invoked_arn=invoked_arn)
        self._run(run, lambda _ran: None)

    def end(self, duration_ms: float = 10.0, error: str | None = None) -> None:
        """Let the oldest run end."""
        self._waiting.pop(0)(Ran(b"", error, duration_ms=duration_ms))

    def run(self, *durations_ms: float, error: str | None = None, **run: Any) -> None:
        """Begin and end runs, one after another."""
        for duration_ms in durations_ms:
            self.begin(**run)
            self.end(duration_ms, error)

    def get(
        self, name: str, statistic: str = "Sum", at_ms: int | None = None, /, **dimensions: str
    ) -> float | None:
        """Return one statistic of a minute, by default of the one that has just ended."""
        start_ms = self.rig.now_ms - MINUTE_MS if at_ms is None else at_ms
        which = "Statistics" if not statistic.startswith("p") else "ExtendedStatistics"
        (point,) = self.rig.call(
            "GetMetricStatistics",
            "cloudwatch",
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=start_ms,
            EndTime=start_ms + MINUTE_MS,
            Period=60,
            **{which: [statistic]},
        )["Datapoints"] or [None]
        if point is None:
            return None
        value: float = (
            point[statistic] if which == "Statistics" else (point["ExtendedStatistics"][statistic])
        )
        return value


@pytest.fixture
def scene(rig: Rig) -> Scene:
    """A fresh server."""
    return Scene(rig)


def test_runs(scene: Scene) -> None:
    """Invocations, errors and durations of a minute, by function and for the account."""
    scene.run(10, 20, 30)
    scene.run(40, error="Unhandled")
    scene.rig.minute()
    for dimensions in ({}, {"FunctionName": "orders"}):
        assert scene.get("Invocations", **dimensions) == 4
        assert scene.get("Errors", **dimensions) == 1
        assert scene.get("Errors", "SampleCount", **dimensions) == 4, "the average is the rate"
        assert scene.get("Throttles", **dimensions) == 0
        assert scene.get("Duration", "Average", **dimensions) == 25
        assert scene.get("Duration", "p50", **dimensions) == 20
        assert scene.get("Duration", "p99", **dimensions) == 40
    assert scene.get("Invocations", FunctionName="others") is None


@pytest.mark.parametrize(
    ("invoked", "version", "resource", "has_executed"),
    [
        (None, "$LATEST", "orders", False),
        (f"{FUNCTION}:$LATEST", "$LATEST", "orders:$LATEST", False),
        (f"{FUNCTION}:3", "3", "orders:3", False),
        (f"{FUNCTION}:live", "3", "orders:live", True),
    ],
)
def test_dimensions(
    scene: Scene, invoked: str | None, version: str, resource: str, has_executed: bool
) -> None:
    """Resource is what was asked for; an alias has what ran beside it."""
    scene.run(10, invoked_arn=invoked, version=version)
    scene.rig.minute()
    both = {"FunctionName": "orders", "Resource": resource}
    assert scene.get("Invocations", **both) == 1
    executed = scene.get("Invocations", **both, ExecutedVersion=version)
    assert executed == (1 if has_executed else None)
    listed = scene.rig.call(
        "ListMetrics",
        "cloudwatch",
        Namespace="AWS/Lambda",
        Dimensions=[{"Name": "ExecutedVersion"}],
    )
    assert bool(listed["Metrics"]) == has_executed


def test_a_run_counts_where_it_began(scene: Scene) -> None:
    """A run that ends minutes later is one of the minute in which it began."""
    scene.begin()
    began_ms = scene.rig.minute()
    scene.rig.minute()
    scene.end(90_000)
    scene.rig.minute()
    assert scene.get("Invocations", "Sum", began_ms, FunctionName="orders") == 1
    assert scene.get("Duration", "Maximum", began_ms, FunctionName="orders") == 90_000
    assert scene.get("Invocations", FunctionName="orders") is None


def test_concurrency(scene: Scene) -> None:
    """The most that ran at once, and those that go on through a minute without a new one."""
    scene.tally.unreserved = lambda _account, _region: 7
    for _ in range(3):
        scene.begin()
    scene.end()
    scene.rig.minute()
    assert scene.get("ConcurrentExecutions", "Maximum", FunctionName="orders") == 3
    assert scene.get("UnreservedConcurrentExecutions", "Maximum") == 7
    scene.rig.minute()
    assert scene.get("ConcurrentExecutions", "Maximum", FunctionName="orders") == 2
    assert scene.get("ConcurrentExecutions", "Maximum") == 2


def test_names_that_are_let_go_count_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of names those that do not run are forgotten; none that runs is lost."""
    monkeypatch.setattr(lambdas, "TOTALS_MAX", 2)
    scene.begin(f"{FUNCTION}:live")
    for number in range(5):
        scene.begin(f"{FUNCTION}:a{number}")
    for _ in range(5):
        scene.begin()
    scene.rig.minute()
    for _ in range(11):
        scene.end()
    scene.run(1)
    scene.rig.minute()
    began_ms = scene.rig.now_ms - 2 * MINUTE_MS
    assert scene.get("Invocations", "Sum", began_ms, FunctionName="orders") == 11
    assert scene.get("Invocations", FunctionName="orders") == 1
    scene.rig.minute()
    scene.run(1)
    scene.rig.minute()
    assert scene.get("Invocations", FunctionName="orders") == 1
    assert scene.get("ConcurrentExecutions", "Maximum", FunctionName="orders") == 1


def test_throttles_are_neither_invocations_nor_errors(scene: Scene) -> None:
    """What Invoke refuses for want of room is a throttle; other refusals are nothing."""
    refusals = ["TooManyRequestsException", "ResourceNotFoundException"]

    def refuse(_tx: Any, _params: Any, _context: Any) -> Any:
        raise ServiceError(refusals.pop(0), "no")

    watched = scene.tally.watched_invoke(refuse)
    scene.rig.registry.add("lambda", {"Invoke": watched})
    for _ in range(2):
        with pytest.raises(ServiceError, match="no"):
            scene.rig.call("Invoke", "lambda", FunctionName=FUNCTION, Qualifier="live")
    scene.rig.minute()
    assert scene.get("Throttles", FunctionName="orders", Resource="orders:live") == 1
    assert scene.get("Invocations", FunctionName="orders") is None
    assert scene.get("Errors", FunctionName="orders") is None


def test_notes(scene: Scene) -> None:
    """What the functions service counts about asynchronous events, and what mappings count."""
    note = scene.tally.note
    store = scene.rig.store
    store.transact(lambda tx: note(tx, "AsyncEventAge", Target(), 50, scene.rig.now_ms))
    store.transact(
        lambda tx: note(tx, "AsyncEventsDropped", Target(qualifier="live"), 1, scene.rig.now_ms)
    )
    MappingTally(scene.rig.room.gatherer).count(
        ACCOUNT, REGION, "some-uuid", "PolledEventCount", 10, scene.rig.now_ms
    )
    scene.rig.minute()
    assert scene.get("AsyncEventAge", "Maximum", FunctionName="orders") == 50
    assert scene.get("AsyncEventsDropped", FunctionName="orders", Resource="orders:live") == 1
    assert scene.get("PolledEventCount", EventSourceMappingUUID="some-uuid") == 10


def test_units(scene: Scene) -> None:
    """Durations are told in milliseconds, and not in any other unit."""
    scene.run(10)
    scene.rig.minute()
    asked = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Duration",
        "StartTime": scene.rig.now_ms - MINUTE_MS,
        "EndTime": scene.rig.now_ms,
        "Period": 60,
        "Statistics": ["Sum"],
    }
    (point,) = scene.rig.call("GetMetricStatistics", "cloudwatch", **asked)["Datapoints"]
    assert point["Unit"] == "Milliseconds"
    empty = scene.rig.call("GetMetricStatistics", "cloudwatch", **asked, Unit="Count")
    assert empty["Datapoints"] == []


def test_accounts_are_apart(scene: Scene) -> None:
    """Another account, and another region, see nothing of it."""
    scene.run(10)
    scene.rig.minute()
    for who in (caller("111122223333"), caller(region="eu-west-1")):
        assert scene.rig.call("ListMetrics", "cloudwatch", who)["Metrics"] == []


def test_metric_data(scene: Scene) -> None:
    """GetMetricData takes percentiles of durations, and expressions over them."""
    scene.run(*range(1, 101))
    scene.rig.minute()
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Duration",
        "Dimensions": [{"Name": "FunctionName", "Value": "orders"}],
    }
    result = scene.rig.call(
        "GetMetricData",
        "cloudwatch",
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p90"}},
            {"Id": "e", "Expression": "m * 2"},
        ],
        StartTime=scene.rig.now_ms - MINUTE_MS,
        EndTime=scene.rig.now_ms,
    )
    values = {one["Id"]: one["Values"] for one in result["MetricDataResults"]}
    assert values == {"m": [90.0], "e": [180.0]}


def test_many_durations_take_little_room(scene: Scene) -> None:
    """However many differ, a percentile is near the truth."""
    scene.run(*(1 + n / 10 for n in range(20_000)))
    scene.rig.minute()
    told = scene.get("Duration", "p50", FunctionName="orders")
    assert told == pytest.approx(1_001, rel=0.06)
    assert scene.get("Duration", "SampleCount", FunctionName="orders") == 20_000
    found: list[Named] = scene.rig.read(
        lambda tx: tx.rows(Named, "metrics.metrics_after", after=0, limit=-1)
    )
    rows: list[SetRow] = [
        scene.rig.read(
            lambda tx, metric=metric: tx.one(
                SetRow,
                "metrics.point",
                metric=metric.id,
                period_ms=MINUTE_MS,
                at_ms=scene.rig.now_ms - MINUTE_MS,
            )
        )
        for metric in found
        if metric.name == "Duration"
    ]
    assert [len(json.loads(row.spread or "")) <= VALUES_MAX for row in rows] == [True] * 3


def test_a_stop_keeps_the_minute_and_a_crash_costs_it(rig: Rig) -> None:
    """A server that stops in order writes what its minute has; the next one adds to that."""
    scene = Scene(rig)
    scene.run(10)
    rig.dispatch.drain()
    rig.settle()
    rig.crash()
    again = Scene(rig)
    again.run(20)
    rig.minute()
    assert again.get("Duration", FunctionName="orders") == 30


def test_rolling_up(scene: Scene) -> None:
    """After 15 days it is five minutes, after 63 an hour, after 455 nothing, percentiles kept."""
    began_ms = scene.rig.now_ms
    scene.run(10, 20)
    scene.rig.minute()
    scene.run(30)
    scene.rig.minute()

    def told(period_s: int) -> list[dict[str, Any]]:
        result = scene.rig.call(
            "GetMetricStatistics",
            "cloudwatch",
            Namespace="AWS/Lambda",
            MetricName="Duration",
            Dimensions=[{"Name": "FunctionName", "Value": "orders"}],
            StartTime=began_ms,
            EndTime=began_ms + HOUR_MS,
            Period=period_s,
            ExtendedStatistics=["p50"],
        )
        return [point["ExtendedStatistics"]["p50"] for point in result["Datapoints"]]

    assert told(60) == [10, 30]
    for age_ms, minutes, fives, hours in (
        (15 * DAY_MS + HOUR_MS, [], [20], [20]),
        (63 * DAY_MS + HOUR_MS, [], [], [20]),
        (455 * DAY_MS + HOUR_MS, [], [], []),
    ):
        scene.rig.now_ms = Millis(T0 + age_ms)
        scene.rig.wait(2 * 3_600)
        assert (told(60), told(300), told(3_600)) == (minutes, fives, hours)
    assert scene.rig.call("ListMetrics", "cloudwatch")["Metrics"] == []
    assert scene.rig.read(lambda tx: tx.one(Number, "metrics.points")).value == 0


def test_reset(scene: Scene) -> None:
    """ResetAccount takes what is written and what is gathered."""
    scene.run(10)
    scene.rig.minute()
    scene.run(10)
    scene.rig.call("ResetAccount", "cloudwatch")
    scene.rig.minute()
    assert scene.rig.read(lambda tx: tx.one(Number, "metrics.points")).value == 0
    assert scene.rig.call("ListMetrics", "cloudwatch")["Metrics"] == []


def test_what_is_gathered_is_bounded() -> None:
    """Beyond a number of metrics, what is new is dropped, and that is told."""
    gatherer = Gatherer()
    for n in range(CELLS_MAX + 3):
        gatherer.count((ACCOUNT, REGION), "own", str(n), (), 1, T0)
    assert gatherer.dropped == 3
    assert len(gatherer.take(Millis(T0), CELLS_MAX * 2, is_last=True)) == CELLS_MAX
    assert gatherer.take(Millis(T0), 1, is_last=True) == []


def test_prometheus(scene: Scene) -> None:
    """The same at once, as redrive_lambda_…, of one account or of all."""
    scene.run(10, 20)
    scene.begin()
    page = write(scene.tally.families(None))
    where = f'{{function="orders",account="{ACCOUNT}",region="{REGION}"}}'
    assert f"redrive_lambda_invocations_total{where} 2\n" in page
    assert f"redrive_lambda_duration_milliseconds_total{where} 30" in page
    assert f"redrive_lambda_concurrent{where} 1\n" in page
    assert "orders" not in write(scene.tally.families("111122223333"))
    scene.rig.room.families.append(scene.tally.families)
    scraped = scene.rig.call("Scrape", "cloudwatch", Figures=[], Account=None)["Text"].decode()
    assert f"redrive_lambda_invocations_total{where} 2\n" in scraped


@pytest.mark.parametrize(
    ("function", "qualifier", "resource"),
    [
        ("orders", None, "orders"),
        ("orders:live", None, "orders:live"),
        ("orders", "live", "orders:live"),
        (FUNCTION, "3", "orders:3"),
        (f"{FUNCTION}:live", None, "orders:live"),
        (f"{ACCOUNT}:function:orders", None, "orders"),
    ],
)
def test_names(function: str, qualifier: str | None, resource: str) -> None:
    """A function may be named in each of Lambda's ways."""
    asked = named(ACCOUNT, REGION, function, qualifier)
    assert (asked.name, asked.resource) == ("orders", resource)
