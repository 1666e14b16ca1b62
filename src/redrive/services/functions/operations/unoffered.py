"""Operations on what does not exist here: refused with an error that their model has, or answered
with the empty list that is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.functions.operations.lookup import locate
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions
from redrive.services.labels import Operation, answering, refusing
from redrive.store.store import Tx

_DURABLE = "Durable executions are not offered."
_MANAGED = "There are no managed instances."
_SIGNING = "Code is not signed."
_RESOURCE = "Policies are attached by AddPermission, statement by statement."

UNOFFERED: Mapping[str, str] = {
    "CheckpointDurableExecution": _DURABLE,
    "CreateCapacityProvider": _MANAGED,
    "CreateCodeSigningConfig": _SIGNING,
    "DeleteCapacityProvider": _MANAGED,
    "DeleteDurableExecution": _DURABLE,
    "DeleteResourcePolicy": _RESOURCE,
    "GetCapacityProvider": _MANAGED,
    "GetDurableExecution": _DURABLE,
    "GetDurableExecutionHistory": _DURABLE,
    "GetDurableExecutionState": _DURABLE,
    "GetFunctionScalingConfig": _MANAGED,
    "GetResourcePolicy": _RESOURCE,
    "ListFunctionVersionsByCapacityProvider": _MANAGED,
    "PauseDurableExecution": _DURABLE,
    "PutFunctionScalingConfig": _MANAGED,
    "PutResourcePolicy": _RESOURCE,
    "ResumeDurableExecution": _DURABLE,
    "SendDurableExecutionCallbackFailure": _DURABLE,
    "SendDurableExecutionCallbackHeartbeat": _DURABLE,
    "SendDurableExecutionCallbackSuccess": _DURABLE,
    "StopDurableExecution": _DURABLE,
    "UpdateCapacityProvider": _MANAGED,
}
"""Operations that are refused whatever they are asked, and why in one sentence."""

_OF_A_SIGNING_CONFIG = (
    "GetCodeSigningConfig",
    "UpdateCodeSigningConfig",
    "DeleteCodeSigningConfig",
    "ListFunctionsByCodeSigningConfig",
)


def list_durable_executions_by_function(
    room: Functions, tx: Tx, params: Params, context: Context
) -> Result:
    """List none, of a function that exists."""
    del room
    action = "ListDurableExecutionsByFunction"
    locate(tx, context.caller, params["FunctionName"], action, params.get("Qualifier"))
    return {"DurableExecutions": []}


def _no_signing_config(_room: Functions, _tx: Tx, params: Params, _context: Context) -> Result:
    """Say that there is no such code signing configuration. AWS: as captured."""
    arn = params["CodeSigningConfigArn"]
    raise ServiceError(
        "ResourceNotFoundException",
        f"The Lambda code signing configuration {arn} can not be found.",
        status=404,
    )


OPERATIONS: Mapping[str, Operation] = {
    **refusing(UNOFFERED, invalid),
    **dict.fromkeys(_OF_A_SIGNING_CONFIG, _no_signing_config),
    "ListCodeSigningConfigs": answering({"CodeSigningConfigs": []}),
    "ListCapacityProviders": answering({"CapacityProviders": []}),
    "ListDurableExecutionsByFunction": list_durable_executions_by_function,
}
