"""Show pipes."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from redrive.core.effects import Ask, Context, Params, Result
from redrive.core.time import Millis
from redrive.services.pipes.model import Pipe, state_of
from redrive.services.pipes.operations.lookup import ask_feeds, ask_state, find
from redrive.services.pipes.refusals import invalid
from redrive.services.pipes.room import Pipes
from redrive.store.store import Tx

_PAGE_MAX = 100


def describe_pipe(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """Show one pipe. AWS: API_DescribePipe."""
    del room
    pipe = find(tx, params["Name"], context.caller)

    def show(_tx: Tx, state: str, reason: str | None, _now_ms: Millis) -> Result:
        tags = orjson.loads(pipe.tags)
        shown = {**summary(pipe, state), **pipe.given, **({"Tags": tags} if tags else {})}
        shown["SourceParameters"] = shown.get("SourceParameters") or {}
        shown["TargetParameters"] = shown.get("TargetParameters") or {}
        return shown if reason is None else {**shown, "StateReason": reason[:512]}

    return ask_state(pipe, context.caller, show)


def list_pipes(room: Pipes, tx: Tx, params: Params, context: Context) -> Ask:
    """List pipes in order of name. AWS: API_ListPipes."""
    del room
    caller = context.caller
    rows: list[Pipe] = tx.rows(
        Pipe,
        "pipes.page",
        account=caller.account,
        region=caller.region,
        after=_decoded(params["NextToken"]) if params.get("NextToken") else "",
        prefix=params.get("NamePrefix") or "",
    )
    rows = [row for row in rows if _is_asked_for(row, params)]
    return ask_feeds(rows, caller, partial(_page, rows, params))


def _page(
    rows: list[Pipe], params: Params, _tx: Tx, feeds: Mapping[str, Any], _now_ms: Millis
) -> Result:
    limit = params.get("Limit") or _PAGE_MAX
    shown: list[dict[str, Any]] = []
    for row in rows:
        state = state_of(row, feeds.get(row.id))
        if state is None or params.get("CurrentState") not in (None, state[0]):
            continue
        if len(shown) == limit:
            return {"Pipes": shown, "NextToken": _encoded(shown[-1]["Name"])}
        given = row.given
        ends = {name: given[name] for name in ("Source", "Target", "Enrichment") if name in given}
        reason = {} if state[1] is None else {"StateReason": state[1][:512]}
        shown.append({**summary(row, state[0]), **ends, **reason})
    return {"Pipes": shown}


def _is_asked_for(pipe: Pipe, params: Params) -> bool:
    given = pipe.given
    return (
        params.get("DesiredState") in (None, pipe.desired)
        and given["Source"].startswith(params.get("SourcePrefix") or "")
        and given["Target"].startswith(params.get("TargetPrefix") or "")
    )


def summary(pipe: Pipe, state: str) -> dict[str, Any]:
    """Return what every answer about a pipe shows."""
    return {
        "Arn": pipe.arn,
        "Name": pipe.name,
        "DesiredState": pipe.desired,
        "CurrentState": state,
        "CreationTime": Millis(pipe.created_ms),
        "LastModifiedTime": Millis(pipe.modified_ms),
    }


def _encoded(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise invalid("Invalid nextToken.") from None
