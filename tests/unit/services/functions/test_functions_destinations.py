"""Asynchronous events: their settings, and what destinations and dead-letter queues get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from delivery_rig import DeliveryRig
from functions_rig import ACCOUNT, ROLE, T0
from stand_ins import REGION, caller

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.time import HOUR_MS, iso

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
FAILED = Ran(b'{"errorMessage":"no stock","errorType":"E"}', "Unhandled", "error")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DeliveryRig]:
    """Functions, deliveries and queues; a function with the name orders."""
    made = DeliveryRig(tmp_path)
    made.create()
    yield made
    made.store.close()


def refused(rig: DeliveryRig, operation: str, **params: object) -> tuple[str, int | None, str]:
    """Return the code, the status and the text of a refusal."""
    with pytest.raises(ServiceError) as caught:
        rig.call(operation, **params)
    return caught.value.code, caught.value.status, caught.value.message


def configure(rig: DeliveryRig, **members: Any) -> Any:
    """Put the settings of $LATEST."""
    return rig.call("PutFunctionEventInvokeConfig", FunctionName="orders", **members)


def destinations(success: str | None = None, failure: str | None = None) -> dict[str, Any]:
    """A DestinationConfig."""
    config: dict[str, Any] = {}
    if success is not None:
        config["OnSuccess"] = {"Destination": success}
    if failure is not None:
        config["OnFailure"] = {"Destination": failure}
    return config


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_put_updated_and_forgotten(rig: DeliveryRig) -> None:
    """Put replaces all members, Update those that are given; Delete goes back to none."""
    rig.queue("done")
    put = configure(rig, MaximumRetryAttempts=0)
    assert put == {
        "LastModified": T0,
        "FunctionArn": f"{ARN}:$LATEST",
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        "MaximumRetryAttempts": 0,
    }
    rig.call(
        "UpdateFunctionEventInvokeConfig",
        FunctionName="orders",
        MaximumEventAgeInSeconds=60,
        DestinationConfig=destinations(f"{QUEUES}:done"),
    )
    shown = rig.call("GetFunctionEventInvokeConfig", FunctionName="orders", Qualifier="$LATEST")
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (0, 60)
    assert shown["DestinationConfig"]["OnSuccess"] == {"Destination": f"{QUEUES}:done"}
    assert "MaximumRetryAttempts" not in configure(rig, MaximumEventAgeInSeconds=90)
    rig.call("DeleteFunctionEventInvokeConfig", FunctionName="orders")
    assert refused(rig, "GetFunctionEventInvokeConfig", FunctionName="orders")[1] == 404


def test_settings_belong_to_a_qualifier(rig: DeliveryRig) -> None:
    """$LATEST, a version and an alias have settings of their own, which go with them."""
    rig.call("PublishVersion", FunctionName="orders")
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    for number, qualifier in enumerate(("1", "live", "$LATEST")):
        configure(rig, Qualifier=qualifier, MaximumRetryAttempts=number)
    page = rig.call("ListFunctionEventInvokeConfigs", FunctionName="orders", MaxItems=2)
    rest = rig.call(
        "ListFunctionEventInvokeConfigs", FunctionName="orders", Marker=page["NextMarker"]
    )
    member = "FunctionEventInvokeConfigs"
    found = {each["FunctionArn"]: each["MaximumRetryAttempts"] for each in page[member]}
    found |= {each["FunctionArn"]: each["MaximumRetryAttempts"] for each in rest[member]}
    assert found == {f"{ARN}:1": 0, f"{ARN}:live": 1, f"{ARN}:$LATEST": 2}
    assert "NextMarker" not in rest
    rig.call("DeleteAlias", FunctionName="orders", Name="live")
    code, status, text = refused(
        rig, "GetFunctionEventInvokeConfig", FunctionName="orders", Qualifier="live"
    )
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert text == f"The function {ARN}:live doesn't have an EventInvokeConfig"


SELF = "You can't specify the function as a destination for itself."


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "You must specify at least one of error handling or destination setting."),
        ({"DestinationConfig": destinations(ARN)}, SELF),
        ({"DestinationConfig": destinations(failure=f"{ARN}:$LATEST")}, SELF),
        (
            {"DestinationConfig": destinations(ARN.replace("orders", "doesnotexist"))},
            f"The destination ARN {ARN.replace('orders', 'doesnotexist')} is invalid.",
        ),
        (
            {"DestinationConfig": destinations(ARN.replace("lambda", "iam"))},
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
            f"{ARN.replace('lambda', 'iam')}), onFailure=null) is invalid.",
        ),
        (
            {"DestinationConfig": destinations(f"{QUEUES}:done.fifo")},
            f"The destination ARN {QUEUES}:done.fifo is invalid.",
        ),
        (
            {"DestinationConfig": destinations("arn:aws:sns:us-east-1:000000000000:t")},
            "arn:aws:sns:us-east-1:000000000000:t cannot be delivered to: this server has no "
            "service sns. It delivers to: sqs, lambda.",
        ),
        (
            {"DestinationConfig": destinations(failure="arn:aws:s3:::bucket")},
            "arn:aws:s3:::bucket cannot be delivered to: this server has no service s3. "
            "It delivers to: sqs, lambda.",
        ),
    ],
)
def test_settings_refused(rig: DeliveryRig, params: dict[str, Any], message: str) -> None:
    """What AWS refuses is refused in its words, and what cannot be delivered here in ours."""
    found = refused(rig, "PutFunctionEventInvokeConfig", FunctionName="orders", **params)
    assert found == ("InvalidParameterValueException", 400, message)
    text = f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig"
    given = params or {"MaximumRetryAttempts": 1}
    found = refused(rig, "UpdateFunctionEventInvokeConfig", FunctionName="orders", **given)
    assert found == ("ResourceNotFoundException", 404, text)


@pytest.mark.parametrize("name", ["nothing", "orders:nothing", "orders:7"])
def test_settings_of_nothing(rig: DeliveryRig, name: str) -> None:
    """A function, version or alias that is not there has no settings and cannot be given any."""
    given = {"FunctionName": name, "MaximumRetryAttempts": 1}
    for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"):
        found = refused(rig, operation, **given)
        assert found == ("ResourceNotFoundException", 404, "The function doesn't exist.")
    qualified = name if ":" in name else f"{name}:$LATEST"
    text = f"The function {ARN[:-6]}{qualified} doesn't have an EventInvokeConfig"
    for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
        assert refused(rig, operation, FunctionName=name) == (
            "ResourceNotFoundException",
            404,
            text,
        )


def test_dead_letter_targets(rig: DeliveryRig) -> None:
    """A standard queue is taken, shown and taken away again; other targets are refused."""
    arn = rig.queue("dead")
    updated = rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", DeadLetterConfig={"TargetArn": arn}
    )
    assert updated["DeadLetterConfig"] == {"TargetArn": arn}
    for bad in (f"{QUEUES}:dead.fifo", ARN, "arn:aws:sns:us-east-1:000000000000:t"):
        code, _status, text = refused(
            rig,
            "UpdateFunctionConfiguration",
            FunctionName="orders",
            DeadLetterConfig={"TargetArn": bad},
        )
        assert code == "InvalidParameterValueException"
        assert bad in text
    kept = rig.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=5)
    assert kept["DeadLetterConfig"] == {"TargetArn": arn}
    cleared = rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", DeadLetterConfig={"TargetArn": ""}
    )
    assert "DeadLetterConfig" not in cleared


# --- retries and age ------------------------------------------------------------------------------


@pytest.mark.parametrize(("retries", "starts"), [(0, [0]), (1, [0, 60]), (2, [0, 60, 180])])
def test_retries_as_set(rig: DeliveryRig, retries: int, starts: list[int]) -> None:
    """A failing function is run once more often than MaximumRetryAttempts says."""
    configure(rig, MaximumRetryAttempts=retries)
    seen = []

    def fail(_run: object) -> Ran:
        seen.append((rig.now_ms - T0) // 1_000)
        return FAILED

    rig.ends = fail
    rig.courier()
    rig.send()
    rig.pass_time(T0 + HOUR_MS)
    assert seen == starts
    assert [drop.reason for drop in rig.dropped] == ["RetriesExhausted"]


def test_age_as_set(rig: DeliveryRig) -> None:
    """An event is not tried again once it is older than MaximumEventAgeInSeconds."""
    configure(rig, MaximumEventAgeInSeconds=100)
    rig.ends = lambda run: FAILED
    rig.courier()
    rig.send()
    rig.pass_time(T0 + HOUR_MS)
    assert len(rig.runs) == 2
    assert [drop.reason for drop in rig.dropped] == ["EventAgeExceeded"]


def test_settings_of_the_qualifier_that_was_invoked(rig: DeliveryRig) -> None:
    """An event that came by an alias is treated as the alias says, not as its version."""
    rig.call("PublishVersion", FunctionName="orders")
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    configure(rig, Qualifier="live", MaximumRetryAttempts=0)
    rig.ends = lambda run: FAILED
    rig.courier()
    rig.send(Qualifier="live")
    rig.send(Qualifier="1")
    rig.pass_time(T0 + HOUR_MS)
    assert [run.invoked_arn for run in rig.runs] == [f"{ARN}:live", *[f"{ARN}:1"] * 3]


def test_invoke_async(rig: DeliveryRig) -> None:
    """The old InvokeAsync keeps an event as Invoke does."""
    rig.courier()
    assert rig.call("InvokeAsync", FunctionName="orders", InvokeArgs=b"[1]") == {"Status": 202}
    assert [run.event for run in rig.runs] == [b"[1]"]


# --- records --------------------------------------------------------------------------------------


def test_record_of_a_success(rig: DeliveryRig) -> None:
    """An on-success destination gets AWS's record, once, and on-failure hears nothing."""
    done, failed = rig.queue("done"), rig.queue("failed")
    configure(rig, DestinationConfig=destinations(done, failed))
    rig.ends = lambda run: Ran(b'{"ok":true}')
    rig.courier()
    rig.deliver()
    rig.send()
    (record,) = rig.records("done")
    assert list(record) == [
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    ]
    assert record == {
        "version": "1.0",
        "timestamp": iso(T0),
        "requestContext": {
            "requestId": rig.runs[0].request_id,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"ok": True},
    }
    assert rig.records("failed") == []


