"""Ladders, limits and what is final: the courier's decisions as tables."""

from __future__ import annotations

from itertools import accumulate

import pytest

from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, HOUR_MS
from redrive.services.delivery import rules
from redrive.services.delivery.failures import failure_of
from redrive.services.delivery.model import Delivery
from redrive.services.ports import (
    BACKOFFS,
    EVENTS_RETRY,
    HTTP_TOPICS_RETRY,
    LAMBDA_RETRY,
    SERVER_STEPS,
    TOPICS_RETRY,
    Retry,
    Steps,
    steps_of,
)

GONE = failure_of(ServiceError("QueueDoesNotExist", "gone"))
BUSY = failure_of(ServiceError("ThrottlingException", "x", status=400))
OURS = failure_of(AssertionError("ours"))


def owed(
    retry: Retry = LAMBDA_RETRY, attempts: int = 0, deadline_ms: int | None = None, row: int = 1
) -> Delivery:
    """Return a row with such a retry policy and so many failures."""
    return Delivery(
        id=row,
        target="t",
        service="sqs",
        operation="SendMessage",
        params="{}",
        blobs="[]",
        account="a",
        region="r",
        principal="p:p",
        asker="",
        purpose="d",
        source="s",
        lane=None,
        due_ms=0,
        deadline_ms=deadline_ms,
        attempts=attempts,
        pauses=0,
        retry=rules.retry_text(retry),
        dead_letter=None,
        buried_from=None,
        failure=None,
    )


def delays(retry: Retry, count: int, row: int = 1) -> list[int]:
    """Return the delays before the first so many retries."""
    return [rules.delay_ms(retry, number, row) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("delivery", "failure", "now_ms", "after"),
    [
        (owed(), None, 5, rules.Over()),
        (owed(), GONE, 5, rules.Over(GONE)),
        (owed(), BUSY, 5, rules.Again(1_005, 1)),
        (owed(attempts=1), BUSY, 5, rules.Again(2_005, 2)),
        (owed(attempts=40), OURS, 5, rules.Again(300_005, 41)),
        (owed(deadline_ms=1_005), BUSY, 5, rules.Again(1_005, 1)),
        (owed(deadline_ms=1_004), BUSY, 5, rules.Over(BUSY, "MaximumEventAgeInSeconds")),
        (owed(Retry(attempts_max=0)), BUSY, 5, rules.Over(BUSY, "MaximumRetryAttempts")),
        (owed(Retry(attempts_max=1)), BUSY, 5, rules.Again(1_005, 1)),
        (owed(Retry(attempts_max=1), 1), BUSY, 5, rules.Over(BUSY, "MaximumRetryAttempts")),
        (owed(HTTP_TOPICS_RETRY, 2), BUSY, 5, rules.Again(20_005, 3)),
        (owed(HTTP_TOPICS_RETRY, 3), BUSY, 5, rules.Over(BUSY, "MaximumRetryAttempts")),
        (owed(TOPICS_RETRY, 100_014), BUSY, 5, rules.Again(20_005, 100_015)),
        (owed(TOPICS_RETRY, 100_015), BUSY, 5, rules.Over(BUSY, "MaximumRetryAttempts")),
    ],
)
def test_settlement(
    delivery: Delivery, failure: rules.Failure | None, now_ms: int, after: rules.Again | rules.Over
) -> None:
    """Refusals end a delivery, what passes is tried again until the first of its limits."""
    assert rules.settle(delivery, failure, now_ms) == after


def test_the_ladder_of_lambda() -> None:
    """It doubles from a second to five minutes."""
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert delays(LAMBDA_RETRY, 11) == [each * 1_000 for each in expected]


def test_the_ladder_of_events() -> None:
    """It doubles from a second to eight minutes, by chance a fifth more or less, the same for the
    same row; 185 retries take most of 24 hours and fit into them."""
    found = delays(EVENTS_RETRY, 185)
    assert found == delays(EVENTS_RETRY, 185)
    whole = [min(480_000, 1_000 << number) for number in range(9)] + [480_000] * 176
    assert all(0.8 * one <= each <= 1.2 * one for each, one in zip(found, whole, strict=True))
    assert len(set(found)) > 150
    totals = [sum(delays(EVENTS_RETRY, 185, row)) for row in range(200)]
    assert 23 * HOUR_MS < min(totals) < max(totals) < DAY_MS
    assert len({delays(EVENTS_RETRY, 1, row)[0] for row in range(200)}) > 100


def test_the_ladder_of_topics_to_queues_and_functions() -> None:
    """Three at once, two after a second, ten from one second to twenty, then every twenty seconds,
    100,015 in all, over 23 days."""
    found = delays(TOPICS_RETRY, 100_015)
    assert found[:6] == [0, 0, 0, 1_000, 1_000, 1_000]
    growing = found[5:15]
    assert growing == [1_000, 1_037, 1_112, 1_260, 1_558, 2_153, 3_342, 5_722, 10_481, 20_000]
    assert set(found[15:]) == {20_000}
    assert len(found[15:]) == 100_000
    assert sum(found) // DAY_MS == 23


