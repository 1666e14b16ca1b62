"""What a target is given of an event: all of it, a part, a constant, or a template filled. Pure.

AWS: EventBridge User Guide, "Input transformation"; API_Target, "Input", "InputPath".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from redrive.core.json_paths import MISSING, PathError, compile_path
from redrive.core.templates import (
    Template,
    TemplateError,
    UnknownPlaceholder,
    compile_template,
)
from redrive.core.time import iso
from redrive.services.buses.model import Event
from redrive.services.buses.refusals import invalid

WELL_KNOWN = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event.ingestion-time",
        "aws.events.event",
        "aws.events.event.json",
    }
)
"""What a template may say without a path. AWS: the page above, "Predefined variables"."""

COMPILED_MAX = 4_096

_WAYS = ("Input", "InputPath", "InputTransformer")


class Facts(NamedTuple):
    """What a template may say beside the event."""

    rule_name: str
    rule_arn: str
    ingested_ms: int


def check_input(body: Mapping[str, Any]) -> None:
    """Refuse what a target cannot be given. Raises ServiceError. AWS: texts as captured."""
    name = body["Id"]
    if sum(1 for way in _WAYS if body.get(way) is not None) > 1:
        raise invalid(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if body.get("Input") is not None:
        _check_constant(body["Input"], name)
    if body.get("InputPath"):
        _check_path(body["InputPath"], name)
    transformer = body.get("InputTransformer")
    if transformer is not None:
        _check_transformer(transformer, name)


def _check_constant(text: str, name: str) -> None:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(f"JSON syntax error in input for target {name}: {error}.") from error


def _check_path(text: str, name: str) -> None:
    try:
        compile_path(text)
    except PathError as error:
        raise invalid(f"Invalid JsonPath {text} for target {name}: {error}.") from error


def _check_transformer(transformer: Mapping[str, Any], name: str) -> None:
    paths = transformer.get("InputPathsMap") or {}
    for key, path in paths.items():
        if key.lower().startswith("aws"):
            raise invalid(f"InputPathsMap for target {name} contains reserved key {key}.")
        _check_path(path, name)
    template = transformer["InputTemplate"]
    try:
        compile_template(template, paths, well_known=WELL_KNOWN)
    except UnknownPlaceholder as error:
        text = f"InputTemplate for target {name} contains invalid placeholder {error.name}."
        raise invalid(text) from error
    except TemplateError as error:
        line = error.shown.count("\n", 0, error.at) + 1
        column = error.at - error.shown.rfind("\n", 0, error.at)
        where = f'[Source: (String)"{error.shown}"; line: {line}, column: {column}]'
        raise invalid(f"Invalid InputTemplate for target {name} : {where}.") from error


def target_input(body: Mapping[str, Any], event: Event, text: str, facts: Facts) -> str:
    """Return what a target gets. text is the event's JSON. Raises RenderError."""
    if body.get("Input") is not None:
        return str(body["Input"])
    if body.get("InputPath"):
        found = compile_path(body["InputPath"]).find(event)
        return "null" if found is MISSING else orjson.dumps(found).decode()
    transformer = body.get("InputTransformer")
    if transformer is None:
        return text
    paths: Mapping[str, str] = transformer.get("InputPathsMap") or {}

    def look(name: str) -> Any:
        if name in WELL_KNOWN:
            return _well_known(name, event, facts)
        return compile_path(paths[name]).find(event)

    return _template(transformer["InputTemplate"], frozenset(paths)).render(look)


@lru_cache(COMPILED_MAX)
def _template(text: str, names: frozenset[str]) -> Template:
    return compile_template(text, names, well_known=WELL_KNOWN)


def _well_known(name: str, event: Event, facts: Facts) -> Any:
    if name == "aws.events.rule-arn":
        return facts.rule_arn
    if name == "aws.events.rule-name":
        return facts.rule_name
    if name == "aws.events.event.ingestion-time":
        return iso(facts.ingested_ms)[:19] + "Z"
    if name == "aws.events.event.json":
        return event
    return {key: value for key, value in event.items() if key != "detail"}
