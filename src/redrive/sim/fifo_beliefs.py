"""What the oracle predicts of FIFO queues: order in a group, duplicates, attempts, leases.

Written from AWS's words, as the rest of the oracle. What only the next audit shows (who was buried,
moved or dropped) is believed of nobody meanwhile: a judgement waits where a maybe stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from redrive.sim.beliefs import Accepted, Item, Place, Touch, Try
from redrive.sim.evidence import Attempt, MessageRow, Violation, arn_of

_WINDOW_MS = 300_000
_FIRST = 10**19  # what a shown number has more than the stored one


class Beliefs(Protocol):
    """The part of the oracle that is read here."""

    places: dict[str, Place]
    items: dict[str, Item]
    live: dict[str, Item]
    handles: dict[str, tuple[str, str, Place, int]]
    touches: list[Touch]
    destinations: dict[str, set[str | None]]


# --- duplicates ---------------------------------------------------------------------------------


def _scope(place: Place, group: str) -> str:
    return group if place.attributes.get("DeduplicationScope") == "messageGroup" else ""


def _known(place: Place, group: str, dedup: str, now_ms: int) -> Accepted | None:
    """Return what makes a message a duplicate: in its scope, or accepted for the whole queue."""
    entries = (place.accepted.get((scope, dedup)) for scope in ("", _scope(place, group)))
    live = [entry for entry in entries if entry and now_ms < entry.at_ms + _WINDOW_MS]
    return min(live, key=lambda entry: entry.at_ms, default=None)


def _dedup_of(params: Mapping[str, Any]) -> str:
    given: str | None = params.get("MessageDeduplicationId")
    return sha256(params["MessageBody"].encode()).hexdigest() if given is None else given


def accept(place: Place, params: Mapping[str, Any], sent: Mapping[str, Any], now_ms: int) -> bool:
    """Judge the answer to a send; return whether it has stored a message."""
    group, dedup = params["MessageGroupId"], _dedup_of(params)
    if params.get("DelaySeconds"):
        raise Violation("settings", f"{place.name} took a delay of a message's own")
    known = _known(place, group, dedup, now_ms)
    if known is None:
        if any(entry.id == sent["MessageId"] for entry in place.accepted.values()):
            raise Violation("deduplication", f"{dedup} was taken for a duplicate: {sent}")
        entry = Accepted(sent["MessageId"], sent["SequenceNumber"], now_ms)
        place.accepted[_scope(place, group), dedup] = entry
        return True
    if sent["MessageId"] != known.id or known.number not in (None, sent["SequenceNumber"]):
        raise Violation("deduplication", f"{dedup} was accepted again: {sent}, not {known}")
    return False


def enter(item: Item, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Give a message that was sent its place."""
    item.group, item.number = params["MessageGroupId"], int(sent["SequenceNumber"])
    item.dedup = _dedup_of(params)


def move(place: Place, item: Item, identity: str, at_ms: int) -> None:
    """Let a message come in by a move task, which its old id must not have done before."""
    group = item.group or ""
    if _known(place, group, item.id, at_ms) is not None:
        raise Violation("deduplication", f"{item.body} was moved into a live window")
    place.accepted[_scope(place, group), item.id] = Accepted(identity, None, at_ms)
    item.number, item.dedup = None, item.id


def is_suppressed(oracle: Beliefs, item: Item, touch: Touch) -> bool:
    """Tell whether a move task may have found the message's id in its destination's window."""
    for name in oracle.destinations.get(touch.place.name, ()):
        arn = item.origin if name is None else arn_of(name)
        place = oracle.places.get((arn or "").rsplit(":", 1)[-1])
        if place is None or not place.is_fifo:
            continue
        if _known(place, item.group or "", item.id, touch.at_ms) is not None:
            return True
    return False


# --- order --------------------------------------------------------------------------------------


def _is_certain(oracle: Beliefs, item: Item) -> bool:
    """Tell whether nothing can have happened to a message that was not told."""
    if item.doubt is not None or item.number is None:
        return False
    return not any(item.body in touch.taken | touch.expirable for touch in oracle.touches)


def _fellows(oracle: Beliefs, item: Item) -> list[Item]:
    return [
        other
        for other in oracle.live.values()
        if other.place is item.place and other.group == item.group and other is not item
    ]


