"""What an operation names: a bus by name or ARN, a rule of it; and who may do that."""

from __future__ import annotations

import orjson

from redrive.core.access import refusal
from redrive.core.arn import parse_arn
from redrive.core.effects import Context
from redrive.core.policies import compile_policy
from redrive.services.buses.model import DEFAULT, Bus, BusKey, EventRule
from redrive.services.buses.refusals import access_denied, bus_not_found, rule_not_found
from redrive.store.store import Tx


def bus_key(named: str | None, context: Context) -> BusKey:
    """Return which bus a name or an ARN stands for: the default bus when nothing is said."""
    caller = context.caller
    if named is not None and named.startswith("arn:"):
        arn = parse_arn(named)
        if arn is None or not arn.resource.startswith("event-bus/"):
            raise bus_not_found(named)
        return BusKey(arn.account, arn.region, arn.resource.removeprefix("event-bus/"))
    return BusKey(caller.account, caller.region, named or DEFAULT)


def find_bus(tx: Tx, key: BusKey) -> Bus | None:
    """Return a bus; the default one when no row says anything of it, too."""
    found: Bus | None = tx.cached(Bus, "buses.bus", *key)
    if found is None and key.bus == DEFAULT:
        return Bus(*key, None, None, None, None, None, "{}", 0, 0)
    return found


def named_bus(
    tx: Tx, named: str | None, context: Context, action: str, rule: str | None = None
) -> Bus:
    """Return the bus that a request names, when the caller may do that to it or to its rule.

    Another region's bus is not there: rules and settings are asked of a region's own endpoint.
    Raises ResourceNotFoundException, AccessDeniedException.
    """
    key = bus_key(named, context)
    bus = find_bus(tx, key)
    if bus is None or key.region != context.caller.region:
        raise bus_not_found(key.bus)
    if key.account != context.caller.account:  # its own has been judged at the front
        check_access(bus, context, action, key.arn if rule is None else key.rule_arn(rule))
    return bus


def check_access(bus: Bus, context: Context, action: str, resource: str) -> None:
    """Refuse a caller that the policy of a bus, or its own, does not let in.

    action: PutEvents; resource: ARN of the bus or of a rule. Raises AccessDeniedException.
    """
    policy = None if bus.policy is None else compile_policy(orjson.loads(bus.policy))
    told = f"events:{action}"
    why = refusal(
        context.caller,
        told,
        resource,
        owner=bus.account,
        policy=policy,
        now_ms=context.now_ms,
    )
    if why is not None:
        raise access_denied(context.caller.principal, told, resource, why)


def named_rule(tx: Tx, bus: Bus, name: str) -> EventRule:
    """Return a rule of a bus. Raises ResourceNotFoundException."""
    found = find_rule(tx, bus.key, name)
    if found is None:
        raise rule_not_found(name, bus.name)
    return found


def find_rule(tx: Tx, key: BusKey, name: str) -> EventRule | None:
    """Return a rule, or None."""
    found: EventRule | None = tx.one(EventRule, "buses.rule", **key._asdict(), name=name)
    return found
