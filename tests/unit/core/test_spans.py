"""Lengths of time and instants as people write them."""

from __future__ import annotations

import pytest

from redrive.core.spans import LAST_MS, parse_instant, parse_span
from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, iso


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        ("6h", 6 * HOUR_MS),
        ("90m", 90 * MINUTE_MS),
        ("1d12h", DAY_MS + 12 * HOUR_MS),
        ("250ms", 250),
        ("1m250ms", MINUTE_MS + 250),
        ("2s5ms", 2_005),
        ("1d2h3m4s5ms", DAY_MS + 2 * HOUR_MS + 3 * MINUTE_MS + 4_005),
        (" 10m ", 10 * MINUTE_MS),
        ("45", 45_000),
        (45, 45_000),
        (0, 0),
        ("0s", 0),
    ],
)
def test_lengths_of_time(given: object, ms: int) -> None:
    """Units from the largest to the smallest, or seconds."""
    assert parse_span(given) == ms


@pytest.mark.parametrize(
    "given",
    ["", " ", "h", "6 h", "6x", "-6h", -1, 1.5, "1.5h", "6h1d", "6h6h", True, None, [], "٦h"],
)
def test_what_is_no_length_of_time(given: object) -> None:
    """It is told what was given, and what to write."""
    with pytest.raises(ValueError, match=r"is not a length of time: write 6h, 90m"):
        parse_span(given)


@pytest.mark.parametrize(
    "given", ["9" * 16, "9" * 16 + "h", "6hours", "6H", "PT6H", {"h": 6}, "6h\n7m"]
)
def test_what_is_too_long_or_of_another_kind(given: object) -> None:
    """The same."""
    with pytest.raises(ValueError, match=r"is not a length of time"):
        parse_span(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01T00:00Z", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01T02:30:00.250", "2026-12-01T02:30:00.250Z"),
        ("2026-12-01T02:00:00+02:00", "2026-12-01T00:00:00.000Z"),
        ("1970-01-01", "1970-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", iso(LAST_MS)),
    ],
)
def test_instants(given: str, text: str) -> None:
    """ISO 8601; without an offset it is UTC."""
    assert iso(parse_instant(given)) == text


@pytest.mark.parametrize(
    "given",
    ["", "tomorrow", "2026-13-01", 7, None, "1969-12-31", "9999-12-31T23:59:59-12:00", "2" * 200],
)
def test_what_is_no_instant(given: object) -> None:
    """It is told what to write."""
    with pytest.raises(ValueError, match=r"is not an instant from 1970 on: write it as 2026"):
        parse_instant(given)
