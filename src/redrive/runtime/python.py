"""How an environment of Python is started: a fork of a warm parent, spoken to in frames."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from redrive.core.effects import Environment
from redrive.runtime.environment import Fitting, LiveEnvironment
from redrive.runtime.framed import FramedLine
from redrive.runtime.interpreters import Interpreter
from redrive.runtime.parents import SCRIPT, ParentKey, parent_key
from redrive.runtime.process import pipe_pair, socket_pair
from redrive.runtime.surroundings import Surroundings
from redrive.runtime.variables import child_config


class PythonStarter:
    """Start environments of Python functions."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._offered: tuple[str, ...] = ()
        sdk = around.python_sdk
        if sdk is not None:  # it holds links, to where the packages are installed
            self._offered = (str(sdk), str((sdk / "boto3").resolve().parent))
        self._keys: dict[Environment, ParentKey] = {}
        self._kept: dict[str, set[ParentKey]] = {}  # by function, until it is run again

    def start(
        self, number: int, environment: Environment, interpreter: Interpreter
    ) -> LiveEnvironment | str:
        """Ask a parent for an environment; return it, or why it cannot be had."""
        key = self._keys.get(environment)
        if key is None:
            key = self._keys[environment] = parent_key(environment, interpreter)
            self._let_go(environment.function_arn)
        around = self._around
        with ExitStack() as on_failure, ExitStack() as theirs:
            try:
                log_fd, write_fd = pipe_pair()
                on_failure.callback(os.close, log_fd)
                theirs.callback(os.close, write_fd)
                channel, far_end = socket_pair()
                on_failure.callback(channel.close)
                theirs.callback(far_end.close)
                tmp = around.folders.take(environment)
            except OSError as error:
                return f"no environment can be made: {error}"
            problem = self._around.parents.fork(key, number, (far_end.fileno(), write_fd))
            if problem:
                around.folders.give_back(environment, tmp, around.reactor.now_ms(), is_reset=True)
                return problem
            on_failure.pop_all()
        level = self._around.sandbox.level(environment)
        fitting = Fitting(
            f"{environment.runtime} ({interpreter.path})",
            around.stream_name(environment, number),
            str(tmp),
            sandbox=level,
            own_levels=self._around.sandbox.own_levels(level, is_program=False),
        )
        live = around.make_live(number, environment, fitting, log_fd)
        line = FramedLine(live, channel, around.reactor, around.on_event)
        live.line = line
        line.configure(self._config(environment, fitting, key, interpreter))
        return live

    def retire(self, function_arn: str, keep_revision: str | None) -> None:
        """Let the parents go that hold the packages of a function's other revisions.

        Those whose packages may be the next revision's too stay until that is run.
        """
        for environment, key in list(self._keys.items()):
            of_function = environment.function_arn == function_arn
            if of_function and environment.revision != keep_revision:
                del self._keys[environment]
                if environment.packages:
                    self._kept.setdefault(function_arn, set()).add(key)
                else:
                    self._around.parents.retire(key)
        if keep_revision is None:
            self._let_go(function_arn)

    def _let_go(self, function_arn: str) -> None:
        """Let the parents go that were kept for a function, unless they are in use."""
        used = set(self._keys.values())
        for key in self._kept.pop(function_arn, set()) - used:
            self._around.parents.retire(key)

    def _config(
        self,
        environment: Environment,
        fitting: Fitting,
        key: ParentKey,
        interpreter: Interpreter,
    ) -> dict[str, object]:
        config = child_config(
            environment,
            variables=self._around.variables(environment, fitting, str(SCRIPT.parent)),
            folders=key.folders,
            stream=fitting.stream,
        )
        needed = (str(Path(interpreter.path).parents[1]), str(SCRIPT.parent), *self._offered)
        config["sandbox"] = self._around.sandbox.orders(
            environment, fitting, needed, is_program=False
        )
        return config
