"""Input templates of pipes, and the paths of their dynamic parameters. Pure.

    {"order": <$.body.id>, "pipe": "<aws.pipes.pipe-name>"}       "$.attributes.MessageGroupId"

A path below `body` looks into it when it is JSON.
AWS: EventBridge User Guide, "Amazon EventBridge Pipes input transformation", "Implicit body data
parsing", "Reserved variables".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from redrive.core.json_paths import MISSING, PathError, compile_path, text_at
from redrive.core.templates import (
    RenderError,
    Template,
    TemplateError,
    UnknownPlaceholder,
    compile_template,
)
from redrive.core.time import iso

RESERVED = (
    "aws.pipes.pipe-arn",
    "aws.pipes.pipe-name",
    "aws.pipes.target-arn",
    "aws.pipes.event.ingestion-time",
    "aws.pipes.event",
    "aws.pipes.event.json",
)


class Facts(NamedTuple):
    """What a template may say beside the event."""

    pipe_arn: str
    pipe_name: str
    target_arn: str
    ingested_ms: int

    def find(self, name: str, event: Any) -> Any:
        """Return what a reserved name stands for."""
        if name.startswith("aws.pipes.event") and not name.endswith("time"):
            return event
        texts = (self.pipe_arn, self.pipe_name, self.target_arn, iso(self.ingested_ms))
        return dict(zip(RESERVED, texts, strict=False)).get(name, MISSING)


def template_problem(text: str) -> str | None:
    """Return what is wrong with a template, or None."""
    try:
        _compiled(text)
    except (TemplateError, UnknownPlaceholder) as error:
        return str(error)
    return None


def path_problem(text: str) -> str | None:
    """Return what is wrong with a dynamic parameter, or None; one without $ is a constant."""
    try:
        compile_path(text)
    except PathError as error:
        return str(error)
    return None


def fill(text: str | None, event: Any, facts: Facts) -> str:
    """Return what a template makes of an event; the event's own JSON when there is none.

    Raises RenderError.
    """
    if not text:
        try:
            return orjson.dumps(event).decode()
        except orjson.JSONEncodeError as error:
            raise RenderError(f"The event cannot be written as JSON: {error}") from None
    template = _compiled(text)
    return template.render(lambda name: facts.find(name, event), _open(event))


def dynamic(value: str | None, event: Any) -> str | None:
    """Return a parameter's text: what stands at its path when it is one. None: nothing is there, or
    something that is nested too deeply to be a text.
    """
    if value is None or not value.startswith("$"):
        return value
    return text_at(value, _open(event))


def _open(event: Any) -> Any:
    """Return an event with its body parsed, when that is JSON."""
    body = event.get("body") if isinstance(event, dict) else None
    if not isinstance(body, str):
        return event
    try:
        return {**event, "body": orjson.loads(body)}
    except orjson.JSONDecodeError:
        return event


@lru_cache(256)
def _compiled(text: str) -> Template:
    return compile_template(text, (), well_known=RESERVED, with_paths=True)


__all__ = ["Facts", "RenderError", "dynamic", "fill", "path_problem", "template_problem"]