def test_record_of_a_failure(rig: DeliveryRig) -> None:
    """On-failure and the dead-letter queue both hear of an event after its last attempt."""
    failed, dead = rig.queue("failed"), rig.queue("dead")
    configure(rig, DestinationConfig=destinations(failure=failed))
    rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", DeadLetterConfig={"TargetArn": dead}
    )
    rig.ends = lambda run: FAILED
    rig.courier()
    rig.deliver()
    rig.send(b'{"n": 1}')
    rig.pass_time(T0 + 179_999)
    assert rig.records("failed") == rig.records("dead") == []
    rig.pass_time(T0 + 180_000)
    (record,) = rig.records("failed")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"] == json.loads(FAILED.payload)
    (message,) = rig.received("dead")
    assert message["Body"] == '{"n": 1}'
    assert {
        name: (value["DataType"], value["StringValue"])
        for name, value in message["MessageAttributes"].items()
    } == {
        "RequestID": ("String", rig.runs[0].request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no stock"),
    }


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("é" * 600, "é" * 512),
        ("\u001b[31mred\u0000", "\ufffd[31mred\ufffd"),
        ("", None),
    ],
)
def test_error_messages_that_queues_take(rig: DeliveryRig, told: str, kept: str | None) -> None:
    """ErrorMessage is the first 1 KB; what no queue takes in it loses no event."""
    rig.call(
        "UpdateFunctionConfiguration",
        FunctionName="orders",
        DeadLetterConfig={"TargetArn": rig.queue("dead")},
    )
    configure(rig, MaximumRetryAttempts=0)
    rig.ends = lambda run: Ran(json.dumps({"errorMessage": told}).encode(), "Unhandled", "error")
    rig.courier()
    rig.deliver()
    rig.send()
    (message,) = rig.received("dead")
    found = message["MessageAttributes"].get("ErrorMessage")
    assert (found and found["StringValue"]) == kept


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"hello", "hello", id="no JSON"),
        pytest.param(b"[1,", "[1,", id="half of it"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="no text"),
        pytest.param('"\uffff"'.encode(), "\uffff", id="a character that no queue takes"),
    ],
)
def test_records_of_what_custom_runtimes_say(
    rig: DeliveryRig, said: bytes, shown: str | None
) -> None:
    """A response that is not JSON is shown as text, in a record that is JSON."""
    configure(rig, DestinationConfig=destinations(success=rig.queue("done")))
    rig.ends = lambda _run: Ran(said)
    rig.courier()
    rig.deliver()
    rig.send()
    (record,) = rig.records("done")
    assert record["responsePayload"] == shown
    assert rig.faults == []


