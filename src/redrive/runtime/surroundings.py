"""What all environments of an executor have in common, whatever runs in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redrive.core.effects import Environment
from redrive.core.time import Millis, iso
from redrive.runtime.environment import Fitting, LiveEnvironment, OnEvent
from redrive.runtime.folders import TemporaryFolders
from redrive.runtime.logpipe import LogPipe
from redrive.runtime.parents import Parents
from redrive.runtime.reactor import LogChunk, Reactor
from redrive.runtime.sandbox import PRIVATE, Sandbox
from redrive.runtime.variables import Lend, function_variables


@dataclass(frozen=True, slots=True)
class Surroundings:
    """inherited: the variables of the server that a function may see. python_sdk, node_sdk: folders
    with AWS's SDK, offered to functions that bring none."""

    reactor: Reactor
    endpoint_url: str
    inherited: Mapping[str, str]
    lend: Lend | None
    log_bytes_max: int
    on_log: Callable[[LogChunk], None]
    on_event: OnEvent
    folders: TemporaryFolders
    parents: Parents
    sandbox: Sandbox
    python_sdk: Path | None
    node_sdk: Path | None

    def make_live(
        self, number: int, environment: Environment, fitting: Fitting, log_fd: int
    ) -> LiveEnvironment:
        """Return an environment without its line; the descriptor is its from now on."""
        log = LogPipe(
            environment, fitting.stream, log_fd, self.log_bytes_max, self.reactor, self.on_log
        )
        return LiveEnvironment(
            number,
            environment,
            fitting,
            log=log,
            reactor=self.reactor,
            on_event=self.on_event,
        )

    def variables(
        self, environment: Environment, fitting: Fitting, runtime_dir: str
    ) -> dict[str, str]:
        """Return all variables of an environment that do not depend on how it is spoken to."""
        return function_variables(
            environment,
            endpoint_url=self.endpoint_url,
            stream=fitting.stream,
            inherited=self.inherited,
            runtime_dir=runtime_dir,
            lend=self.lend,
            tmp="" if fitting.sandbox == PRIVATE else fitting.tmp,
        )

    def stream_name(self, environment: Environment, number: int) -> str:
        """Return a name for an environment's log stream, unlike all others."""
        return stream_name(environment, number, self.reactor.now_ms())


def stream_name(environment: Environment, number: int, now_ms: Millis) -> str:
    """Return a log stream's name: its day, the function's version, and 32 digits of its own."""
    seed = f"{environment.function_arn} {number} {now_ms} {os.getpid()}".encode()
    digits = hashlib.sha256(seed).hexdigest()[:32]
    return f"{iso(now_ms)[:10].replace('-', '/')}/[{environment.version}]{digits}"
