"""A dispatch over a real store and operations that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from redrive.core.effects import (
    Ask,
    Call,
    Caller,
    Context,
    Environment,
    Job,
    Ran,
    Reply,
    Run,
    Step,
    Wait,
)
from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.registry import Registry
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import parse_statements
from redrive.store.store import StoreFailed, Tx

CALLER = Caller("000000000000", "us-east-1", "arn:aws:iam::000000000000:root", "x")
T0 = Millis(1_800_000_000_000)
SQL = """
-- schema 1: notes
CREATE TABLE notes (text TEXT NOT NULL) STRICT;
-- name: add
-- Write a note down.
INSERT INTO notes VALUES (:text);
-- name: all
-- Every note.
SELECT text FROM notes ORDER BY rowid;
"""
ENVIRONMENT = Environment("arn", "f", "1", "r", "python3.12", "app.h", "/c", 3_000, 128, "a", "r")


class Note(NamedTuple):
    """A row."""

    text: str


class Chance:
    def token(self, count: int) -> bytes:
        return bytes(count)


class House:
    """A dispatch over operations that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.store = SqliteStore(str(folder / "db"), [parse_statements("notes", SQL)])
        self.registry = Registry(self.store)
        self.runs: list[tuple[Run, Callable[[Ran], None]]] = []
        self.jobs: list[tuple[Job, Callable[[Reply], None]]] = []
        self.faults: list[BaseException] = []
        self.failures: list[StoreFailed] = []
        self.stirs = 0
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=lambda: self.now_ms,
            chance=Chance(),
            run=lambda run, done: self.runs.append((run, done)),
            origin="http://here",
            stirred=self._stir,
            fault=self.faults.append,
            failed=self.failures.append,
            job=lambda job, done: self.jobs.append((job, done)),
        )

    def _stir(self) -> None:
        self.stirs += 1

    def add(self, **operations: Any) -> None:
        self.registry.add("t", operations)

    def enter(self, operation: str, **params: Any) -> list[Reply]:
        replies: list[Reply] = []
        self.dispatch.enter("t", operation, params, CALLER, replies.append)
        return replies

    def settle(self) -> None:
        self.dispatch.settle()
        while not self.dispatch.is_idle:
            self.dispatch.settle()

    def pass_to(self, at_ms: int) -> None:
        while self.dispatch.next_ms <= at_ms:
            self.now_ms = max(self.now_ms, self.dispatch.next_ms)
            self.dispatch.advance()
            self.settle()
        self.now_ms = Millis(max(self.now_ms, at_ms))

    def notes(self) -> list[str]:
        return [row[0] for row in self.store._connection.execute("SELECT text FROM notes")]

    def lose_the_group(self) -> None:
        """Make the open group one that cannot be committed."""

        def work(tx: Tx) -> None:
            tx.run_alone("notes.add", ("lost",))
            raise KeyError

        with pytest.raises(KeyError):
            self.store.transact(work)


def note(tx: Tx, params: Any, context: Context) -> Any:
    tx.run("notes.add", text=params.get("text", "x"))
    tx.wake("note")
    return {"ok": params.get("text", "x")}


def waiting(until_ms: int, *topics: str, alike: bool = False) -> Any:
    """An operation that takes a note when there is one, and waits for it until an instant."""

    def operation(tx: Tx, params: Any, context: Context) -> Any:
        texts = tx.rows(Note, "notes.all")
        if texts:
            return {"found": texts[0].text, "arrived": context.arrived_ms, "now": context.now_ms}
        if context.now_ms >= until_ms:
            return {}
        return Wait(Millis(until_ms), topics, alike)

    return operation


def asking(effect: Any, *steps: Any) -> Any:
    """An operation that asks, and answers with what the last step makes of the reply."""

    def operation(tx: Tx, params: Any, context: Context) -> Any:
        tx.run("notes.add", text="asked")
        return Ask(effect, steps[0])

    return operation


class Script:
    """A worker that does as it is told, one step after the other."""

    name = "script"

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.stepped: list[int] = []
        self.heard: list[tuple[Any, Reply]] = []
        self.drained = 0
        self.after = Step()

    def step(self, now_ms: Millis) -> Step:
        self.stepped.append(now_ms)
        step = self.steps.pop(0) if self.steps else Step()
        if isinstance(step, Exception):
            raise step
        return step

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        self.heard.append((reply_to, reply))
        return self.after

    def drain(self, now_ms: Millis) -> Step:
        self.drained += 1
        return self.after


def call(operation: str, key: Any) -> Call:
    return Call("t", operation, {}, CALLER, key)
