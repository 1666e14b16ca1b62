"""The server's side of one environment: its process, its memory, its log and where it stands.

Not the rules (lifecycle.py), not the choice (pool.py), and not how it is spoken to, which is its
`Line`: frames over a socket for warm Python functions (framed.py), the Runtime API for all others
(api/line.py). Only the mechanics, each of them bounded. The child is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redrive.core.effects import Environment, Run
from redrive.core.time import Millis
from redrive.runtime.frames import Frame
from redrive.runtime.lifecycle import Event, State
from redrive.runtime.logpipe import LogPipe
from redrive.runtime.process import ChildProcess
from redrive.runtime.reactor import Handle, Reactor

INHERITED_KB_MAX = 36 * 1024
"""What a process has in common with its parent counts as at most this much: about what AWS reports
for a bare Python function. Packages imported ahead that the handler does not use must not count."""

OnEvent = Callable[["LiveEnvironment", Event, Frame | None], None]


class Line(Protocol):
    """How one environment is spoken to. What it says goes to an `OnEvent`."""

    has_company: bool  # others than the runtime's process have to be done before it is free again
    has_streamed: bool  # pieces of the response at hand have been given on

    def invoke(self, run: Run, now_ms: Millis, ends_ms: Millis) -> None:
        """Hand over an invocation that has to end at an instant."""

    def shut_down(self, reason: str, at_ms: Millis) -> bool:
        """Begin an orderly end that is over by an instant; False: there is nobody to wait for."""

    def hear_last_words(self) -> None:
        """Take what a process that has ended has said, if it was not read yet."""

    def exit_status(self) -> int | None:
        """Return how the function's process ended, where the line knows it better; else None."""

    def close(self) -> None:
        """Hear nothing more."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What belongs to an environment besides its process.

    sentence: what INIT_START tells. stream: its log stream. tmp: its private folder for temporary
    files. sandbox: the name of the level it runs at. own_levels: how many processes of ours stand
    above the function's own, each the only child of the one before; their memory is not the
    function's. inherits: whether it shares memory with the parent that forked it.
    """

    sentence: str
    stream: str
    tmp: str
    sandbox: str = "rlimits"
    own_levels: int = 0
    inherits: bool = True


class LiveEnvironment:
    """One environment from its first thought to its last."""

    line: Line  # set by who starts it, before anything can happen

    def __init__(
        self,
        number: int,
        environment: Environment,
        fitting: Fitting,
        *,
        log: LogPipe,
        reactor: Reactor,
        on_event: OnEvent,
    ) -> None:
        self.number = number
        self.environment = environment
        self.fitting = fitting
        self.log = log
        self.state = State.FORKING
        self.has_ended = False  # the process is known to be gone
        self.is_leaving = False  # its extensions have been told of the end
        self.is_retired = False  # it ends because nobody wants it any more
        self.started_ms = reactor.now_ms()
        self.init_ms: float | None = None  # told with the first invocation, then None
        self.peak_kb = 0
        self.excess_kb = 0
        self._reactor = reactor
        self._on_event = on_event
        self._child: ChildProcess | None = None
        self._timer: Handle | None = None

    def forked(self, pid: int) -> None:
        """Take note of the process."""
        self._child = ChildProcess(pid, self.fitting.own_levels)
        if self.fitting.inherits:
            self.excess_kb = max(0, self._child.resident_kb() - INHERITED_KB_MAX)

    def set_deadline(self, at_ms: int | None) -> None:
        """Tell DEADLINE at an instant, instead of at the one before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            self._timer = self._reactor.call_at(Millis(at_ms), self._overdue)

    def end(self, reason: str, at_ms: Millis) -> None:
        """End it: in order, until an instant, where extensions wait for that; else kill it."""
        if self._child is not None and self.line.shut_down(reason, at_ms):
            self.is_leaving = True
        else:
            self.kill(with_group=False)

    def kill(self, with_group: bool) -> None:
        """Kill the process; its group too when its parent cannot be counted on for that."""
        if self._child is not None:
            self._child.kill()
            if with_group:
                self._child.kill_group()
        self.line.close()

    def used_mb(self) -> int:
        """Return the most memory that it has used so far."""
        return max(0, self.peak_kb - self.excess_kb) // 1024

    def measure(self, said_kb: int | None = None) -> bool:
        """Look at its memory, or hear what it says of it; tell whether that is over its limit."""
        if self._child is None:  # what it has in common with its parent is not known
            return False
        limit_kb = self.environment.memory_mb * 1024 + self.excess_kb
        if said_kb is None:
            said_kb = self._child.memory_kb(limit_kb)
        self.peak_kb = max(self.peak_kb, said_kb)
        return said_kb > limit_kb

    def peak_seen_kb(self) -> int:
        """Return the most memory that its processes had, as the kernel remembers it."""
        if self._child is None:
            return 0
        return self._child.memory_kb(self.environment.memory_mb * 1024, is_peak=True)

    def hear_last_words(self) -> None:
        """Read what a process that has ended left in its channel: its answer may be there, unread.

        Its parent's word of its end comes by another way and may overtake it.
        """
        self.has_ended = True
        self.line.hear_last_words()

    def close(self) -> None:
        """Let go of everything; the process is somebody else's affair by now."""
        self.set_deadline(None)
        self.log.close()
        self.line.close()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _overdue(self) -> None:
        self._timer = None
        self._on_event(self, Event.DEADLINE, None)
