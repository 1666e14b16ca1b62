"""Servers for the length of a test or of a demo.

    from redrive.testing import serving

    with serving() as server:                               # `redrive serve`, a process of its own
        sqs = boto3.client("sqs", **server.settings)

    from redrive.testing import template_up

    with template_up("template.yaml") as stack:             # inside of this program, at once
        stack.send("Orders", {"n": 1})
        stack.advance("6h")
        assert stack.depth("DeadOrders") == 1

Who uses pytest finds the latter as the fixture `redrive_up` (plugin.py). Importing this package
loads nothing else until it is named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redrive.cli.client import Refusal
    from redrive.cli.hosting import HostError
    from redrive.testing.moves import Advanced
    from redrive.testing.server import Serving, serving
    from redrive.testing.stack import (
        DeploymentFailed,
        FunctionFailed,
        RunningStack,
        template_up,
    )

__all__ = (
    "Advanced",
    "DeploymentFailed",
    "FunctionFailed",
    "HostError",
    "Refusal",
    "RunningStack",
    "Serving",
    "serving",
    "template_up",
)

_HOMES = {
    "Advanced": "redrive.testing.moves",
    "DeploymentFailed": "redrive.testing.stack",
    "FunctionFailed": "redrive.testing.stack",
    "HostError": "redrive.cli.hosting",
    "Refusal": "redrive.cli.client",
    "RunningStack": "redrive.testing.stack",
    "Serving": "redrive.testing.server",
    "serving": "redrive.testing.server",
    "template_up": "redrive.testing.stack",
}


def __getattr__(name: str) -> Any:
    """Load what is named, and keep it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
