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

Differences from Lambda that a function can see: below the sandbox level `namespaces` /tmp is the
machine's own and shared, and its private folder is in TMPDIR; an idle environment is not frozen,
so that its threads go on; stack traces hold the paths where the code lies. Memory is judged by what
is resident, ten times a second and once more when it answers (by its peak); in between, an address
space limit of 1 GiB above its memory stops the worst.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redrive.core.effects import Environment, Ran, Run
from redrive.core.time import MINUTE_MS, Millis
from redrive.runtime import answers, outcomes
from redrive.runtime.api.starter import ProgramStarter
from redrive.runtime.choices import Choices
from redrive.runtime.environment import LiveEnvironment
from redrive.runtime.folders import TemporaryFolders
from redrive.runtime.frames import Frame
from redrive.runtime.interpreters import Choice
from redrive.runtime.jobs import Job
from redrive.runtime.lifecycle import (
    ENDING,
    INIT_MS_MAX,
    Event,
    State,
    Verdict,
    turn,
)
from redrive.runtime.parents import Parents
from redrive.runtime.pool import Action, Bind, Kill, Pool, Start, Use
from redrive.runtime.programs import is_program
from redrive.runtime.python import PythonStarter
from redrive.runtime.reactor import Handle, LogChunk, Reactor
from redrive.runtime.sandbox import Sandbox
from redrive.runtime.surroundings import Surroundings
from redrive.runtime.variables import INHERITED, Lend

FORK_MS_MAX = 20_000
"""Longer than a parent's start or one import may take."""

DEATH_MS_MAX = 2_000
"""How long the exit status of a killed environment is waited for, and how long its extensions have.
AWS: Lambda Extensions API, "Shutdown phase": 2 s with external extensions."""

FORKS_MAX = 5
MEMORY_LOOK_MS = 100
TIDY_MS_MAX = MINUTE_MS
KILLED = -9

REASONS = {Event.DEADLINE: "timeout", Event.RETIRE: "spindown"}
"""What extensions are told; anything else is a failure."""


