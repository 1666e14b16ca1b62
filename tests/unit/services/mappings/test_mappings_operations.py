"""Event source mapping operations: what they answer, refuse and keep."""

from __future__ import annotations

from typing import Any

import pytest
from mappings_world import ACCOUNT, CALLER, FUNCTION_ARN, QUEUE_ARN, T0, World

from redrive.core.effects import Caller
from redrive.core.errors import ServiceError, Unavailable

OTHER = Caller("111122223333", "us-east-1", "arn:aws:iam::111122223333:root", "111122223333")


def refused(world: World, operation: str, /, **params: Any) -> ServiceError:
    """Return the error of an operation that must fail."""
    error = world.reply("lambda", operation, **params).error
    assert isinstance(error, ServiceError)
    return error


def test_a_mapping_is_creating_and_then_enabled(world: World) -> None:
    """Create answers AWS's configuration with State Creating; the poller brings it to Enabled."""
    world.queue()
    world.function()
    made = world.map(
        BatchSize=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 7},
    )
    uuid = made["UUID"]
    assert made == {
        "UUID": uuid,
        "BatchSize": 5,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": QUEUE_ARN,
        "FunctionArn": FUNCTION_ARN,
        "LastModified": T0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 7},
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:{uuid}",
    }
    assert world.mapping(uuid) == {**made, "State": "Enabled"}


def test_defaults_are_ten_messages_and_no_window(world: World) -> None:
    """BatchSize 10, window 0; what was not set is not shown."""
    shown = world.mapping(world.ready())
    assert (shown["BatchSize"], shown["MaximumBatchingWindowInSeconds"]) == (10, 0)
    assert not {"FunctionResponseTypes", "ScalingConfig", "LastProcessingResult"} & shown.keys()


def test_a_mapping_that_is_made_disabled_becomes_disabled(world: World) -> None:
    """Enabled false: Creating, then Disabled, and nothing is received."""
    uuid = world.ready(Enabled=False)
    assert world.mapping(uuid)["State"] == "Disabled"
    world.send("a")
    assert world.counts() == (1, 0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"EventSourceArn": None}, "Unrecognized event source."),
        ({"EventSourceArn": "arn:aws:s3:::bucket"}, "Unrecognized event source."),
        ({"EventSourceArn": "orders"}, "Unrecognized event source."),
        (
            {"EventSourceArn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s"},
            "Event sources of kinesis are not supported by this server: a source is a queue.",
        ),
        (
            {"EventSourceArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders"},
            "The queue's region (eu-west-1) is not the function's region (us-east-1).",
        ),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        (
            {"EventSourceArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere"},
            "Error occurred while ReceiveMessage. SQS Error Code:"
            " AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does"
            " not exist.",
        ),
        (
            {"EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:theirs"},
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
        ),
        (
            {"BatchSize": 11},
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10",
        ),
        (
            {"FunctionName": "slow"},
            "Queue visibility timeout: 30 seconds is less than Function timeout: 900 seconds",
        ),
        (
            {"Tags": {str(n): "" for n in range(51)}},
            "Number of tags exceeds resource tag limit.",
        ),
    ],
)
def test_create_refuses_in_awss_words(world: World, params: dict[str, Any], message: str) -> None:
    """Each of AWS's create errors has its captured text and changes nothing."""
    world.queue()
    world.call("sqs", "CreateQueue", OTHER, QueueName="theirs")
    world.function()
    world.function("slow", Timeout=900)
    given = {"EventSourceArn": QUEUE_ARN, "FunctionName": "worker", **params}
    error = refused(world, "CreateEventSourceMapping", **given)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert error.message == message
    assert world.call("lambda", "ListEventSourceMappings") == {"EventSourceMappings": []}


def test_one_pair_has_one_mapping(world: World) -> None:
    """A second one is a 409 with AWS's text, whatever form the function's name has."""
    uuid = world.ready()
    error = refused(
        world, "CreateEventSourceMapping", EventSourceArn=QUEUE_ARN, FunctionName=FUNCTION_ARN
    )
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert error.message == (
        f'An event source mapping with SQS arn (" {QUEUE_ARN} " ) and function (" worker ") already'
        f" exists. Please update or delete the existing mapping with UUID {uuid}"
    )


