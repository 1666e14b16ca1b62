"""GetLogEvents and FilterLogEvents: the events of one stream, and those of a group.

A page of FilterLogEvents looks at a bounded number of rows, so that it may be short, or empty, and
have a next one, as AWS says of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.services.telemetry.cloudwatch.events import (
    BEGINNING,
    END,
    LogEvent,
    Place,
    event_id,
    following,
    place_of,
)
from redrive.services.telemetry.cloudwatch.lookup import asked_group, named_stream
from redrive.services.telemetry.cloudwatch.refusals import invalid
from redrive.services.telemetry.filters.comparing import BadPattern
from redrive.services.telemetry.filters.patterns import Matches, parse_pattern
from redrive.services.telemetry.model import Piece
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx

EVENTS_MAX = 10_000
PAGE_BYTES_MAX = 1 << 20
"""AWS: API_GetLogEvents, "limit"; API_FilterLogEvents."""

EVENT_BYTES = 26
LOOKED_ROWS_MAX = 5_000
LOOKED_BYTES_MAX = 4 << 20
"""What one page of FilterLogEvents looks at: some ten milliseconds in which nobody is served."""

BACKWARD_FROM_MS = 1_704_067_200_000  # 2024-01-01. AWS: API_FilterLogEvents, "startFromHead"


def get_log_events(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Return a page of one stream's events, in order of time.

    The latest ones, or with startFromHead the earliest; a token goes on from a page in its
    direction. Where there is nothing more, the token that was given is given back.
    AWS: API_GetLogEvents.
    """
    archive = room.book.archive
    group = asked_group(archive, context.caller, params)
    stream = named_stream(archive, group, params["logStreamName"])
    start_ms = min(params.get("startTime", 0), END.at_ms)
    end_ms = min(params.get("endTime", END.at_ms), END.at_ms)
    is_up, place = _get_place(params)
    bounded = max(place, Place(start_ms, 0, 0)) if is_up else min(place, Place(end_ms, 0, 0))
    events: list[LogEvent] = []
    size = 0
    limit = params.get("limit", EVENTS_MAX)
    pieces = archive.pieces(group.id, stream, bounded.at_ms, bounded.piece, is_up=is_up)
    for piece, found in following(pieces, bounded, is_up=is_up):
        if piece.at_ms >= end_ms or piece.at_ms < start_ms:
            break
        events += found
        size += len(piece.text) + EVENT_BYTES
        if len(events) >= limit or size > PAGE_BYTES_MAX:
            break
    events = events[:limit]
    if not is_up:
        events.reverse()
    if events:
        first, last = events[0].place, events[-1].place
    elif "nextToken" in params:
        first = last = place
    else:  # what comes later lies after the beginning, whatever the window
        first = last = BEGINNING
    return {
        "events": [
            {
                "timestamp": event.place.at_ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
            }
            for event in events
        ],
        "nextForwardToken": f"f/{event_id(last)}/s",
        "nextBackwardToken": f"b/{event_id(first)}/s",
    }


def _get_place(params: Params) -> tuple[bool, Place]:
    token: str | None = params.get("nextToken")
    if token is None:
        is_up = bool(params.get("startFromHead"))
        return is_up, BEGINNING if is_up else END
    place = place_of(token[2:-2])
    if place is None or token[:2] not in ("f/", "b/") or token[-2:] != "/s":
        raise invalid("The specified nextToken is invalid.")
    return token[0] == "f", place


# --- FilterLogEvents --------------------------------------------------------------------------


def filter_log_events(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result:
    """Return a page of a group's events that match, of all streams or of some, by time.

    Unlike GetLogEvents', the end of the time range is within it. AWS: API_FilterLogEvents.
    """
    archive = room.book.archive
    group = asked_group(archive, context.caller, params)
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names is not None and prefix is not None:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    streams = [named_stream(archive, group, name) for name in names or ()]
    ids = {stream.id for stream in streams}
    search = _Search(
        _matches(params),
        (lambda piece: piece.stream in ids)
        if ids
        else (lambda piece: piece.stream_name.startswith(prefix or "")),
        min(params.get("startTime", 0), END.at_ms),
        min(params.get("endTime", END.at_ms), END.at_ms),
        params.get("limit", EVENTS_MAX),
    )
    is_up, place = _filter_place(params)
    start, end = Place(search.start_ms, 0, 0), Place(search.end_ms, END.piece, END.line)
    place = max(place, start) if is_up else min(place, end)
    only = streams[0] if len(streams) == 1 else None
    pieces = archive.pieces(group.id, only, place.at_ms, place.piece, is_up=is_up)
    events, reached = search.page(pieces, place, is_up=is_up)
    result: dict[str, Any] = {
        "events": [_shown(event) for event in events],
        "searchedLogStreams": [],  # AWS: since 2019 always
    }
    if reached is not None:
        result["nextToken"] = _token(params, reached, is_up=is_up)
    return result


def _shown(event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream_name,
        "timestamp": event.place.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": event_id(event.place),
    }


class _Search(NamedTuple):
    """What one request looks for. matches: None for everything."""

    matches: Matches | None
    is_wanted: Callable[[Piece], bool]
    start_ms: int
    end_ms: int
    limit: int

    def page(
        self, pieces: Iterator[Piece], place: Place, *, is_up: bool
    ) -> tuple[list[LogEvent], Place | None]:
        """Return the matching events beyond a place, and where the next page begins, if at all."""
        events: list[LogEvent] = []
        size = looked = looked_bytes = 0
        for piece, found in following(pieces, place, is_up=is_up):
            if not self.start_ms <= piece.at_ms <= self.end_ms:
                return events, None
            is_much = looked >= LOOKED_ROWS_MAX or looked_bytes > LOOKED_BYTES_MAX
            if is_much or size > PAGE_BYTES_MAX:
                return events, place
            looked, looked_bytes = looked + 1, looked_bytes + len(piece.text)
            for event in found if self.is_wanted(piece) else ():
                if self.matches is None or self.matches(event.message):
                    if len(events) >= self.limit:
                        return events, place
                    events.append(event)
                    size += len(event.message) + EVENT_BYTES
                place = event.place
            place = Place(piece.at_ms, piece.id, END.line if is_up else 0)
        return events, None


def _matches(params: Params) -> Matches | None:
    try:
        return parse_pattern(params.get("filterPattern", ""))
    except BadPattern as error:
        raise invalid(f"Invalid filter pattern: {error}") from None


def _digest(params: Params) -> str:
    asked = {name: value for name, value in params.items() if name not in _NOT_ASKED}
    return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


_NOT_ASKED = ("nextToken", "limit", "startFromHead", "interleaved", "unmask")


def _token(params: Params, place: Place, *, is_up: bool) -> str:
    return f"{'f' if is_up else 'b'}/{event_id(place)}/{_digest(params)}"


def _filter_place(params: Params) -> tuple[bool, Place]:
    token: str | None = params.get("nextToken")
    if token is None:
        is_up = params.get("startFromHead", True)
        if not is_up and params.get("startTime", 0) < BACKWARD_FROM_MS:
            raise invalid(
                "startFromHead can be false only when startTime is on or after January 1, 2024."
            )
        return is_up, BEGINNING if is_up else END
    place = place_of(token[2:58])
    if place is None or token[:2] not in ("f/", "b/") or token[58:] != f"/{_digest(params)}":
        raise invalid("The specified nextToken is invalid.")
    return token[0] == "f", place
