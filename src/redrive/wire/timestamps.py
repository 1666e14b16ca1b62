"""Instants on the wire: AWS's three timestamp formats, to and from whole milliseconds.

Operations only ever see milliseconds since 1970 (core/time). Reading is generous, as AWS is: any of
the formats is understood wherever a timestamp may stand.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime

EPOCH = "unixTimestamp"
ISO = "iso8601"
RFC = "rfc822"

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)
SECONDS_MAX = 253_402_300_800
"""The first second of the year 10000, which no format of AWS's can say."""


def parse_timestamp(value: object) -> int | None:
    """Return the milliseconds of a number of seconds or of text in any format; None for others."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return round(value * 1000) if -SECONDS_MAX < value < SECONDS_MAX else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return parse_timestamp(float(text))
    try:
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _START) // _MILLI


def write_timestamp(at_ms: int, form: str) -> str | int | float:
    """Return an instant in a format: a number of seconds for unixTimestamp, else text."""
    if form == EPOCH:
        return at_ms // 1000 if at_ms % 1000 == 0 else at_ms / 1000
    if form == RFC:
        return formatdate(at_ms // 1000, usegmt=True)
    moment = _START + timedelta(milliseconds=at_ms)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f"{text.rjust(19, '0')}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{text.rjust(19, '0')}Z"
    )
