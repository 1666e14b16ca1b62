"""What a Python handler does with the messages of a batch, as far as its syntax tree tells.

A static look: it errs on the side of silence. Calls into other modules are not followed. Code may
be shared by several handlers: what is held against one lies in its module or in those that it
imports; that some file of the code speaks of `batchItemFailures` speaks for all.

An `except` that catches everything is taken to swallow a failure when nothing of this is in it: a
raise or an exit; a message sent elsewhere; a return that may tell of failures; a name that is set
or grown there and used later, be it the list of failures or a fallback.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

FAILURES = "batchItemFailures"
_REPORTERS = frozenset(
    {
        "AsyncBatchProcessor",
        "BatchProcessor",
        "PartialItemFailureResponse",
        "SqsFifoPartialProcessor",
        "async_process_partial_response",
        "process_partial_response",
    }
)
"""Names of Powertools for AWS Lambda that make or return the list of failures."""
_BURIALS = frozenset({"publish", "put_events", "send_message", "send_message_batch"})
_EXITS = frozenset({"_exit", "abort", "exit"})
_GROWS = frozenset({"add", "append", "extend", "insert", "setdefault", "update"})
_WIDE = frozenset({"BaseException", "Exception"})
_DELETES = frozenset({"delete_message", "delete_message_batch"})
_LOOPS = (ast.For, ast.AsyncFor)

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Delete:
    """A message deleted by its own handler. next_line: of what follows and may fail, if any."""

    path: str
    line: int
    next_line: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. broken: path, line and words of the handler's syntax error.

    speaks_of_failures: some file does; reports: the handler's module does, or one that it imports.
    is_missing: the handler's module is there, and nothing in it has the handler's name. swallows:
    path and line of each `except`, and whether it ends the whole batch.
    """

    broken: tuple[str, int, str] | None = None
    is_missing: bool = False
    path: str = ""
    line: int = 1
    speaks_of_failures: bool = False
    reports: bool = False
    fifo_unsafe: tuple[str, int] | None = None
    swallows: tuple[tuple[str, int, bool], ...] = ()
    deletes: tuple[Delete, ...] = ()


def look(files: Mapping[str, str], handler: str) -> Look | None:
    """Look at a handler (`package/module.function`); None when its module is not among the files.

    files: the code's Python sources by their path.
    """
    module, _, name = handler.rpartition(".")
    stem = module.replace(".", "/")
    path = next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in files), None)
    if path is None:
        return None
    trees: dict[str, ast.Module] = {}
    for each, text in files.items():
        try:
            trees[each] = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            if each == path:
                line = getattr(error, "lineno", None) or 1
                words = getattr(error, "msg", None) or str(error)
                return Look(broken=(path, line, words))
    tree = trees[path]
    reached = {each: trees[each] for each in _reached(path, trees)}
    definitions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    entry = definitions.get(name)
    return Look(
        is_missing=not _defines(tree, name),
        path=path,
        line=entry.lineno if entry is not None else 1,
        speaks_of_failures=any(map(_speaks_of_failures, trees.values())),
        reports=any(map(_speaks_of_failures, reached.values())),
        fifo_unsafe=_fifo_unsafe(reached),
        swallows=tuple((path, *each) for each in _swallows(entry, definitions)) if entry else (),
        deletes=tuple(chain.from_iterable(_deletes(p, t) for p, t in reached.items())),
    )


def _reached(path: str, trees: Mapping[str, ast.Module]) -> list[str]:
    """Return a module and those of the code that it imports, directly or not."""
    found = [path]
    for here in found:  # grows as it is walked
        for name in _imported(trees[here], here):
            for each in (f"{name}.py", f"{name}/__init__.py"):
                if each in trees and each not in found:
                    found.append(each)
    return found


def _imported(tree: ast.Module, path: str) -> Iterator[str]:
    """Yield the paths, without their ends, of what a module may import from the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.replace(".", "/")
        elif isinstance(node, ast.ImportFrom):
            folders = path.split("/")[: -node.level] if node.level else []
            parts = [*folders, *(node.module or "").split(".")] if node.module else folders
            base = "/".join(parts)
            yield base
            yield from (f"{base}/{alias.name}" if base else alias.name for alias in node.names)


def _defines(tree: ast.Module, name: str) -> bool:
    """Tell whether a module may have a name: defined, assigned, imported, or nobody knows."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name:
                return True
        elif isinstance(node, ast.alias):
            if name in ("*", node.asname or node.name) or node.name == "*":
                return True
        elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
    return any(isinstance(node, ast.Name) and node.id == "globals" for node in ast.walk(tree))


