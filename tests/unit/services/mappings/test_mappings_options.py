"""Options of mappings that change how they work: pollers, metrics, versions and aliases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mappings_world import FUNCTION_ARN, REPORTS, World, reserve, update
from stand_ins import answering, failing

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError
from redrive.services.mappings.tally import NAMES

PROVISIONED = {"MinimumPollers": 3, "MaximumPollers": 5}


# --- provisioned pollers ------------------------------------------------------------------------


@pytest.mark.parametrize(("after_s", "running"), [(0, 30), (0.6, 40), (60, 50)])
def test_provisioned_pollers_hold_ten_invocations_each(
    world: World, after_s: float, running: int
) -> None:
    """3 pollers begin with 30, 1,000 more a minute come while there is a backlog, 5 end at 50."""
    uuid = world.ready(
        {"VisibilityTimeout": 3_600},
        Enabled=False,
        BatchSize=1,
        ProvisionedPollerConfig=PROVISIONED,
    )
    world.send(*map(str, range(80)))
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    world.pass_s(after_s)
    assert len(world.held) == running


def test_failures_do_not_take_provisioned_pollers_away(world: World) -> None:
    """Thirty failed batches leave thirty slots."""
    uuid = world.ready(Enabled=False, BatchSize=1, ProvisionedPollerConfig=PROVISIONED)
    world.send(*map(str, range(70)))
    world.scripts["worker"] = lambda _event: None
    update(world, uuid, Enabled=True)
    held, world.held = world.held, []
    for ended in held:
        ended(failing(None))
    world.settle()
    assert len(world.held) == 30


def test_provisioned_pollers_are_shown_completed_and_taken_away(world: World) -> None:
    """A member that is not given is AWS's default, or stays; {} ends the provisioned mode."""
    uuid = world.ready(ProvisionedPollerConfig={"MaximumPollers": 20})
    shown = world.mapping(uuid)["ProvisionedPollerConfig"]
    assert shown == {"MinimumPollers": 2, "MaximumPollers": 20}
    update(world, uuid, ProvisionedPollerConfig={"MinimumPollers": 7})
    shown = world.mapping(uuid)["ProvisionedPollerConfig"]
    assert shown == {"MinimumPollers": 7, "MaximumPollers": 20}
    update(world, uuid, ProvisionedPollerConfig={})
    assert "ProvisionedPollerConfig" not in world.mapping(uuid)
    update(world, uuid, ProvisionedPollerConfig={"MinimumPollers": 3})
    assert world.mapping(uuid)["ProvisionedPollerConfig"]["MaximumPollers"] == 200


