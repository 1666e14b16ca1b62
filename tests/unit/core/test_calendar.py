"""Expressions of time: which texts are taken, and what they name."""

from __future__ import annotations

from datetime import datetime

import pytest

from redrive.core.calendar import (
    first_due,
    is_zone,
    next_after,
    rule_expression,
    scheduler_expression,
)
from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, iso

# AWS's own lists: the accepted of the User Guide and of captures, the rejected as captured.
GOOD_CRONS = [
    "cron(0 2 ? * SAT *)",
    "cron(0 12 * * ? *)",
    "cron(5,35 14 * * ? *)",
    "cron(15 10 ? * 6L 2002-2005)",
    "cron(0 2 ? * SAT#3 *)",
    "cron(* * ? * SAT#3 *)",
    "cron(0/5 5 ? JAN 1-5 2022)",
    "cron(0 10 * * ? *)",
    "cron(15 12 * * ? *)",
    "cron(0 18 ? * MON-FRI *)",
    "cron(0 8 1 * ? *)",
    "cron(0/15 * * * ? *)",
    "cron(0/10 * ? * MON-FRI *)",
    "cron(0/5 8-17 ? * MON-FRI *)",
    "cron(0/30 20-2 ? * MON-FRI *)",
    "cron(0 10 ? * 3#2 *)",
    "cron(0 10 3W * ? *)",
    "cron(0 10 L * ? *)",
    "cron(0 10 LW * ? *)",
    "cron(0 10 ? * L *)",
    "cron(0 10 ? jan-mar fri 2026,2028)",
    "cron(0\t10  * * ? *)",
]
BAD_CRONS = [
    "cron(7 20 * * NOT *)",
    "cron(INVALID)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(71 8 1 * ? *)",
    "cron()",
    "cron(0 1 * * * *)",
    "cron(0 1 ? * ? *)",
    "cron(0 1 * * ?)",
    "cron(0 1 * * ? * *)",
    "cron(0 24 * * ? *)",
    "cron(0 1 0 * ? *)",
    "cron(0 1 32 * ? *)",
    "cron(0 1 * 13 ? *)",
    "cron(0 1 ? * 0 *)",
    "cron(0 1 ? * 8 *)",
    "cron(0 1 * * ? 1969)",
    "cron(0 1 * * ? 2200)",
    "cron(0 1 * * ? 2030-2026)",
    "cron(0/0 1 * * ? *)",
    "cron(0/60 1 * * ? *)",
    "cron(/5 1 * * ? *)",
    "cron(1- 1 * * ? *)",
    "cron(1,,2 1 * * ? *)",
    "cron(0 1 ? * 3#6 *)",
    "cron(0 1 ? * 3#1,6#3 *)",
    "cron(0 1 1,L * ? *)",
    "cron(0 1 0W * ? *)",
    "cron(0 1 32W * ? *)",
    "cron(0 1 ? * MON#1L *)",
    "cron(٣ 1 * * ? *)",
    "CRON(0 12 * * ? *)",
    " cron(0 12 * * ? *)",
    "cron(0 12 * * ? *) ",
    "cron(0 12 * * ? *",
]
BAD_RATES = [
    "rate(10 seconds)",
    "rate(10 years)",
    "rate()",
    "rate(10)",
    "rate(10 minutess)",
    "rate(foo minutes)",
    "rate(0 minutes)",
    "rate(-10 minutes)",
    "rate(10 MINUTES)",
    "rate( 10 minutes )",
    " rate(10 minutes)",
    "rate(1.5 hours)",
]
UNEVEN_RATES = [
    "rate(1 minutes)",
    "rate(1 hours)",
    "rate(1 days)",
    "rate(10 minute)",
    "rate(10 hour)",
    "rate(10 day)",
]
BAD_ATS = [
    "at(2021-12-31T23:59:59Z)",
    "at(2021-12-31)",
    "at(2021-02-30T00:00:00)",
    "at(2021-12-31T24:00:00)",
    "at(2021-12-31 23:59:59)",
    "at(2021-12-31T23:59)",
    "at()",
]


@pytest.mark.parametrize("text", GOOD_CRONS)
def test_accepted_crons(text: str) -> None:
    """What AWS accepts is accepted by both services."""
    assert scheduler_expression(text) == rule_expression(text)


