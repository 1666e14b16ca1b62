"""Custom event buses deliver what is published: order, retries, on-failure queues, crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from custom_buses_rig import Buses
from events_world import T0
from stand_ins import answering, failing

from redrive.core.effects import Ran
from redrive.core.time import DAY_MS, HOUR_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Buses]:
    """A world with a bus."""
    made = Buses(tmp_path)
    yield made
    made.close()


def refusing(*numbers: int) -> Any:
    """A function's script that fails for batches that hold one of these numbers."""
    poison = set(numbers)

    def script(batch: Any) -> Ran:
        found = {event["detail"]["n"] for event in batch}
        return failing(batch) if found & poison else answering(None)(batch)

    return script


def test_events_reach_a_queue(world: Buses) -> None:
    """What is published after the subscriber was made arrives, in the envelope."""
    queue = world.queue("q")
    world.put(0)
    world.subscribe(queue)
    assert world.put(1, 2, 3)["FailedEntryCount"] == 0
    bodies = [json.loads(body) for body in world.bodies("q")]
    assert [body["detail"]["n"] for body in bodies] == [1, 2, 3]
    assert {k: bodies[0][k] for k in ("version", "source", "detail-type", "region", "time")} == {
        "version": "0",
        "source": "shop",
        "detail-type": "order",
        "region": "us-east-1",
        "time": "2027-01-15T08:00:00Z",
    }
    assert world.owed() == 0


def test_a_function_gets_batches_within_a_window(world: Buses) -> None:
    """A batch leaves when it is full or when its window ends."""
    batch = {"MaxBatchSize": 3, "MaxBatchWindowInSeconds": 20}
    world.subscribe(world.function(), BatchConfiguration=batch)
    world.put(1, 2, 3, 4)
    assert world.invoked() == [[1, 2, 3]]
    world.pass_s(10)
    world.put(5)
    world.pass_s(9.9)
    assert world.invoked() == [[1, 2, 3]]
    world.pass_s(0.1)
    assert world.invoked() == [[1, 2, 3], [4, 5]]


def test_filters_choose(world: Buses) -> None:
    """Every filter must match, in its scope."""
    filters = [
        {"Scope": "DATA", "Pattern": '{"detail": {"n": [{"numeric": [">", 1]}]}}'},
        {"Scope": "SYSTEM_METADATA", "Pattern": '{"EventGroupId": ["a"]}'},
    ]
    world.subscribe(world.queue("q"), FilterConfiguration={"Filters": filters})
    world.put(1, 2, group="a")
    world.put(3, group="b")
    world.put(4)
    world.put(5, group="a")
    assert world.taken("q") == [2, 5]


