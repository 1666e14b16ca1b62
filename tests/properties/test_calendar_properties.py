"""next_after over random expressions and instants, against a walk through every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.core.calendar import next_after, scheduler_expression
from redrive.core.calendar_cron import Cron

MINUTE_MS = 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.tuples(number, st.integers(1, max(1, (most - least) // 2))).map(
            lambda pair: f"{pair[0]}/{pair[1]}"
        ),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


OF_MONTH = st.one_of(
    field(1, 31), st.sampled_from(["L", "LW"]), st.integers(1, 31).map("{}W".format)
)
OF_WEEK = st.one_of(
    field(1, 7),
    st.sampled_from(DAYS).map("{}L".format),
    st.tuples(st.sampled_from(DAYS), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
)
DAY_FIELDS = st.one_of(
    OF_MONTH.map(lambda text: (text, "?")), OF_WEEK.map(lambda text: ("?", text))
)
CRONS = st.builds(
    lambda minute, hour, days, month: f"cron({minute} {hour} {days[0]} {month} {days[1]} *)",
    field(0, 59),
    field(0, 23),
    DAY_FIELDS,
    field(1, 12),
)
# Around changes of clocks as often as elsewhere.
INSTANTS = st.one_of(
    st.integers(1_700_000_000_000, 2_100_000_000_000),
    st.integers(1_805_000_000_000, 1_805_400_000_000),  # New York, March 2027
    st.integers(1_825_400_000_000, 1_825_900_000_000),  # New York, November 2027
)


def shows(cron: Cron, wall: datetime) -> bool:
    """Tell whether a wall clock's time is one of an expression's, field by field."""
    return (
        wall.minute in cron.minutes
        and wall.hour in cron.hours
        and wall.month in cron.months
        and wall.year in cron.years
        and wall.day in cron.days(wall.year, wall.month)
    )


@given(CRONS, INSTANTS, st.sampled_from(ZONES), st.integers(0, 3_000_000))
@settings(max_examples=300, deadline=None)
def test_it_is_later_and_grows(text: str, at_ms: int, zone: str, later_ms: int) -> None:
    """Strictly after what it is asked, on a minute that the fields name, and monotone."""
    cron = scheduler_expression(text)
    assert isinstance(cron, Cron)
    found = next_after(cron, at_ms, zone)
    if found is None:
        return
    assert found > at_ms
    wall = (EPOCH + timedelta(milliseconds=found)).astimezone(ZoneInfo(zone))
    assert wall.second == wall.microsecond == wall.fold == 0
    assert shows(cron, wall)
    beyond = next_after(cron, at_ms + later_ms, zone)
    assert beyond is None or beyond >= found


@given(CRONS, INSTANTS, st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_nothing_is_earlier(text: str, at_ms: int, zone: str) -> None:
    """No minute of the day and a half that follow is passed over."""
    cron, place = scheduler_expression(text), ZoneInfo(zone)
    assert isinstance(cron, Cron)
    first = at_ms // MINUTE_MS + 1
    wanted = None
    for minute in range(first, first + 36 * 60):
        wall = (EPOCH + minute * timedelta(minutes=1)).astimezone(place)
        if not wall.fold and shows(cron, wall):
            wanted = minute * MINUTE_MS
            break
    found = next_after(cron, at_ms, zone)
    if wanted is not None:
        assert found == wanted
    else:
        assert found is None or found >= (first + 36 * 60) * MINUTE_MS


@given(st.integers(1, 10**6), st.integers(0, 2 * 10**12), st.integers(0, 2 * 10**12))
def test_a_rate_is_a_lattice(count: int, at_ms: int, anchor_ms: int) -> None:
    """Whole steps from its anchor, the nearest that is later."""
    step_ms = count * MINUTE_MS
    found = next_after(scheduler_expression(f"rate({count} minutes)"), at_ms, "UTC", anchor_ms)
    assert found is not None
    assert found > at_ms
    assert found >= anchor_ms
    assert (found - anchor_ms) % step_ms == 0
    assert found - at_ms <= step_ms or found == anchor_ms
