"""What runs each runtime on this machine, looked up once."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from redrive.runtime.interpreters import Choice, Interpreter, choose, find_installed
from redrive.runtime.nodes import choose_node, find_nodes, serves
from redrive.runtime.process import ask_version
from redrive.runtime.programs import is_custom, own_program


class Choices:
    """The machine's interpreters, and which runtime gets which."""

    def __init__(self, machine: Mapping[str, str]) -> None:
        """machine: the variables that say where programs are. Node.js is looked for when asked."""
        self._machine = machine
        self._pythons = find_installed(machine)
        self._nodes: list[Interpreter] | None = None
        self._made: dict[str, Choice] = {}

    def of(self, runtime: str) -> Choice:
        """Return which interpreter a runtime gets here, with a sentence if it is another one."""
        if runtime not in self._made:
            self._made[runtime] = self._choose(runtime)
        return self._made[runtime]

    def own(self) -> Interpreter:
        """Return the Python that runs programs of ours: the server's."""
        minor = sys.version_info.minor
        fit = (each for each in self._pythons if each.minor == minor)
        return next(fit, Interpreter(minor, sys.executable))

    def known(self) -> dict[str, str]:
        """Return the program of each runtime that has one of its own, as far as was looked."""
        pythons = {f"python3.{each.minor}": each.path for each in self._pythons}
        return pythons | {f"nodejs{each.minor}.x": each.path for each in self._nodes or ()}

    def notes(self) -> list[str]:
        """Return a sentence for each runtime asked for that gets another one, or none."""
        return [choice.note for choice in self._made.values() if choice.note]

    def _choose(self, runtime: str) -> Choice:
        if is_custom(runtime):
            return own_program()
        if not serves(runtime):
            return choose(runtime, self._pythons)
        if self._nodes is None:
            self._nodes = find_nodes(self._machine, ask_version)
        return choose_node(runtime, self._nodes)
