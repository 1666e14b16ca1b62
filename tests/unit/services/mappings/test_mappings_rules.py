"""The mappings service's pure decisions, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.core.errors import ServiceError
from redrive.core.time import MINUTE_MS, NEVER, SECOND_MS, Millis
from redrive.services.mappings import records, rules, settings
from redrive.services.mappings.rules import Scale

IDS = ["a", "b", "c"]
ALL, NONE = frozenset(IDS), frozenset[str]()


def failures(*items: Any) -> dict[str, Any]:
    """A response with these items."""
    return {"batchItemFailures": list(items)}


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        (failures(), NONE),
        ({"batchItemFailures": None}, NONE),
        ({}, NONE),
        (None, NONE),
        ({"statusCode": 200}, NONE),
        (failures({"itemIdentifier": "b"}), {"b"}),
        (failures({"itemIdentifier": "b"}, {"itemIdentifier": "b"}), {"b"}),
        (failures({"itemIdentifier": "a"}, {"itemIdentifier": "c"}), {"a", "c"}),
        (failures(*({"itemIdentifier": i} for i in IDS)), ALL),
        (failures({"itemIdentifier": "b", "reason": "x"}), {"b"}),
        (failures({"itemIdentifier": ""}), ALL),
        (failures({"itemIdentifier": None}), ALL),
        (failures({"itemIdentifier": 7}), ALL),
        (failures({"foo": "b"}), ALL),
        (failures({}), ALL),
        (failures("b"), ALL),
        (failures(None), ALL),
        (failures({"itemIdentifier": "z"}), ALL),
        (failures({"itemIdentifier": "b"}, {"itemIdentifier": "z"}), ALL),
        ({"batchItemFailures": {}}, ALL),
        ({"batchItemFailures": "b"}, ALL),
        ("done", ALL),
        ([], ALL),
        (7, ALL),
    ],
)
def test_partial_responses_are_judged_row_by_row(response: Any, kept: Any) -> None:
    """Each form of response keeps the messages that AWS's table says."""
    verdict = rules.judge(json.dumps(response).encode(), None, IDS, True)
    assert verdict.kept == kept
    assert (verdict.error is not None) == (kept == ALL and not _names_all(response))


def _names_all(response: Any) -> bool:
    return bool(response == failures(*({"itemIdentifier": i} for i in IDS)))


@pytest.mark.parametrize(
    ("payload", "error", "reports", "kept"),
    [
        (b"{", None, True, ALL),
        (b"{", None, False, NONE),
        (b'{"batchItemFailures":[{"itemIdentifier":"b"}]}', None, False, NONE),
        (b'{"errorMessage":"no"}', "Unhandled", False, ALL),
        (b'{"errorMessage":"no"}', "Unhandled", True, ALL),
        (b'{"batchItemFailures":[]}', "Unhandled", True, ALL),
        (b"\xff", "Unhandled", False, ALL),
    ],
)
def test_errors_and_plain_mappings_are_judged_by_the_error_alone(
    payload: bytes, error: str | None, reports: bool, kept: frozenset[str]
) -> None:
    """Without ReportBatchItemFailures a response means nothing; an error keeps the batch."""
    verdict = rules.judge(payload, error, IDS, reports)
    assert verdict.kept == kept
    assert verdict.error is None or json.loads(verdict.error)


@pytest.mark.parametrize(
    ("window_s", "timeout_s", "visibility_s", "asked_s"),
    [
        (0, 30, 30, None),
        (0, 60, 30, None),
        (5, 25, 30, None),
        (5, 26, 30, 61),
        (300, 900, 900, 1_230),
    ],
)
def test_a_window_stretches_the_visibility_timeout_when_it_must(
    window_s: int, timeout_s: int, visibility_s: int, asked_s: int | None
) -> None:
    """Window + timeout + 30 s is asked for exactly when the queue's own timeout is too short."""
    asked = rules.effective_visibility_ms(
        window_s * SECOND_MS, timeout_s * SECOND_MS, visibility_s * SECOND_MS
    )
    assert asked == (None if asked_s is None else asked_s * SECOND_MS)


