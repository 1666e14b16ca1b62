"""The model of Redrive's own service and what is registered for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import redrive.services
from redrive.services.queues.operations import PERSONS
from redrive.services.stacks.operations import INTERNAL as STACKS_INTERNAL
from redrive.services.stacks.operations import REDRIVE as STACKS
from redrive.services.telemetry.operations import REDRIVE as TELEMETRY
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request
from redrive.wire.model import load_model

MODEL = Path(redrive.services.__file__).parent / "redrive.json"
REGISTERED = [*PERSONS, *STACKS, *TELEMETRY]


def test_model_and_registry_agree() -> None:
    """Every operation that is registered for the service is in its model, and the reverse."""
    assert sorted(REGISTERED) == sorted(load_model("redrive", MODEL).operation_names)


def test_internal_operations_cannot_be_named() -> None:
    """What only workers may call is in no model, so that the wire cannot name it."""
    assert not set(STACKS_INTERNAL) & set(load_model("redrive", MODEL).operation_names)


@pytest.mark.parametrize("operation", REGISTERED)
def test_the_wire_reads_each_operation(operation: str) -> None:
    """Each operation is found by its target, and what it must be given is asked for."""
    endpoint = Endpoint((), {"redrive": MODEL})
    required = {
        "Deploy": b'{"StackName":"a","Plan":{"Resources":{"A":{"x":[1,null]}}}}',
        "DescribeStack": b'{"StackName":"a"}',
        "DeleteStack": b'{"StackName":"a"}',
        "ExplainMessage": b'{"MessageId":"a"}',
        "PeekMessages": b'{"Queue":"a"}',
        "ReadLogs": b'{"FunctionName":"a","WaitSeconds":0.25}',
    }
    headers = {"x-amz-target": f"Redrive.{operation}", "content-type": "application/x-amz-json-1.0"}
    incoming = endpoint.read(Request("POST", "/", headers, required.get(operation, b"{}")))
    assert (incoming.service, incoming.operation) == ("redrive", operation)
    if operation == "Deploy":  # a plan crosses untouched
        assert incoming.params["Plan"] == {"Resources": {"A": {"x": [1, None]}}}