@pytest.mark.parametrize("text", [*BAD_CRONS, *BAD_RATES, *BAD_ATS, "", "every day"])
def test_rejected(text: str) -> None:
    """What AWS rejects is rejected by both, each in its own words."""
    with pytest.raises(ServiceError) as schedulers:
        scheduler_expression(text)
    assert schedulers.value.code == "ValidationException"
    assert schedulers.value.message == f"Invalid Schedule Expression {text}."
    with pytest.raises(ServiceError) as rules:
        rule_expression(text)
    assert rules.value.code == "ValidationException"
    assert rules.value.message == "Parameter ScheduleExpression is not valid."


@pytest.mark.parametrize("text", UNEVEN_RATES)
def test_number_and_unit_have_to_agree_in_rules_only(text: str) -> None:
    """Scheduler takes rate(1 minutes); a rule does not."""
    scheduler_expression(text)
    with pytest.raises(ServiceError):
        rule_expression(text)


@pytest.mark.parametrize(
    ("text", "step_ms"),
    [
        ("rate(1 minute)", MINUTE_MS),
        ("rate(5 minutes)", 5 * MINUTE_MS),
        ("rate(1 hour)", HOUR_MS),
        ("rate(12 hours)", 12 * HOUR_MS),
        ("rate(1 day)", DAY_MS),
        ("rate(7 days)", 7 * DAY_MS),
    ],
)
def test_a_rate_counts_from_its_anchor(text: str, step_ms: int) -> None:
    """In absolute steps, whatever a clock shows; the anchor is the first of them."""
    rate = rule_expression(text)
    anchor = 1_800_000_000_123
    assert next_after(rate, anchor - 1, "Asia/Jerusalem", anchor) == anchor
    assert next_after(rate, anchor, "Asia/Jerusalem", anchor) == anchor + step_ms
    assert next_after(rate, anchor + step_ms - 1, anchor_ms=anchor) == anchor + step_ms
    assert next_after(rate, anchor + 10 * step_ms, anchor_ms=anchor) == anchor + 11 * step_ms
    assert first_due(text, anchor) == anchor + step_ms


def test_at_comes_once() -> None:
    """By the clock of its zone, and never again."""
    at = scheduler_expression("at(2027-06-01T12:00:00)")
    noon = ms("2027-06-01T09:00:00")
    assert next_after(at, noon - 1, "Asia/Jerusalem") == noon
    assert next_after(at, noon, "Asia/Jerusalem") is None
    assert next_after(at, noon - 1, "UTC") == noon + 3 * HOUR_MS


def test_a_rule_has_no_at() -> None:
    """Rules know rate and cron."""
    with pytest.raises(ServiceError, match="Parameter ScheduleExpression is not valid"):
        first_due("at(2027-06-01T12:00:00)", 0)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def names(text: str, after: str, zone: str = "UTC", count: int = 4) -> list[str]:
    """Return the next instants, in UTC to the minute."""
    expression = scheduler_expression(f"cron({text})")
    at_ms: int | None = ms(after)
    found = []
    for _ in range(count):
        assert at_ms is not None
        at_ms = next_after(expression, at_ms, zone)
        if at_ms is None:
            break
        found.append(iso(at_ms)[:16])
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0 10 L * ? *", ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
        ("0 10 LW * ? *", ["2027-01-29", "2027-02-26", "2027-03-31", "2027-04-30"]),
        ("0 10 1W * ? *", ["2027-02-01", "2027-03-01", "2027-04-01", "2027-05-03"]),
        ("0 10 15W * ? *", ["2027-01-15", "2027-02-15", "2027-03-15", "2027-04-15"]),
        ("0 10 31W * ? *", ["2027-01-29", "2027-03-31", "2027-05-31", "2027-07-30"]),
        ("0 10 ? * 6L *", ["2027-01-29", "2027-02-26", "2027-03-26", "2027-04-30"]),
        ("0 10 ? * FRIL *", ["2027-01-29", "2027-02-26", "2027-03-26", "2027-04-30"]),
        ("0 10 ? * L *", ["2027-01-16", "2027-01-23", "2027-01-30", "2027-02-06"]),
        ("0 10 ? * SAT#3 *", ["2027-01-16", "2027-02-20", "2027-03-20", "2027-04-17"]),
        ("0 10 ? * 2#5 *", ["2027-03-29", "2027-05-31", "2027-08-30", "2027-11-29"]),
        ("0 10 ? * FRI-MON *", ["2027-01-15", "2027-01-16", "2027-01-17", "2027-01-18"]),
        ("0 10 29 2 ? *", ["2028-02-29", "2032-02-29", "2036-02-29", "2040-02-29"]),
        ("0 10 31 * ? *", ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]),
        ("0 10 1 1 ? 2030,2040-2042", ["2030-01-01", "2040-01-01", "2041-01-01", "2042-01-01"]),
    ],
)
def test_days(text: str, wanted: list[str]) -> None:
    """Special days, worked out by a calendar on paper; each at 10:00."""
    assert names(text, "2027-01-14T12:00:00") == [f"{day}T10:00" for day in wanted]


