"""Create, change and delete functions."""

from __future__ import annotations

import json
from typing import Any

from redrive.core.effects import Ask, Context, Job, Params, Reply, Result
from redrive.core.ids import uuid4
from redrive.core.time import Millis
from redrive.services.functions import rules
from redrive.services.functions.labels import kept_labels, refuse_unsupported
from redrive.services.functions.model import LATEST, Alias, Function, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.layers import attached
from redrive.services.functions.operations.lookup import (
    check_revision,
    find,
    find_alias,
    find_version,
    guard,
    key_of,
    locate,
    locate_latest,
)
from redrive.services.functions.operations.packages import (
    CODE_TOPIC,
    check_unpacked,
    made,
    store_code,
)
from redrive.services.functions.operations.versions import publish
from redrive.services.functions.refusals import (
    access_denied,
    conflict,
    function_not_found,
    invalid,
)
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import configuration
from redrive.services.functions.targets import check_dead_letter
from redrive.store.store import Tx


def create_function(room: Functions, tx: Tx, params: Params, context: Context) -> Ask:
    """Create a function, ready to be invoked once committed. AWS: API_CreateFunction.

    Its package is unpacked beside the loop; whatever may have changed meanwhile is checked again.
    """
    draft = _drafted(room, tx, params, context)

    def resume(tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
        code = made(reply)
        function = _drafted(room, tx, params, context)
        function = function._replace(code_hash=code.hash, code_bytes=code.bytes)
        tx.run("functions.add_function", **rules.latest_columns(function))
        if params.get("Publish"):
            function = publish(room, tx, function, None, context.now_ms)
            return configuration(function, function.version, state="Pending")
        return configuration(function, state="Pending")

    return Ask(Job(lambda: store_code(room, params["Code"], draft)), resume)


def _drafted(room: Functions, tx: Tx, params: Params, context: Context) -> Function:
    """Return the function that a CreateFunction describes, but for its code; or refuse it."""
    caller = context.caller
    target = parse_function_name(params["FunctionName"], caller)
    if target.account != caller.account:
        raise access_denied(caller.principal, "lambda:CreateFunction", target.unqualified_arn)
    if target.qualifier is not None:
        raise invalid("A function cannot be created with a qualifier in its name.")
    if params.get("PackageType", "Zip") != "Zip":
        raise invalid("PackageType Image is not supported by this server. Use a Zip package.")
    refuse_unsupported(params)
    if find(tx, target) is not None:
        raise conflict(f"Function already exist: {target.name}")
    if not params.get("Runtime") or not params.get("Handler"):
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with "
            "deployment packages."
        )
    draft = Function(
        account=target.account,
        region=target.region,
        name=target.name,
        runtime="",
        handler="",
        role="",
        description="",
        timeout_s=rules.TIMEOUT_S_DEFAULT,
        memory_mb=rules.MEMORY_MB_DEFAULT,
        variables="{}",
        labels="{}",
        tags=json.dumps(rules.merge_tags({}, params.get("Tags") or {})),
        code_hash="",
        code_bytes=0,
        revision=uuid4(room.chance),
        modified_ms=context.now_ms,
        reserved=None,
        policy=None,
        policy_revision=uuid4(room.chance),
    )
    return _configured(room, tx, draft, params, context)


