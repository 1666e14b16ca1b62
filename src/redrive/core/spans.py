"""Lengths of time and instants as people write them: 6h, 1d12h, 2026-12-01T00:00Z. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Millis

_UNITS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
_COUNT = r"(?:(\d{1,15})"  # 15 digits of milliseconds are 30,000 years
_SPAN = re.compile(f"{_COUNT}d)?{_COUNT}h)?{_COUNT}m(?!s))?{_COUNT}s)?{_COUNT}ms)?", re.ASCII)

LAST_MS = Millis(253_402_300_799_999)
"""9999-12-31T23:59:59.999Z, the last instant that can be written."""

CLOCK_LAST_MS = Millis(7_258_118_399_999)
"""2199-12-31T23:59:59.999Z, the last that a clock may show: the numbers of rows, which begin with
their instant (core/ids.py), have room up to the year 2248."""


def parse_span(given: object) -> Millis:
    """Return a length of time: `6h`, `90m`, `1d12h`, `250ms`, or a whole number of seconds.

    Units come once each, the largest first: d, h, m, s, ms. Raises ValueError, which says so.
    """
    is_number = isinstance(given, int) and not isinstance(given, bool)
    if is_number or isinstance(given, str):
        text = str(given).strip()
        if re.fullmatch(r"\d{1,15}", text, re.ASCII):
            return Millis(int(text) * SECOND_MS)
        found = _SPAN.fullmatch(text) if text else None
        if found is not None:
            pairs = zip(found.groups(), _UNITS.values(), strict=True)
            return Millis(sum(int(count or 0) * unit_ms for count, unit_ms in pairs))
    raise ValueError(
        f"{_shortened(given)} is not a length of time: write 6h, 90m, 1d12h, 250ms, or a whole"
        " number of seconds"
    )


def parse_instant(given: object) -> Millis:
    """Return an instant: ISO 8601, `2026-12-01T00:00Z`; without an offset it is UTC.

    Raises ValueError, which says so.
    """
    if isinstance(given, str) and len(given) <= 100:
        try:
            moment = datetime.fromisoformat(given.strip())
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
        except (ValueError, OverflowError):
            pass
        else:
            at_ms = (elapsed.days * DAY_MS) + elapsed.seconds * SECOND_MS
            at_ms += elapsed.microseconds // 1_000
            if 0 <= at_ms <= LAST_MS:
                return Millis(at_ms)
    raise ValueError(
        f"{_shortened(given)} is not an instant from 1970 on: write it as 2026-12-01T00:00Z"
    )


def _shortened(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
