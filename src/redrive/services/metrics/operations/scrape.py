"""Scrape: the page that Prometheus reads.

Cost: the counters of all queues are one statement, whatever they hold. The gauges, for which hidden
messages must be counted, are those that the recorder found at the latest minute: no message is
looked at here. Some ten megabytes of text for ten thousand queues are written beside the loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redrive.core.effects import Ask, Call, Context, Job, Params, Reply, Result
from redrive.core.time import Millis
from redrive.services.metrics.exposition import queue_families, write
from redrive.services.metrics.families import Family, labels
from redrive.services.metrics.room import Gauges, Metrics
from redrive.store.store import Tx


def scrape(room: Metrics, tx: Tx, params: Params, context: Context) -> Ask:
    """Return all figures as Text, in Prometheus' format (internal; for /metrics).

    params: Figures of the server itself, a list of (name, kind, help, [(labels, value), …]);
    Account, whose queues it tells of, or None for those of all.
    """
    figures, account = params["Figures"], params["Account"]

    families = [family for make in room.families for family in make(account)]

    def counted(tx: Tx, reply: Reply, now_ms: Millis) -> Result | Ask:
        if reply.error is not None:
            raise reply.error
        assert reply.result is not None
        fields, queues = reply.result["Fields"], reply.result["Queues"]
        gauges = dict(room.gauges)
        return Ask(Job(lambda: _page(figures, fields, queues, gauges, account, families)), _written)

    return Ask(Call("sqs", "CountQueues", {}, context.caller), counted)


def _page(
    figures: Sequence[Any],
    fields: Sequence[str],
    queues: Sequence[tuple[Any, ...]],
    gauges: Mapping[int, Gauges],
    account: str | None,
    families: Sequence[Family],
) -> bytes:
    if account is not None:
        queues = [queue for queue in queues if queue[fields.index("account")] == account]
    own = [
        Family(name, kind, text, [(labels(pairs), value) for pairs, value in samples])
        for name, kind, text, samples in figures
    ]
    return write([*own, *queue_families(fields, queues, gauges), *families]).encode()


def _written(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    if reply.error is not None:
        raise reply.error
    return {"Text": reply.made}
