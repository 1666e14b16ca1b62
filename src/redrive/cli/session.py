"""One run of `redrive up`, from the template to the drained server.

    reading ─> server begun ─> expanding, packaging ─> deploying ─> following ──Ctrl-C──> stopping
       └── problems: exit 1        └──── problems: stopping, exit 1     └─change─> deploying

A change that cannot be deployed is told, and what was deployed before goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.status import Status

from redrive.cli.advice import Advice
from redrive.cli.asking import print_json
from redrive.cli.client import Client, NoServer, Place, Refusal
from redrive.cli.debugging import Debugging
from redrive.cli.hosting import Host, HostError
from redrive.cli.live import LiveView
from redrive.cli.project import Project
from redrive.cli.reloading import Reloader
from redrive.cli.screen import console, duration, is_terminal, say, shortened
from redrive.cli.summary import Summary
from redrive.cli.watching import Watcher
from redrive.core.time import Millis
from redrive.services.stacks.model import Stack, TemplateError
from redrive.services.stacks.records import encode_stack
from redrive.services.stacks.template import Document
from redrive.shell.sources import SystemClock

FOLLOW_S = 20.0
"""How long one wait for events is at the server."""

LOOK_MS = 50
"""How long one wait for changes is, and so how late an event may be shown."""


class _Failed(Exception):
    """It cannot go on, and why has been said."""


class Session:
    """Deploys a project and follows it. Says everything itself; `run` returns the exit code."""

    def __init__(
        self,
        project: Project,
        place: Place,
        data: Path,
        port: int,
        *,
        as_json: bool,
        is_strict: bool = False,
        debug: Sequence[str] = (),
        clock: str = "system",
    ) -> None:
        """debug: the functions to start with a debugger. clock: as the setting."""
        self._project = project
        self._place = place
        self._data = data
        self._port = port
        self._as_json = as_json
        self._is_manual = clock == "manual"
        self._advice = Advice(project, as_json=as_json, is_strict=is_strict)
        self._clock = SystemClock(Millis(0))
        self._started_ms = self._clock()
        self._plan: Mapping[str, Any] = {}  # as last deployed, or tried
        self._is_interrupted = False
        self._debugging = Debugging(debug, project.template.name)
        self._reloader = Reloader(project, self._before_packaging, self._debugging.shape)
        self._watcher: Watcher | None = None

    def run(self, *, is_watching: bool, is_detaching: bool) -> int:
        """Go through all of it."""
        host: Host | None = None
        is_left = False
        try:
            if is_watching and not is_detaching:
                self._watcher = self._begin_to_watch()
            document = self._project.read()
            clock = ("--clock", "manual") if self._is_manual else ()
            host = Host(self._data, self._port, self._place, options=clock)
            # While the server starts, what takes longer: expanding, and perhaps installing.
            with self._progress() as progress:
                stack = self._reloader.prepare(document, progress)
            client = host.connect()
            self._check_clock(client)
            view = LiveView(client, self._as_json)
            self._deploy(client, stack)
            self._show_summary(client, view, stack)
            self._advice.tell()
            self._say_clock(client)
            if is_detaching:
                is_left = True
                self._say_left(host)
                return 0
            self._say_following()
            self._follow(client, view)
        except KeyboardInterrupt:
            self._is_interrupted = True
            return 0
        except TemplateError as error:
            self._say_problems(error)
        except _Failed:
            pass
        except (HostError, Refusal) as error:
            self._say_error(str(error))
        except NoServer as error:
            words = host.ended() if host is not None else None
            self._say_error(f"the server has ended:\n{words}" if words else str(error))
        finally:
            if host is not None and not is_left:
                self._stop(host)
        return 1

    # --- the way up -----------------------------------------------------------------------------

    @contextmanager
    def _progress(self) -> Iterator[Callable[[str], None]]:
        """Show what a tool says: the latest line on a terminal, the fact alone elsewhere."""
        status: Status | None = None
        is_told = False

        def hear(line: str) -> None:
            nonlocal status, is_told
            if self._as_json:
                return
            if is_terminal():
                if status is None:
                    status = console().status("")
                    status.start()
                status.update(f"installing packages: {shortened(line, 60)}".replace("[", r"\["))
            elif not is_told:
                say("installing packages")
                is_told = True

        try:
            yield hear
        finally:
            if status is not None:
                status.stop()

    def _deploy(self, client: Client, stack: Stack) -> None:
        """Deploy and tell failures. Raises _Failed when there are any."""
        self._plan = encode_stack(stack)
        name = self._project.world.stack
        told = client.call("redrive", "Deploy", StackName=name, Plan=self._plan)
        if told["Failures"]:
            for failure in told["Failures"]:
                place = self._project.template.name
                if failure.get("Line"):
                    place += f":{failure['Line']}"
                self._say_error(f"{place}: {failure['LogicalId']}: {failure['Message']}")
            raise _Failed

    def _show_summary(self, client: Client, view: LiveView, stack: Stack) -> None:
        told = client.call("redrive", "DescribeStack", StackName=self._project.world.stack)
        summary = Summary(told, client.place)
        view.names = summary.names
        view.show(0)
        if self._as_json:
            debuggers = self._debugging.as_json()
            extra = {"Debuggers": debuggers} if debuggers else {}
            print_json({**summary.as_json(), **extra}, indented=False)
            return
        took = duration(self._clock() - self._started_ms)
        for line in summary.lines(took, [*self._project.notes(stack), *self._reloader.notes]):
            say(*line)
        for line in self._debugging.lines():
            say(*line)

    def _check_clock(self, client: Client) -> None:
        """Refuse a server that was running before and has the other clock. Raises HostError."""
        if self._is_manual and client.clock()["clock"] != "manual":
            raise HostError(
                f"the server at {client.place.endpoint} was running before, by the machine's clock:"
                " stop it first, or leave out --clock manual"
            )

    def _say_clock(self, client: Client) -> None:
        if self._is_manual and not self._as_json:
            now = client.clock()["now"]
            say(f"The clock stands at {now}: `redrive clock advance 6h` moves it.")

    def _say_following(self) -> None:
        if self._as_json:
            return
        watched = "Changes of the template and the code are taken up. " if self._watcher else ""
        say((f"{watched}Ctrl-C stops.", "dim"))
        say("")

    def _say_left(self, host: Host) -> None:
        if not self._as_json and host.pid is not None:
            say((f"The server goes on. To stop it: kill {host.pid}", "dim"))

    # --- while it is up -------------------------------------------------------------------------

    def _follow(self, client: Client, view: LiveView) -> None:
        """Show what happens and take up changes until Ctrl-C. Raises NoServer."""
        while True:
            if self._watcher is None:
                view.show(FOLLOW_S)
                continue
            if changed := self._watcher.changes(LOOK_MS):
                self._take_up(client, view, changed)
            view.show_if_told(FOLLOW_S)

    def _begin_to_watch(self) -> Watcher | None:
        """Watch the template, before it is read for the first time."""
        try:
            return Watcher(self._project.template, (), self._data)
        except OSError as error:
            self._say_unwatched(error)
            return None

    def _before_packaging(self, document: Document) -> None:
        """Watch the code that is to be packaged before it is read; have the template considered."""
        if self._watcher is not None:
            try:
                self._watcher.cover(self._reloader.code.values())
            except OSError as error:
                self._watcher = None
                self._say_unwatched(error)
        self._advice.consider(document)

    def _say_unwatched(self, error: OSError) -> None:
        self._say_error(f"changes are not taken up: the files cannot be watched: {error}")

    def _take_up(self, client: Client, view: LiveView, changed: frozenset[Path]) -> None:
        """Deploy what has changed, or tell why it cannot be."""
        saved_ms = _saved_ms(changed, self._clock())
        try:
            with self._progress() as progress:
                stack = self._reloader.take_up(changed, progress)
            names = _changed_names(self._plan, encode_stack(stack))
            if not names:
                return
            self._deploy(client, stack)
        except TemplateError as error:
            self._say_problems(error)
        except Refusal as error:
            self._say_error(str(error))
        except _Failed:
            pass
        else:
            told = client.call("redrive", "DescribeStack", StackName=self._project.world.stack)
            view.names = Summary(told, client.place).names
            self._say_reloaded(names, self._clock() - saved_ms)
            self._advice.tell()
            return
        if not self._as_json:
            say(("What was deployed before goes on.", "dim"))

    # --- the end --------------------------------------------------------------------------------

    def _stop(self, host: Host) -> None:
        if not host.is_ours:
            if not self._as_json:
                say((f"The server at {host.endpoint} was running before, and goes on.", "dim"))
            return
        host.stop(self._say_stopping)

    def _say_stopping(self) -> None:
        if self._is_interrupted and not self._as_json:
            say(("Stopping: what is under way may finish; Ctrl-C again stops at once.", "dim"))

    def _say_problems(self, error: TemplateError) -> None:
        if self._as_json:
            problems = [
                {
                    "Message": problem.message,
                    "LogicalId": problem.logical_id,
                    "Line": problem.line,
                    "File": problem.file,
                }
                for problem in error.problems
            ]
            print_json({"Kind": "problems", "Problems": problems}, indented=False)
            return
        for problem in error.problems:
            click.secho(str(problem), fg="red", err=True)

    def _say_reloaded(self, names: Sequence[str], took_ms: int) -> None:
        if self._as_json:
            told = {"Kind": "reloaded", "LogicalIds": list(names), "TookMs": took_ms}
            print_json(told, indented=False)
        else:
            say((f"{', '.join(names)} reloaded in {duration(took_ms)}", "dim"))

    def _say_error(self, message: str) -> None:
        if self._as_json:
            print_json({"Kind": "error", "Message": message}, indented=False)
        else:
            click.secho(message, fg="red", err=True)


def _saved_ms(changed: Iterable[Path], now_ms: int) -> int:
    """Return when the last of some files was saved; now, for one that was deleted or moved here."""
    saved = []
    for path in changed:
        try:
            saved.append(path.stat().st_mtime_ns // 1_000_000)
        except OSError:
            saved.append(now_ms)
    return min(max(saved, default=now_ms), now_ms)


def _changed_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the logical ids of what one plan says otherwise than another; Outputs for those."""
    before, after = old.get("Resources", {}), new["Resources"]
    names = [name for name in after if before.get(name) != after[name]]
    names += [name for name in before if name not in after]
    rest = ("Description", "Outputs", "Parameters")
    return names + [part for part in rest if not names and old.get(part) != new.get(part)]