def is_blocked(oracle: Beliefs, item: Item, at_ms: int, given: set[str]) -> bool:
    """Tell whether an earlier message of the group hides one, or may.

    Messages that the receive in question has itself given hide nothing from it.
    """
    place = item.place
    assert place is not None
    for other in _fellows(oracle, item):
        if other.body in given:
            continue
        if item.number is not None and other.number is not None and other.number > item.number:
            continue
        is_hidden = other.visible_ms > at_ms and at_ms < other.sent_ms + place.retention_ms
        if is_hidden or not _is_certain(oracle, other):
            return True
    return False


def judge_order(oracle: Beliefs, touch: Touch, messages: Sequence[Mapping[str, Any]]) -> None:
    """Nothing is delivered before what stands before it in its group."""
    given: set[str] = set()
    for message in messages:
        item = oracle.items[message["Body"]]
        shown = int(message["Attributes"]["SequenceNumber"])
        if item.number not in (None, shown):
            raise Violation("group order", f"{item.body} is number {shown}, not {item.number}")
        item.number = shown
        for other in _fellows(oracle, item):
            if other.body not in given and _is_certain(oracle, other):
                assert other.number is not None
                if other.number < shown:
                    raise Violation("group order", f"{item.body} came before {other.body}")
        given.add(item.body)


# --- attempts and leases ------------------------------------------------------------------------


def repeat(
    oracle: Beliefs,
    attempt: Attempt,
    place: Place,
    messages: Sequence[Mapping[str, Any]],
    visible_ms: int,
) -> bool:
    """Judge a receive as a repetition; return whether it is one, which receives nothing anew."""
    name = attempt.params.get("ReceiveRequestAttemptId")
    if name is None:
        return False
    handles = tuple(message["ReceiptHandle"] for message in messages)
    known = place.tries.get(name)
    if known is not None:
        must = _must_repeat(oracle, place, known, attempt.now_ms)
        is_same = handles == known.handles
        if must is not None and must != is_same:
            raise Violation("receive attempts", f"{name} gave {handles}; {known} holds: {must}")
        if is_same:
            for handle in handles:
                oracle.items[oracle.handles[handle][0]].visible_ms = visible_ms
            place.tries[name] = known._replace(visible_ms=visible_ms)
            return True
    if handles:
        place.tries[name] = Try(handles, visible_ms, attempt.now_ms)
    return False


def _must_repeat(oracle: Beliefs, place: Place, known: Try, now_ms: int) -> bool | None:
    """Tell whether an attempt still holds; None: an audit must be waited for."""
    if now_ms >= known.at_ms + _WINDOW_MS:
        return False
    for handle in known.handles:
        body, identity, _where, receives = oracle.handles[handle]
        item = oracle.items[body]
        is_there = item.place is place and item.id == identity and item.receives == receives
        is_over = now_ms >= item.sent_ms + place.retention_ms
        if not is_there or item.visible_ms != known.visible_ms or is_over:
            return False
    bodies = {oracle.handles[handle][0] for handle in known.handles}
    is_sure = all(_is_certain(oracle, oracle.items[body]) for body in bodies)
    return True if is_sure else None


def judge_lease(oracle: Beliefs, item: Item, now_ms: int) -> None:
    """A FIFO queue deletes and changes by a handle only while its visibility timeout runs."""
    place = item.place
    if place is None or not place.is_fifo or not _is_certain(oracle, item):
        return
    if item.visible_ms <= now_ms < item.sent_ms + place.retention_ms:
        raise Violation("expired handles", f"{item.body} lapsed at {item.visible_ms}")


def is_lapsed(item: Item, now_ms: int) -> bool:
    """Tell whether a FIFO queue has let a message go that was received."""
    return item.place is not None and item.place.is_fifo and item.visible_ms <= now_ms


def judge_row(item: Item, row: MessageRow, place: Place) -> None:
    """Compare a message's place with its row; learn the number that nobody was told."""
    if not place.is_fifo:
        if row.sequence is not None:
            raise Violation("predicted rows", f"{item.body} has a number in {place.name}")
        return
    assert row.sequence is not None, f"{item.body} has no number"
    if item.number is None:
        item.number = _FIRST + row.sequence
    stored = (_FIRST + row.sequence, row.group_id, row.dedup_id)
    predicted = (item.number, item.group, item.dedup)
    if stored != predicted:
        raise Violation("predicted rows", f"{item.body} is {stored}, predicted {predicted}")
