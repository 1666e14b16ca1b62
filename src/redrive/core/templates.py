"""Templates that make a target's input of an event: EventBridge's input transformer and the one of
Pipes. Pure.

    {"id": <id>, "text": "it is <state>", "event": <aws.events.event.json>}     a JSON template
    "<id> is <state>\\n"                                                        a text template

A template is JSON in which <name> stands for a value, anywhere but as a key. One that begins with a
quotation mark is text: one quoted string, or one on each line.

where            a string         a number, true, null   an object, an array      nothing there
JSON, bare       quoted, escaped  as JSON                as JSON                  ""
JSON, in quotes  as it is         as JSON                as JSON                  nothing
text             as it is         as JSON                as JSON without quotes   nothing

What stands in quotes is not escaped, so that a value with quotation marks may make a JSON template
something that is no JSON: then there is nothing to deliver. A text keeps its outer quotes, and what
is escaped in the template is shown plainly: \\n is a new line.
AWS: EventBridge User Guide, "Input transformation", with its "Common issues"; API_InputTransformer;
new lines and missing paths as captured or told by users.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from redrive.core.json_paths import MISSING, JsonPath, PathError, compile_path


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


# Numbers are looked at and not made: Python makes none of more than some thousand digits.
_READER = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse_constant)
_NAME = re.compile(r"<([A-Za-z0-9_.-]+)>")
_NAME_OR_PATH = re.compile(r"<([A-Za-z0-9_.-]+|\$[^<>]*)>")
_ESCAPE = re.compile(r"((?:\\u[0-9A-Fa-f]{4})+)|\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

Lookup = Callable[[str], Any]
"""From a placeholder's name to its value, MISSING when there is none."""


class TemplateError(Exception):
    """A template that is not well formed. `at`: character, from 0, of `shown`, the template with
    null for its bare placeholders.
    """

    def __init__(self, message: str, shown: str, at: int) -> None:
        super().__init__(message)
        self.shown = shown
        self.at = at


class UnknownPlaceholder(Exception):
    """A placeholder that stands for nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"<{name}> stands for nothing")
        self.name = name


class RenderError(Exception):
    """What a JSON template was filled to is no JSON."""


class Slot(NamedTuple):
    """A placeholder. path: compiled, when the name is a path itself."""

    name: str
    is_quoted: bool
    path: JsonPath | None = None


class Template(NamedTuple):
    """A compiled template: texts and placeholders in turn."""

    parts: tuple[str | Slot, ...]
    is_text: bool

    def render(self, lookup: Lookup, document: Any = None) -> str:
        """Fill the template. document is what paths in it are looked up in. Raises RenderError."""
        pieces = []
        for part in self.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            value = lookup(part.name) if part.path is None else part.path.find(document)
            try:
                pieces.append(_shown(value, part.is_quoted, self.is_text))
            except RecursionError:
                raise RenderError(f"What <{part.name}> stands for is nested too deeply") from None
        filled = "".join(pieces)
        if not self.is_text:
            try:
                _READER.decode(filled)
            except (ValueError, RecursionError) as error:
                raise RenderError(f"The filled template is no JSON: {error}") from error
        return filled


def compile_template(
    text: str,
    names: Collection[str],
    *,
    well_known: Collection[str] = (),
    with_paths: bool = False,
) -> Template:
    """Compile a template.

    names: what paths have been given names for; well_known: what stands for something anyway.
    with_paths: <$.body.id> is a path of its own, as Pipes have it. Raises UnknownPlaceholder,
    TemplateError.
    """
    pattern = _NAME_OR_PATH if with_paths else _NAME
    is_text = text.lstrip().startswith('"')
    parts: list[str | Slot] = []
    shown: list[str] = []
    begun, quoted = 0, False
    for found in pattern.finditer(text):
        between = text[begun : found.start()]
        quoted = _is_open(between, quoted)
        slot = _slot(found[1], quoted, names, well_known)
        parts += [_plain(between) if is_text else between, slot]
        shown += [between, found[0] if quoted else "null"]
        begun = found.end()
    tail = text[begun:]
    parts.append(_plain(tail) if is_text else tail)
    shown.append(tail)
    _check("".join(shown), is_text)
    return Template(tuple(part for part in parts if part != ""), is_text)


def _slot(name: str, quoted: bool, names: Collection[str], well_known: Collection[str]) -> Slot:
    if name.startswith("$"):
        try:
            return Slot(name, quoted, compile_path(name))
        except PathError:
            raise UnknownPlaceholder(name) from None
    if name not in names and name not in well_known:
        raise UnknownPlaceholder(name)
    return Slot(name, quoted)


def _is_open(text: str, quoted: bool) -> bool:
    """Tell whether a string is open after a stretch of template."""
    at = 0
    while at < len(text):
        if quoted and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    return quoted


def _plain(text: str) -> str:
    """Show plainly what is escaped."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return _ESCAPES.get(found[2], found[2])
    text: str = json.loads(f'"{found[1]}"')
    # Half a pair is no character, and no target takes it.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _check(shown: str, is_text: bool) -> None:
    """Refuse what is neither JSON nor strings, one after another."""
    at, count = 0, 0
    while True:
        while at < len(shown) and shown[at] in " \t\r\n":
            at += 1
        if at == len(shown) and count:
            return
        try:
            value, end = _READER.raw_decode(shown, at)
        except json.JSONDecodeError as error:
            raise TemplateError(error.msg, shown, error.pos) from error
        except ValueError as error:
            raise TemplateError(str(error), shown, at) from error
        except RecursionError:
            raise TemplateError("It is nested too deeply", shown, at) from None
        if count and not (is_text and isinstance(value, str)):
            raise TemplateError("There is more than one value", shown, at)
        at, count = end, count + 1


def _shown(value: Any, is_quoted: bool, is_text: bool) -> str:
    if value is MISSING:
        return "" if is_quoted or is_text else '""'
    if isinstance(value, str):
        return value if is_quoted else _json(value)
    text = _json(value)
    is_container = isinstance(value, dict | list)
    return text.replace('"', "") if is_text and is_container else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
