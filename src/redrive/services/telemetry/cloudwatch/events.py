"""Log events: the lines of a piece, their ids, and the tokens that go on from one. Pure.

An event's place is (instant, piece, line from 1): events are in order of time, then of writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from redrive.services.telemetry.model import Piece

_DIGITS = (15, 20, 21)
_ID = re.compile("([0-9]{15})([0-9]{20})([0-9]{21})")


class Place(NamedTuple):
    """Where an event stands among all of its stream or group."""

    at_ms: int
    piece: int
    line: int


BEGINNING = Place(0, 0, 0)
END = Place(10**15 - 1, 1 << 62, 1 << 62)


class LogEvent(NamedTuple):
    """One event."""

    place: Place
    stream: int
    stream_name: str
    ingested_ms: int
    message: str


def events_of(piece: Piece) -> list[LogEvent]:
    """Return the events of a piece: a client's is one; of a function's, each line is one.

    A line keeps its end, as on AWS. A line's place in its piece is its id's last part.
    """
    lines = [piece.text] if piece.is_event else _lines(piece.text)
    return [
        LogEvent(
            Place(piece.at_ms, piece.id, number),
            piece.stream,
            piece.stream_name,
            piece.ingested_ms,
            line,
        )
        for number, line in enumerate(lines, 1)
    ]


def _lines(text: str) -> list[str]:
    # Not splitlines: only a line feed ends a line of a log.
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def event_id(place: Place) -> str:
    """Return an event's id: 56 digits, as AWS's, which sort as the events do."""
    return "".join(f"{part:0{width}d}" for part, width in zip(place, _DIGITS, strict=True))


def place_of(digits: str) -> Place | None:
    """Return the place that an id names, or None."""
    found = _ID.fullmatch(digits)
    if found is None:
        return None
    place = Place(*map(int, found.groups()))
    return place if place.piece <= END.piece and place.line <= END.line else None


def following(
    pieces: Iterator[Piece], place: Place, *, is_up: bool
) -> Iterator[tuple[Piece, list[LogEvent]]]:
    """Yield, by piece, the events after a place; or those before it, the latest first."""
    for piece in pieces:
        events = events_of(piece)
        if is_up:
            yield piece, [event for event in events if event.place > place]
        else:
            yield piece, [event for event in reversed(events) if event.place < place]
