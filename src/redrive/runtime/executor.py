"""Run functions as processes: what the shell hands a `Run` to, and what calls it back with a `Ran`.

It ties the pure parts (pool, lifecycle, answers, logs) to the mechanics (parents, environments) and
decides nothing itself. No loop, no threads: a `Reactor` is given, and all of this happens in its
thread.

Invariants:
1. `done` is called exactly once for each `run`, from the reactor (or from `close`), whatever a
   function does to its process.
2. Nothing here waits for a function: no blocking read or write, and a bounded amount of work a
   turn.
3. An environment that timed out, crashed, spoke nonsense or went over its memory is killed with all
   that descends from it, and is never used again.

Differences from Lambda that a function can see: /tmp is the machine's own and shared; an idle
environment is not frozen, so that its threads go on; stack traces hold the paths where the code
lies. Memory is judged by what is resident, ten times a second and once more when it answers (by its
peak); in between, an address space limit of 1 GiB above its memory stops the worst.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redrive.core.effects import Environment, Ran, Run
from redrive.core.time import MINUTE_MS, Millis, iso
from redrive.runtime import answers, frames, outcomes
from redrive.runtime.environment import LiveEnvironment
from redrive.runtime.frames import Frame
from redrive.runtime.interpreters import Choice, choose, find_installed
from redrive.runtime.lifecycle import (
    ENDING,
    INIT_MS_MAX,
    Event,
    State,
    Verdict,
    turn,
)
from redrive.runtime.parents import SCRIPT, ParentKey, Parents, parent_key
from redrive.runtime.pool import Action, Bind, Kill, Pool, Start, Use
from redrive.runtime.process import pipe_pair, socket_pair
from redrive.runtime.reactor import Handle, LogChunk, Reactor
from redrive.runtime.variables import INHERITED, Lend, child_config, function_variables

FORK_MS_MAX = 20_000
"""Longer than a parent's start or one import may take."""

DEATH_MS_MAX = 2_000
"""How long the exit status of a killed environment is waited for."""

FORKS_MAX = 5
MEMORY_LOOK_MS = 100
TIDY_MS_MAX = MINUTE_MS
KILLED = -9


@dataclass(slots=True)
class Job:
    """One invocation on its way. since_ms: when its own time began, once it has."""

    run: Run
    done: Callable[[Ran], None]
    forks: int = 0
    init_failed: bool = False  # its init failed once; the next one counts as its own time
    since_ms: Millis | None = None
    is_answered: bool = False