@pytest.mark.parametrize(
    ("slots", "passed_ms", "most", "saturated", "backlog", "after"),
    [
        (5.0, MINUTE_MS, 1_250, True, True, 305.0),
        (5.0, 200, 1_250, True, True, 6.0),
        (1_200.0, MINUTE_MS, 1_250, True, True, 1_250.0),
        (5.0, MINUTE_MS, 8, True, True, 8.0),
        (40.0, MINUTE_MS, 8, True, True, 8.0),
        (40.0, MINUTE_MS, 1_250, False, True, 40.0),
        (40.0, 1_000, 1_250, False, False, 35.0),
        (40.0, MINUTE_MS, 1_250, False, False, 5.0),
        (1.0, 400, 1_250, False, False, 3.0),
        (1.0, MINUTE_MS, 1_250, False, False, 5.0),
        (1.0, MINUTE_MS, 2, False, False, 2.0),
    ],
)
def test_concurrency_grows_by_300_a_minute_while_there_is_a_backlog(
    slots: float, passed_ms: int, most: int, saturated: bool, backlog: bool, after: float
) -> None:
    """Slots grow while saturated, stay while they cope, and return to rest without a backlog."""
    scale = rules.rescale(
        Scale(int(slots * rules.SLOT_MS), Millis(1_000)),
        Millis(1_000 + passed_ms),
        most,
        saturated=saturated,
        backlog=backlog,
    )
    assert scale.credit_ms == after * rules.SLOT_MS
    assert scale.at_ms == 1_000 + passed_ms


def test_the_next_slot_is_there_when_it_is_announced() -> None:
    """At grows_at_ms, and not much before, one more whole slot has grown; at the limit never."""
    scale = rules.first_scale(Millis(0), 1_250)
    at_ms = rules.grows_at_ms(scale, 1_250)
    assert rules.rescale(scale, at_ms, 1_250, saturated=True, backlog=True).slots == 6
    early = Millis(at_ms - 1)
    assert rules.rescale(scale, early, 1_250, saturated=True, backlog=True).slots == 5
    assert rules.grows_at_ms(Scale(2 * rules.SLOT_MS, Millis(0)), 2) == NEVER


def test_concurrency_starts_at_five_or_at_the_limit_and_halves_down_to_one() -> None:
    """5 at first, MaximumConcurrency when that is less; failures halve it, never below 1."""
    assert rules.first_scale(Millis(0), rules.slots_max(None)).slots == 5
    assert rules.first_scale(Millis(0), rules.slots_max(2)).slots == 2
    assert rules.slots_max(None) == 1_250
    scale = Scale(5 * rules.SLOT_MS, Millis(0))
    seen = []
    for _ in range(4):
        scale = rules.set_back(scale)
        seen.append(scale.slots)
    assert seen == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("attempt", "wait_s"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (99, 30)]
)
def test_back_off_doubles_from_a_second_up_to_a_cap(attempt: int, wait_s: int) -> None:
    """1 s, doubling, at most 30 s."""
    assert rules.back_off_ms(attempt) == wait_s * SECOND_MS


@pytest.mark.parametrize(
    ("state", "enabled", "after"),
    [
        ("Creating", True, "Enabled"),
        ("Creating", False, "Disabled"),
        ("Enabling", True, "Enabled"),
        ("Updating", True, "Enabled"),
        ("Updating", False, "Disabled"),
        ("Disabling", False, "Disabled"),
        ("Enabled", True, "Enabled"),
        ("Disabled", False, "Disabled"),
        ("Deleting", True, None),
        ("Deleting", False, None),
    ],
)
def test_every_transition_has_one_end(state: str, enabled: bool, after: str | None) -> None:
    """Each transitional state ends as the table of model.py draws it."""
    assert rules.settled_state(state, enabled) == after


def _records(*sizes: int) -> list[records.Record]:
    return [records.Record(str(n), f"h{n}", 0, b"x" * size) for n, size in enumerate(sizes)]


ROOM = records.EVENT_BYTES_MAX - len(b'{"Records":[]}')


