"""A small reactor of our own and a world of functions in folders, run by real processes."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from bootstraps import put_files

from redrive.core.effects import Environment, Ran, Run
from redrive.core.time import Millis
from redrive.runtime.executor import Executor
from redrive.runtime.reactor import LogChunk

CEILING_SECONDS = 60.0
"""Far beyond what any test needs, so that a hang is a failure and a slow machine is not."""


class Later:
    """A call that was put off."""

    def __init__(self, at_ms: int, callback: Callable[[], None]) -> None:
        self.at_ms = at_ms
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Forget it."""
        self.cancelled = True


class SelectReactor:
    """The smallest thing that is a `Reactor`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        self._later: list[Later] = []

    def now_ms(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000)

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        self._readers[fd] = callback
        self._watch(fd)

    def remove_reader(self, fd: int, /) -> None:
        if self._readers.pop(fd, None) is not None:
            self._watch(fd)

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        self._writers[fd] = callback
        self._watch(fd)

    def remove_writer(self, fd: int, /) -> None:
        if self._writers.pop(fd, None) is not None:
            self._watch(fd)

    def call_at(self, at_ms: Millis, callback: Callable[[], None], /) -> Later:
        later = Later(at_ms, callback)
        self._later.append(later)
        return later

    def close(self) -> None:
        """Give back the descriptor of its own."""
        self._selector.close()

    def watched(self) -> int:
        """Return how many descriptors are watched."""
        return len(self._selector.get_map())

    def turn(self, wait_ms: int = 1000) -> None:
        """Wait for what comes first and call it back."""
        self._later = [each for each in self._later if not each.cancelled]
        now = self.now_ms()
        next_ms = min((each.at_ms for each in self._later), default=now + wait_ms)
        timeout = max(0, min(wait_ms, next_ms - now)) / 1000
        for key, events in self._selector.select(timeout):
            if events & selectors.EVENT_READ and key.fd in self._readers:
                self._readers[key.fd]()
            if events & selectors.EVENT_WRITE and key.fd in self._writers:
                self._writers[key.fd]()
        now = self.now_ms()
        due = [each for each in self._later if each.at_ms <= now]
        self._later = [each for each in self._later if each.at_ms > now]
        for each in due:
            if not each.cancelled:
                each.callback()

    def until(self, condition: Callable[[], bool]) -> None:
        """Turn until something is so; fail when it does not come to be."""
        ends = time.monotonic() + CEILING_SECONDS
        while not condition():
            assert time.monotonic() < ends, "it did not come to be"
            self.turn()

    def _watch(self, fd: int) -> None:
        events = (selectors.EVENT_READ if fd in self._readers else 0) | (
            selectors.EVENT_WRITE if fd in self._writers else 0
        )
        if fd in self._selector.get_map():
            self._selector.unregister(fd)
        if events:
            self._selector.register(fd, events)


class World:
    """Functions in folders of a temporary directory, and one executor that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reactor = SelectReactor()
        self.chunks: list[LogChunk] = []
        self._requests = count(1)
        self._executor: Executor | None = None
        self.knobs: dict[str, object] = {}

    @property
    def executor(self) -> Executor:
        """The executor, made at its first use with the knobs as they are then."""
        if self._executor is None:
            self._executor = Executor(
                self.reactor,
                endpoint_url="http://127.0.0.1:4566",
                work_dir=self.folder / "work",
                on_log=self.chunks.append,
                **self.knobs,  # type: ignore[arg-type]
            )
        return self._executor

    def function(
        self,
        code: str,
        *,
        name: str = "f",
        handler: str = "app.handler",
        timeout_ms: int = 20_000,
        memory_mb: int = 512,
        runtime: str = "python3.11",
        revision: str = "1",
        variables: dict[str, str] | None = None,
        layers: tuple[str, ...] = (),
    ) -> Environment:
        """Write a function's only module and return its environment."""
        return self.program(
            {"app.py": code},
            name=name,
            handler=handler,
            timeout_ms=timeout_ms,
            memory_mb=memory_mb,
            runtime=runtime,
            revision=revision,
            variables=variables,
            layers=layers,
        )

    def program(
        self,
        files: dict[str, str],
        *,
        runtime: str,
        name: str = "f",
        handler: str = "app.handler",
        timeout_ms: int = 20_000,
        memory_mb: int = 512,
        revision: str = "1",
        variables: dict[str, str] | None = None,
        layers: tuple[str, ...] = (),
    ) -> Environment:
        """Write a function's files and return its environment; a bootstrap can be executed."""
        path = self.folder / f"{name}-{revision}"
        put_files(path, files)
        return Environment(
            function_arn=f"arn:aws:lambda:eu-west-1:000000000000:function:{name}",
            function_name=name,
            version="$LATEST",
            revision=revision,
            runtime=runtime,
            handler=handler,
            code_path=str(path),
            timeout_ms=Millis(timeout_ms),
            memory_mb=memory_mb,
            account="000000000000",
            region="eu-west-1",
            variables=tuple((variables or {}).items()),
            layers=layers,
        )

    def begin(self, environment: Environment, event: bytes = b"{}", **more: object) -> list[Ran]:
        """Start an invocation; its outcome will be in the list, and is in it once."""
        outcome: list[Ran] = []
        deadline = Millis(self.reactor.now_ms() + environment.timeout_ms)
        request_id = f"request-{next(self._requests)}"
        run = Run(environment, request_id, event, deadline, **more)  # type: ignore[arg-type]
        self.executor.run(run, outcome.append)
        return outcome

    def run(self, environment: Environment, event: bytes = b"{}", **more: object) -> Ran:
        """Run one invocation to its end."""
        outcome = self.begin(environment, event, **more)
        self.reactor.until(lambda: bool(outcome))
        return outcome[0]

    def log(self) -> str:
        """Return all that was logged."""
        return "".join(chunk.text for chunk in self.chunks)

    def close(self) -> None:
        """End the executor."""
        if self._executor is not None:
            self._executor.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of its own, closed at the end."""
    made = World(tmp_path)
    yield made
    made.close()
    made.reactor.close()
