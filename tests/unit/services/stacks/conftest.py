"""What the tests of the stacks service share: one world, templates from text, a deployer."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

import pytest

from redrive.services.stacks.model import Action, Deployed, Stack, TemplateError, World
from redrive.services.stacks.plan import Deployment
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.template import load

WORLD = World.named("000000000000", "us-east-1", "shop")

Resolve = Callable[..., Stack]
Problems = Callable[..., list[str]]
Deploy = Callable[..., tuple[list[Action], list[Deployed]]]


@pytest.fixture
def world() -> World:
    """The stack `shop` in us-east-1."""
    return WORLD


@pytest.fixture
def stack_of() -> Resolve:
    """Resolve a template's text, with parameters as keywords."""

    def build(text: str, **parameters: str) -> Stack:
        return resolve(load(textwrap.dedent(text)), parameters, WORLD)

    return build


@pytest.fixture
def problems_of() -> Problems:
    """Return all that is wrong with a template's text, as the person reads it."""

    def build(text: str, **parameters: str) -> list[str]:
        with pytest.raises(TemplateError) as caught:
            resolve(load(textwrap.dedent(text)), parameters, WORLD)
        return [str(problem) for problem in caught.value.problems]

    return build


@pytest.fixture
def deploy() -> Deploy:
    """Carry a deployment out against nothing: every request succeeds with what AWS would reply."""

    def run(stack: Stack, rows: Iterable[Deployed] = ()) -> tuple[list[Action], list[Deployed]]:
        deployment, actions = Deployment(stack, rows), []
        while not deployment.finished:
            ready = deployment.ready()
            assert ready or deployment.finished, "a deployment may not get stuck"
            for action in ready:
                deployment.begin(action.key)
                url = f"http://127.0.0.1:4566/000000000000/{action.physical_id}"
                role = f"arn:aws:iam::000000000000:role/{action.physical_id}"
                reply = {
                    "QueueUrl": url,
                    "UUID": f"uuid-{action.key}",
                    "Version": "7",
                    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:worker:7",
                    "LayerVersionArn": "arn:aws:lambda:us-east-1:000000000000:layer:shared:7",
                    "FunctionUrl": "http://abc.lambda-url.localhost:4566/",
                    "Role": {"Arn": role, "RoleId": "AROAEXAMPLE"},
                }
                deployment.done(action.key, [reply] * len(action.requests))
            actions += ready
        assert not deployment.failures
        return actions, deployment.rows()

    return run
