"""From the name that a template gives a resource to the one that it has."""

from __future__ import annotations

from collections.abc import Container

import click

from redrive.cli.client import Client

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"


def function_named(client: Client, name: str) -> str:
    """Return a function's name: the given one if there is such a function, else that of the
    function which a stack's template calls so. A name that nothing has comes back as it is.
    """
    return name if client.has_function(name) else physical_id(client, name, FUNCTION) or name


def queue_named(client: Client, given: str, names: Container[str]) -> str:
    """Return the name of a queue that is given by name or URL, or as a template calls it."""
    name = given.rstrip("/").rpartition("/")[2]
    if name in names:
        return name
    return (physical_id(client, name, QUEUE) or name).rpartition("/")[2]


def physical_id(client: Client, logical_id: str, kind: str) -> str | None:
    """Return the physical id of a resource of the stacks by its logical id; None: there is none.

    Raises ClickException when several stacks have one.
    """
    found = {}
    for stack in client.call("redrive", "ListStacks")["Stacks"]:
        told = client.call("redrive", "DescribeStack", StackName=stack["StackName"])
        for resource in told.get("Resources", ()):
            if (resource["LogicalId"], resource["Type"]) == (logical_id, kind):
                found[stack["StackName"]] = resource.get("PhysicalId")
    if len(found) > 1:
        stacks = ", ".join(sorted(found))
        raise click.ClickException(
            f"{logical_id} is in several stacks ({stacks}): give its own name"
        )
    return next(iter(found.values()), None)
