"""Connections: how API destinations prove who they are.

A connection of OAuth asks for its first token after its creation, as a call that is owed: its
answer makes the connection AUTHORIZED, or DEAUTHORIZED when there is none in time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson

from redrive.core.effects import Ask, Call, Context, Params, Reply, Result
from redrive.core.ids import uuid4
from redrive.core.time import MINUTE_MS, Millis
from redrive.services.buses.http_auth import (
    check_auth,
    merged,
    of_kind,
    refuse_private,
    shown_auth,
)
from redrive.services.buses.http_model import OAUTH, Connection
from redrive.services.buses.http_requests import TIMEOUT_MS, token_of, token_request
from redrive.services.buses.paging import page_of, paged
from redrive.services.buses.refusals import exists, not_found
from redrive.services.buses.room import Buses
from redrive.services.ports import Retry, Settlement
from redrive.services.targets import service_caller
from redrive.store.store import Tx

PURPOSE = "connection"
"""What the request for a first token is called in the outbox."""

_RETRY = Retry("events", 5, 5 * MINUTE_MS)
"""AWS does not say how long a connection may be AUTHORIZING."""


def create_connection(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Make a connection. AWS: API_CreateConnection; texts are guesses."""
    caller, now_ms = context.caller, context.now_ms
    if find(tx, context, params["Name"]) is not None:
        raise exists(f"Connection {params['Name']} already exists.")
    refuse_private(params)
    kind, auth = params["AuthorizationType"], params["AuthParameters"]
    check_auth(kind, auth, allows_http=room.http.allows_http)
    connection = Connection(
        caller.account,
        caller.region,
        params["Name"],
        uuid4(room.chance),
        params.get("Description"),
        kind,
        "AUTHORIZED",
        None,
        orjson.dumps(auth).decode(),
        params.get("KmsKeyIdentifier"),
        1,
        now_ms,
        now_ms,
        now_ms,
    )
    return _made(_set(room, tx, connection, now_ms))


