"""The operations of the service `scheduler`, and internal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.registry import Registry
from redrive.services.schedules.operations import calling, firing, groups, schedules, settling
from redrive.services.schedules.room import Schedules
from redrive.services.schedules.tokens import once
from redrive.store.store import Tx


def reset_account(room: Schedules, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all of the caller's account, in all regions."""
    del room, params
    for statement in ("reset", "reset_groups", "reset_tokens"):
        tx.run(f"schedules.{statement}", account=context.caller.account)
    return {}


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "CreateSchedule": once("CreateSchedule", schedules.create_schedule),
    "UpdateSchedule": once("UpdateSchedule", schedules.update_schedule),
    "DeleteSchedule": once("DeleteSchedule", schedules.delete_schedule),
    "GetSchedule": schedules.get_schedule,
    "ListSchedules": schedules.list_schedules,
    "CreateScheduleGroup": once("CreateScheduleGroup", groups.create_schedule_group),
    "DeleteScheduleGroup": once("DeleteScheduleGroup", groups.delete_schedule_group),
    "GetScheduleGroup": groups.get_schedule_group,
    "ListScheduleGroups": groups.list_schedule_groups,
    "TagResource": groups.tag_resource,
    "UntagResource": groups.untag_resource,
    "ListTagsForResource": groups.list_tags_for_resource,
    # Internal: no model holds these names.
    "DueSchedules": firing.due_schedules,
    "FireSchedule": firing.fire_schedule,
    "InvokeApi": calling.invoke_api,
    "PutOnBus": calling.put_on_bus,
    "SweepGroups": groups.sweep_groups,
    "ResetAccount": reset_account,
}


def register(registry: Registry, room: Schedules) -> None:
    """Add the operations to the registry, and listen to what becomes of what they owe."""
    registry.add("scheduler", {name: partial(work, room) for name, work in _OPERATIONS.items()})
    settling.listen(room)
