"""The life of one environment as one table. Nothing here touches a process.

    FORKING --forked--> INIT --ready--> IDLE --invoke--> BUSY --response, failure, too-large--> IDLE
                                                        BUSY --replied--> FINISHING --next--> IDLE
       |                  |               |                |
       |                  |               |                +--> DYING (deadline, over-memory,
       broken, retire) |                  +--> DYING_INIT (broken, over-memory)         both
       --exit--> DEAD +---- exit, lost (its parent is gone): another one is started ----> DEAD

A runtime that speaks HTTP has answered before it asks for the next invocation, and so have its
extensions: until then it is FINISHING. Its process may end (ENDED) while extensions live on.

A verdict says what becomes of the invocation that the environment holds; while it is DYING without
a verdict the answer waits for the exit status, because the status is in it. What the table does not
list cannot happen to a healthy child; it is taken as BROKEN, so that a child that says nonsense
dies and nobody else is touched.

AWS: Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle": a crash or
a timeout ends the environment; an init that fails or takes more than 10 s is run again with the
first invocation, under the function's own timeout.
"""

from __future__ import annotations

import signal
from enum import Enum
from typing import NamedTuple

INIT_MS_MAX = 10_000
"""AWS: Lambda Developer Guide, "Init phase": limited to 10 seconds."""


class State(Enum):
    """Where an environment is."""

    FORKING = "forking"  # its parent was asked, no process is known yet
    INIT = "init"  # it imports the handler
    IDLE = "idle"
    BUSY = "busy"
    FINISHING = "finishing"  # it has answered, and has not asked for the next invocation
    DYING = "dying"  # it was killed, its exit status has not come
    DYING_INIT = "dying-init"  # the same, and it had not begun an invocation
    DEAD = "dead"


class Event(Enum):
    """What can happen to it."""

    FORKED = "forked"
    READY = "ready"
    INIT_ERROR = "init-error"
    INVOKE = "invoke"
    RESPONSE = "response"
    FAILURE = "failure"  # the handler raised, or its value cannot be written as JSON
    TOO_LARGE = "too-large"
    REPLIED = "replied"  # like the three before, from one that will ask for more
    REPLIED_FAILURE = "replied-failure"
    REPLIED_TOO_LARGE = "replied-too-large"
    NEXT = "next"  # everybody in it waits for the next invocation
    ENDED = "ended"  # the function's process has ended; what stands around it may still run
    DEADLINE = "deadline"  # of the state it is in: fork, init, invocation or death
    OVER_MEMORY = "over-memory"
    BROKEN = "broken"  # the channel was closed, or something else than a frame came
    RETIRE = "retire"
    EXIT = "exit"
    LOST = "lost"  # its parent is gone, and with it every exit status


class Verdict(Enum):
    """What becomes of the invocation at hand, if there is one."""

    NONE = "none"
    SERVE = "serve"  # ready: it may be given its invocation
    ANSWER = "ok"
    ANSWER_ERROR = "error"
    ANSWER_TOO_LARGE = "too-large"
    TIMED_OUT = "timeout"
    EXITED = "exit"
    INIT_FAILED = "init-error"  # the first time: run the init again; the second time: answer
    AGAIN = "again"  # nothing of the function has run: start another environment


class Turn(NamedTuple):
    """The next state, whether to kill the process group now, and the verdict."""

    state: State
    verdict: Verdict = Verdict.NONE
    kill: bool = False


_DIES = Turn(State.DYING, kill=True)
_DIES_EARLY = Turn(State.DYING_INIT, kill=True)
_DIES_UNUSED = Turn(State.DYING, Verdict.AGAIN, kill=True)

