"""What `redrive up` adds to functions for those who write them: their sources, and debuggers.

It goes through the functions' own variables, so that the server needs nothing of it but what it
already keeps:

    REDRIVE_SOURCE    the folder of the code: traces and breakpoints are those of its files
    REDRIVE_DEBUG     debugpy:<port> or inspect:<port>: one environment at a time, which waits for a
                      debugger when it starts, and has no timeout
    REDRIVE_DEBUGPY   where debugpy is, when the function does not bring it
    NODE_OPTIONS      Node.js's own way to ask for its inspector
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redrive.cli.installing import needs_packages
from redrive.cli.project import FUNCTION, node_version
from redrive.cli.screen import Part
from redrive.services.stacks.model import Problem, Resource, Stack, TemplateError

HOST = "127.0.0.1"
PORTS = {"debugpy": 5678, "inspect": 9229}
"""The first port of each, which editors know; further functions get the following ones."""

_WAITING_NODES = ((20, 15), (22, 3))
"""Since these versions --inspect-wait is there; before, --inspect-brk stops in our bootstrap."""

_QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"
"""Keeps debugpy from warning of Python's frozen modules, in which nobody sets breakpoints."""

_NO_DEBUGPY = (
    "debugpy is neither among the function's packages nor beside Redrive: `pip install debugpy`"
    " where Redrive is installed, or name it in requirements.txt"
)


@dataclass(frozen=True, slots=True)
class Debugged:
    """One function with a debugger. kind: debugpy or inspect."""

    name: str
    kind: str
    port: int

    @property
    def launch(self) -> dict[str, Any]:
        """What to put among the configurations of VS Code's launch.json."""
        common = {"name": f"{self.name} (Redrive)", "request": "attach"}
        if self.kind == "inspect":
            place = {"type": "node", "address": HOST, "port": self.port, "restart": True}
            return {**common, **place}
        return {**common, "type": "debugpy", "connect": {"host": HOST, "port": self.port}}


class Debugging:
    """Knows which functions are to be debugged. wanted: logical ids or function names."""

    def __init__(self, wanted: Sequence[str], file: str) -> None:
        """file: the template's name, for what is wrong."""
        self._wanted = tuple(dict.fromkeys(wanted))
        self._file = file
        self.debugged: dict[str, Debugged] = {}

    def shape(self, stack: Stack, sources: Mapping[str, Path]) -> Stack:
        """Return a packaged stack with the variables added. Raises TemplateError for functions that
        are not there, or cannot be debugged."""
        functions = {
            name: resource
            for name, resource in stack.resources.items()
            if resource.type == FUNCTION
        }
        chosen = self._choose(functions)
        ports = dict(PORTS)
        self.debugged = {}
        shaped = dict(stack.resources)
        for name, resource in functions.items():
            source = sources.get(name)
            added = {} if source is None else _source_of(resource, source)
            if name in chosen:
                added |= self._debug(resource, source, ports)
            if added:
                shaped[name] = _with_variables(resource, added)
        return replace(stack, resources=shaped)

    def _choose(self, functions: Mapping[str, Resource]) -> list[str]:
        chosen = []
        for wanted in self._wanted:
            found = [
                name
                for name, resource in functions.items()
                if wanted in (name, resource.properties.get("FunctionName"))
            ]
            if not found:
                known = ", ".join(sorted(functions)) or "none"
                raise self._error(
                    f"--debug {wanted}: there is no such function; there are: {known}"
                )
            chosen += found
        return chosen

    def _debug(
        self, resource: Resource, source: Path | None, ports: dict[str, int]
    ) -> dict[str, str]:
        name, runtime = resource.logical_id, str(resource.properties.get("Runtime"))
        if runtime.startswith("python"):
            kind, added = "debugpy", self._python(resource)
        elif runtime.startswith("nodejs"):
            kind, added = "inspect", self._node(resource, source, ports["inspect"])
        else:
            message = f"--debug {name}: {runtime} has no debugger that is known here"
            raise self._error(message, resource)
        self.debugged[name] = Debugged(name, kind, ports[kind])
        ports[kind] += 1
        return {**added, "REDRIVE_DEBUG": f"{kind}:{self.debugged[name].port}"}

    def _python(self, resource: Resource) -> dict[str, str]:
        code = resource.properties["Code"]
        if isinstance(code, dict) and (Path(code.get("S3Key") or "/") / "debugpy").is_dir():
            return {_QUIET: "1"}
        spec = find_spec("debugpy")
        if spec is None or spec.origin is None:
            raise self._error(f"--debug {resource.logical_id}: {_NO_DEBUGPY}", resource)
        return {_QUIET: "1", "REDRIVE_DEBUGPY": str(Path(spec.origin).parents[1])}

    def _node(self, resource: Resource, source: Path | None, port: int) -> dict[str, str]:
        """Return what makes Node.js run in the source folder itself and wait for a debugger."""
        added = {}
        if source is not None and source.is_dir():
            if needs_packages(source):
                message = f"run npm install in {source} first: a debugged function runs there"
                raise self._error(f"--debug {resource.logical_id}: {message}", resource)
            added["REDRIVE_SOURCE"] = str(source)
        version = node_version().removeprefix("v").split(".")
        number = tuple(int(part) for part in version[:2] if part.isdigit())
        waits = any(number[:1] == each[:1] and number >= each for each in _WAITING_NODES)
        waits = waits or number >= (23,)
        option = "--inspect-wait" if waits else "--inspect-brk"
        given = _variables(resource).get("NODE_OPTIONS")
        before = f"{given} " if isinstance(given, str) and given else ""
        return {**added, "NODE_OPTIONS": f"{before}{option}={HOST}:{port}"}

    def lines(self) -> Iterator[tuple[Part, ...]]:
        """Yield for a person where each debugger is."""
        for each in self.debugged.values():
            place = f"{HOST}:{each.port}"
            yield (
                "  Debugger of ",
                (each.name, "bold"),
                " at ",
                (place, "bold"),
                f" ({each.kind}).",
            )
            yield ("    It is waited for when the function is invoked. For VS Code's launch.json:",)
            yield ("    ", (_compact(each.launch), "bold"))
            yield ("",)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the same for a program."""
        return [
            {
                "LogicalId": each.name,
                "Debugger": each.kind,
                "Host": HOST,
                "Port": each.port,
                "Launch": each.launch,
            }
            for each in self.debugged.values()
        ]

    def _error(self, message: str, resource: Resource | None = None) -> TemplateError:
        line = None if resource is None else resource.line
        return TemplateError([Problem(message, (), line, self._file)])


def _source_of(resource: Resource, source: Path) -> dict[str, str]:
    if not str(resource.properties.get("Runtime")).startswith("python"):
        return {}
    return {"REDRIVE_SOURCE": str(source if source.is_dir() else source.parent)}


def _variables(resource: Resource) -> Mapping[str, Any]:
    environment = resource.properties.get("Environment")
    found = environment.get("Variables") if isinstance(environment, dict) else None
    return found if isinstance(found, dict) else {}


def _with_variables(resource: Resource, added: Mapping[str, str]) -> Resource:
    environment = resource.properties.get("Environment") or {}
    variables = {**_variables(resource), **added}
    properties = {**resource.properties, "Environment": {**environment, "Variables": variables}}
    return replace(resource, properties=properties)


def _compact(launch: Mapping[str, Any]) -> str:
    return json.dumps(launch)
