"""What calls and messages say of themselves: whose they are, and which event they carry on.

A word, a run or a tick is put into each event, message and firing by the workload, and is read out
of whatever text reaches a target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from redrive.core.effects import Fetch
from redrive.sim.events_legs import Leg
from redrive.sim.evidence import ACCOUNT, REGION, Attempt

_RUN = re.compile(r"run\W+([0-9a-f]{16})")
_AT = re.compile(r"time\W+(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_WORD = re.compile(r"word-\d+")
_REPLAY = re.compile(r"replay-name\W+(rp\d+)")
MOVE = "move"
"""The instance of a schedule that starts a move task: its call names no run."""


def schedule_arn(name: str) -> str:
    """Return the ARN of a schedule of the default group."""
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"


def instance_of(text: str) -> str:
    """Return what tells one event, message or firing from all others, wherever it goes."""
    run = _RUN.search(text)
    if run is not None:
        return f"run-{run[1]}"
    if "Scheduled Event" in text:
        at = _AT.search(text)
        return f"tick-{at[1]}" if at is not None else text
    word = _WORD.search(text)
    replay = _REPLAY.search(text)
    if word is None:
        return text[:60]
    return word[0] if replay is None else f"{word[0]}@{replay[1]}"


def source_of(attempt: Attempt) -> str:
    """Return on whose behalf a service has called: the ARN of a rule, a topic or a schedule."""
    caller = attempt.caller
    assert caller is not None
    if caller.source:
        return caller.source
    name = caller.principal.rpartition("/sched-")[2]
    return schedule_arn(name) if "/sched-" in caller.principal else caller.principal


def text_of(params: Mapping[str, Any]) -> str:
    """Return what a call hands to its target."""
    for name in ("MessageBody", "Message", "Body"):
        if name in params:
            return str(params[name])
    if "Event" in params:
        return orjson.dumps(params["Event"]).decode()
    payload = params["Payload"]
    return payload.decode() if isinstance(payload, bytes) else str(payload)


def is_for(leg: Leg, fetch: Fetch) -> bool:
    """Tell whether a request was a leg's: endpoints of destinations are named after them."""
    if leg.target == fetch.url:
        told = dict(fetch.headers)
        return told.get("x-amz-sns-topic-arn") == leg.source
    if ":api-destination/" not in leg.target:
        return False
    name = leg.target.split("/")[1]
    told = dict(fetch.headers)
    return fetch.url.startswith(f"https://{name}.sim/") and told.get("x-rule") == leg.source


def ms_of(text: str) -> int:
    """Return an instant of AWS's form in ms."""
    return int(datetime.fromisoformat(text).timestamp()) * 1_000


def instant_of(text: str) -> int | None:
    """Return the second for which a firing tells that it was due, in ms."""
    found = _AT.search(text)
    return None if found is None else ms_of(found[1])
