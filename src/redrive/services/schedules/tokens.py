"""ClientToken: a request that comes again is answered as the first time, and does nothing.

A token is kept for an hour, which is longer than any SDK goes on trying. AWS: API_CreateSchedule,
"ClientToken"; it does not say for how long.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.time import HOUR_MS
from redrive.services.schedules.model import Kept
from redrive.services.schedules.refusals import token_reused
from redrive.services.schedules.room import Schedules
from redrive.store.store import Tx

KEPT_MS = 1 * HOUR_MS

Operation = Callable[[Schedules, Tx, Params, Context], Result]


def once(operation: str, work: Operation) -> Operation:
    """Return the operation, done once for a token. A token of another request is a conflict."""

    def idempotent(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
        token = params.get("ClientToken")
        if token is None:
            return work(room, tx, params, context)
        place = {"account": context.caller.account, "region": context.caller.region}
        since_ms = context.now_ms - KEPT_MS
        digest = _digest(operation, params)
        kept: Kept | None = tx.one(Kept, "schedules.token", **place, token=token, since_ms=since_ms)
        if kept is not None:
            if kept.digest != digest:
                raise token_reused(token)
            return dict(orjson.loads(kept.answer))
        answer = work(room, tx, params, context)
        tx.run("schedules.forget_tokens", since_ms=since_ms)
        tx.run(
            "schedules.keep_token",
            **place,
            token=token,
            digest=digest,
            answer=orjson.dumps(answer).decode(),
            now_ms=context.now_ms,
        )
        return answer

    return idempotent


def _digest(operation: str, params: Params) -> str:
    said: dict[str, Any] = {name: params[name] for name in params if name != "ClientToken"}
    text = orjson.dumps([operation, said], option=orjson.OPT_SORT_KEYS)
    return sha256(text).hexdigest()
