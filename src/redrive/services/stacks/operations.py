"""Deploy, DescribeStack, ListStacks, DeleteStack, and what the deployer writes.

    Deploy ──plan kept, wanted + 1──> asks AwaitDeployment ──> waits until done >= that plan
                     └─wakes─> deployer: DueDeployments, KeepResources..., FinishDeployment

A plan that is given while another one is being carried out is next; of several that wait, only the
latest is carried out, and its outcome answers for all of them. A crash in the middle leaves
done < wanted: the deployer goes on at the next start, whether or not anybody asks.
"""

from __future__ import annotations

import json
from typing import Any

from redrive.core.effects import Ask, Call, Context, Params, Reply, Result, Wait
from redrive.core.errors import ServiceError
from redrive.core.time import NEVER, Millis
from redrive.services.registry import Registry
from redrive.services.stacks.model import World
from redrive.services.stacks.records import (
    ResourceRow,
    StackRow,
    decode_stack,
    resource_params,
)
from redrive.store.store import Tx

DUE_TOPIC = "stacks:due"
"""Woken when a stack has been given a plan."""

_NOTHING = '{"Resources":{}}'


def deploy(tx: Tx, params: Params, context: Context) -> Ask:
    """Make a stack what a resolved template says, and answer when that is done or has failed.

    params: StackName, Plan (`records.encode_stack`), Seed. What AWS refuses is told in Failures, by
    logical id; what was done before it stays, and the next Deploy goes on from there.
    """
    caller, name = context.caller, params["StackName"]
    decode_stack(params["Plan"], World.named(caller.account, caller.region, name))
    plan = json.dumps(params["Plan"])
    seed = params.get("Seed", 0)
    row = _find(tx, name, context)
    if row is None:
        tx.run(
            "stacks.add",
            account=caller.account,
            region=caller.region,
            name=name,
            plan=plan,
            seed=seed,
            now_ms=context.now_ms,
        )
    else:
        _want(tx, row, plan, seed, context, is_deleting=False)
    return _await(tx, name, context)


def delete_stack(tx: Tx, params: Params, context: Context) -> Result | Ask:
    """Delete a stack's resources, what depends on others first, and then the stack.

    One that does not exist is no error (AWS: API_DeleteStack). Failures tells what AWS refused.
    """
    row = _find(tx, params["StackName"], context)
    if row is None:
        return {"Failures": []}
    _want(tx, row, _NOTHING, row.seed, context, is_deleting=True)
    return _await(tx, row.name, context)


def describe_stack(tx: Tx, params: Params, context: Context) -> Result:
    """Return a stack with its resources and what came of its latest plan."""
    row = _find(tx, params["StackName"], context)
    if row is None:
        message = f"Stack with id {params['StackName']} does not exist"
        raise ServiceError("ValidationError", message, status=400)
    plan = json.loads(row.plan)
    resources = tx.rows(ResourceRow, "stacks.resources", stack=row.id)
    return {
        **_summary(row),
        **_outcome(row),
        "Description": plan.get("Description", ""),
        "Parameters": plan.get("Parameters", {}),
        "Resources": [
            {
                "LogicalId": resource.logical_id,
                "Type": resource.type,
                "PhysicalId": resource.physical_id,
                "Attributes": json.loads(resource.attributes),
                "Status": "UNSURE" if resource.unsure else "DEPLOYED",
            }
            for resource in resources
        ],
    }


def list_stacks(tx: Tx, params: Params, context: Context) -> Result:
    """Return the caller's stacks, by name."""
    del params
    account, region = context.caller.account, context.caller.region
    rows = tx.rows(StackRow, "stacks.stacks_of", account=account, region=region)
    return {"Stacks": [_summary(row) for row in rows]}


# --- for the deployer and the server; no model has their names ----------------------------------


def await_deployment(tx: Tx, params: Params, context: Context) -> Result | Wait:
    """Return what came of a plan once it, or a later one, is done: {"Stack", "Version"}."""
    del context
    row: StackRow | None = tx.one(StackRow, "stacks.stack_by_id", id=params["Stack"])
    if row is None:  # deleted, with all that it had
        return {"Failures": [], "Outputs": [], "Changes": []}
    if row.done < params["Version"]:
        return Wait(NEVER, (row.topic,))
    return {"StackId": row.world.stack_id, **_outcome(row)}


