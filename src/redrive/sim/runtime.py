"""Functions as scripts: what a run does follows from the seed, and it takes virtual time.

In the place of `runtime.executor`: it takes a Run, and calls back once with a Ran, at its deadline
at the latest, as the real one does by killing. There are no processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

from redrive.core.effects import Ran, Run
from redrive.core.time import NEVER, Millis
from redrive.services.functions.code import Code, CodeStore
from redrive.sim.chance import Dice

REPORTER = "reporter"
"""The function whose mappings report batch item failures; all others answer with anything."""

_WAYS: dict[str, float] = {
    "ok": 12,
    "part": 8,
    "fail": 4,
    "timeout": 2,
    "exit": 2,
    "strange": 3,
}


class Ending(NamedTuple):
    """How a run ends: when, with what, and which messages it has failed."""

    at_ms: Millis
    ran: Ran
    failed: frozenset[str]


class _Running(NamedTuple):
    ending: Ending
    run: Run
    done: Callable[[Ran], None]


class Scripts:
    """All functions of one process; a crash of it takes them along."""

    def __init__(
        self,
        dice: Dice,
        now_ms: Callable[[], Millis],
        ended: Callable[[Run, frozenset[str]], None],
        script: Callable[[Run, Millis], Ending] | None = None,
    ) -> None:
        self._dice = dice
        self._now_ms = now_ms
        self._ended = ended
        self._script = script or self._by_chance
        self._running: list[_Running] = []

    def run(self, run: Run, done: Callable[[Ran], None]) -> None:
        """Begin a run."""
        self._running.append(_Running(self._script(run, self._now_ms()), run, done))

    @property
    def next_ms(self) -> Millis:
        """Return when the next run ends."""
        return min((running.ending.at_ms for running in self._running), default=NEVER)

    @property
    def count(self) -> int:
        """Return how many run."""
        return len(self._running)

    def end_due(self) -> bool:
        """End the first run whose time has come; return whether there was one."""
        now_ms = self._now_ms()
        for running in self._running:
            if running.ending.at_ms <= now_ms:
                self._running.remove(running)
                self._ended(running.run, running.ending.failed)
                running.done(running.ending.ran)
                return True
        return False

    def _by_chance(self, run: Run, now_ms: Millis) -> Ending:
        dice = self._dice
        event = orjson.loads(run.event) if run.event else None
        records = event.get("Records", []) if isinstance(event, dict) else []
        ids = [record["messageId"] for record in records]
        way = dice.weighted(_WAYS)
        takes_ms = dice.pick((0, 1, 50, 500, run.deadline_ms - now_ms - 1))
        at_ms = Millis(now_ms + max(0, min(takes_ms, run.deadline_ms - now_ms - 1)))
        every = frozenset(ids)
        if way == "timeout":
            body = {"errorType": "Sandbox.Timedout", "errorMessage": "timed out"}
            late_ms = Millis(max(now_ms, run.deadline_ms))
            return Ending(late_ms, Ran(orjson.dumps(body), "Unhandled", "timeout"), every)
        if way == "exit":
            body = {"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}
            return Ending(at_ms, Ran(orjson.dumps(body), "Unhandled", "exit"), every)
        if way == "fail":
            body = {"errorType": "ValueError", "errorMessage": dice.pick(("no", "never"))}
            return Ending(at_ms, Ran(orjson.dumps(body), "Unhandled", "error"), every)
        if run.environment.function_name != REPORTER:
            answer: object = dice.pick((None, 1, {"batchItemFailures": [{"itemIdentifier": "x"}]}))
            return Ending(at_ms, Ran(orjson.dumps(answer)), frozenset())
        return self._answered(at_ms, way, ids)

    def _answered(self, at_ms: Millis, way: str, ids: list[str]) -> Ending:
        """Answer as a function that reports failures, well or badly."""
        dice = self._dice
        failed: frozenset[str] = frozenset()
        if way == "ok":
            answer: object = dice.pick(
                (None, {}, {"batchItemFailures": []}, {"batchItemFailures": None})
            )
            return Ending(at_ms, Ran(orjson.dumps(answer)), failed)
        if way == "part":
            failed = frozenset(identity for identity in ids if dice.chance(0.4))
            items = [{"itemIdentifier": i} for i in ids if i in failed]
            return Ending(at_ms, Ran(orjson.dumps({"batchItemFailures": items})), failed)
        bad = dice.pick(
            (
                b"not json",
                b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
                b'{"batchItemFailures": [{"itemIdentifier": null}]}',
                b'{"batchItemFailures": [{"foo": "x"}]}',
                b'{"batchItemFailures": [{"itemIdentifier": "stranger"}]}',
            )
        )
        return Ending(at_ms, Ran(bad), frozenset(ids))


class MemoryCode(CodeStore):
    """A code store that keeps the names of packages and nothing else; scripts need no code."""

    def __init__(self) -> None:
        self.root = Path("/code")
        self._hashes: set[str] = set()

    def put_zip(self, package: bytes, *, uploaded: bool = True, dry_run: bool = False) -> Code:
        """Take any bytes for a package."""
        code = Code(hashlib.sha256(package).hexdigest(), len(package))
        if not dry_run:
            self._hashes.add(code.hash)
        return code

    def base(self, code_hash: str) -> str:
        """Name nothing: no package has anything in common with another."""
        del code_hash
        return ""

    def hashes(self) -> list[str]:
        """Name all packages."""
        return sorted(self._hashes)

    def take_recent(self) -> frozenset[str]:
        """Hold nothing back: there are no files that a crash could lose."""
        return frozenset(self._hashes)

    def remove(self, code_hash: str) -> None:
        """Forget a package."""
        self._hashes.discard(code_hash)
