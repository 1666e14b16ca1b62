"""Where other services leave what they owe, within a transaction of theirs.

The composition root hands it to them as a port; nobody imports it.
"""

from __future__ import annotations

import orjson

from redrive.core.effects import Call
from redrive.core.time import Millis
from redrive.services.delivery.rules import DELIVERY_MS_MAX
from redrive.services.registry import Registry
from redrive.store.store import Tx

TOPIC = "delivery:due"
"""Woken when something has been left."""


class Outbox:
    """Knows what can be delivered here, and keeps it until it has been."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def offers(self, service: str, operation: str) -> bool:
        """Tell whether this server has an operation to deliver to."""
        return self._registry.has(service, operation)

    def put(
        self, tx: Tx, call: Call, now_ms: Millis, *, target: str, purpose: str, source: str
    ) -> None:
        """Owe a call from the commit of this transaction on; it is made at least once.

        Parameters are what JSON can say, and bytes of UTF-8 text at the top. target is the ARN of
        what is called, source the ARN on whose behalf; purpose comes back when it is given up.
        """
        blobs = [name for name, value in call.params.items() if isinstance(value, bytes)]
        texts = {name: call.params[name].decode() for name in blobs}
        tx.run(
            "delivery.add",
            id=tx.sequence(now_ms),
            target=target,
            service=call.service,
            operation=call.operation,
            params=orjson.dumps({**call.params, **texts}).decode(),
            blobs=orjson.dumps(blobs).decode(),
            account=call.caller.account,
            region=call.caller.region,
            principal=call.caller.principal,
            purpose=purpose,
            source=source,
            now_ms=now_ms,
            deadline_ms=now_ms + DELIVERY_MS_MAX,
        )
        tx.wake(TOPIC)
