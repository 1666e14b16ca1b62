"""Rows of the pipes service.

A pipe's state is not stored: it follows from the state of the mapping that feeds it, and from
whether its latest change could be made.

    mapping      Creating  Enabling  Enabled  Disabling  Disabled  Updating  Deleting  (no row)
    pipe         CREATING  STARTING  RUNNING  STOPPING   STOPPED   UPDATING  DELETING  is gone

AWS: API_Pipe, "CurrentState".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Caller
from redrive.services.targets import role_caller

STATES = {
    "Creating": "CREATING",
    "Enabling": "STARTING",
    "Enabled": "RUNNING",
    "Disabling": "STOPPING",
    "Disabled": "STOPPED",
    "Updating": "UPDATING",
    "Deleting": "DELETING",
}
"""By the state of the mapping."""

IN_TRANSITION = frozenset({"CREATING", "STARTING", "STOPPING", "UPDATING", "DELETING"})


class Pipe(NamedTuple):
    """A pipe and its settings."""

    account: str
    region: str
    name: str
    id: str  # of the mapping that feeds it
    settings: str  # JSON: Source, SourceParameters, Enrichment, … by AWS's names
    desired: str
    failed: str | None  # CREATE_FAILED, UPDATE_FAILED, START_FAILED
    reason: str | None
    tags: str  # JSON object
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        """The pipe's ARN."""
        return pipe_arn(self.region, self.account, self.name)

    @property
    def given(self) -> Mapping[str, Any]:
        """The settings, parsed."""
        parsed: Mapping[str, Any] = orjson.loads(self.settings)
        return parsed

    @property
    def caller(self) -> Caller:
        """As whom the pipe asks: its role. AWS: "Amazon EventBridge Pipes permissions"."""
        return role_caller(self.given["RoleArn"], self.account, self.region)


def pipe_arn(region: str, account: str, name: str) -> str:
    """Return arn:aws:pipes:<region>:<account>:pipe/<name>."""
    return f"arn:aws:pipes:{region}:{account}:pipe/{name}"


def state_of(pipe: Pipe, fed: Mapping[str, Any] | None) -> tuple[str, str | None] | None:
    """Return a pipe's state and its reason, by how its mapping stands; None: it is gone."""
    if pipe.failed is not None:
        return pipe.failed, pipe.reason
    if fed is None:
        return (
            None if pipe.desired == "DELETED" else ("CREATE_FAILED", "It was not made to the end.")
        )
    return STATES[fed["State"]], fed["Problem"]
