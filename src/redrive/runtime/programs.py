"""Which program runs a function that is not a fork of a warm parent, and what it is told.

* Node.js: our bootstrap in JavaScript. * Custom runtimes: the function's own program, `bootstrap`.
* Python with external extensions or a wrapper script: our bootstrap of Python, as a client of the
Runtime API; a fork would have been under way before they are asked.
AWS: Lambda Developer Guide, "Building Lambda functions with Node.js", "Building a custom runtime",
"Modifying the runtime environment" (AWS_LAMBDA_EXEC_WRAPPER).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from redrive.core.effects import Environment
from redrive.runtime.interpreters import Choice, Interpreter
from redrive.runtime.layers import find_bootstrap, find_extensions, node_folders, python_folders
from redrive.runtime.nodes import serves
from redrive.runtime.parents import OFFERED

BOOTSTRAP = Path(__file__).parent / "bootstrap"
CUSTOM = ("provided", "provided.al2", "provided.al2023")
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
HEAP_SHARE = 0.9
"""Of a function's memory, what V8 may use for old objects, as AWS's runtime tells it."""


class Unfit(Exception):
    """The function brings nothing that could be run; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Program:
    """command: absolute, the program first. variables: beside those of all functions; those of the
    user win. needed: folders that must be readable. extensions: programs to start before it.
    """

    command: tuple[str, ...]
    sentence: str
    runtime_dir: str
    variables: Mapping[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


def is_custom(runtime: str) -> bool:
    """Tell whether a function brings its own runtime."""
    return runtime in CUSTOM


def is_program(environment: Environment) -> bool:
    """Tell whether a function runs as a program of its own and speaks HTTP."""
    if not environment.runtime.startswith("python"):
        return True
    has_wrapper = any(name == WRAPPER for name, _ in environment.variables)
    return has_wrapper or bool(environment.layers and find_extensions(environment.layers))


def own_program() -> Choice:
    """Return what stands for the interpreter of a function that brings its own."""
    return Choice(Interpreter(0, "bootstrap"), "")


def program_of(
    environment: Environment,
    interpreter: Interpreter,
    python_sdk: Path | None,
    node_sdk: Path | None,
) -> Program:
    """Return what runs a function. python_sdk, node_sdk: folders with AWS's SDK. Raises Unfit."""
    extensions = find_extensions(environment.layers)
    if is_custom(environment.runtime):
        return _custom(environment, extensions)
    if serves(environment.runtime):
        made = _node(environment, interpreter, node_sdk, extensions)
    else:
        made = _python(environment, interpreter, python_sdk, extensions)
    wrapper = dict(environment.variables).get(WRAPPER)
    if not wrapper:
        return made
    path = _on_this_machine(environment, wrapper)
    if not Path(path).is_file():
        raise Unfit(f"{wrapper}: the file that {WRAPPER} names does not exist")
    command = (path, *made.command)
    return Program(
        command, made.sentence, made.runtime_dir, made.variables, made.needed, extensions
    )


def _custom(environment: Environment, extensions: tuple[str, ...]) -> Program:
    path = find_bootstrap(environment.code_path, environment.layers)
    if path is None:
        raise Unfit("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
    if not os.access(path, os.X_OK):
        raise Unfit(f"fork/exec {path}: permission denied")
    return Program(
        (path,), f"{environment.runtime} ({path})", environment.code_path, extensions=extensions
    )


def _node(
    environment: Environment, node: Interpreter, sdk: Path | None, extensions: tuple[str, ...]
) -> Program:
    folders = list(node_folders(environment.layers, node.minor))
    if sdk is not None:
        folders += [str(each) for each in (sdk / "node_modules", sdk) if each.is_dir()]
    script = BOOTSTRAP / "node" / "index.mjs"
    command = (
        node.path,
        f"--max-old-space-size={int(environment.memory_mb * HEAP_SHARE)}",
        str(script),
    )
    return Program(
        command,
        f"{environment.runtime} ({node.path})",
        str(script.parent),
        {"NODE_PATH": ":".join([*folders, environment.code_path])},
        (str(Path(node.path).parents[1]), str(BOOTSTRAP), *folders),
        extensions,
    )


def _python(
    environment: Environment, python: Interpreter, sdk: Path | None, extensions: tuple[str, ...]
) -> Program:
    settings = {
        "folders": python_folders(environment.layers, python.minor),
        "offered": OFFERED,
        "offered_path": str(sdk) if sdk is not None else "",
    }
    command = (
        python.path,
        *("-I", "-S", "-X", "utf8", str(BOOTSTRAP / "client.py")),
        json.dumps(settings),
    )
    needed = [str(Path(python.path).parents[1]), str(BOOTSTRAP)]
    if sdk is not None:
        needed += [str(sdk), str((sdk / "boto3").resolve().parent)]
    sentence = f"{environment.runtime} ({python.path})"
    return Program(command, sentence, str(BOOTSTRAP), {}, tuple(needed), extensions)


def _on_this_machine(environment: Environment, path: str) -> str:
    """Return where a file lies that a function names by its place on Lambda."""
    if path.startswith("/var/task/"):
        return str(Path(environment.code_path, path[len("/var/task/") :]))
    if path.startswith("/opt/"):
        for layer in reversed(environment.layers):
            inside = Path(layer, path[len("/opt/") :])
            if inside.is_file():
                return str(inside)
    return path
