"""Cron expressions in AWS's dialect: six fields, and which minutes of the calendar they name. Pure.

    minutes  hours  day-of-month  month           day-of-week     year
    0-59     0-23   1-31          1-12, JAN-DEC   1-7, SUN-SAT    1970-2199
    , - * /  , - * /  , - * ? / L W  , - * /      , - * ? / L #   , - * /

One of the two day fields is `?`, and only one. The last day of the month is L, the last working day
LW, the working day nearest to the 3rd 3W (within its month); the last Friday is 6L, the third
Saturday 7#3, and L as a day of the week is Saturday. A range may run over the end (20-2, FRI-MON).
Such a special day stands alone in its field. Names may be written in any case.

AWS: EventBridge User Guide, "Cron expressions"; Scheduler User Guide, "Schedule types"; the dialect
is Quartz's without seconds. A month that has no such day (31W in April, a fifth Monday) is skipped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

YEAR_MIN, YEAR_MAX = 1970, 2199

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_SUNDAY, _SATURDAY = 1, 7

Days = Callable[[int, int], tuple[int, ...]]
"""(year, month) -> the days of that month that are named, ascending."""


class BadField(ValueError):
    """Text that is not in the dialect."""


class _Range(NamedTuple):
    least: int
    most: int
    step_max: int
    names: Mapping[str, int] = {}


_MINUTES = _Range(0, 59, 59)
_HOURS = _Range(0, 23, 23)
_DAYS_OF_MONTH = _Range(1, 31, 31)
_MONTHS_OF_YEAR = _Range(1, 12, 12, _MONTHS)
_DAYS_OF_WEEK = _Range(1, 7, 7, _DAYS)
_YEARS = _Range(YEAR_MIN, YEAR_MAX, YEAR_MAX - YEAR_MIN)

_NEAREST = re.compile(r"([0-9]{1,2})W")
_LAST = re.compile(r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)L")
_NTH = re.compile(r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#([1-5])")


class Cron(NamedTuple):
    """A parsed expression. Numbers ascend; `days` tells a month's days."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    days: Days

    def from_wall(self, wall: datetime) -> datetime | None:
        """Return the first minute named at or after a wall clock's (naive, seconds are zero).

        It goes from year to month to day to hour, so that its cost does not depend on how far off
        the answer is; the longest search, for a day that never comes, looks at each month once.
        """
        for year, month, day in self._dates(wall):
            if (year, month, day) != (wall.year, wall.month, wall.day):
                return datetime(year, month, day, self.hours[0], self.minutes[0])
            found = self._in_day(wall)
            if found is not None:
                return found
        return None

    def _dates(self, wall: datetime) -> Iterator[tuple[int, int, int]]:
        """Yield the dates named, from the wall's on."""
        for year in self.years[bisect_left(self.years, wall.year) :]:
            first = wall.month if year == wall.year else 1
            for month in self.months[bisect_left(self.months, first) :]:
                is_first = (year, month) == (wall.year, wall.month)
                for day in self.days(year, month):
                    if not is_first or day >= wall.day:
                        yield year, month, day

    def _in_day(self, wall: datetime) -> datetime | None:
        for hour in self.hours[bisect_left(self.hours, wall.hour) :]:
            if hour > wall.hour:
                return wall.replace(hour=hour, minute=self.minutes[0])
            later = self.minutes[bisect_left(self.minutes, wall.minute) :]
            if later:
                return wall.replace(minute=later[0])
        return None

    def after_wall(self, wall: datetime) -> datetime | None:
        """Return the first minute named after a wall clock's."""
        return self.from_wall(wall + timedelta(minutes=1))


