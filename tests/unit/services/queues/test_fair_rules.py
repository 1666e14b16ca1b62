"""Who is noisy: rows and an instant in, a verdict out."""

from __future__ import annotations

import pytest

from redrive.services.queues.fair import (
    CALMING,
    NOISY,
    QUIET,
    WHOLE,
    Fairness,
    Hold,
    Tenant,
    holds_too_much,
    judge,
    recent_ms,
    roll,
    spend,
)

NOW = 10_000_000
MINUTE = 60_000
RULE = Fairness()


def tenant(**fields: int) -> Tenant:
    """A tenant of which 100 messages wait, active just now."""
    given = {"messages": 100 + fields.get("in_flight", 0), "since_ms": NOW, "last_ms": NOW}
    return Tenant(1, "a", **(given | fields))


def whole(**fields: int) -> Tenant:
    """A queue as a whole."""
    return Tenant(1, WHOLE, **({"since_ms": NOW, "last_ms": NOW} | fields))


@pytest.mark.parametrize(
    ("in_flight", "of", "too_much"),
    [
        (29, 29, False),
        (30, 30, True),
        (30, 299, True),
        (30, 300, False),
        (31, 300, True),
        (3_000, 30_000, False),
        (3_001, 30_000, True),
        (0, 0, False),
    ],
)
def test_in_flight(in_flight: int, of: int, too_much: bool) -> None:
    """Thirty or more, and more than a tenth of what is in flight."""
    verdict = holds_too_much(tenant(in_flight=in_flight), whole(in_flight=of), RULE, NOW)
    assert verdict is too_much


@pytest.mark.parametrize(
    ("busy_ms", "of_ms", "waiting", "too_much"),
    [
        (30_000, 30_000, 1, True),
        (29_999, 29_999, 1, False),
        (30_000, 300_000, 1, False),
        (30_001, 300_000, 1, True),
        (30_001, 300_000, 0, False),
        (0, 0, 1, False),
    ],
)
def test_processing_time(busy_ms: int, of_ms: int, waiting: int, too_much: bool) -> None:
    """More than a tenth of recent processing time, if it is worth naming and something waits."""
    busy = tenant(busy_ms=busy_ms, messages=waiting)
    assert holds_too_much(busy, whole(busy_ms=of_ms), RULE, NOW) is too_much


def test_every_figure_is_a_setting() -> None:
    """Share, count, length of time and silence are the caller's."""
    rule = Fairness(share=0.5, in_flight_min=2, busy_ms_min=0, window_ms=MINUTE, silence_ms=5)
    assert holds_too_much(tenant(in_flight=2), whole(in_flight=3), rule, NOW)
    assert not holds_too_much(tenant(in_flight=2), whole(in_flight=4), rule, NOW)
    assert holds_too_much(tenant(busy_ms=1), whole(busy_ms=1), rule, NOW)
    assert not holds_too_much(tenant(busy_ms=1), whole(busy_ms=1), rule, NOW + 2 * MINUTE)
    assert judge(tenant(noise=NOISY), whole(), rule, NOW + 4).noise == NOISY
    assert judge(tenant(noise=NOISY), whole(), rule, NOW + 5).noise == CALMING


@pytest.mark.parametrize(
    ("row", "noise"),
    [
        (tenant(), QUIET),
        (tenant(in_flight=40), NOISY),
        (tenant(in_flight=40, noise=CALMING), NOISY),
        (tenant(in_flight=40, messages=40), NOISY),  # nothing waits, and yet it holds too much
        (tenant(noise=NOISY), NOISY),  # a backlog
        (tenant(in_flight=3, messages=3, noise=NOISY), CALMING),  # drained
        (tenant(in_flight=3, messages=4, noise=NOISY), NOISY),
        (tenant(noise=NOISY, last_ms=NOW - 5 * MINUTE), CALMING),  # silent
        (tenant(noise=NOISY, last_ms=NOW - 5 * MINUTE + 1), NOISY),
        (tenant(in_flight=40, last_ms=NOW - 5 * MINUTE), QUIET),
        (tenant(noise=CALMING), CALMING),
    ],
)
def test_verdicts(row: Tenant, noise: int) -> None:
    """Over a threshold: noisy; then as long as something waits and somebody stirs."""
    assert judge(row, whole(in_flight=40), RULE, NOW) == row._replace(noise=noise)


def hold(since_ms: int, until_ms: int) -> Hold:
    """A lease."""
    return Hold(1, 1, "a", since_ms, until_ms)


def test_processing_time_is_counted_where_it_ended() -> None:
    """To the delete, or to the lapse, however late that is noticed."""
    window = RULE.window_ms
    busy = tenant(in_flight=9, since_ms=NOW - 100)
    deleted = spend(busy, hold(NOW - 70, NOW + 30_000), NOW, window)
    assert (deleted.in_flight, deleted.busy_ms, deleted.before_ms) == (8, 70, 0)
    lapsed = spend(deleted, hold(NOW - 90, NOW - 50), NOW, window)
    assert (lapsed.in_flight, lapsed.busy_ms) == (7, 110)
    earlier = spend(lapsed, hold(NOW - 5_000, NOW - 1_000), NOW, window)
    assert (earlier.in_flight, earlier.busy_ms, earlier.before_ms) == (6, 110, 4_000)
    ancient = spend(earlier, hold(NOW - 3 * window, NOW - 2 * window), NOW, window)
    assert ancient == earlier._replace(in_flight=5)


def test_processing_time_is_forgotten_evenly() -> None:
    """What ended a window ago counts less and less, and after two windows not at all."""
    busy = tenant(busy_ms=1_000, since_ms=NOW)
    found = [recent_ms(busy, NOW + age, 100) for age in (0, 99, 100, 150, 190, 199, 200, 5_000)]
    assert found == [1_000, 1_000, 1_000, 500, 100, 10, 0, 0]
    assert roll(busy, NOW + 150, 100)[4:7] == (NOW + 100, 0, 1_000)
    assert roll(busy, NOW + 200, 100)[4:7] == (NOW + 200, 0, 0)
