"""A world with a service of scripts that calls can be owed to, and one that owes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from events_world import ACCOUNT, CALLER, REGION, T0, World

from redrive.core.effects import Ask, Call, Caller, Context, Params, Result, Wait
from redrive.core.time import NEVER
from redrive.services.ports import DeadLetter, Settlement
from redrive.store.store import Tx

SCRIPT = "scripts"
TARGET = "arn:aws:scripts:us-east-1:000000000000:one"

Script = Callable[[Any], Result | Wait | Ask]


def taking(_params: Any) -> Result:
    """Take every call."""
    return {}


def hanging(_params: Any) -> Wait:
    """Answer never."""
    return Wait(NEVER, ("never",))


def refusing(error: Exception, times: int = 1 << 60) -> Script:
    """Refuse the first so many calls."""
    left = [times]

    def script(_params: Any) -> Result:
        left[0] -= 1
        if left[0] < 0:
            return {}
        raise error

    return script


class Owing(World):
    """`owe` leaves calls with the outbox; `made` lists those that were made, with their instants
    after T0, `told` what has become of them.
    """

    def __init__(self, folder: Path, script: Script = taking) -> None:
        self.script = script
        self.made: list[tuple[int, str]] = []
        self.callers: list[Caller] = []
        self.told: list[Settlement] = []
        super().__init__(folder)

    def settle(self) -> None:
        """Do all that is to be done; before anything is done, the scripts are there."""
        if not self.registry.has(SCRIPT, "Do"):
            self.registry.add(SCRIPT, {"Do": self._do, "Owe": self._owe})
            self.outbox.listen("test", self._hear)
        super().settle()

    def _hear(self, _tx: Tx, settlement: Settlement, _now_ms: int) -> None:
        self.told.append(settlement)

    def _do(self, _tx: Tx, params: Params, context: Context) -> Any:
        if context.arrived_ms == context.now_ms:
            self.made.append((context.now_ms - T0, str(params["Name"])))
            self.callers.append(context.caller)
        return self.script(params)

    def _owe(self, tx: Tx, params: Params, context: Context) -> Result:
        for call, terms in params["Calls"]:
            self.outbox.put(tx, call, context.now_ms, **terms)
        return {}

    def owe(self, *names: str, call: Call | None = None, **terms: Any) -> None:
        """Owe a call of each name to the scripts, or another call, in one transaction."""
        given = {"target": TARGET, "purpose": "test", "source": "arn:aws:source", **terms}
        calls = [
            (call or Call(SCRIPT, "Do", {"Name": name}, CALLER), given) for name in names or ("",)
        ]
        self.call(SCRIPT, "Owe", Calls=calls)

    @property
    def owed(self) -> int:
        """How many calls are owed."""
        return self.count("SELECT count(*) FROM deliveries")

    def count(self, sql: str) -> int:
        """Return what a query counts."""
        return int(self.store._connection.execute(sql).get)

    def outcomes(self) -> list[str]:
        """Return what was told of settlements, in order."""
        return [settlement.outcome for settlement in self.told]


def letter(queue: str = "dead", **message: Any) -> DeadLetter:
    """Return a dead letter as a rule's target has it."""
    attribute = {"DataType": "String", "StringValue": "arn:aws:events:rule"}
    return DeadLetter(
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        {"MessageBody": "the event", "MessageAttributes": {"RULE_ARN": attribute}, **message},
    )


def attributes_of(message: dict[str, Any]) -> dict[str, str]:
    """Return a message's attributes by name."""
    found = message.get("MessageAttributes") or {}
    return {name: value["StringValue"] for name, value in found.items()}
