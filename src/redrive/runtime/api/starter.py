"""How an environment is started whose runtime is a program: a fork of the launcher becomes its
supervisor, which starts it; it finds its API at a port of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from redrive.core.effects import Environment
from redrive.runtime.api.line import ApiLine
from redrive.runtime.environment import Fitting, LiveEnvironment
from redrive.runtime.interpreters import Interpreter
from redrive.runtime.parents import launcher_key
from redrive.runtime.process import pipe_pair, socket_pair
from redrive.runtime.programs import Program, Unfit, program_of
from redrive.runtime.surroundings import Surroundings


class ProgramStarter:
    """Start environments of programs."""

    def __init__(self, around: Surroundings, launcher: Interpreter) -> None:
        """launcher: the Python that runs the launcher."""
        self._around = around
        self._key = launcher_key(launcher)
        self._launcher_folder = str(Path(launcher.path).parents[1])

    def start(
        self, number: int, environment: Environment, interpreter: Interpreter
    ) -> LiveEnvironment | str:
        """Ask the launcher for an environment; return it, or why it cannot be had."""
        around = self._around
        try:
            program = program_of(environment, interpreter, around.python_sdk, around.node_sdk)
        except Unfit as error:
            return str(error)
        level = around.sandbox.level(environment)
        fitting = Fitting(
            program.sentence,
            around.stream_name(environment, number),
            "",
            sandbox=level,
            own_levels=around.sandbox.own_levels(level, is_program=True),
            inherits=False,
        )
        with ExitStack() as on_failure, ExitStack() as theirs:
            try:
                fitting = replace(fitting, tmp=str(around.folders.take(environment)))
                on_failure.callback(
                    around.folders.give_back,
                    environment,
                    Path(fitting.tmp),
                    around.reactor.now_ms(),
                    is_reset=True,
                )
                log_fd, write_fd = pipe_pair()
                theirs.callback(os.close, write_fd)
                live = around.make_live(number, environment, fitting, log_fd)
                on_failure.callback(live.log.close)
                channel, far_end = socket_pair()
                on_failure.callback(channel.close)
                theirs.callback(far_end.close)
                names = [Path(each).name for each in program.extensions]
                line = ApiLine(live, channel, names, around.reactor, around.on_event)
                on_failure.callback(line.close)
            except OSError as error:
                return f"no environment can be made: {error}"
            problem = around.parents.fork(self._key, number, (far_end.fileno(), write_fd))
            if problem:
                return problem
            on_failure.pop_all()
        live.line = line
        line.configure(self._config(environment, fitting, program, line.address))
        return live

    def _config(
        self, environment: Environment, fitting: Fitting, program: Program, address: str
    ) -> dict[str, Any]:
        variables = self._around.variables(environment, fitting, program.runtime_dir)
        users = dict(environment.variables)
        variables |= {k: v for k, v in program.variables.items() if not users.get(k)}
        variables["AWS_LAMBDA_RUNTIME_API"] = address
        needed = (*program.needed, self._launcher_folder)
        return {
            "command": list(program.command),
            "extensions": list(program.extensions),
            "cwd": environment.code_path,
            "variables": variables,
            "sandbox": self._around.sandbox.orders(environment, fitting, needed, is_program=True),
        }