def test_retries_are_spent_then_the_event_goes_to_the_queue(world: Buses) -> None:
    """Five retries by default, then one message with what AWS's dead-letter queues say."""
    world.queue("lost")
    world.scripts["worker"] = failing
    function = world.function()
    arn = world.subscribe(
        function,
        LambdaParameters={"InvocationType": "REQUEST_RESPONSE"},
        OnFailureConfiguration={"Arn": "arn:aws:sqs:us-east-1:000000000000:lost"},
    )
    world.put(1, group="g")
    assert len(world.invoked()) == 1
    world.pass_s(299)
    assert len(world.invoked()) == 6
    ((number, told),) = world.given_up_events()
    assert number == 1
    assert told == {
        "SUBSCRIBER_ARN": arn,
        "TARGET_ARN": function,
        "ERROR_CODE": "Unhandled",
        "ERROR_MESSAGE": told["ERROR_MESSAGE"],
        "RETRY_ATTEMPTS": "5",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert "ValueError" in told["ERROR_MESSAGE"]
    assert world.owed() == 0


def test_age_ends_retries_first(world: Buses) -> None:
    """No attempt begins later than the age."""
    lost = world.queue("lost")
    world.subscribe(
        "arn:aws:sqs:us-east-1:000000000000:nowhere",
        RetryPolicy={"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 60},
        OnFailureConfiguration={"Arn": lost},
    )
    world.put(1)
    world.pass_s(60)
    ((_number, told),) = world.given_up_events()
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert 4 <= int(told["RETRY_ATTEMPTS"]) <= 7


def test_a_group_is_in_order_and_alone(world: Buses) -> None:
    """One batch of a group at a time; a head that fails holds its own group only, and not for
    ever.
    """
    lost = world.queue("lost")
    world.scripts["worker"] = refusing(2)
    world.subscribe(
        world.function(),
        Type="FIFO",
        LambdaParameters={"InvocationType": "REQUEST_RESPONSE"},
        BatchConfiguration={"MaxBatchSize": 1},
        RetryPolicy={"MaxRetryAttempts": 2},
        OnFailureConfiguration={"Arn": lost},
    )
    world.put(1, 2, 3, 4, group="a")
    world.put(11, 12, group="b")
    assert sorted(world.invoked()) == [[1], [2], [11], [12]]
    world.pass_s(60)
    of_a = [batch[0] for batch in world.invoked() if batch[0] < 10]
    assert of_a == [1, 2, 2, 2, 3, 4]
    assert [number for number, _told in world.given_up_events()] == [2]
    assert world.owed() == 0


def test_a_long_group_waits_in_the_bus(world: Buses) -> None:
    """Of a group that fails two batches are kept; the others of the bus go on, and then it does."""
    world.scripts["worker"] = failing
    world.subscribe(
        world.function(),
        Type="FIFO",
        LambdaParameters={"InvocationType": "REQUEST_RESPONSE"},
        BatchConfiguration={"MaxBatchSize": 5},
        RetryPolicy={"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 86_400},
    )
    for start in range(0, 600, 100):
        world.put(*range(start, start + 100), group="slow")
    world.put("x", group="fast")
    assert world.owed() == 3
    world.scripts["worker"] = answering(None)
    world.pass_s(1200)
    fast = [batch for batch in world.invoked() if batch == ["x"]]
    assert fast
    numbers = [n for batch in world.invoked() for n in batch if n != "x"]
    seen = list(dict.fromkeys(numbers))
    assert seen == list(range(600))
    assert world.owed() == 0


def test_a_group_goes_to_a_queue_one_by_one(world: Buses) -> None:
    """What a queue refuses of a group is the first of what is left; the rest follows it."""
    lost = world.queue("lost")
    world.subscribe(
        world.queue("q.fifo"),
        Type="FIFO",
        SqsParameters={"MessageGroupId": '{% $events.Data.detail.n = 2 ? " " : "g" %}'},
        RetryPolicy={"MaxRetryAttempts": 1},
        OnFailureConfiguration={"Arn": lost},
    )
    world.put(1, 2, 3, group="a")
    assert world.taken("q.fifo") == [1]
    world.pass_s(10)
    assert world.taken("q.fifo") == [3]
    ((number, told),) = world.given_up_events()
    assert (number, told["RETRY_ATTEMPTS"]) == (2, "1")


def test_what_runs_at_a_time(world: Buses) -> None:
    """Of a group one batch, of groups all, without an order all."""
    world.scripts["worker"] = world.scripts["free"] = lambda _event: None
    one = {"BatchConfiguration": {"MaxBatchSize": 1}}
    wait = {"LambdaParameters": {"InvocationType": "REQUEST_RESPONSE"}}
    world.subscribe(world.function(), "fifo", Type="FIFO", **one, **wait)
    world.subscribe(world.function("free"), "free", **one, **wait)
    world.put(1, 2, 3, group="a")
    world.put(11, 12, group="b")
    assert world.invoked() == [[1], [11]]
    assert world.invoked("free") == [[1], [2], [3], [11], [12]]
    world.held[0](answering(None)({}))
    world.settle()
    assert world.invoked() == [[1], [11], [2]]


def test_a_part_of_a_batch_is_tried_again(world: Buses) -> None:
    """What a queue has taken of a batch is not sent twice."""
    world.subscribe(
        world.queue("q"),
        SqsParameters={"DelaySeconds": '{% $events.Data.detail.n = 2 ? "1000" : "0" %}'},
        RetryPolicy={"MaxRetryAttempts": 2},
    )
    world.put(1, 2, 3)
    world.pass_s(60)
    assert world.taken("q") == [1, 3]
    assert world.owed() == 0


def test_a_dead_target_delays_no_other(world: Buses) -> None:
    """A dead subscriber reads ahead so far and no further; a live one beside it gets everything."""
    world.subscribe(
        "arn:aws:sqs:us-east-1:000000000000:nowhere",
        "dead",
        BatchConfiguration={"MaxBatchSize": 1},
        RetryPolicy={"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 86_400},
    )
    world.subscribe(world.queue("q"), "live")
    for start in range(0, 1200, 100):
        world.put(*range(start, start + 100))
    assert world.taken("q") == list(range(1200))
    assert world.owed() == 1000
    world.queue("nowhere")
    world.pass_s(86_400)
    assert sorted(world.taken("nowhere")) == list(range(1200))


def test_a_replay_begins_and_ends_in_time(world: Buses) -> None:
    """HORIZON has all that is kept, TIMESTAMP what was published from then on, up to EndPoint."""
    for number in range(5):
        world.put(number)
        world.pass_s(60)
    point = {"PointType": "HORIZON"}
    world.subscribe(
        world.queue("all"), "all", StartingPosition="POINT_IN_TIME", PointInTimeConfiguration=point
    )
    point = {"PointType": "TIMESTAMP", "StartingPoint": T0 + 60_000, "EndPoint": T0 + 180_000}
    world.subscribe(
        world.queue("some"),
        "some",
        StartingPosition="POINT_IN_TIME",
        PointInTimeConfiguration=point,
    )
    world.put(5)
    assert world.taken("all") == [0, 1, 2, 3, 4, 5]
    assert world.taken("some") == [1, 2, 3]


def test_events_expire(world: Buses) -> None:
    """What is older than the retention is not replayed, and its rows go."""
    world.put(1)
    world.pass_s(20 * HOUR_MS / 1000)
    world.put(2)
    world.pass_s(5 * HOUR_MS / 1000)
    point = {"PointType": "HORIZON"}
    world.subscribe(
        world.queue("q"), StartingPosition="POINT_IN_TIME", PointInTimeConfiguration=point
    )
    assert world.taken("q") == [2]
    world.pass_s(2 * DAY_MS / 1000)
    assert world.count("custom_events") == 0


def test_a_stopped_subscriber_goes_on(world: Buses) -> None:
    """From where it was, or from now."""
    arn = world.subscribe(world.queue("q"))
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="STOPPED")
    world.put(1)
    world.pass_s(600)
    assert world.taken("q") == []
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="RUNNING")
    assert world.taken("q") == [1]
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="STOPPED")
    world.put(2)
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="RUNNING", ResumePosition="LATEST")
    world.put(3)
    assert world.taken("q") == [3]


