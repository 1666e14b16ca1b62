"""One run of the store with an error of the disk at its n-th call, and the judgement of that run.

    calls of SQLite to the disk:  1 2 3 ... n ... end
                                          └─ fails, alone or with all that come after it

The driver does what the server's dispatch does: an operation that is refused (Unavailable) is
answered so, the others of its group go on, a refused commit refuses its whole group, and
StoreFailed ends the process. What was accepted is done again on a sound disk: answers and rows must
be the same, and what was refused must have left nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import apsw

from redrive.core.errors import Unavailable
from redrive.core.time import Millis
from redrive.sim.chance import Dice
from redrive.sim.evidence import Violation
from redrive.sim.vfs import Disk, ShortRead
from redrive.store.store import StoreFailed

from .images import FATES, images
from .inspector import Inspector, State, difference, state_of
from .machine import STATEMENTS, Base, Machine
from .sequences import DEEDS, IDLE

Groups = tuple[tuple[str, ...], ...]
GROUPS: Groups = (
    ("SendMessage", "SendMessageBatch"),
    ("ReceiveMessage",),
    ("ChangeMessageVisibility", "SendMessage", "DeleteMessage"),
    ("checkpoint",),
    ("StartMessageMoveTask", "TagQueue"),
    ("AdvanceMoves", "CreateQueue"),
    ("DeleteMessageBatch",),
    ("PurgeQueue", "DeleteQueue"),
    ("checkpoint",),
    ("Reap",),
    ("give back",),
    ("SendMessage", "SetQueueAttributes"),
)
"""What a run does: groups, each with one commit. The store's own work is never in one."""

FIRST_GROUPS: Groups = (("CreateQueue", "Reap"), ("checkpoint",), ("CreateQueue", "Reap"))
"""What a run does on a disk where nothing is yet."""

OPERATION_MS = 10
_ALL = {**DEEDS, **IDLE}
PLANTED = "planted"
_WRITING = ("write", "truncate", "sync")
_CALLS_MAX = 5_000
"""A run without a fault has a tenth of that: what calls more often has not come to an end."""


def _io_error(code: int) -> Callable[[], Exception]:
    def make() -> Exception:
        error = apsw.IOError(PLANTED)
        error.extendedresult = code
        return error

    return make


def _full() -> Exception:
    return apsw.FullError(PLANTED)


ERRORS: Mapping[str, tuple[str, Callable[[], Exception]]] = {
    "IOERR_READ": ("read", _io_error(apsw.SQLITE_IOERR_READ)),
    "short read": ("read", ShortRead),
    "IOERR_WRITE": ("write", _io_error(apsw.SQLITE_IOERR_WRITE)),
    "FULL": ("write", _full),
    "IOERR_FSYNC": ("sync", _io_error(apsw.SQLITE_IOERR_FSYNC)),
    "IOERR_TRUNCATE": ("truncate", _io_error(apsw.SQLITE_IOERR_TRUNCATE)),
    "IOERR_FSTAT": ("size", _io_error(apsw.SQLITE_IOERR_FSTAT)),
    "IOERR_DELETE": ("delete", _io_error(apsw.SQLITE_IOERR_DELETE)),
    "IOERR_ACCESS": ("access", _io_error(apsw.SQLITE_IOERR_ACCESS)),
    "CANTOPEN": ("open", lambda: apsw.CantOpenError(PLANTED)),
}
"""The kind of call that an error befalls, and the error."""

_GONE = {of: make for of, make in ERRORS.values() if make not in (ShortRead, _full)}


@contextmanager
def quiet() -> Iterator[None]:
    """Let Python say nothing of a planted error that SQLite has kept to itself."""
    before = sys.unraisablehook

    def hook(what: sys.UnraisableHookArgs) -> None:
        if str(what.exc_value) != PLANTED:
            before(what)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


class Fault(NamedTuple):
    """An error of the n-th call (from 0); one that lasts befalls the later calls as well.

    A disk that is full refuses only writes; any other error that lasts is one of a disk that has
    gone away.
    """

    n: int
    error: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.error} at call {self.n}, {'for good' if self.lasts else 'once'}"


class Run(NamedTuple):
    """How a run ended."""

    accepted: Mapping[int, object]  # answers by the number of the operation
    refused: tuple[int, ...]
    unknown: tuple[int, ...]  # of the group whose commit has failed
    failed: bool  # StoreFailed: the process has ended