def due_deployments(tx: Tx, params: Params, context: Context) -> Result:
    """Return what is to be carried out: {"Due": [(StackRow, Stack, rows of Deployed)]}."""
    del params, context
    due = []
    for row in tx.rows(StackRow, "stacks.due"):
        resources = tx.rows(ResourceRow, "stacks.resources", stack=row.id)
        stack = decode_stack(json.loads(row.plan), row.world)
        due.append((row, stack, [resource.deployed for resource in resources]))
    return {"Due": due}


def keep_resources(tx: Tx, params: Params, context: Context) -> Result:
    """Write resources as they stand: {"Stack", "Keep": [Deployed], "Forget": [keys]}."""
    if tx.one(StackRow, "stacks.stack_by_id", id=params["Stack"]) is None:
        return {}  # the account was reset in the meantime
    for row in params["Keep"]:
        values = resource_params(row)
        tx.run("stacks.keep", stack=params["Stack"], now_ms=context.now_ms, **values)
    for key in params["Forget"]:
        tx.run("stacks.forget", stack=params["Stack"], key=key)
    return {}


def finish_deployment(tx: Tx, params: Params, context: Context) -> Result:
    """Write down how a plan ended: {"Stack", "Version", "Keep", "Outcome"}; wake who waits."""
    row: StackRow | None = tx.one(StackRow, "stacks.stack_by_id", id=params["Stack"])
    if row is None:  # the account was reset in the meantime
        return {}
    keep_resources(tx, {**params, "Forget": ()}, context)
    tx.wake(row.topic)
    is_gone = row.is_deleting and not params["Outcome"]["Failures"]
    if is_gone and row.wanted == params["Version"]:
        tx.run("stacks.forget_all", stack=row.id)
        tx.run("stacks.remove", id=row.id)
        return {}
    tx.run(
        "stacks.finish",
        id=row.id,
        version=params["Version"],
        outcome=json.dumps(params["Outcome"]),
        now_ms=context.now_ms,
    )
    return {}


def reset_account(tx: Tx, params: Params, context: Context) -> Result:
    """Forget all stacks of the caller's account, in all regions (for /_redrive/reset)."""
    del params
    for row in tx.rows(StackRow, "stacks.due"):
        tx.wake(row.topic)
    tx.run("stacks.reset_resources", account=context.caller.account)
    tx.run("stacks.reset_stacks", account=context.caller.account)
    return {}


def _find(tx: Tx, name: str, context: Context) -> StackRow | None:
    account, region = context.caller.account, context.caller.region
    row: StackRow | None = tx.one(
        StackRow, "stacks.stack", account=account, region=region, name=name
    )
    return row


def _want(
    tx: Tx, row: StackRow, plan: str, seed: int, context: Context, *, is_deleting: bool
) -> None:
    tx.run(
        "stacks.want",
        id=row.id,
        plan=plan,
        seed=seed,
        is_deleting=int(is_deleting),
        now_ms=context.now_ms,
    )


def _await(tx: Tx, name: str, context: Context) -> Ask:
    tx.wake(DUE_TOPIC)
    row = _find(tx, name, context)
    assert row is not None
    wanted = {"Stack": row.id, "Version": row.wanted}
    return Ask(Call("stacks", "AwaitDeployment", wanted, context.caller), _answer)


def _answer(_tx: Tx, reply: Reply, _now_ms: Millis) -> Result:
    if reply.error is not None:
        raise reply.error
    assert reply.result is not None
    return reply.result


def _summary(row: StackRow) -> dict[str, Any]:
    failed = bool(json.loads(row.outcome).get("Failures"))
    status = "DEPLOYED"
    if row.done < row.wanted:
        status = "DELETING" if row.is_deleting else "DEPLOYING"
    elif failed:
        status = "FAILED"
    return {
        "StackName": row.name,
        "StackId": row.world.stack_id,
        "Status": status,
        "CreatedMs": row.created_ms,
        "ModifiedMs": row.modified_ms,
    }


def _outcome(row: StackRow) -> dict[str, Any]:
    told = json.loads(row.outcome)
    return {name: told.get(name, []) for name in ("Failures", "Outputs", "Changes")}


REDRIVE = {
    "DeleteStack": delete_stack,
    "Deploy": deploy,
    "DescribeStack": describe_stack,
    "ListStacks": list_stacks,
}
INTERNAL = {
    "AwaitDeployment": await_deployment,
    "DueDeployments": due_deployments,
    "FinishDeployment": finish_deployment,
    "KeepResources": keep_resources,
    "ResetAccount": reset_account,
}


def register(registry: Registry) -> None:
    """Add the stacks' operations to the registry: a person's to redrive, the others to stacks."""
    registry.add("redrive", REDRIVE)
    registry.add("stacks", INTERNAL)