class Executor:
    """All environments of this server."""

    _memory_timer: Handle | None = None
    _tidy_timer: Handle | None = None
    _is_closed = False

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
        sandbox: str = "rlimits",
        node_sdk_path: Path | None = None,
    ) -> None:
        """Start nothing yet.

        idle_ms: how long an environment may be idle; keep_warm of each kind may for ever.
        log_bytes_max: what is kept of one invocation's output. extra_site_path: a folder with
        boto3, offered to functions that bring none. inherited: the variables to choose from in
        place of this process's own. lend: an account's key, where functions have to sign. sandbox:
        a level of sandbox.py or "auto"; ValueError when this machine cannot give it. node_sdk_path:
        a folder with the AWS SDK for JavaScript, or with a node_modules that has it.
        """
        self._reactor = reactor
        self._idle_ms = idle_ms
        self._init_ms = init_ms
        machine = dict(os.environ) if inherited is None else inherited
        inherited = {name: machine[name] for name in INHERITED if name in machine}
        self._choices = Choices(machine)
        self._pool: Pool[Job] = Pool(environments_max, Millis(idle_ms), keep_warm)
        self._live: dict[int, LiveEnvironment] = {}
        self._jobs: dict[int, Job] = {}  # by the environment that holds them
        self._outstanding: dict[int, Job] = {}
        self._sandbox = Sandbox(sandbox, self._choices.own().path)
        work_dir.mkdir(parents=True, exist_ok=True)
        self._folders = TemporaryFolders(work_dir / "tmp", reactor.now_ms())
        self._parents = self._make_parents(work_dir, extra_site_path, import_ms, inherited)
        around = Surroundings(
            reactor,
            endpoint_url=endpoint_url,
            inherited=inherited,
            lend=lend,
            log_bytes_max=log_bytes_max,
            on_log=on_log,
            on_event=self._event,
            folders=self._folders,
            parents=self._parents,
            sandbox=self._sandbox,
            python_sdk=extra_site_path,
            node_sdk=node_sdk_path,
        )
        self._python = PythonStarter(around)
        self._programs = ProgramStarter(around, self._choices.own())

    def _make_parents(
        self, work_dir: Path, sdk: Path | None, import_ms: int, inherited: dict[str, str]
    ) -> Parents:
        return Parents(
            self._reactor,
            self,
            work_dir=work_dir,
            offered_path=sdk,
            import_ms=import_ms,
            inherited=inherited,
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

    def keep(self, environment: Environment, count: int) -> int:
        """Keep so many environments of a kind from now on (0: none); return how many are ready."""
        if not self._is_closed:
            self._do(self._pool.keep(environment, count))
        return self._pool.ready(environment)

    def retire(self, function_arn: str, keep_revision: str | None) -> None:
        """End a function's environments of other revisions; those that are busy finish first."""
        self._python.retire(function_arn, keep_revision)
        self._folders.retire(function_arn, keep_revision)
        self._do(self._pool.retire(function_arn, keep_revision))

    @property
    def is_starting(self) -> bool:
        """Tell whether an environment is on its way to be ready."""
        return any(live.state in (State.FORKING, State.INIT) for live in self._live.values())

    def interpreter(self, runtime: str) -> Choice:
        """Return which interpreter a runtime gets here, with a sentence if it is another one."""
        return self._choices.of(runtime)

    def sandbox_level(self, environment: Environment) -> str:
        """Return the level that a function runs at; see sandbox.py."""
        return self._sandbox.level(environment)

    def describe(self) -> dict[str, Any]:
        """Tell what runs, for health pages and messages."""
        states: dict[str, int] = {}
        for live in self._live.values():
            states[live.state.value] = states.get(live.state.value, 0) + 1
        sandboxes = {
            live.environment.function_arn: live.fitting.sandbox for live in self._live.values()
        }
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
            "sandbox": sandboxes,
            "queued": len(self._pool.parked),
            "parents": parents,
            "interpreters": self._choices.known(),
            "notes": self._choices.notes(),
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
        self._sandbox.close()
        self._folders.close()

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
        starter = self._programs if is_program(environment) else self._python
        live = starter.start(number, environment, choice.interpreter)
        if isinstance(live, str):
            self._refuse(number, job, live)
            return
        self._live[number] = live
        if job is not None:
            self._jobs[number] = job
        live.log.note(answers.init_line(live.fitting.sentence))
        if job is not None and job.init_failed:
            live.log.begin(job.run.request_id, self._start_line(job))
        live.set_deadline(self._reactor.now_ms() + FORK_MS_MAX)
        self._watch()
        self._plan_tidy()

    def _use(self, live: LiveEnvironment, job: Job) -> None:
        """Hand an invocation to an environment that is ready for it."""
        self._jobs[live.number] = job
        live.state = turn(live.state, Event.INVOKE).state
        now_ms = self._reactor.now_ms()
        run = job.run
        if job.since_ms is None:
            job.since_ms = now_ms
        if not live.log.request_id:
            live.log.begin(run.request_id, self._start_line(job))
        live.started_ms = now_ms
        ends_ms = Millis(job.since_ms + run.environment.timeout_ms)
        live.line.invoke(run, now_ms, ends_ms)
        live.set_deadline(ends_ms)
        self._watch()

    # What happens to environments.

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
            live.is_retired = live.is_retired or event is Event.RETIRE
            if before in ENDING:
                if not live.is_leaving:
                    self._parents.suspect(live.number)
                live.kill(with_group=True)
            else:
                if event is Event.DEADLINE and before is State.FORKING:
                    self._parents.suspect(live.number)
                ends_ms = Millis(self._reactor.now_ms() + DEATH_MS_MAX)
                live.end(REASONS.get(event, "failure"), ends_ms)
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
        if live.environment.debug:  # it waits for a person
            limit_ms = live.environment.timeout_ms
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
        live.log.drain()
        run, now_ms = job.run, self._reactor.now_ms()
        elapsed_ms = now_ms - job.since_ms if job.since_ms is not None else 0
        if verdict is not Verdict.INIT_FAILED and frame is not None:
            ran = outcomes.answered(live, run, verdict, frame)
            self._free(live)
        elif event is Event.DEADLINE and live.state is not State.DEAD:
            ran = outcomes.timed_out(live, run, now_ms)
        elif frame is not None:
            ran = outcomes.init_failed(live, run, frame, elapsed_ms)
        else:
            known = live.line.exit_status()
            ran = outcomes.exited(live, run, status if known is None else known, elapsed_ms)
        self._deliver(job, ran)

    def _free(self, live: LiveEnvironment) -> None:
        """Give the place of one that has answered back to the pool, as far as it is free."""
        if live.state is State.FINISHING:
            if not live.line.has_company:
                self._pool.finish(live.number)
            return
        live.set_deadline(None)
        free = self._pool.remove if live.has_ended else self._pool_release
        self._do(free(live.number))

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
            self._folders.give_back(
                live.environment,
                Path(live.fitting.tmp),
                self._reactor.now_ms(),
                is_reset=not live.is_retired,
            )

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
        self._folders.tidy(now_ms - self._idle_ms)
        self._plan_tidy()