class Executor:
    """All environments of this server."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        endpoint_url: str,
        work_dir: Path,
        on_log: Callable[[LogChunk], None],
        idle_ms: int = 15 * MINUTE_MS,
        environments_max: int = 256,
        keep_warm: int = 0,
        log_bytes_max: int = 1 << 20,
        import_ms: int = 10_000,
        init_ms: int = INIT_MS_MAX,
        extra_site_path: Path | None = None,
        inherited: dict[str, str] | None = None,
        lend: Lend | None = None,
    ) -> None:
        """Start nothing yet.

        idle_ms: how long an environment may be idle; keep_warm of each kind may for ever.
        log_bytes_max: what is kept of one invocation's output. extra_site_path: a folder with
        boto3, offered to functions that bring none. inherited: the variables to choose from in
        place of this process's own. lend: an account's key, where functions have to sign.
        """
        self._reactor = reactor
        self._endpoint_url = endpoint_url
        self._lend = lend
        self._on_log = on_log
        self._idle_ms = idle_ms
        self._log_bytes_max = log_bytes_max
        self._init_ms = init_ms
        self._offered_path = extra_site_path
        machine = dict(os.environ) if inherited is None else inherited
        self._inherited = {name: machine[name] for name in INHERITED if name in machine}
        self._installed = find_installed(machine)
        self._choices: dict[str, Choice] = {}
        self._keys: dict[Environment, ParentKey] = {}
        self._pool: Pool[Job] = Pool(environments_max, Millis(idle_ms), keep_warm)
        self._live: dict[int, LiveEnvironment] = {}
        self._jobs: dict[int, Job] = {}  # by the environment that holds them
        self._outstanding: dict[int, Job] = {}
        self._memory_timer: Handle | None = None
        self._tidy_timer: Handle | None = None
        self._is_closed = False
        work_dir.mkdir(parents=True, exist_ok=True)
        self._parents = Parents(
            reactor,
            self,
            work_dir=work_dir,
            offered_path=extra_site_path,
            import_ms=import_ms,
            inherited=self._inherited,
        )

    def run(self, run: Run, done: Callable[[Ran], None]) -> None:
        """Run an invocation and call `done` from the reactor when it has ended, in whatever way.

        Its deadline is the function's timeout after an environment has taken it; the init before
        that, of at most 10 s, is extra. The caller has judged its concurrency.
        """
        assert not self._is_closed
        job = Job(run, done)
        self._outstanding[id(job)] = job
        self._do(self._pool.submit(run.environment, job))

    def warm(self, environment: Environment) -> None:
        """Start an environment, and its parent, ahead of time unless there is one."""
        if not self._is_closed:
            self._do(self._pool.warm(environment))

    def retire(self, function_arn: str, keep_revision: str | None) -> None:
        """End a function's environments of other revisions; those that are busy finish first."""
        for environment, key in list(self._keys.items()):
            of_function = environment.function_arn == function_arn
            if of_function and environment.revision != keep_revision:
                del self._keys[environment]
                self._parents.retire(key)
        self._do(self._pool.retire(function_arn, keep_revision))

    def interpreter(self, runtime: str) -> Choice:
        """Return which interpreter a runtime gets here, with a sentence if it is another one."""
        if runtime not in self._choices:
            self._choices[runtime] = choose(runtime, self._installed)
        return self._choices[runtime]

    def describe(self) -> dict[str, Any]:
        """Tell what runs, for health pages and messages."""
        states: dict[str, int] = {}
        for live in self._live.values():
            states[live.state.value] = states.get(live.state.value, 0) + 1
        parents = [
            {
                "pid": parent.process.pid,
                "interpreter": parent.key.program,
                "version": parent.version,
                "state": parent.state,
                "packages": list(parent.imported),
                "left_out": dict(parent.problems),
                "environments": len(parent.environments),
            }
            for parent in self._parents.running()
        ]
        return {
            "environments": states,
            "queued": len(self._pool.parked),
            "parents": parents,
            "interpreters": {f"python3.{each.minor}": each.path for each in self._installed},
            "notes": [choice.note for choice in self._choices.values() if choice.note],
        }

    def close(self) -> None:
        """Kill every process and wait for its end; what is under way ends as killed."""
        if self._is_closed:
            return
        self._is_closed = True
        for timer in (self._memory_timer, self._tidy_timer):
            if timer is not None:
                timer.cancel()
        for live in list(self._live.values()):
            live.kill(with_group=True)
        self._parents.close()
        for live in list(self._live.values()):
            live.state = State.DEAD
            self._bury(live)
        for job in list(self._outstanding.values()):
            self._deliver(job, outcomes.exited(None, job.run, KILLED, 0))

    # What the parents tell.

    def on_forked(self, number: int, pid: int) -> None:
        """See `Listener`."""
        live = self._live.get(number)
        if live is not None:
            live.forked(pid)
            if live.state in ENDING:
                live.kill(with_group=False)
            else:
                self._event(live, Event.FORKED)

    def on_exit(self, number: int, status: int, memory_kb: int) -> None:
        """See `Listener`."""
        live = self._live.get(number)
        if live is not None:
            live.measure(memory_kb)
            live.hear_last_words()
            self._event(live, Event.EXIT, status=status)

    def on_refused(self, number: int) -> None:
        """See `Listener`."""
        live = self._live.get(number)
        if live is not None:
            self._event(live, Event.EXIT)

    def on_lost(self, number: int) -> None:
        """See `Listener`."""
        live = self._live.get(number)
        if live is not None:
            live.hear_last_words()
            live.kill(with_group=True)
            self._event(live, Event.LOST)

    # The pool's decisions.

    def _do(self, actions: list[Action[Job]]) -> None:
        for action in actions:
            if isinstance(action, Use):
                self._use(self._live[action.number], action.ticket)
            elif isinstance(action, Start):
                self._start(action.number, action.environment, action.ticket)
            elif isinstance(action, Bind):
                self._jobs[action.number] = action.ticket
            elif isinstance(action, Kill):
                live = self._live.get(action.number)
                if live is not None:
                    self._event(live, Event.RETIRE)

    def _start(self, number: int, environment: Environment, job: Job | None) -> None:
        choice = self.interpreter(environment.runtime)
        if choice.interpreter is None:
            self._refuse(number, job, choice.note)
            return
        key = self._keys.get(environment)
        if key is None:
            key = self._keys[environment] = parent_key(environment, choice.interpreter)
        made = self._fork(key, number)
        if isinstance(made, str):
            self._refuse(number, job, made)
            return
        now_ms = self._reactor.now_ms()
        live = LiveEnvironment(
            number,
            environment,
            key,
            stream_name(environment, number, now_ms),
            reactor=self._reactor,
            channel=made[0],
            log_fd=made[1],
            kept_max=self._log_bytes_max,
            on_event=self._on_event,
            on_log=self._on_log,
        )
        self._live[number] = live
        if job is not None:
            self._jobs[number] = job
        live.note(answers.init_line(f"{environment.runtime} ({choice.interpreter.path})"))
        if job is not None and job.init_failed:
            live.open_log(job.run.request_id, self._start_line(job))
        config = child_config(
            environment,
            variables=function_variables(
                environment,
                endpoint_url=self._endpoint_url,
                stream=live.stream,
                inherited=self._inherited,
                runtime_dir=str(SCRIPT.parent),
                lend=self._lend,
            ),
            folders=key.folders,
            stream=live.stream,
        )
        live.send(frames.CONFIGURE, config)
        live.set_deadline(now_ms + FORK_MS_MAX)
        self._watch()
        self._plan_tidy()

    def _fork(self, key: ParentKey, number: int) -> tuple[socket.socket, int] | str:
        """Ask a parent for an environment; return our ends of its channel and log, or a refusal."""
        with ExitStack() as on_failure, ExitStack() as theirs:
            try:
                log_fd, write_fd = pipe_pair()
                on_failure.callback(os.close, log_fd)
                theirs.callback(os.close, write_fd)
                channel, far_end = socket_pair()
                on_failure.callback(channel.close)
                theirs.callback(far_end.close)
            except OSError as error:
                return f"no environment can be made: {error}"
            problem = self._parents.fork(key, number, (far_end.fileno(), write_fd))
            if problem:
                return problem
            on_failure.pop_all()
            return channel, log_fd

    def _use(self, live: LiveEnvironment, job: Job) -> None:
        """Hand an invocation to an environment that is ready for it."""
        self._jobs[live.number] = job
        live.state = turn(live.state, Event.INVOKE).state
        now_ms = self._reactor.now_ms()
        run = job.run
        if job.since_ms is None:
            job.since_ms = now_ms
        if not live.request_id:
            live.open_log(run.request_id, self._start_line(job))
        live.started_ms = now_ms
        ends_ms = job.since_ms + run.environment.timeout_ms
        head: dict[str, Any] = {"id": run.request_id, "remaining_ms": ends_ms - now_ms}
        if run.trace:
            head["trace"] = run.trace
        if run.invoked_arn:
            head["arn"] = run.invoked_arn
        if run.client_context:
            head["client"] = run.client_context.decode("utf-8", "replace")
        live.seq += 1
        live.send(frames.INVOKE, head, run.event)
        live.set_deadline(ends_ms)
        self._watch()

    # What happens to environments.

    def _on_event(self, live: LiveEnvironment, event: Event, frame: Frame | None) -> None:
        self._event(live, event, frame)

    def _event(
        self,
        live: LiveEnvironment,
        event: Event,
        frame: Frame | None = None,
        status: int = KILLED,
    ) -> None:
        """Turn the wheel of one environment and see to the invocation that it holds."""
        if event is Event.READY and live.has_ended:  # it fails as an init
            return
        if frame is not None and live.measure(frame.memory_kb):
            event = Event.OVER_MEMORY
        before = live.state
        step = turn(before, event)
        live.state = step.state
        job = self._jobs.get(live.number)
        if step.kill:
            live.measure()
            if event is Event.DEADLINE and (before in ENDING or before is State.FORKING):
                self._parents.suspect(live.number)
            live.kill(with_group=before in ENDING)
        if step.state is State.INIT and before is State.FORKING:
            self._begin_init(live, job)
        elif step.state in ENDING:
            if before not in ENDING:
                live.set_deadline(self._reactor.now_ms() + DEATH_MS_MAX)
            self._do(self._pool.remove(live.number))
        if step.verdict is Verdict.SERVE:
            self._ready(live, frame)
        elif step.verdict is not Verdict.NONE and job is not None:
            del self._jobs[live.number]
            self._conclude(live, job, step.verdict, event, frame, status)
        if live.state is State.DEAD:
            self._bury(live)

    def _begin_init(self, live: LiveEnvironment, job: Job | None) -> None:
        """Give an init its 10 s, or what its invocation has when it is the second one."""
        live.started_ms = self._reactor.now_ms()
        limit_ms = self._init_ms
        if job is not None and job.init_failed:
            job.since_ms = live.started_ms
            limit_ms = job.run.environment.timeout_ms
        live.set_deadline(live.started_ms + limit_ms)

    def _ready(self, live: LiveEnvironment, frame: Frame | None) -> None:
        live.set_deadline(None)
        job = self._jobs.get(live.number)
        if frame is not None and not (job is not None and job.init_failed):
            live.init_ms = frame.duration_us / 1000
        self._do(self._pool_release(live.number))

    def _conclude(
        self,
        live: LiveEnvironment,
        job: Job,
        verdict: Verdict,
        event: Event,
        frame: Frame | None,
        status: int,
    ) -> None:
        """Answer an invocation, or begin it anew."""
        if verdict is Verdict.AGAIN:
            job.forks += 1
            if job.forks < FORKS_MAX:
                self._do(self._pool.submit(job.run.environment, job))
            else:
                self._deliver(job, outcomes.refused(job.run, "no environment could be started"))
            return
        if verdict is Verdict.INIT_FAILED and not job.init_failed:
            job.init_failed = True
            self._do(self._pool.submit(job.run.environment, job))
            return
        live.drain_log()
        run, now_ms = job.run, self._reactor.now_ms()
        elapsed_ms = now_ms - job.since_ms if job.since_ms is not None else 0
        if verdict is not Verdict.INIT_FAILED and frame is not None:
            live.set_deadline(None)
            ran = outcomes.answered(live, run, verdict, frame)
            free = self._pool.remove if live.has_ended else self._pool_release
            self._do(free(live.number))
        elif event is Event.DEADLINE and live.state is not State.DEAD:
            ran = outcomes.timed_out(live, run, now_ms)
        elif frame is not None:
            ran = outcomes.init_failed(live, run, frame, elapsed_ms)
        else:
            ran = outcomes.exited(live, run, status, elapsed_ms)
        self._deliver(job, ran)

    def _pool_release(self, number: int) -> list[Action[Job]]:
        return self._pool.release(number, self._reactor.now_ms())

    def _refuse(self, number: int, job: Job | None, why: str) -> None:
        """Give up an environment that could not even be asked for."""
        more = self._pool.remove(number)
        if job is not None:
            self._reactor.call_at(
                self._reactor.now_ms(), lambda: self._deliver(job, outcomes.refused(job.run, why))
            )
        if more:
            self._reactor.call_at(self._reactor.now_ms(), lambda: self._do(more))

    def _deliver(self, job: Job, ran: Ran) -> None:
        if not job.is_answered:
            job.is_answered = True
            del self._outstanding[id(job)]
            job.done(ran)

    def _bury(self, live: LiveEnvironment) -> None:
        if self._live.pop(live.number, None) is not None:
            self._parents.forget(live.number)
            live.close()

    def _start_line(self, job: Job) -> str:
        return answers.start_line(job.run.request_id, job.run.environment.version)

    # Clocks.

    def _watch(self) -> None:
        """Look at the memory of those that work, as long as there are any."""
        if self._memory_timer is None and not self._is_closed:
            at_ms = Millis(self._reactor.now_ms() + MEMORY_LOOK_MS)
            self._memory_timer = self._reactor.call_at(at_ms, self._look)

    def _look(self) -> None:
        self._memory_timer = None
        working = [live for live in self._live.values() if live.state in (State.INIT, State.BUSY)]
        for live in working:
            if live.measure():
                self._event(live, Event.OVER_MEMORY)
        if working:
            self._watch()

    def _plan_tidy(self) -> None:
        if self._tidy_timer is None and not self._is_closed:
            at_ms = Millis(self._reactor.now_ms() + min(self._idle_ms, TIDY_MS_MAX))
            self._tidy_timer = self._reactor.call_at(at_ms, self._tidy)

    def _tidy(self) -> None:
        self._tidy_timer = None
        now_ms = self._reactor.now_ms()
        self._do(self._pool.expire(now_ms))
        self._parents.tidy(now_ms, self._idle_ms)
        self._plan_tidy()


def stream_name(environment: Environment, number: int, now_ms: Millis) -> str:
    """Return a log stream's name: its day, the function's version, and 32 digits of its own."""
    seed = f"{environment.function_arn} {number} {now_ms} {os.getpid()}".encode()
    digits = hashlib.sha256(seed).hexdigest()[:32]
    return f"{iso(now_ms)[:10].replace('-', '/')}/[{environment.version}]{digits}"
