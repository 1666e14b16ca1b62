"""From a name to a pipe, and to how it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redrive.core.effects import Ask, Call, Caller, Reply, Result
from redrive.core.errors import Unavailable
from redrive.core.time import Millis
from redrive.services.pipes.model import Pipe, state_of
from redrive.services.pipes.refusals import unknown
from redrive.store.store import Tx

Then = Callable[[Tx, str, str | None, Millis], Result | Ask]
"""(tx, state, its reason, now)"""


def find(tx: Tx, name: str, caller: Caller) -> Pipe:
    """Return a pipe of the caller's account and region. Raises ServiceError NotFoundException."""
    pipe: Pipe | None = tx.one(
        Pipe, "pipes.pipe", account=caller.account, region=caller.region, name=name
    )
    if pipe is None:
        raise unknown(name)
    return pipe


def keep(tx: Tx, pipe: Pipe) -> None:
    """Write a pipe."""
    tx.run("pipes.keep", **pipe._asdict())


def ask_feeds(
    pipes: Sequence[Pipe],
    caller: Caller,
    then: Callable[[Tx, Mapping[str, Any], Millis], Result | Ask],
) -> Ask:
    """Ask how the mappings of pipes stand, and go on with these, by id."""

    def known(tx: Tx, reply: Reply, now_ms: Millis) -> Result | Ask:
        if reply.result is None:
            raise reply.error or Unavailable("no answer")
        return then(tx, reply.result["Consumers"], now_ms)

    ids = [pipe.id for pipe in pipes]
    return Ask(Call("mappings", "DescribeConsumer", {"Ids": ids}, caller), known)


def ask_state(pipe: Pipe, caller: Caller, then: Then) -> Ask:
    """Ask for a pipe's state, and go on with it; one that is gone is forgotten and refused."""

    def known(tx: Tx, feeds: Mapping[str, Any], now_ms: Millis) -> Result | Ask:
        state = state_of(pipe, feeds.get(pipe.id))
        if state is None:
            tx.run("pipes.remove", account=pipe.account, region=pipe.region, name=pipe.name)
            raise unknown(pipe.name)
        return then(tx, *state, now_ms)

    return ask_feeds((pipe,), caller, known)