def parse_cron(text: str) -> Cron:
    """Read the six fields between the parentheses. Raises BadField."""
    fields = text.upper().split()
    if len(fields) != 6:
        raise BadField(f"{len(fields)} fields, not six")
    minutes, hours, of_month, months, of_week, years = fields
    if (of_month == "?") == (of_week == "?"):
        raise BadField("exactly one of the two day fields is ?")
    return Cron(
        _numbers(minutes, _MINUTES),
        _numbers(hours, _HOURS),
        _numbers(months, _MONTHS_OF_YEAR),
        _numbers(years, _YEARS),
        _days_of_week(of_week) if of_month == "?" else _days_of_month(of_month),
    )


def _numbers(field: str, allowed: _Range) -> tuple[int, ...]:
    """Read a list of values, ranges and steps."""
    found: set[int] = set()
    for part in field.split(","):
        found.update(_part(part, allowed))
    return tuple(sorted(found))


def _part(part: str, allowed: _Range) -> Iterator[int]:
    span, slash, step_text = part.partition("/")
    step = _number(step_text) if slash else 1
    if not 1 <= step <= allowed.step_max:
        raise BadField(f"{part} has no such step")
    if span == "*":
        first, last = allowed.least, allowed.most
    elif "-" in span:
        start, _, end = span.partition("-")
        first, last = _value(start, allowed), _value(end, allowed)
    else:
        first = _value(span, allowed)
        last = allowed.most if slash else first
    if last >= first:
        return iter(range(first, last + 1, step))
    if allowed is _YEARS:
        raise BadField(f"{part} runs backwards")
    width = allowed.most - allowed.least + 1
    return (
        (number - allowed.least) % width + allowed.least
        for number in range(first, last + width + 1, step)
    )


def _value(text: str, allowed: _Range) -> int:
    number = allowed.names[text] if text in allowed.names else _number(text)
    if not allowed.least <= number <= allowed.most:
        raise BadField(f"{text} is not in {allowed.least}-{allowed.most}")
    return number


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 4:
        raise BadField(f"{text!r} is no number")
    return int(text)


# --- days of a month ------------------------------------------------------------------------------


def _days_of_month(field: str) -> Days:
    if field == "L":
        return lambda year, month: (_length(year, month),)
    if field in ("LW", "WL"):
        return lambda year, month: (_nearest_workday(year, month, _length(year, month)),)
    nearest = _NEAREST.fullmatch(field)
    if nearest:
        wanted = _value(nearest[1], _DAYS_OF_MONTH)

        def near(year: int, month: int) -> tuple[int, ...]:
            has_it = wanted <= _length(year, month)
            return (_nearest_workday(year, month, wanted),) if has_it else ()

        return near
    numbers = _numbers(field, _DAYS_OF_MONTH)

    def plain(year: int, month: int) -> tuple[int, ...]:
        length = _length(year, month)
        return tuple(day for day in numbers if day <= length)

    return plain


def _days_of_week(field: str) -> Days:
    last = _LAST.fullmatch(field)
    if last:
        wanted = _value(last[1], _DAYS_OF_WEEK)

        def ending(year: int, month: int) -> tuple[int, ...]:
            length = _length(year, month)
            return (length - (_weekday(year, month, length) - wanted) % 7,)

        return ending
    nth = _NTH.fullmatch(field)
    if nth:
        wanted, weeks = _value(nth[1], _DAYS_OF_WEEK), int(nth[2]) - 1

        def counted(year: int, month: int) -> tuple[int, ...]:
            day = 1 + (wanted - _weekday(year, month, 1)) % 7 + 7 * weeks
            return (day,) if day <= _length(year, month) else ()

        return counted
    numbers = (_SATURDAY,) if field == "L" else _numbers(field, _DAYS_OF_WEEK)

    def plain(year: int, month: int) -> tuple[int, ...]:
        first = _weekday(year, month, 1)
        days = range(1, _length(year, month) + 1)
        return tuple(day for day in days if (first + day - 2) % 7 + 1 in numbers)

    return plain


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday, 7 is Saturday."""
    return (monthrange(year, month)[0] + day) % 7 + 1


def _nearest_workday(year: int, month: int, day: int) -> int:
    weekday = _weekday(year, month, day)
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < _length(year, month) else day - 2
    return day
