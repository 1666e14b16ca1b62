"""Operations on what does not exist here: refused with an error that their model has, or answered
with the empty list that is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.buses.refusals import invalid, not_found
from redrive.services.buses.room import Buses
from redrive.services.labels import Operation, answering, refusing
from redrive.store.store import Tx

_OF_PARTNERS = dict.fromkeys(
    (
        "ActivateEventSource",
        "CreatePartnerEventSource",
        "DeactivateEventSource",
        "DeletePartnerEventSource",
        "DescribeEventSource",
        "DescribePartnerEventSource",
        "ListEventSources",
        "ListPartnerEventSourceAccounts",
        "ListPartnerEventSources",
        "PutPartnerEvents",
    ),
    "Partner event sources do not exist here.",
)

UNOFFERED: Mapping[str, str] = {
    **_OF_PARTNERS,
    "CreateEndpoint": "Global endpoints do not exist here.",
}
"""Operations that are refused whatever they are asked, and why in one sentence."""


def _disabled(text: str) -> ServiceError:
    return ServiceError("OperationDisabledException", text, status=400)


def _no_endpoint(_room: Buses, _tx: Tx, params: Params, _context: Context) -> Result:
    raise not_found(f"Endpoint {params['Name']} does not exist.")


OPERATIONS: Mapping[str, Operation] = {
    **refusing(UNOFFERED, invalid),
    **refusing(_OF_PARTNERS, _disabled),
    **dict.fromkeys(("DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint"), _no_endpoint),
    "ListEndpoints": answering({"Endpoints": []}),
}