TABLE: dict[tuple[State, Event], Turn] = {
    (State.FORKING, Event.FORKED): Turn(State.INIT),
    (State.FORKING, Event.EXIT): Turn(State.DEAD, Verdict.AGAIN),
    (State.FORKING, Event.LOST): Turn(State.DEAD, Verdict.AGAIN),
    (State.FORKING, Event.DEADLINE): Turn(State.DEAD, Verdict.AGAIN, kill=True),
    (State.FORKING, Event.RETIRE): _DIES,
    # The child may be quicker than its parent's word that it exists.
    (State.FORKING, Event.READY): Turn(State.IDLE, Verdict.SERVE),
    (State.FORKING, Event.INIT_ERROR): Turn(State.DYING, Verdict.INIT_FAILED, kill=True),
    (State.FORKING, Event.BROKEN): Turn(State.FORKING),
    (State.IDLE, Event.FORKED): Turn(State.IDLE),
    (State.BUSY, Event.FORKED): Turn(State.BUSY),
    (State.INIT, Event.READY): Turn(State.IDLE, Verdict.SERVE),
    (State.INIT, Event.INIT_ERROR): Turn(State.DYING, Verdict.INIT_FAILED, kill=True),
    (State.INIT, Event.DEADLINE): Turn(State.DYING, Verdict.INIT_FAILED, kill=True),
    (State.INIT, Event.OVER_MEMORY): _DIES_EARLY,
    (State.INIT, Event.BROKEN): _DIES_EARLY,
    (State.INIT, Event.RETIRE): _DIES,
    (State.INIT, Event.EXIT): Turn(State.DEAD, Verdict.INIT_FAILED),
    (State.INIT, Event.LOST): Turn(State.DEAD, Verdict.INIT_FAILED),
    (State.IDLE, Event.INVOKE): Turn(State.BUSY),
    (State.IDLE, Event.OVER_MEMORY): _DIES,
    (State.IDLE, Event.BROKEN): _DIES,
    (State.IDLE, Event.RETIRE): _DIES,
    (State.IDLE, Event.EXIT): Turn(State.DEAD),
    (State.IDLE, Event.LOST): Turn(State.DEAD),
    (State.BUSY, Event.RESPONSE): Turn(State.IDLE, Verdict.ANSWER),
    (State.BUSY, Event.FAILURE): Turn(State.IDLE, Verdict.ANSWER_ERROR),
    (State.BUSY, Event.TOO_LARGE): Turn(State.IDLE, Verdict.ANSWER_TOO_LARGE),
    (State.BUSY, Event.DEADLINE): Turn(State.DYING, Verdict.TIMED_OUT, kill=True),
    (State.BUSY, Event.OVER_MEMORY): _DIES,
    (State.BUSY, Event.BROKEN): _DIES,
    (State.BUSY, Event.RETIRE): _DIES,
    (State.BUSY, Event.EXIT): Turn(State.DEAD, Verdict.EXITED),
    (State.BUSY, Event.LOST): Turn(State.DEAD, Verdict.EXITED),
    (State.BUSY, Event.REPLIED): Turn(State.FINISHING, Verdict.ANSWER),
    (State.BUSY, Event.REPLIED_FAILURE): Turn(State.FINISHING, Verdict.ANSWER_ERROR),
    (State.BUSY, Event.REPLIED_TOO_LARGE): Turn(State.FINISHING, Verdict.ANSWER_TOO_LARGE),
    # Whoever is to be served next has not reached it: another environment serves him.
    (State.FINISHING, Event.NEXT): Turn(State.IDLE, Verdict.SERVE),
    (State.FINISHING, Event.DEADLINE): _DIES_UNUSED,
    (State.FINISHING, Event.OVER_MEMORY): _DIES_UNUSED,
    (State.FINISHING, Event.BROKEN): _DIES_UNUSED,
    (State.FINISHING, Event.ENDED): _DIES_UNUSED,
    (State.FINISHING, Event.RETIRE): _DIES_UNUSED,
    (State.FINISHING, Event.FORKED): Turn(State.FINISHING),
    (State.FINISHING, Event.EXIT): Turn(State.DEAD, Verdict.AGAIN),
    (State.FINISHING, Event.LOST): Turn(State.DEAD, Verdict.AGAIN),
    (State.FORKING, Event.ENDED): Turn(State.DYING, Verdict.INIT_FAILED, kill=True),
    (State.INIT, Event.ENDED): Turn(State.DYING, Verdict.INIT_FAILED, kill=True),
    (State.IDLE, Event.ENDED): _DIES,
    (State.BUSY, Event.ENDED): Turn(State.DYING, Verdict.EXITED, kill=True),
    (State.DYING, Event.ENDED): Turn(State.DYING, Verdict.EXITED),
    (State.DYING_INIT, Event.ENDED): Turn(State.DYING_INIT, Verdict.INIT_FAILED),
    (State.DYING, Event.EXIT): Turn(State.DEAD, Verdict.EXITED),
    (State.DYING, Event.LOST): Turn(State.DEAD, Verdict.EXITED),
    (State.DYING, Event.DEADLINE): Turn(State.DEAD, Verdict.EXITED, kill=True),
    (State.DYING_INIT, Event.EXIT): Turn(State.DEAD, Verdict.INIT_FAILED),
    (State.DYING_INIT, Event.LOST): Turn(State.DEAD, Verdict.INIT_FAILED),
    (State.DYING_INIT, Event.DEADLINE): Turn(State.DEAD, Verdict.INIT_FAILED, kill=True),
}


ENDING = frozenset((State.DYING, State.DYING_INIT, State.DEAD))
"""States from which no environment comes back: its place in the pool is free."""


def turn(state: State, event: Event) -> Turn:
    """Return what an event does to an environment in a state; total over both.

    The dying and the dead ignore what is not listed; for the living it is BROKEN.
    """
    listed = TABLE.get((state, event))
    if listed is not None:
        return listed
    if state in ENDING:
        return Turn(state)
    return TABLE[state, Event.BROKEN]


_SIGNAL_NAMES = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGALRM: "alarm clock",
}


def exit_reason(status: int) -> str:
    """Say how a process ended in Lambda's words.

    status: its exit code, or minus the number of the signal that ended it.
    """
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = _SIGNAL_NAMES.get(signal.Signals(-status)) if -status in _SIGNALS else None
    return f"Runtime exited with error: signal: {name or -status}"


_SIGNALS = frozenset(int(number) for number in signal.Signals)