@pytest.mark.parametrize(
    "operation", ["GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping"]
)
def test_an_unknown_mapping_is_not_found(world: World, operation: str) -> None:
    """A UUID of nobody's, or of another account's, is a 404."""
    theirs = world.ready()
    for who, uuid in ((CALLER, "nobody"), (OTHER, theirs)):
        error = world.reply("lambda", operation, who, UUID=uuid).error
        assert isinstance(error, ServiceError)
        assert (error.code, error.status) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("enabled", "change", "state", "after"),
    [
        (True, {"BatchSize": 3}, "Updating", "Enabled"),
        (True, {"Enabled": True}, "Updating", "Enabled"),
        (True, {"Enabled": False}, "Disabling", "Disabled"),
        (False, {"Enabled": True}, "Enabling", "Enabled"),
        (False, {"BatchSize": 3}, "Updating", "Disabled"),
    ],
)
def test_update_goes_through_its_state(
    world: World, enabled: bool, change: dict[str, Any], state: str, after: str
) -> None:
    """Update answers the state that the change begins with; its end follows."""
    uuid = world.ready(Enabled=enabled)
    world.now_ms += 5  # type: ignore[assignment]
    answer = world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, **change)
    assert (answer["State"], answer["LastModified"]) == (state, T0 + 5)
    assert world.mapping(uuid) == {**answer, "State": after}


def test_update_changes_what_it_names_and_nothing_else(world: World) -> None:
    """Other members stay; an empty ScalingConfig or FunctionResponseTypes takes the option away."""
    uuid = world.ready(
        BatchSize=4,
        ScalingConfig={"MaximumConcurrency": 9},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, MaximumBatchingWindowInSeconds=2)
    shown = world.mapping(uuid)
    assert (shown["BatchSize"], shown["MaximumBatchingWindowInSeconds"]) == (4, 2)
    assert shown["ScalingConfig"] == {"MaximumConcurrency": 9}
    world.call(
        "lambda",
        "UpdateEventSourceMapping",
        UUID=uuid,
        ScalingConfig={},
        FunctionResponseTypes=[],
    )
    assert not {"ScalingConfig", "FunctionResponseTypes"} & world.mapping(uuid).keys()


def test_update_refuses_as_create_does(world: World) -> None:
    """No window, unknown function, slow function, taken pair: refused, nothing changed."""
    uuid = world.ready()
    world.function("slow", Timeout=900)
    world.function("taken")
    world.map(function="taken")
    before = world.mapping(uuid)
    for change, text in (
        ({"BatchSize": 11}, "Maximum batch window"),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        ({"FunctionName": "slow"}, "Queue visibility timeout: 30"),
        ({"FunctionName": "taken"}, "already exists"),
        ({"MaximumRetryAttempts": 1}, "Unsupported MaximumRetryAttempts"),
    ):
        error = refused(world, "UpdateEventSourceMapping", UUID=uuid, **change)
        assert text in error.message
    assert world.mapping(uuid) == before


def test_update_can_name_another_function(world: World) -> None:
    """FunctionName moves the mapping to another function, which gets the next messages."""
    uuid = world.ready()
    world.function("second")
    world.call("lambda", "UpdateEventSourceMapping", UUID=uuid, FunctionName="second")
    assert world.mapping(uuid)["FunctionArn"].endswith(":function:second")
    world.send("a")
    assert [run.environment.function_name for run in world.runs] == ["second"]


def test_delete_shows_deleting_and_then_nothing(world: World) -> None:
    """Delete answers State Deleting; with nothing under way the mapping is gone at once."""
    uuid = world.ready()
    answer = world.call("lambda", "DeleteEventSourceMapping", UUID=uuid)
    assert (answer["UUID"], answer["State"]) == (uuid, "Deleting")
    assert refused(world, "GetEventSourceMapping", UUID=uuid).status == 404
    world.map()  # the pair is free again


