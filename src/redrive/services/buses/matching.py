"""Which rules of a bus an event matches: patterns compiled once for each change of the rules.

What is compiled is kept in memory under the generation of the bus's rules. A generation is a number
that is never given twice, so that what a transaction has compiled and then undone cannot be taken
for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from redrive.core.patterns import Pattern, compile_pattern
from redrive.core.patterns_index import PatternIndex
from redrive.core.time import Millis
from redrive.services.buses.model import BusKey, Event, Generation, PatternRow
from redrive.store.store import Tx

BUSES_KEPT_MAX = 1_024


class _Kept(NamedTuple):
    generation: int
    texts: Mapping[str, str]  # patterns as given, by rule
    rules: PatternIndex[str]


class Compiled:
    """The compiled rules of buses; of many buses those used last."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[BusKey, _Kept] = {}

    def matching(self, tx: Tx, bus: BusKey, event: Event) -> list[str]:
        """Return the names of the rules that an event matches."""
        found: Generation | None = tx.cached(Generation, "buses.generation", *bus)
        if found is None:  # it never had a rule
            return []
        kept = self._kept.get(bus)
        if kept is None or kept.generation != found.generation:
            kept = self._renew(tx, bus, found.generation)
        return kept.rules.matching(event)

    def _renew(self, tx: Tx, bus: BusKey, generation: int) -> _Kept:
        """Compile what has changed since the rules were looked at last."""
        before = self._kept.pop(bus, None)
        rows: list[PatternRow] = tx.rows(PatternRow, "buses.live_rules", **bus._asdict())
        texts = {row.name: row.pattern for row in rows}
        old = {} if before is None else before.texts
        changed: dict[str, Pattern | None] = {
            name: compile_pattern(text) for name, text in texts.items() if old.get(name) != text
        }
        changed |= dict.fromkeys(old.keys() - texts.keys())
        index = PatternIndex[str]({}) if before is None else before.rules
        if changed:
            index = index.with_changes(changed)
        if len(self._kept) >= BUSES_KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        kept = self._kept[bus] = _Kept(generation, texts, index)
        return kept


def renew(tx: Tx, bus: BusKey, now_ms: Millis) -> None:
    """Say, within the transaction that does it, that the rules of a bus change."""
    tx.run("buses.renew", **bus._asdict(), generation=tx.sequence(now_ms))
