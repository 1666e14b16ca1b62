"""/metrics: what prometheus_client's parser makes of the page."""

from __future__ import annotations

from typing import Any

import pytest
from metrics_rig import OTHER, Rig
from prometheus_client.parser import text_string_to_metric_families
from stand_ins import caller

from redrive.services.metrics.exposition import Family, labels, write

Samples = dict[tuple[str, str], float]
"""By name and queue."""


def page(rig: Rig, account: str | None = None, figures: Any = ()) -> bytes:
    """Scrape."""
    text: bytes = rig.call("Scrape", "cloudwatch", Figures=figures, Account=account)["Text"]
    return text


def samples(text: bytes) -> Samples:
    """Read a page; every family has its type and help."""
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.documentation
        assert family.type in ("counter", "gauge"), family
        for sample in family.samples:
            key = sample.name, sample.labels.get("queue", "")
            assert key not in found or sample.labels.get("account") == OTHER
            found[key] = sample.value
    return found


def test_counters_are_those_of_this_instant(rig: Rig) -> None:
    """Gauges, for which messages are counted, those of the latest minute."""
    url = rig.create()
    rig.send(url, "hello")
    rig.send(url, "hello", DelaySeconds=600)
    found = samples(page(rig))
    assert found["redrive_sqs_messages_sent_total", "q"] == 2
    assert found["redrive_sqs_sent_bytes_total", "q"] == 10
    assert found["redrive_sqs_messages", "q"] == 2
    assert ("redrive_sqs_messages_visible", "q") not in found, "nobody has looked yet"
    rig.minute()
    rig.delete(url, rig.receive(url)[0])
    rig.receive(url)
    found = samples(page(rig))
    assert found["redrive_sqs_messages_received_total", "q"] == 1
    assert found["redrive_sqs_messages_deleted_total", "q"] == 1
    assert found["redrive_sqs_empty_receives_total", "q"] == 1
    assert found["redrive_sqs_messages_visible", "q"] == 1
    assert found["redrive_sqs_messages_delayed", "q"] == 1
    assert found["redrive_sqs_messages_in_flight", "q"] == 0
    assert found["redrive_sqs_oldest_message_age_seconds", "q"] == 60
    rig.minute()
    assert samples(page(rig))["redrive_sqs_messages_visible", "q"] == 0


def test_a_page_may_be_one_accounts(rig: Rig) -> None:
    """With keys, nobody reads of others' queues."""
    rig.create("mine")
    rig.create("theirs", caller(OTHER))
    assert b'queue="theirs"' in page(rig)
    assert b'queue="theirs"' not in page(rig, "000000000000")
    assert b'queue="mine"' in page(rig, "000000000000")


def test_no_message_is_looked_at(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement tells of all queues, however many there are."""
    for n in range(30):
        rig.send(rig.create(f"q{n}"))
    rig.minute()
    asked: list[str] = []
    rows = type(rig.store._tx).rows

    def watched(tx: Any, row: Any, statement: str, /, **params: Any) -> Any:
        asked.append(statement)
        return rows(tx, row, statement, **params)

    monkeypatch.setattr(type(rig.store._tx), "rows", watched)
    assert len(samples(page(rig))) > 30 * 10
    assert asked == ["queues.count_all"]


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", 'é\\"\n\\n', "{,}="])
def test_labels_are_escaped(value: str) -> None:
    """The parser gives back what was written, help texts too."""
    family = Family("figure", "gauge", "a\\b\nc", [(labels({"name": value, "x": "y"}), 1.5)])
    (read,) = text_string_to_metric_families(write([family]))
    assert read.documentation == "a\\b\nc"
    (sample,) = read.samples
    assert (sample.labels, sample.value) == ({"name": value, "x": "y"}, 1.5)


def test_the_servers_own_figures_come_first(rig: Rig) -> None:
    """As they are handed in."""
    figures = [("redrive_info", "gauge", "The version.", [({"version": "1"}, 1)])]
    assert page(rig, None, figures).startswith(
        b'# HELP redrive_info The version.\n# TYPE redrive_info gauge\nredrive_info{version="1"} 1'
    )
