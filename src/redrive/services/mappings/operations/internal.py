"""Operations for the poller and for the server itself. No AWS model has their names."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.services.mappings.model import CHANGED_TOPIC, Mapping
from redrive.services.mappings.room import Mappings
from redrive.services.mappings.rules import settled_state
from redrive.store.store import Tx


def list_mappings(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Return every mapping of every account as rows: {"Mappings": [Mapping]}."""
    del room, params, context
    return {"Mappings": tx.rows(Mapping, "mappings.all")}


def advance_mapping(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Bring a transition to its end: {"UUID", "Version"} -> {}.

    A mapping that has changed since that version, or is gone, is left alone.
    """
    del room
    caller = context.caller
    mapping: Mapping | None = tx.one(
        Mapping,
        "mappings.mapping",
        uuid=params["UUID"],
        account=caller.account,
        region=caller.region,
    )
    if mapping is None or mapping.version != params["Version"]:
        return {}
    state = settled_state(mapping.state, bool(mapping.enabled))
    if state is None:
        tx.run("mappings.remove", n=mapping.n)
    elif state != mapping.state:
        tx.run("mappings.set_state", n=mapping.n, state=state)
    return {}


def report_problem(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Keep what StateTransitionReason shows: {"UUID", "Problem": text or None}."""
    del room, context
    tx.run("mappings.set_problem", uuid=params["UUID"], problem=params["Problem"])
    return {}


def reset_account(room: Mappings, tx: Tx, params: Params, context: Context) -> Result:
    """Forget all mappings of the caller's account, in all regions (for /_redrive/reset)."""
    del room, params
    tx.run("mappings.reset", account=context.caller.account)
    tx.wake(CHANGED_TOPIC)
    return {}