def update_function_configuration(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result | Ask:
    """Replace the members that the request gives. AWS: API_UpdateFunctionConfiguration.

    What layers unpack to is measured beside the loop.
    """
    function = _reconfigured(room, tx, params, context)
    if not params.get("Layers"):
        return _save_configuration(tx, function)

    def resume(tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
        made(reply)
        return _save_configuration(tx, _reconfigured(room, tx, params, context))

    return Ask(Job(lambda: check_unpacked(room, function)), resume)


def _reconfigured(room: Functions, tx: Tx, params: Params, context: Context) -> Function:
    """Return the function as an UpdateFunctionConfiguration wants it, or refuse."""
    function = locate_latest(tx, context, params, "UpdateFunctionConfiguration")
    refuse_unsupported(params)
    check_revision(function, params)
    return _configured(room, tx, function, params, context)._replace(
        revision=uuid4(room.chance), modified_ms=context.now_ms
    )


def _save_configuration(tx: Tx, function: Function) -> Result:
    tx.run(
        "functions.update_configuration",
        **key_of(function),
        runtime=function.runtime,
        handler=function.handler,
        role=function.role,
        description=function.description,
        timeout_s=function.timeout_s,
        memory_mb=function.memory_mb,
        variables=function.variables,
        labels=function.labels,
        revision=function.revision,
        modified_ms=function.modified_ms,
        layers=function.layers,
        dead_letter=function.dead_letter,
    )
    tx.wake(CODE_TOPIC)  # a deleted layer may have lost its last reference
    return configuration(function, update="InProgress")


def update_function_code(room: Functions, tx: Tx, params: Params, context: Context) -> Ask:
    """Point a function at other code; with DryRun only tell what would be.

    AWS: API_UpdateFunctionCode.
    """
    before = _updatable(tx, params, context)
    dry_run = bool(params.get("DryRun"))

    def resume(tx: Tx, reply: Reply, now_ms: Millis) -> Result:
        code = made(reply)
        function = _updatable(tx, params, context)._replace(
            code_hash=code.hash, code_bytes=code.bytes, modified_ms=now_ms
        )
        return _update_code(room, tx, function, params, dry_run=dry_run)

    return Ask(Job(lambda: store_code(room, params, before, dry_run=dry_run)), resume)


def _updatable(tx: Tx, params: Params, context: Context) -> Function:
    """Return the function that an UpdateFunctionCode names, or refuse."""
    function = locate_latest(tx, context, params, "UpdateFunctionCode")
    if params.get("ImageUri"):
        raise invalid(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    refuse_unsupported(params)
    check_revision(function, params)
    return function


def _update_code(
    room: Functions, tx: Tx, function: Function, params: Params, *, dry_run: bool
) -> Result:
    function = function._replace(
        labels=json.dumps(kept_labels(params, json.loads(function.labels))),
        revision=uuid4(room.chance),
    )
    if not dry_run:
        tx.run(
            "functions.update_code",
            **key_of(function),
            code_hash=function.code_hash,
            code_bytes=function.code_bytes,
            labels=function.labels,
            revision=function.revision,
            modified_ms=function.modified_ms,
        )
        tx.wake(CODE_TOPIC)
        if params.get("Publish"):
            function = publish(room, tx, function, None, function.modified_ms)
            return configuration(function, function.version, update="InProgress")
    return configuration(function, update="InProgress")


def delete_function(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Delete a function with all that belongs to it, or one published version.

    Mappings stay, invocations that run go on. AWS: API_DeleteFunction.
    """
    del room
    qualifier = params.get("Qualifier")
    target = parse_function_name(params["FunctionName"], context.caller, qualifier)
    if target.qualifier == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    if target.qualifier is not None:
        _delete_version(tx, target, context)
    else:
        _target, function = locate(tx, context.caller, params["FunctionName"], "DeleteFunction")
        tx.run("functions.delete_function", **key_of(function))
        for table in rules.TABLES_OF_A_FUNCTION:
            tx.run(f"functions.delete_all_{table}", **key_of(function))
    tx.wake(CODE_TOPIC)
    return {"StatusCode": 204}


def _delete_version(tx: Tx, target: Target, context: Context) -> None:
    """Delete a published version; one that an alias names stays. AWS: API_DeleteFunction [G]."""
    qualifier = target.qualifier
    assert qualifier is not None
    guard(tx, context.caller, target, "DeleteFunction")
    if not qualifier.isdigit():
        if find_alias(tx, target, qualifier) is not None:
            raise invalid("Deletion of aliases is not currently supported.")
        raise function_not_found(target.unqualified_arn)
    if find_version(tx, target, qualifier) is None:
        raise function_not_found(target.unqualified_arn)
    naming: list[Alias] = tx.rows(
        Alias, "functions.list_aliases", **key_of(target), after="", version=qualifier, limit=50
    )
    if naming:
        names = ", ".join(alias.alias for alias in naming)
        raise conflict(
            f"Unable to delete version because the following aliases reference it: [{names}]"
        )
    tx.run("functions.delete_version", **key_of(target), version=int(qualifier))
    for table in rules.QUALIFIED_TABLES:
        tx.run(f"functions.delete_{table}", **key_of(target), qualifier=qualifier)


def _configured(
    room: Functions, tx: Tx, function: Function, params: Params, context: Context
) -> Function:
    """Return the row with the request's members in it, checked."""
    labels = kept_labels(params, json.loads(function.labels))
    environment = params.get("Environment")
    variables = function.variables
    if environment is not None:
        variables = rules.check_variables(environment.get("Variables") or {})
    layers = params.get("Layers")
    configured = function._replace(
        layers=function.layers if layers is None else attached(tx, layers, function, context),
        dead_letter=_dead_letter(room, function, params),
        runtime=params.get("Runtime") or function.runtime,
        handler=params.get("Handler") or function.handler,
        role=params.get("Role") or function.role,
        description=_given(params, "Description", function.description),
        timeout_s=_given(params, "Timeout", function.timeout_s),
        memory_mb=_given(params, "MemorySize", function.memory_mb),
        variables=variables,
        labels=json.dumps(labels),
    )
    if params.get("Runtime"):  # one that was accepted once stays valid when other members change
        rules.check_runtime(configured.runtime)
    ephemeral_mb = labels.get("EphemeralStorage", {}).get("Size", rules.EPHEMERAL_MB_DEFAULT)
    rules.check_sizes(configured.timeout_s, configured.memory_mb, ephemeral_mb)
    return configured


def _dead_letter(room: Functions, function: Function, params: Params) -> str | None:
    """Return the ARN of the dead-letter target; an empty one takes it away."""
    given = params.get("DeadLetterConfig")
    if given is None:
        return function.dead_letter
    arn: str | None = given.get("TargetArn") or None
    if arn is not None:
        check_dead_letter(arn, room.outbox.offers)
    return arn


def _given(params: Params, member: str, otherwise: Any) -> Any:
    value = params.get(member)
    return otherwise if value is None else value
