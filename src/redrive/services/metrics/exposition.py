"""Prometheus' text format, version 0.0.4. Pure.

Prometheus: "Exposition formats": a HELP and a TYPE line for each family, then its samples; label
values escape backslash, quote and line feed, help texts backslash and line feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redrive.services.metrics.families import Family, labels
from redrive.services.metrics.room import Gauges

_COUNTERS = (
    ("messages_sent_total", "sent", "Messages that were accepted."),
    ("messages_received_total", "received", "Deliveries of messages to receivers."),
    ("messages_deleted_total", "delete_calls", "Successful deletes, repeats included."),
    ("empty_receives_total", "empty_receives", "Receives that returned nothing."),
    ("sent_bytes_total", "sent_bytes", "Bodies and attributes of the messages sent."),
    ("messages_deduplicated_total", "deduplicated", "Sends that a FIFO queue had seen before."),
    ("messages_buried_total", "buried_out", "Messages that went to the dead-letter queue."),
    ("messages_expired_total", "expired", "Messages whose retention period was over."),
)
_GAUGES = (
    ("messages_visible", "visible", "Messages that can be received, at the latest minute."),
    ("messages_in_flight", "in_flight", "Messages that a receiver holds, at the latest minute."),
    ("messages_delayed", "delayed", "Messages that are delayed, at the latest minute."),
    (
        "oldest_message_age_seconds",
        "age_s",
        "Age of the oldest message received fewer than three times, at the latest minute.",
    ),
)


def write(families: Iterable[Family]) -> str:
    """Return the page."""
    lines: list[str] = []
    for name, kind, text, samples in families:
        told = text.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"# HELP {name} {told}")
        lines.append(f"# TYPE {name} {kind}")
        lines += [f"{name}{label} {value}" for label, value in samples]
    lines.append("")
    return "\n".join(lines)


def queue_families(
    fields: Sequence[str],
    queues: Sequence[tuple[Any, ...]],
    gauges: Mapping[int, Gauges],
) -> list[Family]:
    """Return the families of queues: a sample for each queue, gauges where they are known.

    fields names the places of a queue's tuple: id, name, account, region and the counters.
    """
    place = {field: n for n, field in enumerate(fields)}
    who = tuple((label, place[field]) for label, field in _LABELS)
    named = [labels({label: queue[n] for label, n in who}) for queue in queues]

    def counter(field: str) -> list[tuple[str, float]]:
        n = place[field]
        return [(label, queue[n]) for label, queue in zip(named, queues, strict=True)]

    known = [
        (label, gauges[queue[place["id"]]])
        for label, queue in zip(named, queues, strict=True)
        if queue[place["id"]] in gauges
    ]
    text = "Messages in the queue, visible or not."
    families = [Family("redrive_sqs_messages", "gauge", text, counter("messages"))]
    families += [
        Family(f"redrive_sqs_{name}", "counter", text, counter(field))
        for name, field, text in _COUNTERS
    ]
    families += [
        Family(
            f"redrive_sqs_{name}",
            "gauge",
            text,
            [(label, getattr(gauge, field)) for label, gauge in known],
        )
        for name, field, text in _GAUGES
    ]
    return families


_LABELS = (("queue", "name"), ("account", "account"), ("region", "region"))
