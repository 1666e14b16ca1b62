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
    within = rules.bounds(most)
    first = rules.rebound(Scale(int(slots * rules.SLOT_MS), Millis(1_000), within), within)
    scale = rules.rescale(first, Millis(1_000 + passed_ms), saturated=saturated, backlog=backlog)
    assert scale.credit_ms == after * rules.SLOT_MS
    assert scale.at_ms == 1_000 + passed_ms


def test_the_next_slot_is_there_when_it_is_announced() -> None:
    """At grows_at_ms, and not much before, one more whole slot has grown; at the limit never."""
    scale = rules.first_scale(Millis(0), rules.bounds(None))
    at_ms = rules.grows_at_ms(scale)
    assert rules.rescale(scale, at_ms, saturated=True, backlog=True).slots == 6
    early = Millis(at_ms - 1)
    assert rules.rescale(scale, early, saturated=True, backlog=True).slots == 5
    assert rules.grows_at_ms(rules.first_scale(Millis(0), rules.bounds(2))) == NEVER


def test_concurrency_starts_at_five_or_at_the_limit_and_halves_down_to_one() -> None:
    """5 at first, MaximumConcurrency when that is less; failures halve it, never below 1."""
    assert rules.first_scale(Millis(0), rules.bounds(2)).slots == 2
    assert rules.bounds(None).most == 1_250
    scale = rules.first_scale(Millis(0), rules.bounds(None))
    assert scale.slots == 5
    seen = []
    for _ in range(4):
        scale = rules.set_back(scale)
        seen.append(scale.slots)
    assert seen == [2, 1, 1, 1]


def test_provisioned_pollers_are_ten_slots_each_and_never_fewer_than_the_least() -> None:
    """2 to 200 pollers: 20 slots at first, 1,000 more a minute, 2,000 at most, never below 20."""
    within = rules.bounds(None, 2, 200)
    scale = rules.first_scale(Millis(0), within)
    assert scale.slots == 20
    assert rules.set_back(scale).slots == 20
    grown = rules.rescale(scale, Millis(MINUTE_MS), saturated=True, backlog=True)
    assert grown.slots == 1_020
    assert rules.set_back(grown).slots == 510
    most = rules.rescale(scale, Millis(9 * MINUTE_MS), saturated=True, backlog=True)
    assert most.slots == 2_000
    assert rules.rebound(most, rules.bounds(None)).slots == 1_250
    assert rules.rebound(rules.first_scale(Millis(0), rules.bounds(2)), within).slots == 20


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


@pytest.mark.parametrize(
    ("batch_size", "record_bytes", "wanted"),
    [
        (1, 0, 1),
        (10, 5_000_000, 10),
        (500, 0, 10),  # nothing is known of the messages yet
        (500, 1_500, 500),
        (10_000, 1_500, 1_000),
        (500, 60_000, 104),  # as many as one event holds
        (500, 1_100_000, 10),
    ],
)
def test_a_receive_asks_for_what_one_event_holds(
    batch_size: int, record_bytes: int, wanted: int
) -> None:
    """A batch, as far as one event holds it, and never less than a client may ask for."""
    assert rules.records_wanted(batch_size, record_bytes) == wanted


INVALID = "InvalidParameterValueException"


def filters(*patterns: str | None) -> dict[str, Any]:
    """FilterCriteria of these patterns."""
    given = [{} if pattern is None else {"Pattern": pattern} for pattern in patterns]
    return {"FilterCriteria": {"Filters": given}}


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
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, INVALID, "Unsupported LoggingConfig"),
        ({"MetricsConfig": {"Metrics": ["ErrorCount"]}}, INVALID, "Unsupported metric ErrorCount"),
        ({"MetricsConfig": {"Metrics": ["All"]}}, "ValidationException", "enum value set"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 1}}, INVALID, "at least 2"),
        ({"ProvisionedPollerConfig": {"MaximumPollers": 1}}, INVALID, "at least 2"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 201}}, "ValidationException", "200"),
        ({"ProvisionedPollerConfig": {"MaximumPollers": 10_001}}, "ValidationException", "10000"),
        (
            {"ProvisionedPollerConfig": {"PollerGroupName": "g"}},
            INVALID,
            "Unsupported PollerGroupName parameter for given event source mapping type.",
        ),
        (filters(*["{}"] * 6), "ValidationException", "less than or equal to 5"),
        (filters('{"a":["' + "x" * 4_090 + '"]}'), "ValidationException", "equal to 4096"),
        (filters(None), INVALID, "Invalid filter pattern definition."),
        (filters("null"), INVALID, "Invalid filter pattern definition."),
        (filters('"simple string"'), INVALID, "Invalid filter pattern definition."),
        (filters("simple string"), INVALID, "Invalid filter pattern definition."),
        (filters('{"eventSource": "aws:sqs"}'), INVALID, "Invalid filter pattern definition."),
        (filters('{"eventSource": []}'), INVALID, "Invalid filter pattern definition."),
        (filters("{}"), INVALID, "Invalid filter pattern definition."),
        (filters('{"body":["a"]}', "["), INVALID, "Invalid filter pattern definition."),
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
            "LoggingConfig": {},
            "ProvisionedPollerConfig": {},
            "ScalingConfig": {},
            "FunctionResponseTypes": [],
        }
    )
    assert given == settings.Settings(
        reports_failures=False,
        scaling=(None,),
        filters=(),
        counts_events=False,
        pollers=(None, None),
        kms_key="",
    )