def test_events_with_characters_that_no_queue_takes(rig: DeliveryRig) -> None:
    """They reach the dead-letter queue and the destination, escaped as JSON allows."""
    rig.call(
        "UpdateFunctionConfiguration",
        FunctionName="orders",
        DeadLetterConfig={"TargetArn": rig.queue("dead")},
    )
    failed = destinations(failure=rig.queue("failed"))
    configure(rig, MaximumRetryAttempts=0, DestinationConfig=failed)
    rig.ends = lambda _run: FAILED
    rig.courier()
    rig.deliver()
    rig.send('"\ufffe\uffff"'.encode())
    (record,) = rig.records("failed")
    assert rig.records("dead") == [record["requestPayload"]] == ["\ufffe\uffff"]
    assert rig.lost == []


def test_nothing_may_run(rig: DeliveryRig) -> None:
    """With a reserved concurrency of 0 an event goes straight to both, without a run."""
    failed, dead = rig.queue("failed"), rig.queue("dead")
    configure(rig, DestinationConfig=destinations(failure=failed))
    rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", DeadLetterConfig={"TargetArn": dead}
    )
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=0)
    rig.courier()
    rig.deliver()
    rig.send()
    (record,) = rig.records("failed")
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert "responseContext" not in record
    (message,) = rig.received("dead")
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert rig.runs == []


