"""The house rules that a machine can check: floors, cycles, sizes, banned calls and names.

The import graph is built from syntax trees; imports inside functions count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "redrive"
FILE_LINES_MAX, FUNCTION_LINES_MAX = 500, 60

FLOORS = {"core": 0, "wire": 1, "store": 1, "services": 2, "runtime": 3, "shell": 4, "cli": 5}
FLOORS |= {"catalogue": 2, "rooms": 3}  # the part of both composition roots that is alike
FLOORS |= {"app": 5, "config": 5, "console": 5, "testing": 5, "__main__": 6}
SIM_FLOOR = 3  # sim uses floors 0 to 3, and nobody uses sim

# What may be called only in the file that owns it.
OWNERS = {
    "time": {"shell/sources.py"},
    "random": {"sim/chance.py", "runtime/bootstrap/child.py"},
    "uuid": set[str](),
    "secrets": set[str](),
    "subprocess": {"runtime/process.py", "runtime/tools.py"},
    "threading": {"cli/up.py"},
    "multiprocessing": set[str](),
    "asyncio": {
        "app.py",
        "shell/fetching.py",
        "shell/http.py",
        "shell/listener.py",
        "shell/loop.py",
        "shell/manual.py",
        "shell/patience.py",
        "shell/server.py",
        "shell/timekeeping.py",
    },
    "aiohttp": {"shell/fetching.py"},
    "uvloop": {"shell/server.py"},
    "httptools": {"shell/http.py", "runtime/api/requests.py"},
    "apsw": {
        "store/checksums.py",
        "store/inspection.py",
        "store/log.py",
        "store/opening.py",
        "store/renewal.py",
        "store/sqlite.py",
        "store/sidefile.py",
        "store/migrations.py",
        "sim/vfs.py",
    },
    "botocore": set[str](),  # its models are read as files; its code is never imported
}
BANNED_CALLS = {
    ("os", "urandom"): {"shell/sources.py"},
    ("os", "fork"): {"runtime/process.py", "runtime/bootstrap/parent.py"},
    ("datetime", "now"): set[str](),
    ("datetime", "utcnow"): set[str](),
    ("datetime", "today"): set[str](),
}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "provider"}
WIDE_CATCHES = {"services/dispatch.py", "store/sqlite.py", "sim/replay.py"}
"""The savepoint, the one boundary between a bug of ours and the loop, the simulator's report. The
child process's boundary is in runtime/bootstrap, and has tests of its own."""


def sources() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = list(path.relative_to(SRC.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sources()}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, ours by full name, others by their first part."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where things come from"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def room_of(module: str) -> list[str]:
    return module.split(".")[1:]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward(module: str) -> None:
    """A module imports from lower floors or its own room; services never meet."""
    here = room_of(module)
    if not here:
        return
    for other in imports_of(MODULES[module]):
        there = room_of(other) if other.startswith("redrive") else []
        if not there or here[0] == there[0] == "cli":
            continue
        where = f"{module} imports {other}"
        assert there[0] != "sim" or here[0] == "sim", where
        if here[0] == "sim":
            assert there[0] == "sim" or FLOORS[there[0]] <= SIM_FLOOR, where
            continue
        assert FLOORS[there[0]] <= FLOORS[here[0]], where
        if FLOORS[there[0]] == FLOORS[here[0]] < 5:
            assert there[0] == here[0], where
        if here[0] == there[0] == "services" and len(there) > 2 and len(here) > 1:
            assert here[1] == there[1], f"{where}: services meet in the registry only"


def test_imports_have_no_cycle() -> None:
    """No module leads back to itself."""
    graph = {
        module: {other for other in imports_of(path) if other in MODULES and other != module}
        for module, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SRC)))
def test_files_and_functions_are_small(path: Path) -> None:
    """A file has at most 500 lines, a function 60, and its name says what lives there."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= FILE_LINES_MAX, "the file is too long"
    assert not set(path.relative_to(SRC).with_suffix("").parts) & NAMELESS
    tree = ast.parse(text)
    assert ast.get_docstring(tree) is not None, "the module does not say what it is"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"
            for inner in ast.walk(node):
                assert not isinstance(inner, ast.Import | ast.ImportFrom), (
                    f"{node.name} imports inside"
                )


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SRC)))
def test_clocks_chance_and_processes_have_one_owner(path: Path) -> None:
    """Clocks, chance, threads, processes and drivers are touched only by their owners."""
    here = str(path.relative_to(SRC))
    if here.startswith("runtime/bootstrap/"):
        return  # runs in the function's process, under the real clock
    for module in imports_of(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or here in owners, f"{here} imports {module}"
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owners = BANNED_CALLS.get((node.value.id, node.attr))
            assert owners is None or here in owners, f"{here}:{node.lineno} {node.attr}"
        if isinstance(node, ast.ExceptHandler):
            names = {
                n.id
                for n in ast.walk(node.type or ast.Name("BaseException"))
                if isinstance(n, ast.Name)
            }
            is_wide = bool(names & {"Exception", "BaseException"})
            assert not is_wide or here in WIDE_CATCHES, f"{here}:{node.lineno} catches everything"


def test_nothing_speaks_of_how_it_was_made() -> None:
    """No path of a machine, no registry host, no leftover mark of unfinished work."""
    banned = re.compile(r"/work/|/root/|pypi\.org|TODO|FIXME|HACK|XXX")
    for folder in ("src", "tests", "bench", "examples", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix not in (".py", ".md", ".sql", ".json", ".toml", ".yaml") or path == Path(
                __file__
            ):
                continue
            found = banned.search(path.read_text("utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]}"
