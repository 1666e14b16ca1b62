"""A document and its parameters become a Stack: everything checked, all problems told together.

Pure. SAM templates are expanded before (`sam.expand`, then `serverless.expanded_document`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from redrive.services.stacks import checks
from redrive.services.stacks.intrinsics import (
    INVALID,
    NO_VALUE,
    Resolver,
    Scope,
    has_invalid,
    references,
)
from redrive.services.stacks.model import (
    Json,
    Output,
    Parameter,
    Path,
    Problem,
    Resource,
    Stack,
    TemplateError,
    World,
)
from redrive.services.stacks.parameters import resolve_parameters
from redrive.services.stacks.resources import REFUSED_TYPES, TYPES
from redrive.services.stacks.template import Document, check_sections, is_sam, unknown

RESOURCE_ATTRIBUTES = [
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
]
_REFUSED_ATTRIBUTES = {
    "CreationPolicy": "nothing here waits for signals",
    "UpdatePolicy": "changes are made at once",
    "Connectors": "SAM connectors are not supported: give the function its policies",
}
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
_OUTPUT_ATTRIBUTES = ("Condition", "Description", "Export", "Value")


def resolve(document: Document, given: Mapping[str, str], world: World) -> Stack:
    """Check a whole template and resolve what does not hang on a resource's attributes.

    `given` are parameter values. Resources whose condition is false are left out. Raises
    TemplateError with every problem. Resources come in an order in which each follows those that it
    depends on.
    """
    assert not is_sam(document.body), "a SAM template is expanded first"
    parameters, problems = resolve_parameters(document, given)
    problems += check_sections(document)
    if any(problem.path[:1] == ("Resources",) for problem in problems):
        raise TemplateError(problems)
    work = _Work(document, parameters, world)
    resources = work.resources()
    outputs = work.outputs()
    problems += work.problems
    if not problems:
        problems += _check_cycles(document, resources)
    if problems:
        raise TemplateError(problems)
    graph = {name: sorted(resource.depends_on) for name, resource in resources.items()}
    ordered = {name: resources[name] for name in TopologicalSorter(graph).static_order()}
    description = str(document.body.get("Description") or "")
    return Stack(world, ordered, outputs, parameters, description)


class _Work:
    """One template under way: its scope, and the problems found so far."""

    def __init__(
        self, document: Document, parameters: Mapping[str, Parameter], world: World
    ) -> None:
        self.document = document
        self.problems: list[Problem] = []
        body = document.body
        self._declared: dict[str, Mapping[str, Json]] = {}
        declared_parameters = body.get("Parameters")
        values: dict[str, str | list[str]] = {
            # One without a value was reported; a stand-in keeps Ref from reporting it again.
            **dict.fromkeys(
                declared_parameters if isinstance(declared_parameters, dict) else (), ""
            ),
            **{name: parameter.value for name, parameter in parameters.items()},
        }
        self.scope = Scope(
            world, values, _object(body.get("Mappings")), _object(body.get("Conditions"))
        )
        self.resolver = Resolver(self.scope, self._report)
        self._settle_conditions()

    def _settle_conditions(self) -> None:
        for name in self.scope.conditions:
            self.resolver.condition(name, ("Conditions", name))
        absent: set[str] = set()
        present: dict[str, Mapping[str, Json]] = {}
        for name, resource in self.document.body["Resources"].items():
            path: Path = ("Resources", name)
            if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
                self._report(path, "a resource is an object with a Type")
            elif "Condition" in resource and not self.resolver.condition(
                resource["Condition"], (*path, "Condition")
            ):
                absent.add(name)
            else:
                present[name] = resource
        self._declared = present
        self.scope.absent = frozenset(absent)
        self.scope.resources = {
            name: TYPES[resource["Type"]].attributes if resource["Type"] in TYPES else None
            for name, resource in present.items()
        }

    def resources(self) -> dict[str, Resource]:
        return {name: self._resource(name, given) for name, given in self._declared.items()}

    def _resource(self, name: str, given: Mapping[str, Json]) -> Resource:
        path: Path = ("Resources", name)
        kind = str(given["Type"])
        if not name.isalnum() or not name.isascii():
            self._report(path, "a logical id is made of letters and digits")
        for attribute in given:
            if attribute in _REFUSED_ATTRIBUTES:
                reason = _REFUSED_ATTRIBUTES[attribute]
                self._report((*path, attribute), f"{attribute} is not supported: {reason}")
            elif attribute not in RESOURCE_ATTRIBUTES:
                known = unknown("attribute", attribute, RESOURCE_ATTRIBUTES)
                self._report((*path, attribute), known)
        properties = self._properties(kind, given.get("Properties"), path)
        retained = self._policy(given, "DeletionPolicy", path)
        replace_retained = self._policy(given, "UpdateReplacePolicy", path)
        depends_on = self._depends_on(given.get("DependsOn", []), (*path, "DependsOn"))
        return Resource(
            name,
            kind,
            properties,
            depends_on | frozenset(references(properties)),
            retained,
            replace_retained,
            self.document.line(path),
        )

    def _properties(self, kind: str, given: Json, path: Path) -> Mapping[str, Json]:
        if kind in REFUSED_TYPES:
            self._report((*path, "Type"), f"{kind} is not supported: {REFUSED_TYPES[kind]}")
            return {}
        if kind not in TYPES:
            self._report((*path, "Type"), unknown("resource type", kind, TYPES))
            return {}
        inside = (*path, "Properties")
        values = self.resolver.resolve({} if given is None else given, inside)
        found = checks.check_shape(values, TYPES[kind].properties, inside, self._report, kind)
        assert isinstance(found, dict)
        return found

    def _policy(self, given: Mapping[str, Json], name: str, path: Path) -> bool:
        policy = self.resolver.resolve(given.get(name, "Delete"), (*path, name))
        if policy is not INVALID and policy not in _POLICIES:
            self._report((*path, name), f"{name} is one of {', '.join(_POLICIES)}, not {policy}")
        return policy in ("Retain", "RetainExceptOnCreate")

    def _depends_on(self, given: Json, path: Path) -> frozenset[str]:
        names = given if isinstance(given, list) else [given]
        found = set()
        for name in names:
            if isinstance(name, str) and name in self._declared:
                found.add(name)
            elif name not in self.scope.absent:
                self._report(path, f"the template has no resource {name}")
        return frozenset(found)

    def outputs(self) -> dict[str, Output]:
        found: dict[str, Output] = {}
        for name, given in _object(self.document.body.get("Outputs")).items():
            path: Path = ("Outputs", name)
            if not isinstance(given, dict) or "Value" not in given:
                self._report(path, "an output is an object with a Value")
                continue
            for attribute in given:
                if attribute not in _OUTPUT_ATTRIBUTES:
                    known = unknown("attribute", attribute, _OUTPUT_ATTRIBUTES)
                    self._report((*path, attribute), known)
            if "Condition" in given and not self.resolver.condition(
                given["Condition"], (*path, "Condition")
            ):
                continue
            value = self.resolver.resolve(given["Value"], (*path, "Value"))
            export = self.resolver.resolve(given.get("Export"), (*path, "Export"))
            if value is NO_VALUE or isinstance(value, list):
                self._report(path, "an output's Value is a string")
            elif not has_invalid([value, export]):
                found[name] = Output(value, str(given.get("Description") or ""), export)
        return found

    def _report(self, path: Path, message: str) -> None:
        self.problems.append(self.document.problem(message, path))


def _check_cycles(document: Document, resources: Mapping[str, Resource]) -> Iterable[Problem]:
    graph = {name: sorted(resource.depends_on) for name, resource in resources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = list(reversed(error.args[1]))
        message = f"circular dependency between resources: {' -> '.join(names)}"
        return [document.problem(message, ("Resources", names[0]))]
    return []


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