def test_stopping_keeps_what_is_owed(world: Buses) -> None:
    """A batch that was being retried waits, and its age begins anew."""
    world.scripts["worker"] = failing
    arn = world.subscribe(world.function(), LambdaParameters={"InvocationType": "REQUEST_RESPONSE"})
    world.put(1)
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="STOPPED")
    world.pass_s(3600)
    assert len(world.invoked()) == 1
    world.scripts["worker"] = answering(None)
    world.ask("UpdateSubscriber", SubscriberArn=arn, State="RUNNING")
    assert world.invoked() == [[1], [1]]
    assert world.owed() == 0


@pytest.mark.parametrize("kind", ["FIFO", "UNORDERED"])
def test_a_crash_costs_a_redelivery(world: Buses, kind: str) -> None:
    """The function has the batch when the process ends: the next one gives it again."""
    world.scripts["worker"] = lambda _event: None
    world.subscribe(
        world.function(),
        Type=kind,
        LambdaParameters={"InvocationType": "REQUEST_RESPONSE"},
        BatchConfiguration={"MaxBatchSize": 2},
    )
    world.put(1, 2, 3, group="a")
    world.scripts["worker"] = answering(None)
    world.crash()
    world.pass_s(60)
    assert {n for batch in world.invoked() for n in batch} == {1, 2, 3}
    assert world.owed() == 0
    world.crash()
    world.put(4, group="a")
    assert world.invoked()[-1] == [4]


@pytest.mark.parametrize("target", ["q.fifo", "worker"])
def test_crashes_everywhere_lose_nothing(world: Buses, target: str) -> None:
    """At whichever commit the process ends, what was acknowledged arrives in its group's order."""
    lost = world.queue("lost")
    world.subscribe(
        world.queue(target) if target == "q.fifo" else world.function(),
        Type="FIFO",
        BatchConfiguration={"MaxBatchSize": 2},
        OnFailureConfiguration={"Arn": lost},
    )
    acknowledged = [n for n in range(36) if world.put_and_crash(n % 9, n, "a")]
    assert len(acknowledged) == 32
    world.pass_s(600)
    if target == "q.fifo":
        arrived = world.taken("q.fifo")
    else:
        arrived = list(dict.fromkeys(n for batch in world.invoked() for n in batch))
    assert arrived == acknowledged
    assert world.given_up_events() == []
    assert world.owed() == 0


def test_a_transformer_makes_the_message(world: Buses) -> None:
    """JSONata, and the event with its metadata."""
    expression = '{% {"id": $events.Data.detail.n, "at": $now()} %}'
    world.subscribe(
        world.queue("made"),
        "made",
        Transformer={"Type": "JSONATA", "JsonataConfiguration": {"Expression": expression}},
    )
    world.subscribe(world.queue("whole"), "whole", Transformer={"Type": "WITH_METADATA"})
    entry = {
        "Data": b"\x00\x01",
        "Metadata": {"k": "v"},
        "SystemMetadata": {"ContentType": "application/octet-stream", "EventGroupId": "g"},
    }
    world.put(7)
    world.ask("PutRawEvents", EventBusArn=world.bus, Entries=[entry])
    made = [json.loads(body) for body in world.bodies("made")]
    assert made[0] == {"id": 7, "at": "2027-01-15T08:00:00.000Z"}
    raw = json.loads(world.bodies("whole")[1])
    assert (raw["Data"], raw["Metadata"]) == ("AAE=", {"k": "v"})
    assert raw["SystemMetadata"]["EventGroupId"] == "g"


