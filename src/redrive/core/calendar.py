"""Expressions of time, as schedules and rules are given them, and when they come next. Pure.

    at(2026-12-24T18:00:00)     once, by the wall clock of a time zone
    rate(5 minutes)             every so many absolute minutes, hours or days of 24 hours
    cron(0 23 ? * SUN-THU *)    whenever the wall clock of a time zone shows it (calendar_cron)

Where a zone's clock is put forward, the times that it leaves out do not come; where it is put back,
a time that it shows twice comes once, the first time.
AWS: Scheduler User Guide, "Schedule types", "Daylight savings time on EventBridge Scheduler".

Invariants
1. `next_after` is strictly later than what it is asked, and grows with it.
2. Its cost does not grow with the distance to the answer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from redrive.core.calendar_cron import YEAR_MAX, BadField, Cron, parse_cron
from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, NEVER

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END_MS = (datetime(YEAR_MAX + 1, 1, 3, tzinfo=UTC) - _EPOCH) // _MILLISECOND
"""No zone's clock shows a year of the dialect from here on."""

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)", re.ASCII)
_RATE = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([\t -'*-~]*)\)")
_UNITS_MS = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
_NO_ZONES = frozenset(["Factory"])
"""Entries of the zone database that are no places."""


class At(NamedTuple):
    """Once, at a wall clock's time (naive)."""

    wall: datetime


class Rate(NamedTuple):
    """Every so many milliseconds."""

    step_ms: int


Expression = At | Rate | Cron


def scheduler_expression(text: str) -> Expression:
    """Read an expression of EventBridge Scheduler's.

    Raises ServiceError ValidationException, "Invalid Schedule Expression <text>." AWS: as captured;
    the unit of a rate may be singular or plural, whatever its number.
    """
    parsed = _parse(text)
    if parsed is None:
        raise ServiceError("ValidationException", f"Invalid Schedule Expression {text}.")
    return parsed[0]


def rule_expression(text: str) -> Rate | Cron:
    """Read an expression of a rule's.

    Raises ServiceError ValidationException, "Parameter ScheduleExpression is not valid." AWS: as
    captured; one is singular, more are plural, and there is no at().
    """
    parsed = _parse(text)
    if parsed is not None and not isinstance(parsed[0], At) and parsed[1]:
        return parsed[0]
    raise ServiceError("ValidationException", "Parameter ScheduleExpression is not valid.")


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[Expression, bool] | None:
    """Return what a text means and whether its unit agrees with its number; None: nothing."""
    rate = _RATE.fullmatch(text)
    if rate:
        count, unit, plural = int(rate[1]), rate[2], bool(rate[3])
        return (Rate(count * _UNITS_MS[unit]), (count != 1) == plural) if count else None
    try:
        at = _AT.fullmatch(text)
        if at:
            return At(datetime.fromisoformat(at[1])), True
        cron = _CRON.fullmatch(text)
        return (parse_cron(cron[1]), True) if cron else None
    except (BadField, ValueError):
        return None


@cache
def _zone_names() -> frozenset[str]:
    """Read them from the package that completes the machine's database: one file, not 600."""
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split()) - _NO_ZONES


def is_zone(name: str) -> bool:
    """Tell whether a name is one of the IANA database's."""
    return name in _zone_names()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def next_after(
    expression: Expression, at_ms: int, zone: str = "UTC", anchor_ms: int = 0
) -> int | None:
    """Return the first instant after at_ms that an expression names, None when there is none.

    zone: a name that is_zone knows; a rate does not ask for it. anchor_ms: an instant from which a
    rate counts; it names that one too, and none before it.
    """
    if isinstance(expression, Rate):
        if at_ms < anchor_ms:
            return anchor_ms
        past = (at_ms - anchor_ms) // expression.step_ms
        found_ms = anchor_ms + (past + 1) * expression.step_ms
        return found_ms if found_ms < NEVER else None
    place = _zone(zone)
    if isinstance(expression, At):
        instant_ms = _instant_ms(expression.wall, place)
        return instant_ms if instant_ms is not None and instant_ms > at_ms else None
    if at_ms >= _END_MS:
        return None
    here = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(place)
    wall = expression.after_wall(here.replace(tzinfo=None, second=0, microsecond=0))
    while wall is not None:
        instant_ms = _instant_ms(wall, place)
        # In the second pass of an hour, what remains of its wall times has come in the first.
        if instant_ms is not None and instant_ms > at_ms:
            return instant_ms
        wall = expression.after_wall(wall)
    return None


def _instant_ms(wall: datetime, zone: ZoneInfo) -> int | None:
    """Return when a zone's clock first shows a time, None when it never does."""
    local = wall.replace(tzinfo=zone, fold=0)
    try:
        instant = local.astimezone(UTC)
        is_shown = instant.astimezone(zone).replace(tzinfo=None) == wall
    except OverflowError:  # the first day of the year 1, the last of 9999
        return None
    if not is_shown:
        return None
    return (instant - _EPOCH) // _MILLISECOND


def first_due(text: str, now_ms: int) -> int | None:
    """Return when a rule's expression first comes after its rule was made or enabled.

    A rate counts from now. Raises as rule_expression does.
    """
    return next_after(rule_expression(text), now_ms, anchor_ms=now_ms)
