"""Where other services leave what they owe, within a transaction of theirs.

The composition root hands it to them as a port (services/ports.py); nobody imports it.
"""

from __future__ import annotations

import orjson

from redrive.core.effects import Call
from redrive.core.time import Millis
from redrive.services.delivery.letters import letter_text
from redrive.services.delivery.rules import retry_text
from redrive.services.ports import LAMBDA_RETRY, DeadLetter, Heard, Retry, Settlement
from redrive.services.registry import Registry
from redrive.store.store import Tx

TOPIC = "delivery:due"
"""Woken when something has been left."""


class Outbox:
    """Knows what can be delivered here, and keeps it until it has been."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._heard: dict[str, Heard] = {}

    def offers(self, service: str, operation: str) -> bool:
        """Tell whether this server has an operation to deliver to."""
        return self._registry.has(service, operation)

    def listen(self, purpose: str, heard: Heard) -> None:
        """Have every settlement of a purpose told; a purpose has one listener, set at the start."""
        assert purpose not in self._heard, f"{purpose} has a listener"
        self._heard[purpose] = heard

    def tell(self, tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
        """Tell a settlement to whoever listens to its purpose."""
        heard = self._heard.get(settlement.purpose)
        if heard is not None:
            heard(tx, settlement, now_ms)

    def put(
        self,
        tx: Tx,
        call: Call,
        now_ms: Millis,
        *,
        target: str,
        purpose: str,
        source: str,
        retry: Retry = LAMBDA_RETRY,
        dead_letter: DeadLetter | None = None,
        lane: str | None = None,
        due_ms: int | None = None,
    ) -> None:
        """Owe a call from the commit of this transaction on, as ports.Outbox promises."""
        first_ms = now_ms if due_ms is None else max(now_ms, due_ms)
        add(
            tx,
            call,
            now_ms,
            target=target,
            purpose=purpose,
            source=source,
            lane=lane,
            due_ms=first_ms,
            deadline_ms=None if retry.age_ms_max is None else first_ms + retry.age_ms_max,
            retry=retry_text(retry),
            dead_letter=None if dead_letter is None else letter_text(dead_letter),
            buried_from=None,
        )


def add(tx: Tx, call: Call, now_ms: Millis, **terms: str | int | None) -> None:
    """Write the row of a call that is owed; terms are its columns beside the call's."""
    blobs = [name for name, value in call.params.items() if isinstance(value, bytes)]
    texts = {name: call.params[name].decode() for name in blobs}
    caller = call.caller
    tx.run(
        "delivery.add",
        id=tx.sequence(now_ms),
        service=call.service,
        operation=call.operation,
        params=orjson.dumps({**call.params, **texts}).decode(),
        blobs=orjson.dumps(blobs).decode(),
        account=caller.account,
        region=caller.region,
        principal=caller.principal,
        asker=caller.source,
        now_ms=now_ms,
        **terms,
    )
    tx.wake(TOPIC)