@pytest.mark.parametrize(
    ("before", "change", "text"),
    [
        (
            {"ScalingConfig": {"MaximumConcurrency": 5}},
            {"ProvisionedPollerConfig": PROVISIONED},
            "MaximumConcurrency and ProvisionedPollerConfig cannot be used together.",
        ),
        (
            {"ProvisionedPollerConfig": PROVISIONED},
            {"ScalingConfig": {"MaximumConcurrency": 5}},
            "MaximumConcurrency and ProvisionedPollerConfig cannot be used together.",
        ),
        (
            {},
            {"ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 8}},
            "MinimumPollers must be less than or equal to MaximumPollers.",
        ),
    ],
)
def test_pollers_and_a_maximum_exclude_each_other(
    world: World, before: dict[str, Any], change: dict[str, Any], text: str
) -> None:
    """By an update as by a creation; nothing is changed."""
    uuid = world.ready(**before)
    shown = world.mapping(uuid)
    error = world.reply("lambda", "UpdateEventSourceMapping", UUID=uuid, **change).error
    assert isinstance(error, ServiceError)
    assert (error.code, error.message) == ("InvalidParameterValueException", text)
    assert world.mapping(uuid) == shown
    both = {"EventSourceArn": shown["EventSourceArn"], "FunctionName": "worker"}
    error = world.reply("lambda", "CreateEventSourceMapping", **both, **before, **change).error
    assert isinstance(error, ServiceError)
    assert error.message == text


# --- metrics ------------------------------------------------------------------------------------


class Book:
    """Keeps what is counted."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.of: set[tuple[str, str, str]] = set()
        self.latest_ms = 0

    def count(
        self, account: str, region: str, uuid: str, name: str, amount: int, at_ms: int
    ) -> None:
        """Add."""
        assert amount > 0
        assert name in NAMES
        assert at_ms >= self.latest_ms
        self.totals[name] += amount
        self.of.add((account, region, uuid))
        self.latest_ms = at_ms


COUNTED = {"Metrics": ["EventCount"]}


@pytest.fixture
def book() -> Book:
    """A book."""
    return Book()


@pytest.fixture
def counted(tmp_path: Path, book: Book) -> Any:
    """A world whose poller tells the book."""
    made = World(tmp_path / "counted", tally=book)
    yield made
    made.store.close()


def test_every_event_is_counted_under_its_name(counted: World, book: Book) -> None:
    """Six polled, two filtered out, four invoked of which one failed: three deleted."""
    uuid = counted.ready(
        FunctionResponseTypes=REPORTS,
        MetricsConfig=COUNTED,
        FilterCriteria={"Filters": [{"Pattern": '{"body":[{"prefix":"in"}]}'}]},
        Enabled=False,
    )

    def fail_one(event: Any) -> Ran:
        failed = [r["messageId"] for r in event["Records"] if r["body"] == "in-2"]
        return answering({"batchItemFailures": [{"itemIdentifier": i} for i in failed]})(event)

    counted.scripts["worker"] = fail_one
    counted.send("in-1", "in-2", "in-3", "in-4", "out-1", "out-2")
    update(counted, uuid, Enabled=True)
    assert book.totals == {
        "PolledEventCount": 6,
        "FilteredOutEventCount": 2,
        "InvokedEventCount": 4,
        "FailedInvokeEventCount": 1,
        "DeletedEventCount": 3,
    }
    assert book.of == {("000000000000", "us-east-1", uuid)}
    counted.scripts["worker"] = answering(None)
    counted.pass_s(30)
    assert book.totals["PolledEventCount"] == 7
    assert book.totals["DeletedEventCount"] == 4


def test_each_try_of_a_throttled_batch_is_counted(counted: World, book: Book) -> None:
    """InvokedEventCount counts events once more for each try; the failed tries failed."""
    counted.ready(MetricsConfig=COUNTED)
    reserve(counted, 0)
    counted.send("a")
    counted.pass_s(2)
    reserve(counted, 5)
    counted.pass_s(2)
    assert book.totals == {
        "PolledEventCount": 1,
        "InvokedEventCount": 3,
        "FailedInvokeEventCount": 2,
        "DeletedEventCount": 1,
    }


def test_only_mappings_that_ask_for_metrics_are_counted(counted: World, book: Book) -> None:
    """MetricsConfig is shown; without it, or once it is empty, nothing is told."""
    uuid = counted.ready()
    counted.send("a")
    assert book.totals == {}
    assert "MetricsConfig" not in counted.mapping(uuid)
    update(counted, uuid, MetricsConfig=COUNTED)
    assert counted.mapping(uuid)["MetricsConfig"] == COUNTED
    counted.send("b")
    assert book.totals["PolledEventCount"] == 1
    update(counted, uuid, MetricsConfig={"Metrics": []})
    counted.send("c")
    assert book.totals["PolledEventCount"] == 1


# --- versions and aliases -----------------------------------------------------------------------


def test_a_mapping_of_an_alias_invokes_what_the_alias_means(world: World) -> None:
    """Its FunctionArn is the alias's; the version that it names at that moment runs."""
    world.queue()
    world.function()
    world.call("lambda", "PublishVersion", FunctionName="worker")
    world.call("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    made = world.map(function="worker:live")
    assert made["FunctionArn"] == f"{FUNCTION_ARN}:live"
    world.send("a")
    assert [params["FunctionName"] for params in world.asked("Invoke")] == [f"{FUNCTION_ARN}:live"]
    assert [run.environment.version for run in world.runs] == ["1"]
    assert world.counts() == (0, 0)


def test_function_version_and_alias_are_three_pairs_with_one_queue(world: World) -> None:
    """Each may have a mapping, a second one of the same is a duplicate; lists tell them apart."""
    world.queue()
    world.function()
    world.call("lambda", "PublishVersion", FunctionName="worker")
    world.call("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    for name in ("worker", "worker:1", "worker:live"):
        world.map(function=name, Enabled=False)
        error = world.reply(
            "lambda",
            "CreateEventSourceMapping",
            EventSourceArn=world.asked("CreateEventSourceMapping")[-1]["EventSourceArn"],
            FunctionName=name,
        ).error
        assert isinstance(error, ServiceError)
        assert error.code == "ResourceConflictException"
        listed = world.call("lambda", "ListEventSourceMappings", FunctionName=name)
        (found,) = listed["EventSourceMappings"]
        assert found["FunctionArn"] == FUNCTION_ARN + name.removeprefix("worker")


def test_a_mapping_moves_to_a_version_and_checks_its_timeout(world: World) -> None:
    """The version's own timeout counts against the queue's visibility timeout."""
    uuid = world.ready()
    world.call("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=60)
    world.call("lambda", "PublishVersion", FunctionName="worker")
    world.call("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=3)
    change = {"UUID": uuid, "FunctionName": "worker:1"}
    error = world.reply("lambda", "UpdateEventSourceMapping", **change).error
    assert isinstance(error, ServiceError)
    assert error.message == (
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    )
    error = world.reply(
        "lambda", "UpdateEventSourceMapping", UUID=uuid, FunctionName="worker:nobody"
    ).error
    assert isinstance(error, ServiceError)
    assert error.message == "Function does not exist"
