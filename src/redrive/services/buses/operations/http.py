"""InvokeApiDestination: one call of an endpoint. Internal; the courier calls it.

    ask for a token, if it needs one ──> wait for a place ──> ask the endpoint ──> taken, or not
                  ^                                                  │
                  └───────── it does not take the token: once ───────┘

A wait is none of the delivery's attempts. What is raised tells the courier whether another
attempt may succeed (services/delivery/failures).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from redrive.core.arn import parse_arn
from redrive.core.effects import Ask, Context, Params, Reply, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.buses.http_model import OAUTH, ApiDestination, Connection, Token
from redrive.services.buses.http_requests import (
    TIMEOUT_MS,
    invocation,
    is_stale,
    judged,
    token_request,
)
from redrive.services.buses.operations.api_destinations import find_destination
from redrive.services.buses.operations.connections import keep_token, of_arn, token_topic
from redrive.services.buses.refusals import not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

PACE_TOPIC = "events:pace"
"""What a call waits on that has no place yet: nobody wakes it, and the end of the server ends it.
"""

TOKEN_PAUSE_MS = 1_000
"""After which a call asks for a token itself that waits for one which another has asked for."""


@dataclass(frozen=True, slots=True)
class _Invocation:
    """One call of an endpoint."""

    room: Buses
    destination: ApiDestination
    connection: Connection
    params: Params
    has_renewed: bool = False


def invoke_api_destination(
    room: Buses, tx: Tx, params: Params, context: Context
) -> Result | Ask | Wait:
    """Hand a payload to the endpoint of ApiDestinationArn.

    Payload: text; HttpParameters: the target's. -> {"StatusCode": int, "Body": bytes}. Raises
    ServiceError for all but 2xx.
    """
    destination = _destination(tx, params["ApiDestinationArn"], context)
    connection = of_arn(tx, destination.connection)
    if connection is None:
        raise not_found(f"Connection '{destination.connection}' does not exist.")
    if connection.state == "DEAUTHORIZED" and connection.auth == "{}":
        text = f"Connection '{connection.name}' is not authorized."
        raise ServiceError("AccessDeniedException", text, status=403)
    return _go(_Invocation(room, destination, connection, params), context.now_ms)


def _go(call: _Invocation, now_ms: Millis) -> Ask | Wait:
    """Ask the endpoint, or what has to come before. Safe to be called again after its Wait."""
    memory, connection = call.room.http, call.connection
    token = memory.token(connection, now_ms)
    if connection.type == OAUTH and token is None:
        if memory.is_asked(connection, now_ms):  # one token is enough for all that wait for it
            return Wait(Millis(now_ms + TOKEN_PAUSE_MS), (token_topic(connection),))
        memory.ask(connection, now_ms + 2 * TIMEOUT_MS)
        return Ask(token_request(connection), partial(_authorised, call))
    wait_ms = memory.wait_ms(call.destination, now_ms)
    if wait_ms:
        return Wait(Millis(now_ms + wait_ms), (PACE_TOPIC,))
    payload, http = str(call.params["Payload"]), call.params.get("HttpParameters") or {}
    fetch = invocation(call.destination, connection, payload, http, token)
    return Ask(fetch, partial(_answered, call, token))


def _authorised(call: _Invocation, tx: Tx, reply: Reply, now_ms: Millis) -> Ask | Wait:
    if call.room.http.token(call.connection, now_ms) is None:
        keep_token(call.room, tx, call.connection, reply, now_ms)
    return _go(call, now_ms)


def _answered(
    call: _Invocation, token: Token | None, tx: Tx, reply: Reply, now_ms: Millis
) -> Result | Ask | Wait:
    del tx
    if reply.error is not None:
        raise reply.error
    assert reply.fetched is not None
    if is_stale(call.connection, reply.fetched) and not call.has_renewed:
        call.room.http.drop(call.connection, token)
        return _go(replace(call, has_renewed=True), now_ms)
    error = judged(reply.fetched)
    if error is not None:
        raise error
    return {"StatusCode": reply.fetched.status, "Body": reply.fetched.body}


def _destination(tx: Tx, named: str, context: Context) -> ApiDestination:
    """Return the destination of an ARN; one that was made anew is another."""
    arn = parse_arn(named)
    assert arn is not None, f"{named} was checked when it was set"
    found = find_destination(tx, context, arn.resource.split("/")[1])
    if found is None or found.arn != named:
        raise not_found(f"An api-destination '{named}' does not exist.")
    return found


OPERATIONS = {"InvokeApiDestination": invoke_api_destination}