def test_a_function_as_destination(rig: DeliveryRig) -> None:
    """A function that is a destination is invoked asynchronously with the record."""
    rig.create("audit")
    configure(rig, DestinationConfig=destinations(ARN.replace("orders", "audit")))
    rig.courier()
    rig.deliver()
    rig.send()
    assert [run.environment.function_name for run in rig.runs] == ["orders", "audit"]
    assert json.loads(rig.runs[1].event)["requestContext"]["functionArn"] == f"{ARN}:$LATEST"


def test_topics_and_buses_as_destinations(rig: DeliveryRig) -> None:
    """Where there are topics and buses, they get the record as AWS hands it over."""
    seen = []

    def take(_tx: object, params: Any, context: Any) -> dict[str, Any]:
        seen.append((params, context.caller.principal))
        return {}

    rig.registry.add("sns", {"Publish": take})
    rig.registry.add("events", {"PutEvents": take})
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    configure(rig, DestinationConfig=destinations(bus, topic), MaximumRetryAttempts=0)
    rig.courier()
    rig.deliver()
    rig.send()
    rig.ends = lambda run: FAILED
    rig.send()
    (put, role), (published, _role) = seen
    assert role == ROLE
    (entry,) = put["Entries"]
    assert entry["Source"] == "lambda"
    assert entry["DetailType"] == "Lambda Function Invocation Result - Success"
    assert entry["Resources"] == [bus, f"{ARN}:$LATEST"]
    assert json.loads(entry["Detail"])["requestContext"]["condition"] == "Success"
    assert published["TopicArn"] == topic
    assert json.loads(published["Message"])["requestContext"]["condition"] == "RetriesExhausted"


def test_records_that_are_too_large_go_without_payloads(rig: DeliveryRig) -> None:
    """A record that a queue would refuse tells at least what has happened."""
    configure(rig, DestinationConfig=destinations(rig.queue("done")))
    rig.ends = lambda run: Ran(b'"' + b"x" * 2_000_000 + b'"')
    rig.courier()
    rig.deliver()
    rig.send()
    (record,) = rig.records("done")
    assert record["requestContext"]["condition"] == "Success"
    assert "responsePayload" not in record


# --- deliveries -----------------------------------------------------------------------------------


