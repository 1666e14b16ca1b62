"""Operations on what does not exist here: refused with an error that their model has, or answered
with the empty list that is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.buses.refusals import invalid, not_found
from redrive.services.buses.room import Buses
from redrive.store.store import Tx

Operation = Callable[..., Any]

_PARTNERS = "Partner event sources do not exist here."
_ENDPOINTS = "Global endpoints do not exist here."

UNOFFERED: Mapping[str, str] = {
    "ActivateEventSource": _PARTNERS,
    "CreatePartnerEventSource": _PARTNERS,
    "DeactivateEventSource": _PARTNERS,
    "DeletePartnerEventSource": _PARTNERS,
    "DescribeEventSource": _PARTNERS,
    "DescribePartnerEventSource": _PARTNERS,
    "ListEventSources": _PARTNERS,
    "ListPartnerEventSourceAccounts": _PARTNERS,
    "ListPartnerEventSources": _PARTNERS,
    "PutPartnerEvents": _PARTNERS,
    "CreateEndpoint": _ENDPOINTS,
}
"""Operations that are refused whatever they are asked, and why in one sentence."""


def list_endpoints(room: Buses, tx: Tx, params: Params, context: Context) -> Result:
    """List none."""
    del room, tx, params, context
    return {"Endpoints": []}


def _refusing(name: str, why: str) -> Operation:
    def refuse(_room: Buses, _tx: Tx, _params: Params, _context: Context) -> Result:
        text = f"{name} is not supported by this server. {why}"
        if why is _PARTNERS:
            raise ServiceError("OperationDisabledException", text, status=400)
        raise invalid(text)

    return refuse


def _no_endpoint(_room: Buses, _tx: Tx, params: Params, _context: Context) -> Result:
    raise not_found(f"Endpoint {params['Name']} does not exist.")


OPERATIONS: Mapping[str, Operation] = {
    **{name: _refusing(name, why) for name, why in UNOFFERED.items()},
    **dict.fromkeys(("DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint"), _no_endpoint),
    "ListEndpoints": list_endpoints,
}
