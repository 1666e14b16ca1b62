"""The mappings service's decisions. Pure: rows, replies and instants in, decisions out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import orjson

from redrive.core.errors import ServiceError
from redrive.core.limits import RECEIVE_COUNT_MAX, RECORDS_MAX
from redrive.core.time import MINUTE_MS, NEVER, SECOND_MS, Millis
from redrive.services.mappings.records import EVENT_BYTES_MAX

TRANSITIONS = frozenset(["Creating", "Enabling", "Disabling", "Updating", "Deleting"])
"""States that end by themselves."""

SLOTS_FIRST = 5
"""Concurrent batches of a mapping at rest. AWS: Lambda Developer Guide, "Scaling for SQS": it
starts at 5 and grows by 300 a minute up to 1,250."""
SLOTS_MAX = 1_250
SLOT_MS = MINUTE_MS // 300
"""How long one slot takes to grow."""

POLLER_SLOTS = 10
"""AWS: Lambda Developer Guide, "Using provisioned mode with an Amazon SQS event source": an event
poller handles up to 10 concurrent invokes (and 1 MB/s, or 10 polling calls a second, which are not
emulated); concurrency grows by up to 1,000 a minute, from that of the least pollers to that of the
most."""
PROVISIONED_SLOT_MS = MINUTE_MS // 1_000

VISIBILITY_MARGIN_MS = 30 * SECOND_MS
"""AWS: Lambda Developer Guide, "Configuring a queue": window + timeout + 30 s where a
window needs it."""

BACK_OFF_FIRST_MS = 1 * SECOND_MS
BACK_OFF_MAX_MS = 30 * SECOND_MS


# --- life cycle --------------------------------------------------------------------------------


def settled_state(state: str, enabled: bool) -> str | None:
    """Return the state in which a transition ends; None: the mapping is gone.

    A state that is no transition stays what it is.
    """
    if state == "Deleting":
        return None
    if state not in TRANSITIONS:
        return state
    return "Enabled" if enabled else "Disabled"


def is_polling(state: str, enabled: bool) -> bool:
    """Tell whether a mapping in this state receives messages."""
    return enabled and state != "Deleting"


# --- time --------------------------------------------------------------------------------------


def effective_visibility_ms(window_ms: int, timeout_ms: int, visibility_ms: int) -> int | None:
    """Return the visibility timeout that receives must ask for; None: the queue's own is enough."""
    if window_ms and window_ms + timeout_ms > visibility_ms:
        return window_ms + timeout_ms + VISIBILITY_MARGIN_MS
    return None


def records_wanted(batch_size: int, record_bytes: int) -> int:
    """Return how many messages to receive at once: a batch, as far as one event holds it.

    record_bytes is the size of a message as the latest receive has shown it, 0 while that is not
    known: then it is as many as a client may ask for.
    """
    if batch_size <= RECEIVE_COUNT_MAX or not record_bytes:
        return min(batch_size, RECEIVE_COUNT_MAX)
    fitting = EVENT_BYTES_MAX // record_bytes
    return max(RECEIVE_COUNT_MAX, min(batch_size, fitting, RECORDS_MAX))


def back_off_ms(attempt: int) -> int:
    """Return the wait after the attempt-th failure in a row (1, 2, ...): 1 s, doubling, capped."""
    assert attempt >= 1
    return int(min(BACK_OFF_FIRST_MS << min(attempt - 1, 10), BACK_OFF_MAX_MS))


# --- concurrency -------------------------------------------------------------------------------


class Bounds(NamedTuple):
    """Between what the concurrency of a mapping moves, in slots, and how fast."""

    least: int  # where failures and throttles end to lower it
    rest: int  # where it begins, and where it returns to without a backlog
    most: int
    slot_ms: int  # how long one slot takes to grow


def bounds(
    concurrency_max: int | None, pollers_min: int | None = None, pollers_max: int | None = None
) -> Bounds:
    """Return the bounds that ScalingConfig or ProvisionedPollerConfig set.

    Provisioned pollers are there whatever happens: nothing takes a mapping below its least.
    """
    if pollers_min is not None and pollers_max is not None:
        least = pollers_min * POLLER_SLOTS
        return Bounds(least, least, pollers_max * POLLER_SLOTS, PROVISIONED_SLOT_MS)
    most = SLOTS_MAX if concurrency_max is None else min(concurrency_max, SLOTS_MAX)
    return Bounds(1, min(SLOTS_FIRST, most), most, SLOT_MS)


class Scale(NamedTuple):
    """How many batches a mapping may have under way, as of at_ms.

    It is counted in the time that so many slots take to grow, so that nothing is rounded.
    """

    credit_ms: int
    at_ms: Millis
    bounds: Bounds

    @property
    def slots(self) -> int:
        """Return the number of batches."""
        return self.credit_ms // self.bounds.slot_ms


