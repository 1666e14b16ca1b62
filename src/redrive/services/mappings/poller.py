"""The worker of all mappings: one pump for each that polls or is on its way to another state.

    woken ──> ListMappings ──> pumps are made, configured, told that their row is gone
    an answer, or a due time ──> that pump moves ──> its calls

It holds no rows. A mapping costs work only when something happens to it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count
from typing import Any

from redrive.core.effects import Call, Caller, Chance, Reply, Step
from redrive.core.time import NEVER, SECOND_MS, Millis
from redrive.services.mappings.model import CHANGED_TOPIC, Mapping
from redrive.services.mappings.pump import Pump
from redrive.services.mappings.rules import TRANSITIONS, is_polling
from redrive.services.mappings.settlements import Key
from redrive.services.mappings.tally import Tally

_LIST = ""
"""In the place of a UUID: the key of ListMappings."""


class Poller:
    """Serves every mapping of every account.

    caller is the server itself, for what concerns no mapping. chance names the invocations. tally
    hears what mappings with MetricsConfig count; None: nobody does.
    """

    name = "mappings:poller"

    def __init__(self, caller: Caller, chance: Chance, tally: Tally | None = None) -> None:
        self._caller = caller
        self._chance = chance
        self._tally = tally
        self._numbers = count()
        self._pumps: dict[str, Pump] = {}
        self._agenda: list[tuple[Millis, str]] = []  # with stale entries; _at has the true ones
        self._at: dict[str, Millis] = {}
        self._is_listing = False
        self._list_again = False
        self._list_ms: Millis = NEVER  # when a refused ListMappings is tried again
        self._is_draining = False

    @property
    def is_drained(self) -> bool:
        """Tell whether no message is in any mapping's hands."""
        return self._is_draining and not self._pumps

    def step(self, now_ms: Millis) -> Step:
        """Serve the pumps that are due, and look for changed mappings."""
        # Whether a topic or the time has brought the step cannot be told, so both are served.
        calls = [] if self._is_draining else self._list()
        return self._serve(self._due(now_ms), now_ms, calls)

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the answer to a pump's call, or the list of mappings."""
        key: Key = reply_to
        if key[0] == _LIST:
            return self._took_list(reply, now_ms)
        self._pumps[key[0]].took(key, reply, now_ms)  # a pump lives until it has all its answers
        return self._serve((key[0],), now_ms, [])

    def drain(self, now_ms: Millis) -> Step:
        """Let no mapping receive any more; what is under way ends and is settled."""
        self._is_draining = True
        for pump in self._pumps.values():
            pump.drain()
        return self._serve(list(self._pumps), now_ms, [])

    def _list(self) -> list[Call]:
        if self._is_listing:
            self._list_again = True
            return []
        self._is_listing, self._list_again, self._list_ms = True, False, NEVER
        key = (_LIST, "list", next(self._numbers))
        return [Call("mappings", "ListMappings", {}, self._caller, key)]

    def _took_list(self, reply: Reply, now_ms: Millis) -> Step:
        self._is_listing = False
        calls: list[Call] = []
        if reply.result is None:
            self._list_ms = Millis(now_ms + SECOND_MS)
            return self._serve((), now_ms, calls)
        if self._list_again:
            calls = self._list()
        rows: list[Mapping] = reply.result["Mappings"]
        changed = self._compare(rows, now_ms)
        return self._serve(changed, now_ms, calls)

    def _compare(self, rows: list[Mapping], now_ms: Millis) -> list[str]:
        """Bring the pumps up to date; return those that have something new to do."""
        changed = []
        for row in rows:
            pump = self._pumps.get(row.uuid)
            if pump is not None:
                if pump.mapping.version != row.version:
                    pump.configure(row, now_ms)
                    changed.append(row.uuid)
            elif not self._is_draining and (
                row.state in TRANSITIONS or is_polling(row.state, bool(row.enabled))
            ):
                self._pumps[row.uuid] = Pump(row, self._chance, self._numbers, now_ms, self._tally)
                changed.append(row.uuid)
        for uuid in self._pumps.keys() - {row.uuid for row in rows}:
            self._pumps[uuid].vanish()
            changed.append(uuid)
        return changed

    def _serve(self, uuids: Iterable[str], now_ms: Millis, calls: list[Call]) -> Step:
        """Let pumps move and return what they want, with the next due time of all."""
        cancels: list[Key] = []
        for uuid in uuids:
            pump = self._pumps[uuid]
            moves = pump.move(now_ms)
            calls += moves.calls
            cancels += moves.cancels
            if pump.is_over:
                del self._pumps[uuid]
                self._at.pop(uuid, None)
                continue
            at_ms = pump.next_ms(now_ms)
            if at_ms == NEVER:
                self._at.pop(uuid, None)
            elif self._at.get(uuid) != at_ms:
                self._at[uuid] = at_ms
                heapq.heappush(self._agenda, (at_ms, uuid))
        next_ms = min(self._next_ms(), self._list_ms)
        return Step(
            calls=tuple(calls),
            next_ms=None if next_ms == NEVER else next_ms,
            topics=(CHANGED_TOPIC,),
            cancels=tuple(cancels),
        )

    def _next_ms(self) -> Millis:
        agenda = self._agenda
        while agenda and self._at.get(agenda[0][1]) != agenda[0][0]:
            heapq.heappop(agenda)
        return agenda[0][0] if agenda else NEVER

    def _due(self, now_ms: Millis) -> list[str]:
        due = []
        while self._next_ms() <= now_ms:
            _at_ms, uuid = heapq.heappop(self._agenda)
            del self._at[uuid]
            due.append(uuid)
        return due
