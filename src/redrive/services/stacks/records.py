"""Stacks and resources as rows and as JSON: what crosses the wire and what is kept.

Encoding and decoding only. What a plan may hold is checked here as far as the deployer relies on
it; property by property it is checked when it is deployed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from redrive.core.errors import ServiceError
from redrive.services.stacks.model import Deployed, Output, Parameter, Resource, Stack, World
from redrive.services.stacks.resources import TYPES


class StackRow(NamedTuple):
    """A stack as it is kept. It is at rest when done = wanted."""

    id: int
    account: str
    region: str
    name: str
    plan: str
    seed: int
    is_deleting: int
    wanted: int
    done: int
    outcome: str
    created_ms: int
    modified_ms: int

    @property
    def world(self) -> World:
        """Where the stack lives; its StackId does not change with its deployments."""
        return World.named(self.account, self.region, self.name)

    @property
    def topic(self) -> str:
        """What wakes when a plan has been carried out."""
        return f"stack:{self.id}"


class ResourceRow(NamedTuple):
    """A resource as it is kept."""

    key: str
    logical_id: str
    type: str
    physical_id: str
    properties: str
    attributes: str
    depends_on: str
    generation: int
    retained: int
    unsure: int

    @property
    def deployed(self) -> Deployed:
        """The value that a plan works with."""
        return Deployed(
            self.logical_id,
            self.type,
            self.physical_id,
            json.loads(self.properties),
            json.loads(self.attributes),
            frozenset(json.loads(self.depends_on)),
            self.generation,
            bool(self.retained),
            bool(self.unsure),
        )


def resource_params(row: Deployed) -> dict[str, Any]:
    """Return a resource's columns."""
    return {
        "key": row.key,
        "logical_id": row.logical_id,
        "type": row.type,
        "physical_id": row.physical_id,
        "properties": json.dumps(row.properties),
        "attributes": json.dumps(dict(row.attributes)),
        "depends_on": json.dumps(sorted(row.depends_on)),
        "generation": row.generation,
        "retained": int(row.retained),
        "unsure": int(row.unsure),
    }


def encode_stack(stack: Stack) -> dict[str, Any]:
    """Return a resolved template as Deploy takes it. Hidden parameters are left as stars."""
    return {
        "Description": stack.description,
        "Resources": {
            name: {
                "Type": resource.type,
                "Properties": resource.properties,
                "DependsOn": sorted(resource.depends_on),
                "Retained": resource.retained,
                "ReplaceRetained": resource.replace_retained,
                "Line": resource.line,
            }
            for name, resource in stack.resources.items()
        },
        "Outputs": {
            name: {
                "Value": output.value,
                "Description": output.description,
                "Export": output.export,
            }
            for name, output in stack.outputs.items()
        },
        "Parameters": {
            name: {
                "Type": parameter.type,
                "Value": parameter.shown,
                "Description": parameter.description,
            }
            for name, parameter in stack.parameters.items()
        },
    }


def decode_stack(plan: Mapping[str, Any], world: World) -> Stack:
    """Return the stack that Deploy was given. Raises ServiceError ValidationError."""
    try:
        resources = {name: _resource(str(name), given) for name, given in plan["Resources"].items()}
        outputs = {
            str(name): Output(given["Value"], str(given.get("Description") or ""), given["Export"])
            for name, given in (plan.get("Outputs") or {}).items()
        }
        parameters = {
            str(name): Parameter(
                str(given["Type"]), given["Value"], str(given["Value"]), str(given["Description"])
            )
            for name, given in (plan.get("Parameters") or {}).items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid(f"a plan is not of the form that Deploy takes: {error!r}") from error
    graph = {name: resource.depends_on for name, resource in resources.items()}
    for name, needed in graph.items():
        if missing := sorted(needed - graph.keys()):
            raise _invalid(f"{name} depends on {missing[0]}, which is not in the plan")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise _invalid(f"resources depend on each other in a ring: {error.args[1]}") from error
    return Stack(world, resources, outputs, parameters, str(plan.get("Description") or ""))


def _resource(name: str, given: Mapping[str, Any]) -> Resource:
    kind = given["Type"]
    if kind not in TYPES:
        raise _invalid(f"{name}: unknown resource type {kind}")
    if not isinstance(given["Properties"], dict):
        raise _invalid(f"{name}: Properties must be an object")
    return Resource(
        name,
        kind,
        given["Properties"],
        frozenset(map(str, given.get("DependsOn") or ())),
        bool(given.get("Retained")),
        bool(given.get("ReplaceRetained")),
        given.get("Line"),
    )


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message, status=400)
