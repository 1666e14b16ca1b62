"""What a Node.js handler does with the messages of a batch, by a plain look at its text.

No parser: comments are left out, then words are looked for. TypeScript is looked at the same way.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_SOURCES = SUFFIXES[3:]
_COMMENTS = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
_FAILURES = re.compile(r"\b(batchItemFailures|processPartialResponse\w*|SqsFifoPartialProcessor)\b")
_LOADS = re.compile(r"""(?:\bfrom|\bimport|\brequire\()\s*\(?\s*["'](\.[^"']+)["']""")
_DELETE = re.compile(
    r"\b(DeleteMessageCommand|DeleteMessageBatchCommand|deleteMessage(Batch)?)\s*\("
)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. speaks_of_failures: some file does; reports: the handler's module does, or one
    that it loads. deletes: path and line of where a message of the batch is deleted."""

    path: str
    line: int
    is_missing: bool
    speaks_of_failures: bool
    reports: bool
    deletes: tuple[tuple[str, int], ...]


def look(files: Mapping[str, str], handler: str) -> Look | None:
    """Look at a handler (`folder/module.function`); None when its module is not among the files."""
    folder, _, last = handler.rpartition("/")
    module, _, name = last.partition(".")
    stem = f"{folder}/{module}" if folder else module
    path = next((stem + suffix for suffix in SUFFIXES if stem + suffix in files), None)
    if path is None:
        return None
    plain = {each: _COMMENTS.sub(_blank, text) for each, text in files.items()}
    reached = _reached(path, plain)
    named = re.search(rf"\b{re.escape(name)}\b", plain[path])
    is_open = re.search(r"export\s*\*|module\.exports\s*=\s*[^{\s]", plain[path])
    return Look(
        path,
        plain[path].count("\n", 0, named.start()) + 1 if named else 1,
        named is None and is_open is None and not path.endswith(_SOURCES),
        any(_FAILURES.search(text) for text in plain.values()),
        any(_FAILURES.search(plain[each]) for each in reached),
        tuple(
            (each, text.count("\n", 0, match.start()) + 1)
            for each, text in ((each, plain[each]) for each in reached)
            if "receiptHandle" in text
            for match in _DELETE.finditer(text)
        ),
    )


def _reached(path: str, files: Mapping[str, str]) -> list[str]:
    """Return a module and those of the code that it loads by a relative path, directly or not."""
    found = [path]
    for here in found:  # grows as it is walked
        for match in _LOADS.finditer(files[here]):
            stem = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[1]))
            bare = posixpath.splitext(stem)[0]  # TypeScript names what it will become: ./a.js
            ends = ("", *SUFFIXES, *(f"/index{suffix}" for suffix in SUFFIXES))
            for each in (each + end for each in (stem, bare) for end in ends):
                if each in files and each not in found:
                    found.append(each)
    return found


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
