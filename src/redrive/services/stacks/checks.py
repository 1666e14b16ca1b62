"""Properties held against the tables of `resources`: names, forms, and the conversions
CloudFormation makes.

Pure. A pending value is of any form; it is checked again when it is known. All problems are
reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from redrive.services.stacks.intrinsics import INVALID, function_name
from redrive.services.stacks.model import Json, Path
from redrive.services.stacks.parameters import as_text
from redrive.services.stacks.properties import Property, Shape
from redrive.services.stacks.template import suggest, unknown

LOCAL_BUCKET = "redrive-local"
"""The S3Bucket of code that is a folder on this machine, the absolute path being its S3Key."""

Report = Callable[[Path, str], None]


def check_shape(values: Json, shape: Shape, path: Path, report: Report, owner: str) -> Json:
    """Return an object's members converted to the forms of `shape`.

    Reports members that are unknown, refused, missing or of the wrong form. Idempotent, so that
    what was pending can be checked when it is known.
    """
    if values is INVALID:
        return {}
    if not isinstance(values, dict):
        report(path, f"{owner} is an object, not {_describe(values)}")
        return {}
    found: dict[str, Json] = {}
    for name, value in values.items():
        rule = shape.get(name)
        here = (*path, name)
        if rule is None:
            report(here, unknown(f"property of {owner}:", name, shape))
        elif rule.refused:
            report(here, f"{owner} {name} is not supported: {rule.refused}")
        elif value is not None:
            found[name] = check_value(value, rule, here, report, name)
    for name, rule in shape.items():
        if rule.required and values.get(name) is None:
            report(path, f"{owner} needs {name}")
    return found


def check_value(value: Json, rule: Property, path: Path, report: Report, name: str) -> Json:
    """Return one property's value converted to its form; reports what cannot be converted."""
    if function_name(value) or value is INVALID:
        return value
    converted = _FORMS[rule.form](value, rule, path, report, name)
    if converted is None:
        wanted = _WANTED[rule.form]
        report(path, f"{name} is {wanted}, not {_describe(value)}")
        return value
    values = converted if isinstance(converted, list) else [converted]
    for one in values if rule.choices else ():
        if not function_name(one) and one is not INVALID and one not in rule.choices:
            near = suggest(as_text(one), rule.choices)
            report(path, f"{name} is one of {', '.join(rule.choices)}, not {as_text(one)}{near}")
    return converted


def _string(value: Json, *_: object) -> Json:
    return None if isinstance(value, dict | list) else as_text(value)


def _integer(value: Json, *_: object) -> Json:
    if isinstance(value, bool | dict | list):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _number(value: Json, *_: object) -> Json:
    if isinstance(value, bool | dict | list):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _pattern(value: Json, *_: object) -> Json:
    """Return a filter's pattern as its text, also where it was written as an object."""
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return None if isinstance(value, list) else as_text(value)


def _boolean(value: Json, *_: object) -> Json:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _object(value: Json, rule: Property, path: Path, report: Report, name: str) -> Json:
    if not isinstance(value, dict):
        return None
    return value if rule.shape is None else check_shape(value, rule.shape, path, report, name)


def _json(value: Json, rule: Property, path: Path, report: Report, name: str) -> Json:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return _object(value, rule, path, report, name)


def _strings(value: Json, *_: object) -> Json:
    items = value if isinstance(value, list) else None
    if items is None or any(isinstance(i, list | dict) and not function_name(i) for i in items):
        return None
    return [item if isinstance(item, dict) or item is INVALID else as_text(item) for item in items]


def _texts(value: Json, _rule: Property, path: Path, report: Report, name: str) -> Json:
    if not isinstance(value, dict):
        return None
    found: dict[str, Json] = {}
    for key, item in value.items():
        if isinstance(item, dict | list) and not function_name(item):
            report((*path, key), f"{name} holds strings, {key} is {_describe(item)}")
        else:
            found[key] = item if isinstance(item, dict) or item is INVALID else as_text(item)
    return found


def _list(value: Json, rule: Property, path: Path, report: Report, name: str) -> Json:
    if not isinstance(value, list):
        return None
    shape = cast(Shape, rule.shape)
    return [
        item if function_name(item) else check_shape(item, shape, (*path, index), report, name)
        for index, item in enumerate(value)
    ]


def _code(value: Json, rule: Property, path: Path, report: Report, name: str) -> Json:
    if isinstance(value, str):
        return value
    found = _object(value, rule, path, report, name)
    if not isinstance(found, dict):
        return None
    if "ZipFile" in found and "S3Bucket" in found:
        report(path, "Code is either inline (ZipFile) or a place, not both")
    elif (
        "ZipFile" not in found and found.get("S3Bucket") != LOCAL_BUCKET and "ImageUri" not in value
    ):
        report(path, "code in S3 cannot be fetched from here: give a local folder or zip file")
    return found


_FORMS: dict[str, Callable[[Json, Property, Path, Report, str], Json]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "pattern": _pattern,
    "boolean": _boolean,
    "json": _json,
    "object": _object,
    "strings": _strings,
    "texts": _texts,
    "list": _list,
    "code": _code,
}
_WANTED = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "pattern": "a pattern, or its text",
    "boolean": "true or false",
    "json": "an object",
    "object": "an object",
    "strings": "a list of strings",
    "texts": "an object of strings",
    "list": "a list of objects",
    "code": "a local path or an object",
}


def _describe(value: Json) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(as_text(value)) if value is not None else "empty"
