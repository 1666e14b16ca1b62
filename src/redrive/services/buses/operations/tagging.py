"""Tags of rules and buses."""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.arn import parse_arn
from redrive.core.effects import Context, Params, Result
from redrive.services.buses.lookup import find_bus, named_bus, named_rule
from redrive.services.buses.model import DEFAULT, Bus, BusKey, EventRule
from redrive.services.buses.operations.buses import set_bus
from redrive.services.buses.refusals import invalid_parameter, rule_not_found
from redrive.services.buses.room import Buses
from redrive.services.buses.tags import shown_tags, with_tags, without_tags
from redrive.store.store import Tx


class _Tagged(NamedTuple):
    """A bus, or a rule of it."""

    bus: Bus
    rule: EventRule | None

    @property
    def tags(self) -> str:
        return self.bus.tags if self.rule is None else self.rule.tags


def tag_resource(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Add tags. AWS: API_TagResource."""
    del room
    found = _find(tx, params["ResourceARN"], context, "TagResource")
    return _set(tx, found, with_tags(found.tags, params["Tags"]), context)


def untag_resource(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Remove tags; those that are not there do not matter. AWS: API_UntagResource."""
    del room
    found = _find(tx, params["ResourceARN"], context, "UntagResource")
    return _set(tx, found, without_tags(found.tags, params["TagKeys"]), context)


def list_tags_for_resource(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List the tags of a rule or a bus. AWS: API_ListTagsForResource."""
    del room
    found = _find(tx, params["ResourceARN"], context, "ListTagsForResource")
    return {"Tags": shown_tags(found.tags)}


def _find(tx: Tx, named: str, context: Context, action: str) -> _Tagged:
    arn = parse_arn(named)
    kind, _, name = arn.resource.partition("/") if arn is not None else ("", "", "")
    if arn is None or arn.service != "events" or kind not in ("rule", "event-bus") or not name:
        raise invalid_parameter("ResourceARN", "Only rules and event buses have tags.")
    bus_name, _, rule_name = ("", "", name) if "/" not in name else name.rpartition("/")
    if kind == "event-bus":
        bus_name, rule_name = name, ""
    key = BusKey(arn.account, arn.region, bus_name or DEFAULT)
    if find_bus(tx, key) is None and rule_name:
        raise rule_not_found(rule_name, key.bus)
    bus = named_bus(tx, key.arn, context, action, rule_name or None)
    return _Tagged(bus, named_rule(tx, bus, rule_name) if rule_name else None)


def _set(tx: Tx, found: _Tagged, tags: str, context: Context) -> Result:
    if found.rule is None:
        set_bus(tx, found.bus._replace(tags=tags), context)
    else:
        tx.run("buses.set_rule", **found.rule._replace(tags=tags)._asdict())
    return {}


OPERATIONS = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