def test_a_range_over_the_end() -> None:
    """20-2 are the hours from the evening into the night; its days are those of each instant."""
    assert names("0/30 22-0 ? * FRI *", "2027-01-15T12:00:00", count=5) == [
        "2027-01-15T22:00",
        "2027-01-15T22:30",
        "2027-01-15T23:00",
        "2027-01-15T23:30",
        "2027-01-22T00:00",
    ]


@pytest.mark.parametrize("text", ["0 0 30 2 ? *", "0 0 31 4,6,9,11 ? *", "0 0 1 1 ? 2000"])
def test_what_never_comes(text: str) -> None:
    """A day that no month has, and a year that has passed."""
    assert names(text, "2027-01-15T12:00:00") == []


def test_the_last_year() -> None:
    """After 2199 nothing comes, whatever the zone."""
    assert names("59 23 31 12 ? *", "2198-12-31T23:00:00") == [
        "2198-12-31T23:59",
        "2199-12-31T23:59",
    ]
    assert names("* * * * ? *", "2199-12-31T23:59:00", "Pacific/Kiritimati") == []
    assert names("* * * * ? *", "2300-01-01T00:00:00") == []


def test_a_skipped_hour_is_skipped() -> None:
    """New York, 2027-03-14: 2:00 to 3:00 is left out; 2:30 does not come, nor anything for it."""
    assert names("30 2 * * ? *", "2027-03-13T00:00:00", "America/New_York", 2) == [
        "2027-03-13T07:30",
        "2027-03-15T06:30",
    ]


def test_a_repeated_hour_comes_once() -> None:
    """New York, 2027-11-07: 1:00 to 2:00 is shown twice; 1:30 comes the first time."""
    assert names("30 1 * * ? *", "2027-11-06T12:00:00", "America/New_York", 2) == [
        "2027-11-07T05:30",
        "2027-11-08T06:30",
    ]
    # asked in the middle of the second pass
    assert names("*/30 * * * ? *", "2027-11-07T06:10:00", "America/New_York", 2) == [
        "2027-11-07T07:00",
        "2027-11-07T07:30",
    ]


def test_an_at_in_a_skipped_hour_never_comes() -> None:
    """It names a time that no clock of the zone shows."""
    at = scheduler_expression("at(2027-03-14T02:30:00)")
    assert next_after(at, 0, "America/New_York") is None
    assert next_after(at, 0, "UTC") == ms("2027-03-14T02:30:00")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "UTC"])
def test_the_ends_of_the_calendar(zone: str) -> None:
    """They are no bug of ours: what cannot be reckoned with does not come."""
    now = ms("2027-01-15T08:00:00")
    for text in ("at(0001-01-01T00:00:00)", "rate(999999999 days)"):
        assert next_after(scheduler_expression(text), now, zone) is None
    last = next_after(scheduler_expression("at(9999-12-31T23:59:59)"), now, zone)
    assert last is None or last > now


def test_zones() -> None:
    """Names of the IANA database, as they are written there."""
    assert is_zone("Asia/Jerusalem")
    assert is_zone("US/Eastern")
    for name in ("", "asia/jerusalem", "Asia", "Mars/Base", "../UTC", "Factory", "posixrules"):
        assert not is_zone(name)