@pytest.mark.parametrize(
    ("sizes", "batch_size", "waits", "batches", "left"),
    [
        ([1] * 3, 10, False, [3], 0),
        ([1] * 3, 10, True, [], 3),
        ([1] * 10, 10, True, [10], 0),
        ([1] * 25, 10, True, [10, 10], 5),
        ([1] * 25, 10, False, [10, 10, 5], 0),
        ([1] * 3, 1, False, [1, 1, 1], 0),
        ([ROOM], 10, True, [], 1),
        ([ROOM - 2, 1], 10, True, [], 2),
        ([ROOM - 1, 1], 10, True, [1], 1),
        ([ROOM - 1, 1], 10, False, [1, 1], 0),
        ([2_000_000] * 7, 10, False, [3, 3, 1], 0),
    ],
)
def test_a_batch_ends_by_count_or_by_bytes(
    sizes: list[int], batch_size: int, waits: bool, batches: list[int], left: int
) -> None:
    """BatchSize or 6,291,456 bytes end a batch; without a window so does the last message."""
    gathering = records.Gathering()
    done = records.gather(gathering, _records(*sizes), batch_size, 7, waits=waits)
    assert [len(batch) for batch in done] == batches
    assert len(gathering) == left
    rest = gathering.take()
    for batch in [*done, rest]:
        assert len(records.make_event(batch)) <= records.EVENT_BYTES_MAX
    order = [record.id for batch in [*done, rest] for record in batch]
    assert order == [str(n) for n in range(len(sizes))]


def test_a_window_counts_from_the_first_message_of_its_batch() -> None:
    """first_ms is the instant of the oldest message that waits."""
    gathering = records.Gathering()
    records.gather(gathering, _records(1, 1), 3, 100, waits=True)
    records.gather(gathering, _records(1, 1), 3, 250, waits=True)
    assert (len(gathering), gathering.first_ms) == (1, 250)


def test_a_record_has_its_keys_in_the_captured_order() -> None:
    """Keys, their order, and the form of message attributes are those of AWS's events."""
    message = {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "MD5OfBody": "md5",
        "Body": "héllo",
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "2"},
        "MessageAttributes": {
            "n": {"StringValue": "7", "DataType": "Number"},
            "b": {"BinaryValue": "AAE=", "DataType": "Binary"},
        },
        "MD5OfMessageAttributes": "amd5",
    }
    record = records.make_record(message, "arn:q", "eu-west-1", 5)
    shown = json.loads(record.text)
    assert list(shown) == [
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfMessageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    ]
    assert shown["messageAttributes"] == {
        "n": {
            "stringValue": "7",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Number",
        },
        "b": {
            "binaryValue": "AAE=",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Binary",
        },
    }
    assert (record.id, record.handle, record.lease_ms) == ("id", "handle", 5)


def test_a_message_without_attributes_has_an_empty_object_and_no_digest() -> None:
    """messageAttributes is {} and md5OfMessageAttributes absent."""
    message = {"MessageId": "i", "ReceiptHandle": "h", "MD5OfBody": "m", "Body": "b"}
    shown = json.loads(records.make_record(message, "arn:q", "eu-west-1", 5).text)
    assert shown["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in shown


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"BatchSize": 0}, "ValidationException", "greater than or equal to 1"),
        ({"BatchSize": 10_001}, "ValidationException", "'batchSize'"),
        ({"MaximumBatchingWindowInSeconds": 301}, "ValidationException", "equal to 300"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "ValidationException", "equal to 2"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "ValidationException", "1000"),
        ({"FunctionResponseTypes": ["All"]}, "ValidationException", "enum value set"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn"}}},
            "InvalidParameterValueException",
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"MaximumRetryAttempts": 0},
            "InvalidParameterValueException",
            "Unsupported MaximumRetryAttempts parameter for given event source mapping type.",
        ),
        ({"BisectBatchOnFunctionError": False}, "InvalidParameterValueException", "Bisect"),
        ({"KMSKeyArn": "arn"}, "InvalidParameterValueException", "KMSKeyArn"),
        ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "InvalidParameterValueException", "Metr"),
        (
            {"ProvisionedPollerConfig": {"MinimumPollers": 1}},
            "InvalidParameterValueException",
            "ProvisionedPollerConfig",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
            "InvalidParameterValueException",
            "filters are not supported",
        ),
    ],
)
def test_what_is_out_of_range_or_not_honoured_is_refused(
    params: dict[str, Any], code: str, text: str
) -> None:
    """No option is ignored: it is refused with AWS's code, and its text where that is known."""
    with pytest.raises(ServiceError) as refusal:
        settings.parse_settings(params)
    assert refusal.value.code == code
    assert text in refusal.value.message


def test_empty_members_are_the_same_as_none() -> None:
    """What templates write for "nothing" is no option and is not refused."""
    given = settings.parse_settings(
        {
            "DestinationConfig": {"OnFailure": {}},
            "FilterCriteria": {},
            "KMSKeyArn": "",
            "MetricsConfig": {"Metrics": []},
            "ScalingConfig": {},
            "FunctionResponseTypes": [],
        }
    )
    assert given == settings.Settings(None, None, None, False, (None,))
