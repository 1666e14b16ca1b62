"""The ledger notices every kind of broken promise: else a green crash run would say nothing."""

from __future__ import annotations

import hashlib
from time import monotonic
from typing import Any

import pytest

from .ledger import Ledger

LEASE_S = 30


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _sent(identity: str, body: str) -> dict[str, Any]:
    return {"MessageId": identity, "MD5OfMessageBody": _md5(body)}


def _received(identity: str, body: str, count: int) -> dict[str, Any]:
    return {
        "MessageId": identity,
        "Body": body,
        "MD5OfBody": _md5(body),
        "Attributes": {"ApproximateReceiveCount": str(count)},
    }


def _ledger(*sends: tuple[str, str]) -> Ledger:
    ledger = Ledger()
    for identity, body in sends:
        ledger.attempt_send([body])
        ledger.book_send(body, _sent(identity, body))
    return ledger


def _receive(ledger: Ledger, *messages: dict[str, Any], lease_s: float = 0) -> None:
    ledger.book_receive(monotonic(), lease_s, list(messages))


def test_honest_queue_gives_no_violation() -> None:
    """A message that is sent, received twice, deleted and gone is no violation."""
    ledger = _ledger(("m1", "a"))
    _receive(ledger, _received("m1", "a", 1))
    _receive(ledger, _received("m1", "a", 2), lease_s=LEASE_S)
    ledger.attempt_delete(["m1"])
    ledger.book_delete("m1", 2)
    ledger.check_counters(0, "now")
    ledger.settle(set())
    assert ledger.violations == []


def test_lost_message_is_found() -> None:
    """An acknowledged message that neither was deleted nor is there is a violation."""
    ledger = _ledger(("m1", "a"), ("m2", "b"))
    ledger.check_counters(1, "now")
    ledger.settle({"m2"})
    assert [text.split(":")[0] for text in ledger.violations] == [
        "now",
        "m1 ('a') was acknowledged and is lost",
    ]


def test_undone_delete_is_found() -> None:
    """A message that comes back after an acknowledged delete is a violation."""
    ledger = _ledger(("m1", "a"))
    _receive(ledger, _received("m1", "a", 1), lease_s=LEASE_S)
    ledger.attempt_delete(["m1"])
    ledger.book_delete("m1", 1)
    ledger.check_counters(1, "now")
    _receive(ledger, _received("m1", "a", 2))
    assert any("must be 0 to 0" in text for text in ledger.violations)
    assert any("came back" in text for text in ledger.violations)


def test_unanswered_delete_leaves_both_open() -> None:
    """A delete without an answer may have happened or not."""
    ledger = _ledger(("m1", "a"))
    _receive(ledger, _received("m1", "a", 1), lease_s=LEASE_S)
    ledger.attempt_delete(["m1"])
    assert ledger.bounds() == (0, 1)
    ledger.settle(set())
    assert ledger.violations == []


def test_unanswered_send_leaves_both_open_until_a_drain() -> None:
    """A send without an answer may show up at once, but not after the queue was seen empty."""
    ledger = Ledger()
    ledger.attempt_send(["a", "b"])
    _receive(ledger, _received("m1", "a", 1))
    assert ledger.bounds() == (1, 2)
    ledger.settle({"m1"})
    assert ledger.violations == []
    _receive(ledger, _received("m2", "b", 1))
    assert ledger.violations == ["'b' was missing once and has appeared"]


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [((1, 1), "two receives counted 1"), ((2, 1), "count 1 after 2")],
)
def test_receive_count_that_goes_back_is_found(counts: tuple[int, int], complaint: str) -> None:
    """A receive count that repeats or falls is a violation."""
    ledger = _ledger(("m1", "a"))
    for count in counts:
        _receive(ledger, _received("m1", "a", count))
    assert ledger.violations == [f"m1: {complaint}"]


def test_broken_lease_is_found() -> None:
    """A message that two clients hold at once is a violation."""
    ledger = _ledger(("m1", "a"))
    _receive(ledger, _received("m1", "a", 1), lease_s=LEASE_S)
    _receive(ledger, _received("m1", "a", 2))
    assert ledger.violations == ["m1 was received twice within one lease"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (_received("m1", "other", 1), "m1 held 'a' and now holds 'other'"),
        (_received("m2", "a", 1), "'a' is there twice: m1 and m2"),
        (_received("m3", "stranger", 1), "'stranger' was never sent"),
        ({**_received("m1", "a", 1), "MD5OfBody": "0" * 32}, "m1: the body does not have its MD5"),
    ],
)
def test_wrong_message_is_found(message: dict[str, Any], complaint: str) -> None:
    """A changed, doubled, invented or damaged message is a violation."""
    ledger = _ledger(("m1", "a"))
    _receive(ledger, message)
    assert ledger.violations == [complaint]


def test_refused_send_must_not_happen() -> None:
    """A send that the server refused must not be found in the queue."""
    ledger = Ledger()
    ledger.attempt_send(["a"])
    ledger.book_refusal("a")
    _receive(ledger, _received("m1", "a", 1))
    assert ledger.violations == ["'a' was missing once and has appeared"]


def _ordered(*bodies: str) -> Ledger:
    ledger = Ledger(is_fifo=True)
    for body in bodies:
        ledger.attempt_send([body])
        ledger.book_send(body, _sent(f"id of {body}", body))
    return ledger


def test_order_of_a_group_is_noticed() -> None:
    """Of a FIFO group nothing comes before an earlier message that is left; other groups may."""
    ledger = _ordered("a-0", "a-1", "a-3", "b-3")
    ledger.book_receive(monotonic(), LEASE_S, [_received("id of a-1", "a-1", 1)])
    ledger.book_receive(monotonic(), LEASE_S, [_received("id of b-3", "b-3", 1)])
    assert ledger.violations == []
    ledger.book_receive(monotonic(), LEASE_S, [_received("id of a-3", "a-3", 1)])
    assert len(ledger.violations) == 1


def test_order_allows_what_follows_a_delete_or_its_elder() -> None:
    """A message may come behind an earlier one in one answer, or once that is being deleted."""
    ledger = _ordered("a-0", "a-3", "a-6")
    both = [_received("id of a-0", "a-0", 1), _received("id of a-3", "a-3", 1)]
    ledger.book_receive(monotonic(), LEASE_S, both)
    ledger.attempt_delete(["id of a-0", "id of a-3"])
    ledger.book_receive(monotonic(), LEASE_S, [_received("id of a-6", "a-6", 1)])
    assert ledger.violations == []


def test_a_repeated_send_that_is_there_twice_is_noticed() -> None:
    """A send that nobody confirmed is repeated: found under a second id it was taken twice."""
    ledger = _ordered()
    ledger.attempt_send(["a-0"])
    assert ledger.unsure() == ["a-0"]
    ledger.book_receive(monotonic(), LEASE_S, [_received("id one", "a-0", 1)])
    ledger.book_send("a-0", _sent("id two", "a-0"))
    assert len(ledger.violations) == 1