def test_what_cannot_be_transformed_is_given_up_at_once(world: Buses) -> None:
    """The others of its batch are delivered."""
    lost = world.queue("lost")
    expression = '{% $events.Data.detail.n = 2 ? $error("not two") : $events.Data.detail.n %}'
    world.subscribe(
        world.function(),
        Transformer={"Type": "JSONATA", "JsonataConfiguration": {"Expression": expression}},
        OnFailureConfiguration={"Arn": lost},
    )
    world.put(1, 2, 3)
    assert world.events() == [[1, 3]]
    ((number, told),) = world.given_up_events()
    assert (number, told["ERROR_CODE"]) == (2, "INVALID_TRANSFORMATION")
    assert "not two" in told["ERROR_MESSAGE"]


def test_a_bus_forwards_to_another(world: Buses) -> None:
    """With its data, its group, and metadata of the subscriber's making."""
    other = world.ask("CreateEventBus", Name="second")["EventBusArn"]
    world.subscribe(
        other,
        "bridge",
        EventBusV2Parameters={
            "Metadata": {"n": "{% $events.Data.detail.n %}"},
            "SystemMetadata": {"DeduplicationId": "{% $events.SystemMetadata.EventId %}"},
        },
    )
    first, world.bus = world.bus, other
    world.subscribe(world.queue("q"), "end", Transformer={"Type": "WITH_METADATA"})
    world.bus = first
    world.put(1, group="g")
    (body,) = [json.loads(text) for text in world.bodies("q")]
    assert body["Metadata"] == {"n": "1"}
    assert body["Data"]["detail"] == {"n": 1}
    assert body["SystemMetadata"]["EventGroupId"] == "g"


def test_a_universal_target_is_any_operation(world: Buses) -> None:
    """Its input is JSON with expressions."""
    world.queue("q")
    asked = {"QueueUrl": "q", "MessageBody": "{% 'n is ' & $events.Data.detail.n %}"}
    world.subscribe(
        "arn:aws:events:::aws-sdk:sqs:sendMessage",
        UniversalTargetParameters={"Input": json.dumps(asked)},
    )
    world.put(1, 2)
    assert world.bodies("q") == ["n is 1", "n is 2"]


def test_a_topic_and_an_endpoint(world: Buses) -> None:
    """SNS gets a notification an event, an API destination a request."""
    topic = world.call("sns", "CreateTopic", Name="t")["TopicArn"]
    world.call(
        "sns",
        "Subscribe",
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=world.queue("q"),
        Attributes={"RawMessageDelivery": "true"},
    )
    connection = world.call(
        "events",
        "CreateConnection",
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "v"}},
    )["ConnectionArn"]
    endpoint = world.call(
        "events",
        "CreateApiDestination",
        Name="d",
        ConnectionArn=connection,
        InvocationEndpoint="https://example.com/orders/*",
        HttpMethod="POST",
    )["ApiDestinationArn"]
    subject = {"Subject": "{% 'n ' & $events.Data.detail.n %}"}
    world.subscribe(topic, "topic", SnsParameters=subject)
    path = {"PathParameterValues": ["{% $events.Data.detail.n %}"]}
    world.subscribe(endpoint, "http", HttpParameters=path)
    world.put(1, 2)
    assert world.taken("q") == [1, 2]
    assert [fetch.url for fetch in world.fetches] == [
        "https://example.com/orders/1",
        "https://example.com/orders/2",
    ]
    assert json.loads(world.fetches[0].body)["detail"] == {"n": 1}


def test_an_expression_that_does_not_end_hangs_nobody(world: Buses) -> None:
    """It is ended by its steps, and the event is given up."""
    lost = world.queue("lost")
    expression = "{% ($f := function($n) { $f($n + 1) }; $f(1)) %}"
    world.subscribe(
        world.queue("q"),
        Transformer={"Type": "JSONATA", "JsonataConfiguration": {"Expression": expression}},
        OnFailureConfiguration={"Arn": lost},
    )
    world.put(1)
    ((_number, told),) = world.given_up_events()
    assert "steps" in told["ERROR_MESSAGE"]


def test_deliveries_are_counted(world: Buses) -> None:
    """By the subscriber's name, in AWS/Events."""
    world.subscribe(world.queue("q"))
    world.put(1, 2)
    world.pass_s(120)
    assert world.metric("Invocations", SubscriberName="reader") == 2
    assert world.metric("PutEventsEntriesCount", EventBusName="orders") == 2