def _speaks_of_failures(tree: ast.Module) -> bool:
    """Tell whether a module names the list of failures: as text, keyword, or by Powertools."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == FAILURES:
            return True
        if isinstance(node, ast.keyword) and node.arg == FAILURES:
            return True
        if isinstance(node, ast.Name) and node.id in {*_REPORTERS, "batch_processor"}:
            return True
        if isinstance(node, ast.Attribute) and node.attr in _REPORTERS:
            return True
    return False


def _fifo_unsafe(trees: Mapping[str, ast.Module]) -> tuple[str, int] | None:
    """Return where Powertools' processor is made that goes on after a failure, if it is the only
    one.
    """
    found: dict[str, tuple[str, int]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.setdefault(_called(node), (path, node.lineno))
    if "SqsFifoPartialProcessor" in found:
        return None
    return found.get("BatchProcessor") or found.get("AsyncBatchProcessor")


# --- what is swallowed --------------------------------------------------------------------------


def _swallows(
    entry: _Definition, definitions: Mapping[str, _Definition]
) -> Iterator[tuple[int, bool]]:
    """Yield the line of each `except` that hides failures, and whether it is around the batch."""
    names = _names_of_records(entry)
    called: dict[str, None] = {}
    for node in _own(entry):
        if isinstance(node, ast.Try) and _has_loop(node.body, names):
            yield from ((line, True) for line in _silent(node, entry, is_entry=True))
        if not isinstance(node, _LOOPS) or not _mentions(node.iter, names):
            continue
        for inner in chain.from_iterable(map(ast.walk, node.body)):
            if isinstance(inner, ast.Try):
                yield from ((line, False) for line in _silent(inner, entry, is_entry=True))
            if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call | ast.Await):
                call = inner.value.value if isinstance(inner.value, ast.Await) else inner.value
                if isinstance(call, ast.Call) and call.args:
                    called[_called(call)] = None
    for name in called:
        helper = definitions.get(name)
        # Only what is around all of the helper's work: within, it may be a detail's fallback.
        for node in helper.body[-2:] if helper is not None and helper is not entry else ():
            if isinstance(node, ast.Try):
                assert helper is not None
                yield from ((line, False) for line in _silent(node, helper, is_entry=False))


def _names_of_records(entry: _Definition) -> frozenset[str]:
    """Return the names that hold the batch: those assigned from something with Records in it."""
    names: set[str] = set()
    for node in _own(entry):
        if isinstance(node, ast.Assign) and _mentions(node.value, frozenset()):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def _mentions(value: ast.AST, names: frozenset[str]) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and node.value == "Records":
            return True
        if isinstance(node, ast.Attribute) and node.attr == "records":
            return True
        if isinstance(node, ast.Name) and node.id in names:
            return True
    return False


def _has_loop(body: list[ast.stmt], names: frozenset[str]) -> bool:
    return any(
        isinstance(node, _LOOPS) and _mentions(node.iter, names)
        for node in chain.from_iterable(map(ast.walk, body))
    )


def _silent(node: ast.Try, owner: _Definition, *, is_entry: bool) -> Iterator[int]:
    for handler in node.handlers:
        if _is_wide(handler) and not _is_told(handler, owner, is_entry=is_entry):
            yield handler.lineno


def _is_wide(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _WIDE for n in ast.walk(handler.type))


def _is_told(handler: ast.ExceptHandler, owner: _Definition, *, is_entry: bool) -> bool:
    """Tell whether somebody hears of what an `except` caught, or something stands in for it."""
    inside = set(ast.walk(handler))
    kept: set[str] = set()
    counted: set[str] = set()
    for node in inside:
        if isinstance(node, ast.Raise | ast.Yield):
            return True
        if isinstance(node, ast.Return) and _may_tell(node.value, is_entry=is_entry):
            return True
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in _BURIALS | _EXITS:
                return True
            if name in _GROWS and isinstance(node.func, ast.Attribute):
                counted |= _roots(node.func.value)
        elif isinstance(node, ast.Assign):
            kept |= set(chain.from_iterable(map(_roots, node.targets)))
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            counted |= _roots(node.target)
    if "self" in counted | kept:
        return True
    outside = [node for node in ast.walk(owner) if node not in inside]
    if kept & set(_loaded(outside)):
        return True
    weighed = (ast.Return, ast.Raise, ast.If, ast.Assert, ast.Yield)
    used = chain.from_iterable(
        ast.walk(node.test if isinstance(node, ast.If) else node)
        for node in outside
        if isinstance(node, weighed)
    )
    return bool(counted & set(_loaded(used)))


def _may_tell(value: ast.expr | None, *, is_entry: bool) -> bool:
    """Tell whether a return may say that something failed.

    A handler's own answer counts for nothing unless it names the failures: a statusCode of 500 is a
    success. What a helper returns may be looked at by its caller, who does not.
    """
    if value is None or isinstance(value, ast.Constant) or not is_entry:
        return False
    if isinstance(value, ast.Dict):
        keys = {key.value for key in value.keys if isinstance(key, ast.Constant)}
        return FAILURES in keys or None in value.keys
    return True


def _loaded(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _roots(target: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


# --- what is deleted ----------------------------------------------------------------------------


def _deletes(path: str, tree: ast.Module) -> Iterator[Delete]:
    """Yield where a message of the batch is deleted: by the receiptHandle that Lambda gave."""
    for definition in ast.walk(tree):
        if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = list(_own(definition))
        is_batch = any(
            (isinstance(node, ast.Constant) and node.value == "receiptHandle")
            or (isinstance(node, ast.Attribute) and node.attr == "receipt_handle")
            for node in own
        )
        for node in own if is_batch else ():
            if isinstance(node, ast.Call) and _called(node) in _DELETES:
                yield Delete(path, node.lineno, _next(definition, node))


def _next(definition: _Definition, call: ast.Call) -> int | None:
    """Return the line of the first thing after a call that may fail, in the blocks around it."""
    for node in ast.walk(definition):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if not isinstance(statements, list):
                continue
            for at, statement in enumerate(statements):
                if not any(inner is call for inner in ast.walk(statement)):
                    continue
                for later in statements[at + 1 :]:
                    if any(
                        isinstance(n, ast.Call | ast.Raise | ast.Subscript) for n in ast.walk(later)
                    ):
                        return int(later.lineno)
    return None


def _own(definition: _Definition) -> Iterator[ast.AST]:
    """Walk a function without what is defined within it."""
    todo: list[ast.AST] = [*definition.body]
    while todo:
        node = todo.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)


def _called(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
