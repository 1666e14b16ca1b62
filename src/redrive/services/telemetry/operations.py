"""ReadLogs and ReadEvents, of Redrive's own service "redrive": what a person follows."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

from redrive.core.effects import Context, Params, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.registry import Registry
from redrive.services.telemetry import rules
from redrive.services.telemetry.model import NEWS_TOPIC, Line
from redrive.services.telemetry.room import Telemetry
from redrive.store.store import Tx


def read_logs(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result | Wait:
    """Return what functions wrote, in the order of writing: one, several or, unnamed, all.

    Without a Cursor the latest pieces (since SinceMs when it is given); with one what came after
    it, and when there is nothing and WaitSeconds is given, wait for it. The Cursor of the answer
    continues it. Containing leaves only the lines that hold a text, whatever its case.
    """
    del tx
    account, region = context.caller.account, context.caller.region
    names = _names(params)
    request_id = params.get("RequestId") or ""
    limit = min(max(1, params.get("Limit", 100)), rules.LINES_MAX)
    wanted = (params.get("Containing") or "").casefold()
    room.flush_all(context.now_ms)
    after = _number(params.get("Cursor"))
    if after is None:
        after = room.book.last()
        latest = room.book.tail(account, region, names, request_id, params.get("SinceMs", 0))
        lines = rules.latest(islice(latest, rules.LOOKED_MAX), limit, wanted)
        cursor = max(after, lines[-1].id) if lines else after
    else:
        found = rules.within_answer(
            room.book.since(account, region, names, request_id, after, limit)
        )
        cursor = found[-1].id if found else after
        lines = [cut for line in found if (cut := rules.holding(line, wanted)) is not None]
        wait = None if found else _wait(params, context)
        if wait is not None:
            return wait
    return {"Logs": [_shown(line) for line in lines], "Cursor": str(cursor)}


def _names(params: Params) -> list[str]:
    given = [*params.get("FunctionNames", ()), params.get("FunctionName")]
    return list(dict.fromkeys(rules.short_name(name) for name in given if name))


def read_events(room: Telemetry, tx: Tx, params: Params, context: Context) -> Result | Wait:
    """Return live events, the oldest first, and with LogCursor the logs of all functions as well.

    Without a Cursor nothing is returned but the cursors from which to follow. An event that was
    let go before it was read is counted in Missed.
    """
    del tx
    account, region = context.caller.account, context.caller.region
    log_after = _number(params.get("LogCursor"))
    if "Cursor" not in params:
        room.flush_all(context.now_ms)
        return {"Events": [], "Cursor": room.cursor(), "LogCursor": str(room.book.last())}
    after = room.after(params["Cursor"])
    limit = rules.EVENTS_LIMIT_MAX
    events = room.events(account, region, after, limit)
    lines: list[Line] = []
    if log_after is not None:
        room.flush_all(context.now_ms)
        lines = rules.within_answer(
            room.book.since(account, region, (), "", log_after, rules.LINES_MAX)
        )
    if not events and not lines:
        wait = _wait(params, context)
        if wait is not None:
            return wait
    answer: dict[str, Any] = {
        "Events": [
            {"AtMs": event.at_ms, "Kind": event.kind, "Detail": event.detail} for event in events
        ],
        "Cursor": room.cursor(events[-1].n if len(events) == limit else None),
        "Missed": room.missed(after),
    }
    if log_after is not None:
        answer["Logs"] = [_shown(line) for line in lines]
        answer["LogCursor"] = str(lines[-1].id if lines else log_after)
    return answer


def _wait(params: Params, context: Context) -> Wait | None:
    ends_ms = context.arrived_ms + rules.wait_ms(params.get("WaitSeconds"))
    return Wait(Millis(ends_ms), (NEWS_TOPIC,)) if ends_ms > context.now_ms else None


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isdigit() or len(cursor) > 18:
        raise ServiceError(
            "InvalidParameterValue", f"{cursor} is not a cursor that this server gave.", status=400
        )
    return int(cursor)


def _shown(line: Line) -> dict[str, Any]:
    return {
        "FunctionName": line.function_name,
        "AtMs": line.at_ms,
        "RequestId": line.request_id,
        "Stream": line.stream,
        "Text": line.text,
    }


REDRIVE = {"ReadEvents": read_events, "ReadLogs": read_logs}


def register(registry: Registry, room: Telemetry) -> None:
    """Add what a person follows to the registry."""
    registry.add("redrive", {name: partial(work, room) for name, work in REDRIVE.items()})
