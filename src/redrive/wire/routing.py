"""From a request to one operation of one service: which model, which protocol, which name.

    X-Amz-Target: <prefix>.<Operation>   json     the service with that prefix
    Action=<Operation> (form or query)   query    the scope's service, else the one that has it
    method + path                        rest     the scope's service, else the one that matches

Paths are compiled to patterns: {Label} is one segment, {Label+} the rest, `?key=value` literals
must be there; among matches the one with most literals wins. Models are loaded when a request first
needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from redrive.core.errors import ServiceError
from redrive.wire.bindings import PROTOCOLS, compile_route, path_label
from redrive.wire.codecs.codec import Unreadable
from redrive.wire.codecs.form import parse_fields
from redrive.wire.messages import Fault, Request, Route
from redrive.wire.model import Model, load_model
from redrive.wire.overlays import overlay_of

_ACTION = re.compile(rb"(?:^|&)Action=([^&]*)")
_LABEL = re.compile(r"\{([A-Za-z0-9_]+)(\+?)\}")


class _Path(NamedTuple):
    """One operation's method and path, compiled."""

    operation: str
    match: re.Pattern[str]
    literals: tuple[tuple[str, str], ...]  # query fields that must be there
    weight: tuple[int, int]  # literals of the query, then of the path: the more, the earlier

    def labels(self, path: str) -> Mapping[str, str]:
        """Return the path's labels, decoded."""
        found = self.match.fullmatch(_bare(path))
        assert found is not None, "a route was given another route's path"
        return {name: path_label(raw) for name, raw in found.groupdict().items()}


class Router:
    """All served models and what has been compiled of them."""

    def __init__(self, services: Sequence[str], own_models: Mapping[str, Path]) -> None:
        self._sources: dict[str, Path | None] = {
            **dict.fromkeys(services),
            **own_models,
        }
        self._models: dict[str, Model] = {}
        self._paths: dict[str, dict[str, list[_Path]]] = {}
        self._routes: dict[tuple[str, str], Route] = {}
        self._targets: dict[str, Route] = {}  # only of operations that exist, so it is bounded

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the served services."""
        return tuple(self._sources)

    def model(self, service: str) -> Model:
        """Return a served service's model, read at first use."""
        model = self._models.get(service)
        if model is None:
            model = self._models[service] = load_model(service, self._sources[service])
            assert model.protocol in PROTOCOLS, f"{service} speaks {model.protocol}"
        return model

    def find(self, request: Request, signed_for: str) -> Route:
        """Return the route of a request. Raises Fault when no operation fits."""
        target = request.headers.get("x-amz-target")
        if target is not None:
            known = self._targets.get(target)
            return known if known is not None else self._by_target(target, signed_for)
        action = self._action(request)
        if action is not None:
            return self._by_action(action, signed_for)
        return self._by_path(request, signed_for)

    # --- json ---

    def _by_target(self, target: str, signed_for: str) -> Route:
        prefix, _, name = target.rpartition(".")
        for service in self._likely(signed_for):
            model = self.model(service)
            if model.metadata.get("targetPrefix") == prefix and model.protocol == "json":
                if model.has(name):
                    route = self._targets[target] = self._route(service, name)
                    return route
                raise Fault(_unknown(), protocol="json", service=service)
        raise Fault(_unknown(), protocol="json")

    # --- query ---

    def _action(self, request: Request) -> str | None:
        _, _, query = request.target.partition("?")
        sources = [query.encode(errors="replace")]
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            sources.append(request.body)
        for source in sources:
            found = _ACTION.search(source)
            if found is not None:
                return found.group(1).decode("ascii", "replace")
        return None

    def _by_action(self, action: str, signed_for: str) -> Route:
        for service in self._likely(signed_for):
            model = self.model(service)
            if model.protocol == "query" and model.has(action):
                return self._route(service, action)
            if model.signing_name == signed_for:
                break
        served = next((s for s in self._sources if self._signs_as(s, signed_for)), None)
        error = ServiceError(
            "InvalidAction", f"The action {action} is not valid for this endpoint.", status=400
        )
        raise Fault(error, protocol="query", service=served)

    # --- rest ---

    def _by_path(self, request: Request, signed_for: str) -> Route:
        path, _, query = request.target.partition("?")
        protocol = "rest-json"
        known: str | None = None
        for service in self._likely(signed_for):
            model = self.model(service)
            signed = model.signing_name == signed_for
            if PROTOCOLS[model.protocol].located:
                found = self._match(service, request.method, path, query)
                if found is not None:
                    return found
            if signed:
                known, protocol = service, model.protocol
                break
        raise Fault(_unknown(), protocol=protocol, service=known)

    def _match(self, service: str, method: str, path: str, query: str) -> Route | None:
        if service not in self._paths:
            self._paths[service] = _compile_paths(self.model(service))
        bare = _bare(path)
        fields: list[tuple[str, str]] | None = None
        for candidate in self._paths[service].get(method, ()):
            if candidate.match.fullmatch(bare) is None:
                continue
            if candidate.literals:
                if fields is None:
                    fields = _fields_or_none(query)
                if not all(literal in fields for literal in candidate.literals):
                    continue
            return self._route(service, candidate.operation, candidate)
        return None

    # --- all ---

    def _likely(self, signed_for: str) -> list[str]:
        """Return the services, the credential scope's first: no other model is read for it."""
        return sorted(self._sources, key=lambda service: not self._signs_as(service, signed_for))

    def _signs_as(self, service: str, signed_for: str) -> bool:
        model = self._models.get(service)
        return signed_for == (service if model is None else model.signing_name)

    def _route(self, service: str, name: str, path: _Path | None = None) -> Route:
        route = self._routes.get((service, name))
        if route is None:
            model = self.model(service)
            parts = None if path is None else path.labels
            route = compile_route(model, name, model.protocol, overlay_of(service), parts)
            self._routes[service, name] = route
        return route


def _bare(path: str) -> str:
    """Drop a last slash: clients of earlier models end some paths with one, and AWS takes both."""
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def _fields_or_none(query: str) -> list[tuple[str, str]]:
    try:
        return parse_fields(query.encode(errors="replace"))
    except Unreadable:
        return []


def _unknown() -> ServiceError:
    return ServiceError("UnknownOperationException", "", status=404)


def _compile_paths(model: Model) -> dict[str, list[_Path]]:
    """Return a model's paths by method, the most literal first."""
    paths: dict[str, list[_Path]] = {}
    for name in model.operation_names:
        operation = model.operation(name)
        paths.setdefault(operation.method, []).append(compile_path(name, operation.uri))
    for found in paths.values():
        found.sort(key=lambda path: path.weight, reverse=True)
    return paths


def compile_path(operation: str, uri: str) -> _Path:
    """Compile a model's requestUri, such as /2015-03-31/functions/{FunctionName}?List=ALL."""
    path, _, query = uri.partition("?")
    path = _bare(path)
    pattern, at = "", 0
    for label in _LABEL.finditer(path):
        pattern += re.escape(path[at : label.start()])
        pattern += f"(?P<{label.group(1)}>{'.+' if label.group(2) else '[^/]+'})"
        at = label.end()
    pattern += re.escape(path[at:])
    literals = tuple(
        (name, value)
        for name, _, value in (part.partition("=") for part in query.split("&") if part)
    )
    return _Path(
        operation, re.compile(pattern), literals, (len(literals), len(_LABEL.sub("", path)))
    )
