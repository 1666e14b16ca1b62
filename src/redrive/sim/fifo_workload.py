"""What clients of FIFO queues say besides: groups, deduplication ids, attempts.

Ids are said again now and then, also after five minutes, also ids of messages that lie in the
dead-letter queue, as a client does that has sent one of them again by itself.
"""

from __future__ import annotations

from typing import Any

from redrive.sim.chance import Dice

FIFO_NAMES = ("main.fifo", "dead.fifo")
FIFO_SHARES = {"main.fifo": 8.0, "dead.fifo": 2.0}
_RECENT = 5


class FifoClients:
    """The part of the workload that knows FIFO queues.

    dead_ids: MessageIds that were seen in the dead-letter queue.
    """

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._ids: list[str] = []
        self._count = 0
        self.dead_ids: list[str] = []

    def address(self, entry: dict[str, Any]) -> None:
        """Give a message its group and its deduplication id, or forget one of them."""
        dice = self._dice
        entry["MessageGroupId"] = dice.pick(("a", "a", "a", "b", "b", "c"))
        if dice.chance(0.02):
            del entry["MessageGroupId"]
        if dice.chance(0.9):
            entry.pop("DelaySeconds", None)
        if dice.chance(0.15):
            return  # its body says who it is, if the queue reads bodies
        if self.dead_ids and dice.chance(0.1):
            entry["MessageDeduplicationId"] = dice.pick(self.dead_ids[-_RECENT:])
        elif self._ids and dice.chance(0.4):
            entry["MessageDeduplicationId"] = dice.pick(self._ids[-_RECENT:])
        else:
            self._count += 1
            entry["MessageDeduplicationId"] = f"d{self._count}"
            self._ids.append(entry["MessageDeduplicationId"])

    def name_attempt(self, params: dict[str, Any]) -> None:
        """Give a receive the name of an attempt, which may be that of an earlier one."""
        if self._dice.chance(0.5):
            params["ReceiveRequestAttemptId"] = self._dice.pick(("t1", "t2"))

    def attributes(self) -> dict[str, str]:
        """Return settings that only FIFO queues have."""
        dice = self._dice
        attributes: dict[str, str] = {}
        if dice.chance(0.6):
            attributes["ContentBasedDeduplication"] = dice.pick(("true", "true", "false"))
        if dice.chance(0.5):
            attributes["DeduplicationScope"] = dice.pick(("queue", "messageGroup"))
        return attributes
