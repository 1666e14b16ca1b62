"""What a dashboard's body may be: messages about what is wrong with it. Pure.

Only what keeps a dashboard from being shown at all is an error; what widgets hold is theirs.
AWS: CloudWatch API reference, "Dashboard body structure and syntax". The texts are those of JSON
schemas, as AWS's are; which of them AWS says is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
WIDGETS_MAX = 500
BODY_BYTES_MAX = 1 << 20
_GRID = {"x": (0, 23), "y": (0, 10_000_000), "width": (1, 24), "height": (1, 1_000)}
_PERIODS = ("auto", "inherit")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "alarm": ("alarms",),
    "custom": ("endpoint",),
    "explorer": ("metrics", "labels"),
    "log": ("query", "region"),
    "metric": (),
    "text": ("markdown",),
}


class Fault(NamedTuple):
    """Something that is wrong: where (a JSON pointer) and what."""

    path: str
    message: str


def faults_of(text: str) -> list[Fault]:
    """Return what is wrong with a body; nothing, when it can be stored."""
    if len(text.encode()) > BODY_BYTES_MAX:
        return [Fault("", f"The dashboard body must not exceed {BODY_BYTES_MAX} bytes")]
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [Fault("", "The field DashboardBody must be a valid JSON object")]
    if not isinstance(body, dict):
        return [Fault("", "The field DashboardBody must be a valid JSON object")]
    return list(_body(body))


def _body(body: Mapping[str, Any]) -> Iterator[Fault]:
    if "periodOverride" in body and body["periodOverride"] not in _PERIODS:
        yield Fault("/periodOverride", "Should be equal to one of the allowed values")
    for name in ("start", "end"):
        if name in body and not isinstance(body[name], str):
            yield Fault(f"/{name}", "Should be string")
    widgets = body.get("widgets")
    if widgets is None:
        yield Fault("", "Should have required property 'widgets'")
        return
    if not isinstance(widgets, list):
        yield Fault("/widgets", "Should be array")
        return
    if len(widgets) > WIDGETS_MAX:
        yield Fault("/widgets", f"Should NOT have more than {WIDGETS_MAX} items")
        return
    for n, widget in enumerate(widgets):
        yield from _widget(widget, f"/widgets/{n}")


def _widget(widget: Any, path: str) -> Iterator[Fault]:
    if not isinstance(widget, dict):
        yield Fault(path, "Should be object")
        return
    for name, (least, most) in _GRID.items():
        value = widget.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int):
            yield Fault(f"{path}/{name}", "Should be integer")
        elif not least <= value <= most:
            yield Fault(f"{path}/{name}", f"Should be >= {least} and <= {most}")
    kind = widget.get("type")
    if kind is None:
        yield Fault(*_lacking(path, "type"))
        return
    if not isinstance(kind, str) or kind not in _NEEDED:
        yield Fault(f"{path}/type", "Should be equal to one of the allowed values")
        return
    properties = widget.get("properties")
    if properties is None:
        yield Fault(*_lacking(path, "properties"))
        return
    if not isinstance(properties, dict):
        yield Fault(f"{path}/properties", "Should be object")
        return
    for name in _NEEDED[kind]:
        if name not in properties:
            yield Fault(*_lacking(f"{path}/properties", name))
    if kind == "metric":
        yield from _metric(properties, f"{path}/properties")


def _metric(properties: Mapping[str, Any], path: str) -> Iterator[Fault]:
    metrics = properties.get("metrics")
    if metrics is None and "annotations" not in properties:
        yield Fault(*_lacking(path, "metrics"))
    elif metrics is not None and not isinstance(metrics, list):
        yield Fault(f"{path}/metrics", "Should be array")
    for n, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        if not isinstance(metric, list) or not metric:
            yield Fault(f"{path}/metrics/{n}", "Should NOT have fewer than 1 items")


def _lacking(path: str, name: str) -> tuple[str, str]:
    return path, f"Should have required property '{name}'"
