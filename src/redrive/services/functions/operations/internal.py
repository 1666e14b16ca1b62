"""Operations for other services and for the server itself. No AWS model has their names."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import seconds
from redrive.services.functions.model import Hash
from redrive.services.functions.operations.lookup import locate
from redrive.services.functions.operations.packages import CODE_TOPIC
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions
from redrive.services.functions.rules import TABLES_OF_A_FUNCTION
from redrive.store.store import Tx


def describe_for_mapping(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Tell a mapping what it must know of its function.

    {"FunctionName": any form} -> {"arn", "name", "account", "region", "timeout_ms", "reserved"}.
    Raises InvalidParameterValueException "Function does not exist", as CreateEventSourceMapping
    says it.
    """
    del room
    try:
        target, function = locate(tx, context.caller, params["FunctionName"], "Invoke")
    except ServiceError as error:
        if error.code == "ResourceNotFoundException":
            raise invalid("Function does not exist") from error
        raise
    return {
        "arn": target.arn,
        "name": function.name,
        "account": function.account,
        "region": function.region,
        "timeout_ms": seconds(function.timeout_s),
        "reserved": function.reserved,
    }


def reset_account(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Delete all functions and waiting events of the caller's account, in all regions."""
    del room, params
    tables = ("functions", "events", "layers", "layer_versions", *TABLES_OF_A_FUNCTION)
    for table in tables:
        tx.run(f"functions.reset_{table}", account=context.caller.account)
    tx.wake(CODE_TOPIC)
    return {}


def sweep_code(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Remove code that no function names and no invocation runs; see sweeper.py.

    {"Condemned": hashes} -> {"Unused": hashes}. Only what was condemned by an earlier sweep, whose
    transactions have committed since, is removed: the row that gave a package up may be
    uncommitted, and after a crash it would name it again.
    """
    del context
    named = {row.code_hash for row in tx.rows(Hash, "functions.code_hashes")}
    stored = set(room.code.hashes())
    used = named | set(room.running.code())
    unused = stored - used - _shared(room, stored)
    condemned = set(params["Condemned"]) - room.code.take_recent()
    for code_hash in sorted(unused & condemned):
        room.code.remove(code_hash)
        stored.discard(code_hash)
    return {"Unused": sorted(stored - used - _shared(room, stored))}


def _shared(room: Functions, stored: set[str]) -> set[str]:
    """Name the trees of dependencies that packages were linked to: they go after the last one."""
    return {room.code.base(code_hash) for code_hash in stored}