def test_what_is_being_deleted_cannot_be_changed(world: World) -> None:
    """While a batch is under way it stays Deleting, and refuses with ResourceInUseException."""
    uuid = world.ready()
    world.scripts["worker"] = lambda _event: None
    world.send("a")
    world.call("lambda", "DeleteEventSourceMapping", UUID=uuid)
    assert world.mapping(uuid)["State"] == "Deleting"
    for operation in ("UpdateEventSourceMapping", "DeleteEventSourceMapping"):
        assert refused(world, operation, UUID=uuid).code == "ResourceInUseException"


def test_list_shows_pages_in_order_of_creation(world: World) -> None:
    """MaxItems and Marker page; the last page has no NextMarker."""
    world.function()
    for n in range(5):
        world.queue(f"q{n}")
        world.map(f"q{n}")
    seen, marker, pages = [], None, 0
    while True:
        page = world.call("lambda", "ListEventSourceMappings", MaxItems=2, Marker=marker)
        seen += [found["EventSourceArn"].rsplit(":", 1)[1] for found in page["EventSourceMappings"]]
        pages += 1
        marker = page.get("NextMarker")
        if marker is None:
            break
    assert (seen, pages) == ([f"q{n}" for n in range(5)], 3)
    assert refused(world, "ListEventSourceMappings", Marker="*").code.startswith("InvalidParam")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, 3),
        ({"FunctionName": "worker"}, 2),
        ({"FunctionName": FUNCTION_ARN}, 2),
        ({"FunctionName": f"{ACCOUNT}:function:worker"}, 2),
        ({"FunctionName": "nobody"}, 0),
        ({"EventSourceArn": QUEUE_ARN}, 2),
        ({"EventSourceArn": QUEUE_ARN, "FunctionName": "worker"}, 1),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:1:x"}, 0),
    ],
)
def test_list_filters_by_function_and_source(
    world: World, filters: dict[str, str], found: int
) -> None:
    """FunctionName in any form, EventSourceArn, or both."""
    world.ready()
    world.queue("second")
    world.function("other")
    world.map("second")
    world.map(function="other")
    assert len(
        world.call("lambda", "ListEventSourceMappings", **filters)["EventSourceMappings"]
    ) == (found)
    assert world.call("lambda", "ListEventSourceMappings", OTHER)["EventSourceMappings"] == []


def test_tags_come_and_go_by_the_mappings_arn(world: World) -> None:
    """TagResource, UntagResource and ListTags serve mappings too; 404 for one of nobody's."""
    uuid = world.ready(Tags={"a": "1"})
    arn = world.mapping(uuid)["EventSourceMappingArn"]
    world.call("lambda", "TagResource", Resource=arn, Tags={"b": "2"})
    assert world.call("lambda", "ListTags", Resource=arn) == {"Tags": {"a": "1", "b": "2"}}
    world.call("lambda", "UntagResource", Resource=arn, TagKeys=["a", "z"])
    assert world.call("lambda", "ListTags", Resource=arn) == {"Tags": {"b": "2"}}
    missing = arn[:-1] + "f"
    error = refused(world, "ListTags", Resource=missing)
    assert (error.status, error.message) == (404, f"Event source mapping not found: {missing}")
    many = {str(n): "" for n in range(50)}
    error = refused(world, "TagResource", Resource=arn, Tags=many)
    assert error.message == "Number of tags exceeds resource tag limit."


def test_reset_forgets_an_account_and_stops_its_polling(world: World) -> None:
    """ResetAccount removes the caller's mappings, and no long poll is left behind."""
    world.ready()
    assert world.dispatch.waiting == 1
    world.call("mappings", "ResetAccount", OTHER)
    assert world.dispatch.waiting == 1
    world.call("mappings", "ResetAccount")
    assert world.dispatch.waiting == 0
    assert world.call("lambda", "ListEventSourceMappings") == {"EventSourceMappings": []}


def test_a_store_that_is_away_makes_create_retryable(world: World) -> None:
    """Unavailable from another service stays Unavailable: the SDK retries, and nothing was made."""
    world.queue()
    world.function()
    world.registry.away.add("GetQueueAttributes")
    reply = world.reply(
        "lambda", "CreateEventSourceMapping", EventSourceArn=QUEUE_ARN, FunctionName="worker"
    )
    assert isinstance(reply.error, Unavailable)
    assert world.call("lambda", "ListEventSourceMappings") == {"EventSourceMappings": []}
