"""The tenants of one heap as an operation finds and leaves them: read, judged, written once."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from redrive.core.time import Millis
from redrive.services.queues.fair import WHOLE, Fairness, Hold, Tenant, judge, spend
from redrive.store.store import Tx


class Ledger:
    """What some tenants hold; `close` writes what has changed.

    A tenant is judged when it is read, so that a silence is noticed before it is broken, and again
    at the end. A message without group counts for the queue as a whole only.
    """

    def __init__(
        self, tx: Tx, fairness: Fairness, heap: int, groups: Iterable[str | None], now_ms: Millis
    ) -> None:
        self._tx, self._fairness, self._now_ms = tx, fairness, now_ms
        names = sorted({WHOLE, *(group for group in groups if group is not None)})
        rows: list[Tenant] = tx.rows(
            Tenant, "queues.tenants", heap=heap, groups=orjson.dumps(names).decode()
        )
        self._read = {row.group_id: row for row in rows}
        self._tenants = {name: self._read.get(name) or Tenant(heap, name) for name in names}
        self._judge()

    def _judge(self) -> None:
        whole = self._tenants[WHOLE]
        for group, tenant in self._tenants.items():
            if group != WHOLE:
                self._tenants[group] = judge(tenant, whole, self._fairness, self._now_ms)

    def noise(self, group: str) -> int:
        """Return whether a tenant is quiet, noisy or calming."""
        return self._tenants[group].noise

    def depart(self, group: str | None) -> None:
        """Count a message that leaves the queue; its hold has been ended."""
        if group is not None:
            tenant = self._tenants[group]
            self._tenants[group] = tenant._replace(messages=tenant.messages - 1)

    def touch(self, group: str | None) -> None:
        """Take notice that a tenant is not silent."""
        if group is not None:
            self._tenants[group] = self._tenants[group]._replace(last_ms=self._now_ms)

    def take(self, group: str | None) -> None:
        """Count a new hold."""
        for name in {WHOLE, group or WHOLE}:
            tenant = self._tenants[name]
            self._tenants[name] = tenant._replace(
                in_flight=tenant.in_flight + 1, last_ms=self._now_ms
            )

    def end(self, hold: Hold) -> None:
        """Count a hold's end, and its processing time. A lapse alone does not break a silence."""
        for name in {WHOLE, hold.group_id or WHOLE}:
            self._tenants[name] = spend(
                self._tenants[name], hold, self._now_ms, self._fairness.window_ms
            )
        self._tenants[WHOLE] = self._tenants[WHOLE]._replace(last_ms=self._now_ms)

    def close(self) -> None:
        """Judge what has changed, and write it."""
        self._judge()
        changed = [
            tenant for name, tenant in self._tenants.items() if tenant != self._kept(name, tenant)
        ]
        for tenant in changed:
            assert min(tenant.in_flight, tenant.messages) >= 0, f"less than nothing: {tenant}"
        if changed:
            self._tx.run_many("queues.keep_tenant", changed)

    def _kept(self, name: str, tenant: Tenant) -> Tenant:
        """Return what is stored of a tenant; nothing is as good as nothing held."""
        return self._read.get(name) or Tenant(tenant.heap, name)
