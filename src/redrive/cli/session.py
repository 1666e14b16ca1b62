"""One run of `redrive up`, from the template to the drained server.

    reading ─> server begun ─> expanding, packaging ─> deploying ─> following ──Ctrl-C──> stopping
       └── problems: exit 1        └──── problems: stopping, exit 1     └─change─> deploying

A change that cannot be deployed is told, and what was deployed before goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.status import Status

from redrive.cli.asking import print_json
from redrive.cli.client import Client, NoServer, Place, Refusal
from redrive.cli.hosting import Host, HostError
from redrive.cli.live import LiveView
from redrive.cli.project import Project
from redrive.cli.screen import console, duration, is_terminal, say, shortened
from redrive.cli.summary import Summary
from redrive.cli.watching import Watcher
from redrive.core.time import Millis
from redrive.services.stacks.model import Stack, TemplateError
from redrive.services.stacks.records import encode_stack
from redrive.services.stacks.template import Document
from redrive.shell.sources import SystemClock

LOOK_S = 0.4
"""How long one wait for events is, and so how late a change may be seen."""


class _Failed(Exception):
    """It cannot go on, and why has been said."""


class Session:
    """Deploys a project and follows it. Says everything itself; `run` returns the exit code."""

    def __init__(
        self, project: Project, place: Place, data: Path, port: int, *, as_json: bool
    ) -> None:
        self._project = project
        self._place = place
        self._data = data
        self._port = port
        self._as_json = as_json
        self._clock = SystemClock(Millis(0))
        self._started_ms = self._clock()
        self._plan: Mapping[str, Any] = {}  # as last deployed, or tried
        self._is_interrupted = False
        self._code: tuple[Path, ...] = ()  # where the code that was last packaged lies

    def run(self, *, is_watching: bool, is_detaching: bool) -> int:
        """Go through all of it."""
        host: Host | None = None
        is_left = False
        try:
            document = self._project.read()
            host = Host(self._data, self._port, self._place)
            # While the server starts, what takes longer: expanding, and perhaps installing.
            stack = self._prepared(document)
            client = host.connect()
            view = LiveView(client, self._as_json)
            self._deploy(client, stack)
            self._show_summary(client, view, stack)
            if is_detaching:
                is_left = True
                self._say_left(host)
                return 0
            self._say_following(is_watching)
            self._follow(client, view, is_watching=is_watching)
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

    def _prepared(self, document: Document) -> Stack:
        expanded, stack = self._project.resolve(document)
        self._code = tuple(self._project.code(stack).values())
        with self._progress() as progress:
            return self._project.package(expanded, stack, progress)

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
            print_json(summary.as_json(), indented=False)
            return
        took = duration(self._clock() - self._started_ms)
        for line in summary.lines(took, self._project.notes(stack)):
            say(*line)

    def _say_following(self, is_watching: bool) -> None:
        if self._as_json:
            return
        watched = "Changes of the template and the code are taken up. " if is_watching else ""
        say((f"{watched}Ctrl-C stops.", "dim"))
        say("")

    def _say_left(self, host: Host) -> None:
        if not self._as_json and host.pid is not None:
            say((f"The server goes on. To stop it: kill {host.pid}", "dim"))

    # --- while it is up -------------------------------------------------------------------------

    def _follow(self, client: Client, view: LiveView, *, is_watching: bool) -> None:
        """Show what happens and take up changes until Ctrl-C. Raises NoServer."""
        watcher = self._watcher() if is_watching else None
        while True:
            view.show(LOOK_S)
            if watcher is not None and watcher.has_changes():
                code = self._code
                self._take_up(client, view)
                if self._code != code:
                    watcher = self._watcher()

    def _watcher(self) -> Watcher:
        return Watcher(self._project.template, self._code, self._data)

    def _take_up(self, client: Client, view: LiveView) -> None:
        """Deploy what has changed, or tell why it cannot be."""
        try:
            stack = self._prepared(self._project.read())
            if encode_stack(stack) == self._plan:
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

    def _say_error(self, message: str) -> None:
        if self._as_json:
            print_json({"Kind": "error", "Message": message}, indented=False)
        else:
            click.secho(message, fg="red", err=True)
