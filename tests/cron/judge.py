"""One zone judged twice over twenty years.

`judge_expressions`: next_after beside cronsim, for expressions that both dialects can say. They
differ by intention in one thing: a time that a clock leaves out when it is put forward does not
come (AWS), while cronsim follows Debian's cron and lets it come when the gap ends. Such an instant
is counted, and each must be one: a gap ends with it, and its wall time is none of the expression's.

`judge_changes`: the hours around each change of a zone's clock, walked minute by minute: a wall
time comes when the clock shows it for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from redrive.core.calendar import next_after, scheduler_expression

FIRST, LAST = datetime(2017, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
"""Twenty years: what zones have done, and what their rules say that they will do."""

EXPRESSIONS = {
    # AWS's fields -> cronsim's, whose hours say 0-23 for all, as * means something else to it
    "0 23 ? * SUN-THU *": "0 23 * * SUN-THU",
    "30 2 * * ? *": "30 2 * * *",
    "0 0 * * ? *": "0 0 * * *",
    "0/20 1 ? * 1 *": "0,20,40 1 * * 0",
    "5,35 14 ? JAN-MAR MON,FRI *": "5,35 14 * JAN-MAR MON,FRI",
    "15 10 L * ? *": "15 10 L * *",
    "0 12 LW * ? *": "0 12 LW * *",
    "15 10 ? * 6L *": "15 10 * * 5L",
    "0 8 ? * TUE#3 *": "0 8 * * TUE#3",
    "59 23 31 * ? *": "59 23 31 * *",
    "0 6 29 2 ? *": "0 6 29 2 *",
    "0 0/6 1,15 */2 ? *": "0 0,6,12,18 1,15 1,3,5,7,9,11 *",
}
DENSE = ("* * * * ? *", "*/7 * * * ? *", "0,59 * ? * 1-7 *", "30 0-23/3 * * ? *")

_MINUTE = timedelta(minutes=1)
_BEFORE, _AFTER = timedelta(hours=26), timedelta(hours=2)
"""Of a change. No clock is put back by more than a day, so that what it shows twice is seen."""


class Wrong(AssertionError):
    """Something that differs without a reason; the text has what is needed to repeat it."""


class Told(NamedTuple):
    """What was judged."""

    alike: int = 0  # instants that both name
    left_out: int = 0  # that cronsim names for a time which the clock leaves out
    changes: int = 0  # of a clock
    minutes: int = 0  # walked around them

    def __add__(self, other: object) -> Told:
        assert isinstance(other, Told)
        return Told(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@cache
def _walls(theirs: str) -> frozenset[datetime]:
    """All that an expression names, by a clock that is never changed."""
    start = datetime(FIRST.year - 1, 12, 30)
    return frozenset(takewhile(lambda wall: wall.year <= LAST.year, CronSim(theirs, start)))


def judge_expressions(zone: str, expressions: dict[str, str]) -> Told:
    """Compare every instant of the twenty years. Raises Wrong."""
    place = ZoneInfo(zone)
    told = Told()
    for ours, theirs in expressions.items():
        parsed = scheduler_expression(f"cron({ours})")
        named = set(_ours(parsed, zone))
        start = FIRST.astimezone(place)
        judged = takewhile(lambda at: at.astimezone(UTC) < LAST, CronSim(theirs, start))
        theirs_named = {_ms(at): at for at in judged if _ms(at) > _ms(FIRST)}
        if extra := named - theirs_named.keys():
            raise Wrong(f"cron({ours}) in {zone}: cronsim does not name {sorted(extra)[:5]}")
        for at_ms in theirs_named.keys() - named:
            at = theirs_named[at_ms]
            if at.replace(tzinfo=None) in _walls(theirs) or not _ends_gap(at):
                raise Wrong(f"cron({ours}) in {zone}: {at} is missing")
            told += Told(left_out=1)
        told += Told(alike=len(named))
    return told


def _ours(parsed: object, zone: str) -> Iterator[int]:
    at_ms = next_after(parsed, _ms(FIRST), zone)  # type: ignore[arg-type]
    while at_ms is not None and at_ms < _ms(LAST):
        yield at_ms
        at_ms = next_after(parsed, at_ms, zone)  # type: ignore[arg-type]


def _ends_gap(at: datetime) -> bool:
    """Tell whether a minute before, the clock showed much less."""
    before = (at.astimezone(UTC) - _MINUTE).astimezone(at.tzinfo)
    return at.replace(tzinfo=None) - before.replace(tzinfo=None) > _MINUTE


def judge_changes(zone: str) -> Told:
    """Walk the hours around each change of the clock. Raises Wrong."""
    told = Told()
    for change in changes(zone):
        walls = list(_shown(zone, change - _BEFORE, change + _AFTER))
        begin = change - timedelta(hours=3)
        for dense in DENSE:
            wanted = [at for at, wall in walls if at > begin and _matches(dense, wall)]
            found, at_ms = [], _ms(begin)
            parsed = scheduler_expression(f"cron({dense})")
            while (at_ms := next_after(parsed, at_ms, zone) or 0) < _ms(change + _AFTER):
                found.append(at_ms)
            if found != [_ms(at) for at in wanted]:
                raise Wrong(f"cron({dense}) in {zone} around {change}: {found}")
        told += Told(changes=1, minutes=len(walls))
    return told


def changes(zone: str) -> Iterator[datetime]:
    """Yield when a zone's clock is changed, to the minute; twice a day counts once."""
    place = ZoneInfo(zone)
    day = timedelta(days=1)
    at = FIRST
    while at < LAST:
        if at.astimezone(place).utcoffset() != (at + day).astimezone(place).utcoffset():
            low, high = 0, 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                there = (at + middle * _MINUTE).astimezone(place).utcoffset()
                is_before = there == at.astimezone(place).utcoffset()
                low, high = (middle, high) if is_before else (low, middle)
            yield at + high * _MINUTE
        at += day


def _shown(zone: str, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield what a clock shows for the first time, minute by minute, and when."""
    place = ZoneInfo(zone)
    seen: set[datetime] = set()
    at = first
    while at < last:
        wall = at.astimezone(place).replace(tzinfo=None, second=0, fold=0)
        if wall not in seen:
            seen.add(wall)
            yield at, wall
        at += _MINUTE


def _matches(dense: str, wall: datetime) -> bool:
    """Read one of DENSE by hand."""
    return {
        DENSE[0]: True,
        DENSE[1]: wall.minute % 7 == 0,
        DENSE[2]: wall.minute in (0, 59),
        DENSE[3]: wall.minute == 30 and wall.hour % 3 == 0,
    }[dense]