def first_scale(now_ms: Millis, within: Bounds) -> Scale:
    """Return where a mapping starts."""
    return Scale(within.rest * within.slot_ms, now_ms, within)


def rebound(scale: Scale, within: Bounds) -> Scale:
    """Return as many slots within other bounds."""
    slots = min(max(scale.slots, within.least), within.most)
    return Scale(slots * within.slot_ms, scale.at_ms, within)


def rescale(scale: Scale, now_ms: Millis, *, saturated: bool, backlog: bool) -> Scale:
    """Let the time since scale.at_ms count, during which the queue was as the flags say.

    Saturated (a backlog, and every slot taken): growth towards the most. A backlog that the slots
    cope with: no change. No backlog: back to rest, from above or below, at the same pace.
    """
    assert now_ms >= scale.at_ms
    within = scale.bounds
    passed_ms = now_ms - scale.at_ms
    most_ms, rest_ms = within.most * within.slot_ms, within.rest * within.slot_ms
    credit_ms = scale.credit_ms
    if saturated:
        credit_ms = min(credit_ms + passed_ms, most_ms)
    elif not backlog and credit_ms > rest_ms:
        credit_ms = max(credit_ms - passed_ms, rest_ms)
    elif not backlog:
        credit_ms = min(credit_ms + passed_ms, rest_ms)
    return Scale(credit_ms, now_ms, within)


def set_back(scale: Scale) -> Scale:
    """Return half as many slots, at least the least: the function has failed or is throttled."""
    least_ms = scale.bounds.least * scale.bounds.slot_ms
    return scale._replace(credit_ms=max(scale.credit_ms // 2, least_ms))


def grows_at_ms(scale: Scale) -> Millis:
    """Return when a saturated mapping gets its next slot; NEVER at its limit."""
    slot_ms = scale.bounds.slot_ms
    if scale.slots >= scale.bounds.most:
        return NEVER
    return Millis(scale.at_ms + slot_ms - scale.credit_ms % slot_ms)


# --- outcome -----------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What becomes of a batch: which of its messages stay, and why.

    error is JSON text like Lambda's error bodies; None where the function named the messages.
    """

    kept: frozenset[str]  # message ids; all others are deleted
    error: str | None = None


def judge(
    payload: bytes, function_error: str | None, ids: Sequence[str], reports_failures: bool
) -> Verdict:
    """Judge a batch by what the function answered.

    With reports_failures a null or empty response, and a null, absent or empty list in it, mean
    success; an id that is empty, null, missing or of no message of the batch means that all have
    failed, and so does what is not a JSON object. An item without any key counts as one whose key
    has a bad name: AWS is said to do otherwise, and its own page does not tell.
    AWS: Lambda Developer Guide, "Reporting batch item failures for SQS".
    """
    if function_error is not None:
        return Verdict(frozenset(ids), _error_text(payload, function_error))
    if not reports_failures:
        return Verdict(frozenset())
    try:
        response = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _bad_response(ids, "the response is not JSON")
    if response is None:
        return Verdict(frozenset())
    if not isinstance(response, dict):
        return _bad_response(ids, "the response is not a JSON object")
    items = response.get("batchItemFailures")
    if items is None:
        return Verdict(frozenset())
    if not isinstance(items, list):
        return _bad_response(ids, "batchItemFailures is not a list")
    return _named_failures(items, ids)


def _named_failures(items: list[object], ids: Sequence[str]) -> Verdict:
    known: Collection[str] = frozenset(ids)
    named = set()
    for item in items:
        if not isinstance(item, dict) or "itemIdentifier" not in item:
            return _bad_response(ids, "an item of batchItemFailures has no itemIdentifier")
        identity = item["itemIdentifier"]
        if not isinstance(identity, str) or not identity:
            return _bad_response(ids, "an itemIdentifier is empty or no text")
        if identity not in known:
            return _bad_response(ids, f"itemIdentifier {identity} is not in the batch")
        named.add(identity)
    return Verdict(frozenset(named))


def _bad_response(ids: Sequence[str], reason: str) -> Verdict:
    return Verdict(frozenset(ids), error_text("InvalidBatchResponse", reason))


def error_text(kind: str, message: str) -> str:
    """Return an error in the form of Lambda's error bodies."""
    return orjson.dumps({"errorType": kind, "errorMessage": message}).decode()


def refusal_text(error: Exception | None) -> str:
    """Return why an invocation was refused, in the same form."""
    if isinstance(error, ServiceError):
        return error_text(error.code, error.message)
    return error_text("InternalFailure", str(error))


def _error_text(payload: bytes, function_error: str) -> str:
    try:
        orjson.loads(payload)
        return payload.decode()
    except ValueError:
        return error_text(function_error, payload.decode(errors="replace"))
