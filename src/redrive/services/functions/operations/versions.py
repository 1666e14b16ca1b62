"""Published versions: $LATEST as it was when it was given a number."""

from __future__ import annotations

from redrive.core.effects import Context, Params, Result
from redrive.core.ids import uuid4
from redrive.services.functions import rules
from redrive.services.functions.model import LATEST, Count, Function
from redrive.services.functions.names import number_of
from redrive.services.functions.operations.lookup import (
    check_revision,
    key_of,
    locate,
    locate_latest,
)
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import (
    code_sha256,
    configuration,
    decode_marker,
    encode_marker,
)
from redrive.store.store import Tx


def publish_version(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Give $LATEST the next number, unless it is as it was when the last number was given.

    AWS: API_PublishVersion; the texts as captured.
    """
    function = locate_latest(tx, context, params, "PublishVersion")
    wanted = params.get("CodeSha256")
    current = code_sha256(function.code_hash)
    if wanted and wanted != current:
        raise invalid(
            f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    check_revision(function, params)
    version = publish(room, tx, function, params.get("Description"), context.now_ms)
    return configuration(version, version.version)


def publish(
    room: Functions, tx: Tx, function: Function, description: str | None, now_ms: int
) -> Function:
    """Return the version that $LATEST now has, published unless there is one that equals it."""
    assert function.version == LATEST
    count: Count | None = tx.one(Count, "functions.published", **key_of(function))
    assert count is not None, f"{function.arn} vanished within its transaction"
    if count.value:
        newest: Function | None = tx.one(
            Function, "functions.version_by_number", **key_of(function), version=count.value
        )
        if newest is not None and rules.is_same_version(newest, function):
            return newest
    number = count.value + 1
    tx.run("functions.set_published", **key_of(function), version=number)
    tx.run(
        "functions.add_version",
        **key_of(function),
        version=number,
        description=function.description if description is None else description,
        revision=uuid4(room.chance),
        modified_ms=now_ms,
    )
    published: Function | None = tx.one(
        Function, "functions.version_by_number", **key_of(function), version=number
    )
    assert published is not None
    return published


def list_versions_by_function(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List $LATEST and a function's published versions in their order, at most 50 at a time."""
    del room
    _target, function = locate(tx, context.caller, params["FunctionName"], "ListVersionsByFunction")
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    after = decode_marker(params.get("Marker") or "")
    if after is None or not (after == "" or number_of(after) is not None):
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    versions = [] if after else [function]
    versions += tx.rows(
        Function,
        "functions.list_versions",
        **key_of(function),
        after=int(after or 0),
        limit=page_items + 1 - len(versions),
    )
    shown = versions[:page_items]
    shape: dict[str, object] = {
        "Versions": [configuration(each, each.version, listed=True) for each in shown]
    }
    if len(versions) > page_items:
        last = shown[-1].version
        shape["NextMarker"] = encode_marker("0" if last == LATEST else last)
    return shape
