"""The operations of EventBridge Pipes, and internal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.pipes.operations import lifecycle, reading, running, tagging
from redrive.services.pipes.room import Pipes
from redrive.services.registry import Registry
from redrive.store.store import Tx


def reset_account(room: Pipes, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions; the mappings forget theirs."""
    del room, params
    tx.run("pipes.reset", account=context.caller.account)
    return {}


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "CreatePipe": lifecycle.create_pipe,
    "DeletePipe": lifecycle.delete_pipe,
    "DescribePipe": reading.describe_pipe,
    "ListPipes": reading.list_pipes,
    "ListTagsForResource": tagging.list_tags_for_resource,
    "StartPipe": lifecycle.start_pipe,
    "StopPipe": lifecycle.stop_pipe,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
    "UpdatePipe": lifecycle.update_pipe,
    # Internal: no model holds these names.
    "ResetAccount": reset_account,
    "RunPipe": running.run_pipe,
}


def register(registry: Registry, room: Pipes) -> None:
    """Add the operations to the registry."""
    registry.add("pipes", {name: partial(work, room) for name, work in _OPERATIONS.items()})