class Trial:
    """Runs groups on a disk that fails, and judges."""

    def __init__(self, base: Base, groups: Groups) -> None:
        self.inspector = Inspector(STATEMENTS)
        self._base, self._groups = base, groups
        image = {name: bytes(file.live) for name, file in base.disk.files.items()}
        self._begun = State(*self.inspector.look(image)[:2], self.inspector.read(image))
        self._references: dict[tuple[int, ...], tuple[State, Mapping[int, object]]] = {}
        self.calls: list[str] = []

        def watch(kind: str, _name: str) -> None:
            self.calls.append(kind)

        disk = self._base.disk.copied()
        disk.watch = watch
        self.whole = self._work(disk)
        assert not self.whole.refused and not self.whole.failed

    def faults(self) -> list[Fault]:
        """Return every error at every call that it can befall, once and for good."""
        return [
            Fault(n, error, lasts)
            for n, kind in enumerate(self.calls)
            for error, (of, _make) in ERRORS.items()
            if of == kind
            for lasts in (False, True)
        ]

    def run(self, fault: Fault) -> Run:
        """Run with a fault. Raises Violation."""
        disk = self._base.disk.copied()
        calls: list[str] = []
        unsynced: list[str] = []  # what was done to the disk after a sync had failed

        def watch(kind: str, name: str) -> None:
            n = len(calls)
            calls.append(kind)
            if unsynced and kind in _WRITING:
                unsynced.append(f"{kind} of {name}")
            if n > _CALLS_MAX:
                raise _GONE[kind]()
            if n < fault.n or (n > fault.n and not fault.lasts):
                return
            if n == fault.n or (fault.error == "FULL" and kind == "write"):
                if kind == "sync":
                    unsynced.append("a failed sync")
                raise ERRORS[fault.error][1]()
            if fault.error != "FULL":
                raise _GONE[kind]()

        disk.watch = watch
        with quiet():
            run = self._work(disk)
        disk.watch = None
        if len(calls) > _CALLS_MAX:
            raise Violation("end", f"{fault}: it calls and calls")
        self._judge(fault, run, disk)
        # A database that is not there yet is begun with a rollback journal, which SQLite syncs
        # once more to undo what failed. Nothing has been acknowledged then.
        is_first_start = not self._base.disk.files and not run.accepted
        if len(unsynced) > 1 and not is_first_start:
            raise Violation("one failed sync", f"{fault}: {unsynced}")
        return run

    def _work(self, disk: Disk) -> Run:
        """Do the groups as the server would; the disk is left as the process leaves it."""
        accepted: dict[int, object] = {}
        refused: list[int] = []
        unknown: tuple[int, ...] = ()
        try:
            machine = Machine(disk)
        except (StoreFailed, Unavailable):
            return Run({}, (), (), True)
        failed = False
        first = 0
        try:
            for group in self._groups:
                answers: dict[int, object] = {}
                for number, name in enumerate(group, first):
                    now_ms = self._base.now_ms + (number + 1) * OPERATION_MS
                    try:
                        answers[number] = _ALL[name](machine, self._base.handles, now_ms)
                    except Unavailable:
                        refused.append(number)
                unknown = tuple(answers)
                try:
                    machine.store.commit(Millis(now_ms))
                    accepted |= answers
                except Unavailable:
                    refused.extend(answers)
                unknown = ()
                first += len(group)
        except StoreFailed:
            failed = True
        machine.stop()
        return Run(accepted, tuple(refused), unknown, failed)

    def _judge(self, fault: Fault, run: Run, disk: Disk) -> None:
        least, answers = self._reference(tuple(run.accepted))
        for number, answer in run.accepted.items():
            if answers[number] != answer:
                raise Violation("answers", f"{fault}: operation {number} answered {answer}")
        allowed = [least]
        if run.unknown:
            allowed.append(self._reference((*run.accepted, *run.unknown))[0])
        if not run.accepted:
            allowed.append(self._begun)  # a start writes rows of its own, and may have failed
            least = self._begun
        dice = Dice(fault.n, fault.error)
        fates = (dice.pick(FATES),) if run.failed else ()
        for fate, image in images(disk, dice, fates):
            sight = self.inspector.look(image)
            if sight.problem:
                raise Violation("disk errors", f"{fault}, {fate}: {sight.problem}; {run}")
            if sight.rows not in [state.rows for state in allowed]:
                told = difference(self.inspector.read(image), least.dump)
                raise Violation("disk errors", f"{fault}, {fate}: {told}; {run}")
            if sight.clock_ms < least.clock_ms:
                raise Violation("clock", f"{fault}, {fate}: {sight.clock_ms}")

    def _reference(self, numbers: tuple[int, ...]) -> tuple[State, Mapping[int, object]]:
        """Do some of the operations on a sound disk, and nothing else."""
        found = self._references.get(numbers)
        if found is None:
            names = [name for group in self._groups for name in group]
            machine = Machine(self._base.disk.copied())
            answers = {}
            for number in numbers:
                now_ms = self._base.now_ms + (number + 1) * OPERATION_MS
                answers[number] = _ALL[names[number]](machine, self._base.handles, now_ms)
                machine.store.commit(Millis(now_ms))
            found = self._references[numbers] = state_of(machine.store), answers
            machine.kill()
        return found
