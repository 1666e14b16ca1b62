"""Lambda's operations on event source mappings, and the internal ones that the poller uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.services.mappings.operations import consumers, internal, lifecycle, reading, tagging
from redrive.services.mappings.room import Mappings
from redrive.services.registry import Registry

_LAMBDA = {
    "CreateEventSourceMapping": lifecycle.create_event_source_mapping,
    "UpdateEventSourceMapping": lifecycle.update_event_source_mapping,
    "DeleteEventSourceMapping": lifecycle.delete_event_source_mapping,
    "GetEventSourceMapping": reading.get_event_source_mapping,
    "ListEventSourceMappings": reading.list_event_source_mappings,
    # Internal: how the functions service passes on what concerns the tags of mappings.
    "TagMapping": tagging.tag_mapping,
    "UntagMapping": tagging.untag_mapping,
    "ListMappingTags": tagging.list_mapping_tags,
}
_INTERNAL: Mapping[str, Callable[..., Any]] = {
    "ListMappings": internal.list_mappings,
    "AdvanceMapping": internal.advance_mapping,
    "ReportProblem": internal.report_problem,
    "PutConsumer": consumers.put_consumer,
    "DescribeConsumer": consumers.describe_consumer,
    "RemoveConsumer": consumers.remove_consumer,
    "ResetAccount": internal.reset_account,
}


def register(registry: Registry, room: Mappings) -> None:
    """Add the mappings' operations to the services `lambda` and `mappings`."""
    registry.add("lambda", {name: partial(work, room) for name, work in _LAMBDA.items()})
    registry.add("mappings", {name: partial(work, room) for name, work in _INTERNAL.items()})