def update_connection(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Change a connection; what is not given stays. AWS: API_UpdateConnection."""
    connection = _named(tx, context, params["Name"])
    refuse_private(params)
    kind = params.get("AuthorizationType") or connection.type
    given = params.get("AuthParameters") or {}
    old = of_kind(kind, orjson.loads(connection.auth))
    auth = merged(old, given)
    check_auth(kind, auth, allows_http=room.http.allows_http)
    changed = connection._replace(
        description=params.get("Description", connection.description),
        kms_key=params.get("KmsKeyIdentifier", connection.kms_key),
        type=kind,
        auth=orjson.dumps(auth).decode(),
        state="AUTHORIZED",
        reason=None,
        revision=connection.revision + 1,
        modified_ms=context.now_ms,
    )
    return _told(_set(room, tx, changed, context.now_ms))


def deauthorize_connection(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Remove all that authorises from a connection. AWS: API_DeauthorizeConnection."""
    connection = _named(tx, context, params["Name"])
    room.http.forget(connection)
    changed = connection._replace(
        auth="{}",
        state="DEAUTHORIZED",
        reason=None,
        revision=connection.revision + 1,
        modified_ms=context.now_ms,
    )
    tx.run("http.set_connection", **changed._asdict())
    return _told(changed)


def delete_connection(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a connection; API destinations that use it become inactive.

    AWS: API_DeleteConnection.
    """
    connection = _named(tx, context, params["Name"])
    room.http.forget(connection)
    tx.run("http.delete_connection", **_key(connection))
    return _told(connection._replace(state="DELETING"))


def describe_connection(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """Show a connection, without what is secret. AWS: API_DescribeConnection."""
    del room
    connection = _named(tx, context, params["Name"])
    told = {
        "Description": connection.description,
        "KmsKeyIdentifier": connection.kms_key,
        "AuthParameters": shown_auth(orjson.loads(connection.auth)) or None,
        "SecretArn": connection.secret_arn if connection.auth != "{}" else None,
    }
    shown = {name: value for name, value in told.items() if value is not None}
    return {**_shown(connection), **shown}


def list_connections(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List connections in order of name. AWS: API_ListConnections."""
    del room
    after, count = page_of(params)
    rows: list[Connection] = tx.rows(
        Connection,
        "http.connections",
        account=context.caller.account,
        region=context.caller.region,
        after=after,
        prefix=params.get("NamePrefix", ""),
        state=params.get("ConnectionState"),
        limit=count,
    )
    return paged("Connections", rows, count, lambda row: row.name, _shown)


def authorize(room: Buses, tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Ask for the first token of a connection. Internal: the courier calls it.

    Raises what there is to say of the answer; a connection that has changed needs none.
    """
    connection = find(tx, context, params["Name"])
    if connection is None or connection.revision != params["Revision"]:
        return {}
    room.http.ask(connection, context.now_ms + 2 * TIMEOUT_MS)
    return Ask(token_request(connection), partial(_answered, room, connection))


def _answered(room: Buses, connection: Connection, tx: Tx, reply: Reply, now_ms: Millis) -> Result:
    keep_token(room, tx, connection, reply, now_ms)
    return {}


def keep_token(room: Buses, tx: Tx, connection: Connection, reply: Reply, now_ms: Millis) -> None:
    """Keep the token that an authorisation server has given. Raises ServiceError when it gave none.

    A connection that was DEAUTHORIZED for want of one is AUTHORIZED again.
    """
    room.http.forget(connection)
    if reply.error is not None:
        raise reply.error
    assert reply.fetched is not None
    room.http.keep(connection, token_of(reply.fetched, now_ms))
    tx.wake(token_topic(connection))
    _judge(tx, connection, "AUTHORIZED", None, now_ms)


def hear(_room: Buses, tx: Tx, settlement: Settlement, now_ms: Millis) -> None:
    """Write that a connection was given no first token."""
    del now_ms
    if settlement.outcome != "dropped":
        return
    arn, _, revision = settlement.source.rpartition("#")
    found = of_arn(tx, arn)
    if found is not None and found.revision == int(revision):
        _judge(tx, found, "DEAUTHORIZED", settlement.reason[:512], None)


def token_topic(connection: Connection) -> str:
    """Return the topic that is woken when a connection has been given a token."""
    return f"events:token:{connection.id}"


def find(tx: Tx, context: Context, name: str) -> Connection | None:
    """Return a connection of the caller's, or None."""
    found: Connection | None = tx.one(
        Connection,
        "http.connection",
        account=context.caller.account,
        region=context.caller.region,
        name=name,
    )
    return found


def of_arn(tx: Tx, arn: str) -> Connection | None:
    """Return the connection of an ARN, or None: one that was made anew is another."""
    parts = arn.split(":", 5)
    key = {"account": parts[4], "region": parts[3], "name": parts[5].split("/")[1]}
    found: Connection | None = tx.one(Connection, "http.connection", **key)
    return found if found is not None and found.arn == arn else None


def reset(tx: Tx, account: str) -> None:
    """Forget all connections and API destinations of an account, in all regions."""
    tx.run("http.reset_connections", account=account)
    tx.run("http.reset_destinations", account=account)


def _named(tx: Tx, context: Context, name: str) -> Connection:
    found = find(tx, context, name)
    if found is None:
        raise not_found(
            f"Failed to describe the connection(s). Connection '{name}' does not exist."
        )
    return found


def _set(room: Buses, tx: Tx, connection: Connection, now_ms: Millis) -> Connection:
    """Write a connection whose parameters are new, and have it ask for a token if it needs one."""
    room.http.forget(connection)
    if connection.type != OAUTH:
        connection = connection._replace(authorized_ms=now_ms)
    else:
        connection = connection._replace(state="AUTHORIZING", authorized_ms=None)
        params = {"Name": connection.name, "Revision": connection.revision}
        caller = service_caller("events", connection.account, connection.region, connection.arn)
        room.outbox.put(
            tx,
            Call("events", "AuthorizeConnection", params, caller),
            now_ms,
            target=connection.arn,
            purpose=PURPOSE,
            source=f"{connection.arn}#{connection.revision}",
            retry=_RETRY,
        )
    tx.run("http.set_connection", **connection._asdict())
    return connection


def _judge(
    tx: Tx, connection: Connection, state: str, reason: str | None, authorized_ms: int | None
) -> None:
    tx.run(
        "http.judge_connection",
        **_key(connection),
        id=connection.id,
        revision=connection.revision,
        state=state,
        reason=reason,
        authorized_ms=authorized_ms,
    )


def _key(connection: Connection) -> dict[str, str]:
    return {
        "account": connection.account,
        "region": connection.region,
        "name": connection.name,
    }


def _made(connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": connection.arn,
        "ConnectionState": connection.state,
        "CreationTime": connection.created_ms,
        "LastModifiedTime": connection.modified_ms,
    }


def _told(connection: Connection) -> dict[str, Any]:
    told = _made(connection)
    if connection.authorized_ms is not None:
        told["LastAuthorizedTime"] = connection.authorized_ms
    return told


def _shown(connection: Connection) -> dict[str, Any]:
    told = {
        **_told(connection),
        "Name": connection.name,
        "AuthorizationType": connection.type,
    }
    if connection.reason is not None:
        told["StateReason"] = connection.reason
    return told


OPERATIONS = {
    "CreateConnection": create_connection,
    "UpdateConnection": update_connection,
    "DeauthorizeConnection": deauthorize_connection,
    "DeleteConnection": delete_connection,
    "DescribeConnection": describe_connection,
    "ListConnections": list_connections,
    # Internal: no model holds this name.
    "AuthorizeConnection": authorize,
}
