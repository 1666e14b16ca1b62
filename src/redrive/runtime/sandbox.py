"""How much a function may do to the machine: which levels there are, and which one it gets.

    none < rlimits < no_new_privs < landlock < namespaces        each includes those before it

What each of them is stands in bootstrap/confine.py, which carries them out in the child. Below
`namespaces` a function sees the machine's /tmp; its own folder for temporary files is in TMPDIR.
At `landlock` it can write there only, so that one that writes to /tmp by name fails: `auto` passes
that level over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redrive.core.effects import Environment
from redrive.runtime.environment import Fitting
from redrive.runtime.process import ISOLATED, Question

LEVELS = ("none", "rlimits", "no_new_privs", "landlock", "namespaces")
PRIVATE = "namespaces"
AUTO = "auto"
SCRIPT = Path(__file__).parent / "bootstrap" / "confine.py"


def offered(problems: Mapping[str, str]) -> tuple[str, ...]:
    """Return the levels that a machine can give, from what it said to each of them."""
    levels: list[str] = []
    for level in LEVELS:
        if problems.get(level, "it was not tried"):
            break
        levels.append(level)
    return tuple(levels)


def best(levels: tuple[str, ...]) -> str:
    """Return what `auto` means where these levels can be had.

    Each costs less than 5 ms a cold start. Landlock alone is passed over: see above.
    """
    fit = [level for level in levels if level != "landlock"]
    return fit[-1] if fit else "none"


def below(folder: str, path: str) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Sandbox:
    """The level of one executor."""

    def __init__(self, wish: str, program: str) -> None:
        """wish: a level, or `auto`. program: a Python that can try them out.

        Raises ValueError for a level that does not exist or that this machine cannot give. What
        `auto` means is asked in the background and known at the first use.
        """
        if wish != AUTO and wish not in LEVELS:
            raise ValueError(f"sandbox must be one of {', '.join((AUTO, *LEVELS))}, not {wish!r}.")
        self._question: Question | None = None
        self._answer: dict[str, str] | None = None
        self._level = wish
        if wish not in LEVELS[:2]:
            self._question = Question([program, *ISOLATED, str(SCRIPT)])
        if wish in LEVELS[2:]:
            self._refuse_unless_offered(wish)

    def level(self, environment: Environment) -> str:
        """Return the level that an environment runs at."""
        if self._level == AUTO:
            self._level = best(offered(self._problems()))
        return self._level

    def own_levels(self, level: str, *, is_program: bool) -> int:
        """See `environment.Fitting`: the supervisor of a program, and who stands outside of its
        namespace of processes; of a fork that has one, also the first process of that."""
        processes = self._processes(level, is_program=is_program)
        return {"shared": 0, "first": 1, "second": 2}[processes] + is_program

    def orders(
        self,
        environment: Environment,
        fitting: Fitting,
        needed: tuple[str, ...],
        *,
        is_program: bool,
    ) -> dict[str, Any]:
        """Return what confine.py is told. needed: folders that must be readable as they are now."""
        orders: dict[str, Any] = {
            "level": fitting.sandbox,
            "memory_mb": environment.memory_mb,
            "tmp": fitting.tmp,
        }
        if fitting.sandbox == PRIVATE:
            layers = environment.layers
            shared = [environment.packages] if environment.packages else []
            paths = [environment.code_path, *shared, *layers, *needed]
            is_free = Path("/opt").is_dir() and not any(below("/opt", path) for path in paths)
            orders["opt"] = list(layers) if is_free else []
            kept = {path for path in paths if below("/tmp", path) and path != "/tmp"}
            orders["keep"] = sorted(kept)
            orders["processes"] = self._processes(PRIVATE, is_program=is_program)
        return orders

    def _processes(self, level: str, *, is_program: bool) -> str:
        """Return whose processes a function shares: see confine.py."""
        if level != PRIVATE:
            return "shared"
        if is_program:
            return "first"
        return "second" if self._problems().get("scopes", "it was not tried") else "shared"

    def close(self) -> None:
        """End what was asked and not heard."""
        if self._question is not None:
            self._question.close()

    def _refuse_unless_offered(self, wish: str) -> None:
        problems = self._problems()
        if wish in offered(problems):
            return
        level = next(each for each in LEVELS if problems.get(each, "it was not tried"))
        why = problems.get(level, "it was not tried")
        raise ValueError(f"The sandbox level {wish} cannot be had on this machine: {level}: {why}.")

    def _problems(self) -> dict[str, str]:
        assert self._question is not None
        if self._answer is None:
            try:
                found = json.loads(self._question.answer())
            except ValueError:
                found = {"none": "", "rlimits": "", "no_new_privs": "it could not be tried out"}
            self._answer = {str(level): str(problem) for level, problem in found.items()}
        return self._answer
