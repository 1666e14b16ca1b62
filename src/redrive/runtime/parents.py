"""The warm parents: one for each interpreter, set of layers and set of packages.

    starting --ready--> open --tainted, hung, retired--> draining --last environment gone--> closed
        \\_____________________ its socket closes, or says nonsense _____________________/

A function that brings packages of its own has a parent of its own folders and variables: imported
modules read files beside them later, and many read variables while they are imported. Where the
packages lie in a folder that other versions of the code have in common, they are imported from
there, and the versions share the parent as long as their own modules have the same names. All
functions that bring none share one parent per interpreter and layers.

* A parent that cannot fork any more (a package started a thread, or hangs) takes no further forks;
  the next one leaves that package out, and the environments that it has live on.
* A parent that dies takes its environments with it; the package that it was importing is left out
  from then on. After STARTS_MAX starts in a row that came to nothing, forks fail with its last
  words.
* Forks are sent at once, also while it starts: the socket keeps them, descriptors and all.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from redrive.core.effects import Environment
from redrive.core.time import Millis
from redrive.runtime.interpreters import Interpreter
from redrive.runtime.layers import library_folders, python_folders
from redrive.runtime.process import ChildProcess, ParentProcess, send_with_fds
from redrive.runtime.reactor import Handle, Reactor

LENGTH = struct.Struct("!I")
MESSAGE_BYTES_MAX = 65_536
STARTS_MAX = 3
START_MS_MAX = 10_000
LEAVE_SECONDS = 1.0
"""How long a parent may take to kill what it has forked; far more than it needs."""

LEFT_OUT_MAX = 5
"""After so many packages that a parent cannot bear, it imports none."""

SCRIPT = Path(__file__).parent / "bootstrap" / "parent.py"

OFFERED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What AWS's Python runtime brings. AWS: Lambda Developer Guide, "Runtime-included SDK version"."""

PRELOAD = ("boto3",)


class ParentKey(NamedTuple):
    """What two environments must have in common to be forked from one parent.

    packages, code_path, variables and own are empty unless the function or a layer brings packages.
    """

    program: str
    folders: tuple[str, ...]  # of the layers, on sys.path
    packages: tuple[str, ...]  # the names of .dist-info folders
    code_path: str  # what is imported ahead lies there, or in folders
    variables: tuple[tuple[str, str], ...]
    libraries: tuple[str, ...] = ()  # folders of shared libraries; read when a process starts
    role: str = "child"  # what its forks become; see bootstrap/parent.py
    own: tuple[str, ...] = ()  # the names of modules that no package may be given for its own


def parent_key(environment: Environment, interpreter: Interpreter) -> ParentKey:
    """Look at which packages a function brings and return the key of its parent."""
    folders = python_folders(environment.layers, interpreter.minor)
    libraries = library_folders(environment.code_path, environment.layers)
    packages: list[str] = []
    code_path = environment.packages or environment.code_path
    for folder in (code_path, *folders):
        if Path(folder).is_dir():
            packages += sorted(each.name for each in Path(folder).glob("*.dist-info"))
    if not packages:
        return ParentKey(interpreter.path, folders, (), "", (), libraries)
    return ParentKey(
        interpreter.path,
        folders,
        tuple(packages),
        code_path,
        environment.variables,
        libraries,
        own=_own_names(environment),
    )


def _own_names(environment: Environment) -> tuple[str, ...]:
    """Return the names of the code's own modules, where its packages lie elsewhere as well."""
    if not environment.packages:
        return ()
    shared = {path.name for path in Path(environment.packages).glob("*")}
    names = {path.name for path in Path(environment.code_path).glob("*")} - shared
    return tuple(sorted({name.split(".", 1)[0] for name in names}))


def launcher_key(interpreter: Interpreter) -> ParentKey:
    """Return the key of the parent whose forks start other programs."""
    return ParentKey(interpreter.path, (), (), "", (), role="supervisor")


class Listener(Protocol):
    """Whom a parent's news are for, each about one environment."""

    def on_forked(self, number: int, pid: int) -> None:
        """Its process exists."""

    def on_exit(self, number: int, status: int, memory_kb: int) -> None:
        """It has ended, with all that descended from it. status: see `lifecycle.exit_reason`."""

    def on_refused(self, number: int) -> None:
        """It was not forked; another parent may be asked."""

    def on_lost(self, number: int) -> None:
        """Its parent is gone; nothing will be heard of it any more."""


@dataclass(slots=True)
class Parent:
    """One running parent. state: starting | open | draining | closed."""

    key: ParentKey
    process: ParentProcess
    state: str = "starting"
    version: str = ""
    importing: str = ""
    imported: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    forking: set[int] = field(default_factory=set)
    environments: set[int] = field(default_factory=set)  # those being forked too
    unused_since_ms: int = 0
    timer: Handle | None = None