def test_a_record_survives_a_crash(tmp_path: Path) -> None:
    """What is owed when the process dies between the settling and the delivery is delivered by the
    next one, once."""
    before = DeliveryRig(tmp_path)
    before.create()
    configure(before, DestinationConfig=destinations(before.queue("done")))
    before.courier()
    before.send()
    assert before.records("done") == []
    before.store.close()
    after = DeliveryRig(tmp_path)
    after.courier()
    after.deliver()
    assert after.runs == [], "the event was settled"
    assert len(after.records("done")) == 1
    after.store.close()
    last = DeliveryRig(tmp_path)
    last.deliver()
    assert len(last.records("done")) == 1
    last.store.close()


def test_a_lost_queue_is_counted(rig: DeliveryRig) -> None:
    """What cannot be delivered is given up, told and counted; the rest goes on."""
    gone, done = rig.queue("gone"), rig.queue("done")
    configure(rig, DestinationConfig=destinations(done, gone), MaximumRetryAttempts=0)
    rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", DeadLetterConfig={"TargetArn": gone}
    )
    rig.sqs("DeleteQueue", QueueUrl=f"/{ACCOUNT}/gone")
    rig.courier()
    rig.deliver()
    rig.ends = lambda run: FAILED
    rig.send()
    rig.ends = lambda run: Ran(b"1")
    rig.send()
    assert sorted(lost.purpose for lost in rig.lost) == ["dead-letter", "destination"]
    assert {lost.target for lost in rig.lost} == {gone}
    assert "does not exist" in rig.lost[0].reason
    assert rig.counted("DeadLetterErrors") == rig.counted("DestinationDeliveryFailures") == [1]
    assert len(rig.records("done")) == 1


def test_a_service_that_has_gone(tmp_path: Path) -> None:
    """A destination whose service a later server does not have is a lost delivery, no crash."""
    before = DeliveryRig(tmp_path)
    before.registry.add("sns", {"Publish": lambda *_: {}})
    before.create()
    configure(before, DestinationConfig=destinations(f"arn:aws:sns:{REGION}:{ACCOUNT}:told"))
    before.courier()
    before.send()
    before.store.close()
    after = DeliveryRig(tmp_path)
    after.deliver()
    (lost,) = after.lost
    assert lost.reason.startswith("UnknownOperationException")
    assert after.counted("DestinationDeliveryFailures") == [1]
    after.store.close()


def test_a_service_that_is_away(rig: DeliveryRig) -> None:
    """What cannot be taken at the moment is tried again with back-off; others do not wait."""
    tries: list[int] = []

    def away(*_: object) -> dict[str, Any]:
        tries.append((rig.now_ms - T0) // 1_000)
        if len(tries) < 4:
            raise Unavailable("full")
        return {}

    rig.registry.add("sns", {"Publish": away})
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:told"
    configure(rig, DestinationConfig=destinations(rig.queue("done"), topic))
    rig.call("UpdateFunctionEventInvokeConfig", FunctionName="orders", MaximumRetryAttempts=0)
    rig.courier()
    rig.deliver()
    rig.ends = lambda run: FAILED
    rig.send()
    rig.ends = lambda run: Ran(b"1")
    rig.send()
    assert len(rig.records("done")) == 1
    rig.pass_time(T0 + HOUR_MS)
    assert tries == [0, 1, 3, 7]
    assert rig.lost == []


def test_reset_forgets_what_is_owed(rig: DeliveryRig) -> None:
    """Nothing is delivered for an account that was reset."""
    configure(rig, DestinationConfig=destinations(rig.queue("done")))
    rig.courier()
    rig.send()
    rig.dispatch.enter("delivery", "ResetAccount", {}, caller(), lambda _reply: None)
    rig.settle()
    rig.deliver()
    assert rig.records("done") == []


def test_counts(rig: DeliveryRig) -> None:
    """Events are counted as they arrive, with their age when they are run, and when they are
    dropped, for the qualifier by which they came."""
    configure(rig, MaximumRetryAttempts=1)
    rig.ends = lambda run: FAILED
    rig.courier()
    rig.send(Qualifier="$LATEST")
    rig.pass_time(T0 + HOUR_MS)
    assert rig.counts == [
        ("AsyncEventsReceived", "$LATEST", 1),
        ("AsyncEventAge", "$LATEST", 0),
        ("AsyncEventAge", "$LATEST", 60_000),
        ("AsyncEventsDropped", "$LATEST", 1),
    ]
