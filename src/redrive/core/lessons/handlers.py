"""Lessons about the code of handlers, from a static look at it.

A look needs the sources (`Function.code`); where there are none the rules are silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from redrive.core.lessons import node_code, python_code
from redrive.core.lessons.graph import Code, Function, Graph, Source
from redrive.core.lessons.rule import LAMBDA_GUIDE, Hit, rule

LOOKS_KEPT = 128
"""More than the functions of most templates: each is looked at once, not once for each rule."""
_FAILURES = LAMBDA_GUIDE + "services-sqs-errorhandling.html"
_PYTHON = LAMBDA_GUIDE + "python-handler.html"
_POWERTOOLS = "https://docs.powertools.aws.dev/lambda/python/latest/utilities/batch/"
_REPORT = "let the handler return {batchItemFailures: [{itemIdentifier: messageId}, …]}"


@rule(
    "RD050",
    "warning",
    "The handler swallows exceptions",
    lesson="A handler that returns has succeeded, whatever it caught and logged: Lambda deletes the"
    " messages. A caught failure that is neither raised nor reported loses its message, and the"
    " dead-letter queue never sees it.",
    source=_FAILURES,
)
def swallows(graph: Graph) -> Iterator[Hit]:
    for function, mapping, look in _python(graph):
        assert function.code is not None
        for path, line, is_whole in look.swallows:
            what = "the whole batch is" if is_whole else "the message is"
            yield Hit(
                function,
                (),
                f"what fails here is caught and neither raised nor reported: {what} deleted as"
                " processed",
                "raise, or collect the messageId and return it in batchItemFailures"
                if mapping.reports
                else "raise, so that the queue delivers again",
                function.code.place(path, line),
            )


@rule(
    "RD051",
    "warning",
    "The handler deletes its own messages",
    lesson="Lambda deletes the batch when the function returns. A message that the handler deletes"
    " earlier is not delivered again when the rest of its work fails, and is never buried.",
    source=LAMBDA_GUIDE + "with-sqs.html",
)
def deletes(graph: Graph) -> Iterator[Hit]:
    cure = "leave deleting to Lambda, and report what failed by batchItemFailures"
    for function, _mapping, look in _python(graph):
        assert function.code is not None
        for found in look.deletes:
            then = (
                f"what fails from line {found.next_line + function.code.lines_before} on does not"
                " bring it back"
                if found.next_line is not None
                else "Lambda deletes it anyway when the function returns"
            )
            yield Hit(
                function,
                (),
                f"a message of the batch is deleted here; {then}",
                cure,
                function.code.place(found.path, found.line),
            )
    for function, _mapping, seen in _node(graph):
        assert function.code is not None
        for path, line in seen.deletes:
            yield Hit(
                function,
                (),
                "a message of the batch is deleted here; what fails after that does not bring it"
                " back",
                cure,
                function.code.place(path, line),
            )


@rule(
    "RD052",
    "warning",
    "Failures are to be reported, and the handler never does",
    lesson="With ReportBatchItemFailures set, a handler that returns without batchItemFailures says"
    " that all went well. Only what it raises fails, and that fails the whole batch.",
    source=_FAILURES,
)
def never_reports(graph: Graph) -> Iterator[Hit]:
    for function, mapping, look in _both(graph):
        assert function.code is not None
        if mapping.reports and not look.speaks_of_failures and not look.is_missing:
            yield Hit(
                function,
                (),
                f"{mapping.name} sets ReportBatchItemFailures, and nothing in the code speaks of"
                " batchItemFailures",
                _REPORT,
                function.code.place(look.path, look.line),
            )


@rule(
    "RD053",
    "error",
    "Failures are reported, and nobody reads the report",
    lesson="Without ReportBatchItemFailures Lambda does not look at what the handler returns: the"
    " batch has succeeded, and the messages that it names as failed are deleted.",
    source=_FAILURES,
)
def unread_report(graph: Graph) -> Iterator[Hit]:
    for function, mapping, look in _both(graph):
        if mapping.reports is False and look.reports:
            yield Hit(
                mapping,
                ("FunctionResponseTypes",),
                f"the code of {function.name} reports batchItemFailures, and the mapping does not"
                " ask for them: failed messages are deleted",
                "set FunctionResponseTypes to [ReportBatchItemFailures]",
            )


@rule(
    "RD054",
    "error",
    "The handler is not in the code",
    lesson="Every invocation fails before the handler's first line, and each failure spends a"
    " receive.",
    source=_PYTHON,
)
def missing_handler(graph: Graph) -> Iterator[Hit]:
    for function in graph.functions.values():
        code, handler = function.code, function.handler
        if code is None or not handler or function.layers:
            continue
        module, _, name = handler.rpartition(".")
        language = _language(function)
        if language == "python":
            seen = _look_python(code, handler)
            files = f"{module.replace('.', '/')}.py"
            if seen is not None and seen.broken:
                path, line, words = seen.broken
                reason = f"it cannot be imported: {words}"
                yield Hit(function, (), reason, "mend it", code.place(path, line))
                continue
            is_missing = seen is not None and seen.is_missing
        elif language == "nodejs":
            found = _look_node(code, handler)
            files = f"{module}.js, .mjs or .cjs"
            is_missing = found is not None and found.is_missing
            seen = None
            if found is not None and not is_missing:
                continue
        else:
            continue
        if is_missing:
            reason = f"Handler is {handler}, and its module has no {name}"
        elif seen is None and code.files:
            reason = f"Handler is {handler}, and the code has no {files}"
        else:
            continue
        yield Hit(function, ("Handler",), reason, "set Handler to <file>.<function>")


@rule(
    "RD055",
    "warning",
    "A FIFO batch goes on after a failure",
    lesson="Of a FIFO queue's batch, everything after the first failure has to be returned as"
    " failed: what is processed after it is out of order. Powertools' BatchProcessor goes on,"
    " SqsFifoPartialProcessor stops.",
    source=_POWERTOOLS,
)
def out_of_order(graph: Graph) -> Iterator[Hit]:
    for function, mapping, look in _python(graph):
        queue = graph.queues.get(mapping.queue or "")
        if queue is not None and queue.is_fifo and look.fifo_unsafe is not None:
            assert function.code is not None
            yield Hit(
                function,
                (),
                f"{queue.name} is a FIFO queue, and this processor goes on after a failure",
                "use SqsFifoPartialProcessor",
                function.code.place(*look.fifo_unsafe),
            )


def _python(graph: Graph) -> Iterator[tuple[Function, Source, python_code.Look]]:
    for mapping, function in graph.targets():
        if _language(function) == "python" and function.code is not None and function.handler:
            look = _look_python(function.code, function.handler)
            if look is not None:
                yield function, mapping, look


def _node(graph: Graph) -> Iterator[tuple[Function, Source, node_code.Look]]:
    for mapping, function in graph.targets():
        if _language(function) == "nodejs" and function.code is not None and function.handler:
            look = _look_node(function.code, function.handler)
            if look is not None:
                yield function, mapping, look


def _both(
    graph: Graph,
) -> Iterator[tuple[Function, Source, python_code.Look | node_code.Look]]:
    yield from _python(graph)
    yield from _node(graph)


@lru_cache(maxsize=LOOKS_KEPT)
def _look_python(code: Code, handler: str) -> python_code.Look | None:
    return python_code.look(code.files, handler)


@lru_cache(maxsize=LOOKS_KEPT)
def _look_node(code: Code, handler: str) -> node_code.Look | None:
    return node_code.look(code.files, handler)


def _language(function: Function) -> str:
    return next((n for n in ("python", "nodejs") if (function.runtime or "").startswith(n)), "")


RULES = (swallows, deletes, never_reports, unread_report, missing_handler, out_of_order)