class Parents:
    """Start parents, ask them for forks and pass on what they say."""

    def __init__(
        self,
        reactor: Reactor,
        listener: Listener,
        *,
        work_dir: Path,
        offered_path: Path | None,
        import_ms: int,
        inherited: Mapping[str, str],
    ) -> None:
        self._reactor = reactor
        self._listener = listener
        self._work_dir = work_dir
        self._offered_path = offered_path
        self._import_ms = import_ms
        self._inherited = inherited
        self._usable: dict[ParentKey, Parent] = {}
        self._all: list[Parent] = []
        self._graves: list[ParentProcess] = []
        self._holders: dict[int, Parent] = {}
        self._left_out: dict[ParentKey, set[str]] = {}
        self._failures: dict[ParentKey, tuple[int, str]] = {}
        self._count = 0

    def running(self) -> list[Parent]:
        """Return the parents that live, oldest first."""
        return list(self._all)

    def fork(self, key: ParentKey, number: int, fds: tuple[int, int]) -> str:
        """Ask for an environment; fds are its channel and its log, which stay the caller's to
        close.

        Return why it cannot be had, or an empty string: then news come through the listener, never
        from within this call.
        """
        try:
            parent = self.ensure(key)
        except OSError as error:
            return f"{key.program} cannot be started: {error}"
        if parent is None:
            return self._failures[key][1]
        self._holders[number] = parent
        parent.forking.add(number)
        parent.environments.add(number)
        if not self._send(parent, {"fork": number}, fds):
            del self._usable[key]
            give_up = self._lose if parent.state == "starting" else self._abandon
            self._reactor.call_at(self._reactor.now_ms(), lambda: give_up(parent))
        return ""

    def ensure(self, key: ParentKey) -> Parent | None:
        """Return the parent for a key, started if need be; None when that has failed too often.

        Raises OSError when its program cannot be started at all.
        """
        parent = self._usable.get(key)
        if parent is None and self._failures.get(key, (0, ""))[0] < STARTS_MAX:
            parent = self._start(key)
        return parent

    def forget(self, number: int) -> None:
        """Let go of an environment that is dead for its owner."""
        parent = self._holders.pop(number, None)
        if parent is None:
            return
        parent.environments.discard(number)
        parent.forking.discard(number)
        if not parent.environments:
            parent.unused_since_ms = self._reactor.now_ms()
            if parent.state == "draining":
                self._close(parent)

    def suspect(self, number: int) -> None:
        """Give up on the parent of an environment: it did not do what it was asked for.

        Not while it imports something, which has a time limit of its own.
        """
        parent = self._holders.get(number)
        if parent is not None and not parent.importing:
            self._abandon(parent)

    def retire(self, key: ParentKey) -> None:
        """Let a parent go that holds a function's own packages: its code changed or is deleted."""
        parent = self._usable.get(key)
        if parent is not None and key.packages:
            self._drain(parent)

    def tidy(self, now_ms: Millis, idle_ms: int) -> None:
        """Close parents that nobody has used for so long, and bury those that have ended."""
        for parent in list(self._all):
            if not parent.environments and parent.unused_since_ms + idle_ms <= now_ms:
                self._close(parent)
        for process in list(self._graves):
            process.kill()
            if process.reap(0):
                self._graves.remove(process)

    def close(self) -> None:
        """End all parents, and wait until they have ended."""
        for parent in list(self._all):
            self._close(parent)
        for process in self._graves:
            if not process.reap(LEAVE_SECONDS):
                process.kill()
                process.reap()
        self._graves.clear()

    def _start(self, key: ParentKey) -> Parent:
        self._count += 1
        variables = {name: self._inherited[name] for name in self._inherited}
        variables |= {
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3",
        }
        variables |= dict(key.variables)
        if key.libraries:
            own = variables.get("LD_LIBRARY_PATH")
            variables["LD_LIBRARY_PATH"] = ":".join([*([own] if own else []), *key.libraries])
        if key.code_path:
            variables["LAMBDA_TASK_ROOT"] = key.code_path
        noise = self._work_dir / f"parent-{self._count}.log"
        parent = Parent(key, ParentProcess(key.program, SCRIPT, key.role, variables, noise))
        parent.unused_since_ms = self._reactor.now_ms()
        self._usable[key] = parent
        self._all.append(parent)
        left_out = self._left_out.get(key, set())
        bears_imports = len(left_out) < LEFT_OUT_MAX and key.role == "child"
        folders = [key.code_path, *key.folders] if key.code_path and bears_imports else []
        settings = {
            "folders": folders,
            "own": key.own,
            "skip": sorted(left_out),
            "preload": PRELOAD if bears_imports and self._offered_path else (),
            "offered": OFFERED,
            "offered_path": str(self._offered_path) if self._offered_path else "",
            "import_seconds": self._import_ms / 2000,
        }
        self._send(parent, settings, ())
        control = parent.process.control.fileno()
        self._reactor.add_reader(control, lambda: self._read(parent))
        self._set_timer(parent, START_MS_MAX)
        return parent

    def _send(self, parent: Parent, message: Mapping[str, Any], fds: tuple[int, ...]) -> bool:
        text = json.dumps(message).encode()
        return send_with_fds(parent.process.control, LENGTH.pack(len(text)) + text, fds)

    def _read(self, parent: Parent) -> None:
        if parent.state == "closed":
            return
        try:
            data = parent.process.control.recv(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        parent.buffer += data
        try:
            messages = take_messages(parent.buffer)
            for message in messages:
                self._take(parent, message)
        except (ValueError, KeyError, TypeError):
            data = b""
        if not data:
            self._lose(parent)

    def _take(self, parent: Parent, message: Mapping[str, Any]) -> None:
        """Act on one message. Raises KeyError, TypeError or ValueError when it makes no sense."""
        if "forked" in message:
            number, pid = int(message["forked"]), int(message["pid"])
            if number in parent.forking:
                parent.forking.discard(number)
                self._listener.on_forked(number, pid)
            elif number not in parent.environments:  # given up meanwhile
                stray = ChildProcess(pid)
                stray.kill()
                stray.close()
        elif "exit" in message:
            number = int(message["exit"])
            status, memory_kb = int(message["status"]), int(message["memory_kb"])
            if number in parent.environments:
                self.forget(number)
                self._listener.on_exit(number, status, memory_kb)
        elif "refused" in message:
            number = int(message["refused"])
            if number in parent.forking:
                self._drain(parent)
                self.forget(number)
                self._listener.on_refused(number)
        elif "importing" in message:
            parent.importing = str(message["importing"])
            self._set_timer(parent, self._import_ms)
        elif "imported" in message:
            self._imported(parent, message)
        elif "ready" in message:
            parent.version = str(message["ready"])
            if parent.state == "starting":
                parent.state = "open"
            self._failures.pop(parent.key, None)
            self._set_timer(parent, None)
        else:
            self._set_timer(parent, None)

    def _imported(self, parent: Parent, message: Mapping[str, Any]) -> None:
        name, problem = str(message["imported"]), str(message["problem"])
        parent.importing = ""
        self._set_timer(parent, None)
        if problem:
            parent.problems[name] = problem
        else:
            parent.imported.append(name)
        if message["tainted"]:
            self._left_out.setdefault(parent.key, set()).add(name)
            self._drain(parent)

    def _set_timer(self, parent: Parent, after_ms: int | None) -> None:
        if parent.timer is not None:
            parent.timer.cancel()
            parent.timer = None
        if after_ms is not None:
            at_ms = Millis(self._reactor.now_ms() + after_ms)
            parent.timer = self._reactor.call_at(at_ms, lambda: self._overdue(parent))

    def _overdue(self, parent: Parent) -> None:
        """Give up on a parent that neither starts nor ends an import."""
        parent.timer = None
        if parent.state == "starting":
            self._lose(parent)
            return
        if parent.importing:
            self._left_out.setdefault(parent.key, set()).add(parent.importing)
        self._abandon(parent)

    def _abandon(self, parent: Parent) -> None:
        """Take no more forks from a parent, nor wait for those that it has not made."""
        self._drain(parent)
        for number in list(parent.forking):
            self.forget(number)
            self._listener.on_lost(number)

    def _drain(self, parent: Parent) -> None:
        if parent.state == "closed":
            return
        parent.state = "draining"
        if self._usable.get(parent.key) is parent:
            del self._usable[parent.key]
        if not parent.environments:
            self._close(parent)

    def _lose(self, parent: Parent) -> None:
        """Note that a parent is gone, remember why, and tell its environments."""
        if parent.state == "closed":
            return
        if parent.state == "starting":
            parent.process.kill()
            parent.process.reap()
            count = self._failures.get(parent.key, (0, ""))[0] + 1
            words = parent.process.words or "it said nothing"
            self._failures[parent.key] = (count, f"{parent.key.program} does not start: {words}")
        if parent.importing:
            self._left_out.setdefault(parent.key, set()).add(parent.importing)
        numbers = list(parent.environments)
        for number in numbers:
            self._holders.pop(number, None)
        parent.environments.clear()
        self._close(parent)
        parent.process.kill()
        for number in numbers:
            self._listener.on_lost(number)

    def _close(self, parent: Parent) -> None:
        """Close the socket: the parent kills what it has forked and ends."""
        if parent.state == "closed":
            return
        parent.state = "closed"
        self._set_timer(parent, None)
        if self._usable.get(parent.key) is parent:
            del self._usable[parent.key]
        self._all.remove(parent)
        for number in parent.environments:
            self._holders.pop(number, None)
        self._reactor.remove_reader(parent.process.control.fileno())
        parent.process.control.close()
        self._graves.append(parent.process)


def take_messages(buffer: bytearray) -> list[Mapping[str, Any]]:
    """Cut whole messages off the front of a buffer. Raises ValueError for what is not one."""
    messages: list[Mapping[str, Any]] = []
    while len(buffer) >= LENGTH.size:
        (length,) = LENGTH.unpack_from(buffer)
        if length > MESSAGE_BYTES_MAX:
            raise ValueError(f"a message of {length} bytes")
        end = LENGTH.size + length
        if len(buffer) < end:
            break
        message = json.loads(bytes(buffer[LENGTH.size : end]))
        del buffer[:end]
        if not isinstance(message, dict):
            raise ValueError("a message that is not an object")
        messages.append(message)
    return messages