@pytest.mark.parametrize("backoff", BACKOFFS)
def test_a_delivery_policy(backoff: str) -> None:
    """Its phases follow each other, and its back-off grows from the least to the longest delay."""
    policy = {
        "minDelayTarget": 5,
        "maxDelayTarget": 260,
        "numRetries": 20,
        "numNoDelayRetries": 3,
        "numMinDelayRetries": 2,
        "numMaxDelayRetries": 5,
        "backoffFunction": backoff,
    }
    found = delays(Retry("topics", None, None, steps_of(policy)), 20)
    assert found[:5] == [0, 0, 0, 5_000, 5_000]
    growing = found[5:15]
    assert (growing[0], growing[-1]) == (5_000, 260_000)
    assert growing == sorted(growing)
    assert found[15:] == [260_000] * 5


def test_backoffs_differ() -> None:
    """Halfway a line is highest, and what doubles is lowest."""
    halfway = {
        backoff: delays(Retry("topics", None, None, Steps(5_000, 260_000, 10, backoff=backoff)), 5)
        for backoff in BACKOFFS
    }
    order = sorted(BACKOFFS, key=lambda backoff: -halfway[backoff][-1])
    assert order == ["linear", "arithmetic", "geometric", "exponential"]
    assert halfway["linear"] == [5_000, 33_333, 61_667, 90_000, 118_333]


@pytest.mark.parametrize("retries", range(4))
def test_a_short_back_off(retries: int) -> None:
    """A phase of one retry, or of none, has no curve to divide by."""
    for backoff in BACKOFFS:
        steps = Steps(1_000, 9_000, retries, backoff=backoff)
        found = delays(Retry("topics", None, None, steps), retries)
        assert found == sorted(found)
        assert not found or found[0] == 1_000


def test_policies_by_default() -> None:
    """SNS tries HTTP three times more, twenty seconds apart; a row keeps what it was given."""
    assert steps_of({}) == Steps(20_000, 20_000, 3)
    assert list(accumulate(delays(HTTP_TOPICS_RETRY, 3))) == [20_000, 40_000, 60_000]
    for retry in (
        LAMBDA_RETRY,
        EVENTS_RETRY,
        TOPICS_RETRY,
        Retry("events", 0, 60_000, None, "<n>"),
    ):
        assert rules.retry_of(rules.retry_text(retry)) == retry
    assert SERVER_STEPS.retries == 3 + 2 + 10 + 100_000


@pytest.mark.parametrize(
    ("error", "code", "final"),
    [
        (ServiceError("QueueDoesNotExist", "no"), "NO_RESOURCE", True),
        (ServiceError("ResourceNotFoundException", "no", status=404), "NO_RESOURCE", True),
        (ServiceError("AccessDenied", "no", status=403), "NO_PERMISSIONS", True),
        (ServiceError("AuthorizationError", "no", status=403), "NO_PERMISSIONS", True),
        (ServiceError("SomethingNew", "no", status=403), "NO_PERMISSIONS", True),
        (ServiceError("SomethingNew", "no", status=404), "NO_RESOURCE", True),
        (ServiceError("InvalidParameterValue", "no", status=400), "SDK_CLIENT_ERROR", True),
        (ServiceError("InvalidMessageContents", "no"), "SDK_CLIENT_ERROR", True),
        (ServiceError("ResourceAlreadyExistsException", "no"), "RESOURCE_ALREADY_EXISTS", True),
        (ServiceError("TooManyRequestsException", "no", status=429), "THROTTLING", False),
        (ServiceError("OverLimit", "no"), "THROTTLING", False),
        (ServiceError("SomethingNew", "no", status=429), "THROTTLING", False),
        (ServiceError("SomethingNew", "no", status=503), "INTERNAL_ERROR", False),
        (ServiceError("ServiceException", "no"), "INTERNAL_ERROR", False),
        (ServiceError("ResourceConflictException", "no"), "RESOURCE_MODIFICATION_COLLISION", False),
        (ServiceError("FetchTimeout", "no"), "TIMEOUT", False),
        (ServiceError("FetchFailed", "no"), "CONNECTION_FAILURE", False),
        (ServiceError("FetchRefused", "no"), "NO_PERMISSIONS", True),
        (ServiceError("TargetRefused", "no", status=400), "ERROR_FROM_TARGET", True),
        (ServiceError("TargetFailed", "no", status=500), "ERROR_FROM_TARGET", False),
        (AssertionError("a bug"), "INTERNAL_ERROR", False),
    ],
)
def test_what_is_final(error: Exception, code: str, final: bool) -> None:
    """What is missing, forbidden or wrong ends a delivery; throttles, servers and networks pass."""
    failure = failure_of(error)
    assert (failure.code, failure.is_final) == (code, final)
    assert failure.message
    assert 400 <= failure.status < 600


@pytest.mark.parametrize(
    ("told", "wait_ms", "final"),
    [("7", 7_000, False), ("-1", 0, True), ("Wed, 21 Oct", 0, False), ("9" * 30, 0, False)],
)
def test_how_long_a_target_asks_to_be_left_alone(told: str, wait_ms: int, final: bool) -> None:
    """The longer of Retry-After and of the ladder is taken; a negative one ends the retries."""
    failure = failure_of(ServiceError("Throttled", "x", status=429, headers={"Retry-After": told}))
    assert (failure.wait_ms, failure.is_final) == (wait_ms, final)
    if wait_ms:
        assert rules.settle(owed(), failure, 0) == rules.Again(7_000, 1)
        assert rules.settle(owed(attempts=8), failure, 0) == rules.Again(256_000, 9)
