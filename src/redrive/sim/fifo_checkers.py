"""The invariants of FIFO queues, each a judge of its own: group order · deduplication.

Both know only what was answered and what is stored, and predict nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from redrive.sim.checkers import Checker, deliveries
from redrive.sim.evidence import Attempt, Audit, born_ms, name_in

_WINDOW_MS = 300_000
_FIRST = 10**19  # what a shown number has more than the stored one


def _sends(attempt: Attempt) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (what was sent, its answer) of a FIFO queue's sends that succeeded."""
    if attempt.result is None or not name_in(attempt.params).endswith(".fifo"):
        return
    if attempt.operation == "SendMessage":
        yield attempt.params, attempt.result
    elif attempt.operation == "SendMessageBatch":
        entries = {entry["Id"]: entry for entry in attempt.params["Entries"]}
        for sent in attempt.result.get("Successful", ()):
            yield entries[sent["Id"]], sent


class _Delivered(NamedTuple):
    queue: str
    group: str
    number: int
    with_ids: frozenset[str]  # all that the same receive has given
    body: str


class GroupOrder(Checker):
    """Numbers grow; nothing is received while something before it in its group stays behind.

    What stays behind is seen in the rows after the receive: a message with a smaller number that is
    there now was there then, hidden or not, for its number changes when it is buried or moved.
    """

    invariant = "group order"

    def __init__(self) -> None:
        self._delivered: list[_Delivered] = []
        self._latest = 0
        self._ids: set[str] = set()
        self._told: dict[str, int] = {}  # MessageId -> its number, as its sender heard

    def commit(self, attempt: Attempt) -> None:
        """Keep what was received, and watch the numbers that are given."""
        for _entry, sent in _sends(attempt):
            if sent["MessageId"] in self._ids or born_ms(sent["MessageId"]) < attempt.now_ms:
                continue  # a duplicate, perhaps of one that was moved and gone unseen
            self._ids.add(sent["MessageId"])
            number = int(sent["SequenceNumber"])
            if number <= self._latest or len(sent["SequenceNumber"]) != 20:
                raise self.fail(f"number {number} was given after {self._latest}")
            self._latest = self._told[sent["MessageId"]] = number
        name, messages = name_in(attempt.params), deliveries(attempt)
        if not messages or not name.endswith(".fifo"):
            return
        ids = frozenset(message["MessageId"] for message in messages)
        last: dict[str, int] = {}
        for message in messages:
            group = message["Attributes"]["MessageGroupId"]
            number = int(message["Attributes"]["SequenceNumber"])
            is_buried = "DeadLetterQueueSourceArn" in message["Attributes"]
            if not is_buried and self._told.get(message["MessageId"], number) != number:
                raise self.fail(f"{message['Body']} has another number than its sender heard")
            if number <= last.get(group, 0):
                raise self.fail(f"{message['Body']} came behind number {last[group]}")
            last[group] = number
            self._delivered.append(_Delivered(name, group, number, ids, message["Body"]))

    def audit(self, audit: Audit) -> None:
        """Look for what was left behind."""
        names = {row.heap: row.name for row in audit.queues}
        rows: dict[tuple[str, str | None], list[tuple[int, str, str]]] = {}
        for row in audit.messages:
            self._ids.add(row.id)  # it may have come by a move, unknown to senders
            if row.sequence is not None and row.heap in names:
                key = names[row.heap], row.group_id
                rows.setdefault(key, []).append((_FIRST + row.sequence, row.id, row.body))
        for one in self._delivered:
            for number, identity, body in rows.get((one.queue, one.group), ()):
                if number < one.number and identity not in one.with_ids:
                    raise self.fail(f"{one.body} was received before {body} of its group")
        self._delivered.clear()


class Deduplication(Checker):
    """An id said twice within five minutes, for one group of a queue, names one message.

    That holds in both scopes. A change of the scope lets duplicates through in one direction, which
    the oracle knows; this checker begins anew then.
    """

    invariant = "deduplication"

    def __init__(self) -> None:
        # queue -> (group, id) -> (MessageId, number, since)
        self._said: dict[str, dict[tuple[str, str], tuple[str, str, int]]] = {}

    def commit(self, attempt: Attempt) -> None:
        """Compare answers with earlier ones."""
        name = name_in(attempt.params)
        if attempt.error is None and (
            attempt.operation in ("PurgeQueue", "DeleteQueue")
            or "DeduplicationScope" in (attempt.params.get("Attributes") or ())
        ):
            self._said.pop(name, None)
        for entry, sent in _sends(attempt):
            identity = entry.get("MessageDeduplicationId") or f"body {entry['MessageBody']}"
            said, key = self._said.setdefault(name, {}), (entry["MessageGroupId"], identity)
            answer = sent["MessageId"], sent["SequenceNumber"]
            known = said.get(key)
            if known is None or attempt.now_ms >= known[2] + _WINDOW_MS:
                # A first answer may be that of a message which a move has brought: since then.
                since_ms = int(sent["MessageId"].replace("-", "")[:12], 16)
                said[key] = (*answer, min(since_ms, attempt.now_ms))
            elif answer != known[:2]:
                raise self.fail(f"{identity} was accepted twice: {answer} after {known}")


FIFO_CHECKERS: tuple[type[Checker], ...] = (GroupOrder, Deduplication)
