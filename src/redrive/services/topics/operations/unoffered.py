"""Operations on phones and mobile apps, of which there are none here: refused with an error that
their model has, or answered with the truth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.labels import Operation, answering, refusing
from redrive.services.topics.labels import UNOFFERED
from redrive.services.topics.refusals import invalid
from redrive.services.topics.room import Topics
from redrive.store.store import Tx

_PHONE = re.compile(r"\+?[0-9]{1,15}")
_PARTS = 6


def _missing(kind: str, member: str) -> Operation:
    """Return an operation on an application or an endpoint, of which there is none."""

    def refuse(_room: Topics, _tx: Tx, params: Params, _context: Context) -> Result:
        _check_arn(params[member], member, kind)
        raise ServiceError("NotFound", f"{kind} does not exist", status=404)

    return refuse


def _forgetting(kind: str, member: str) -> Operation:
    """Return a deletion, which is no error when nothing is there."""

    def forget(_room: Topics, _tx: Tx, params: Params, _context: Context) -> Result:
        _check_arn(params[member], member, kind)
        return {}

    return forget


def _check_arn(text: str, member: str, kind: str) -> None:
    """AWS: texts as captured."""
    parts = text.split(":")
    if len(parts) < _PARTS:
        reason = f"An ARN must have at least {_PARTS} elements, not {len(parts)}"
        raise invalid(f"{member} Reason: {reason}")
    if parts[5].count("/") != (3 if kind == "Endpoint" else 2):
        raise invalid(f"{member} Reason: Wrong number of slashes in relative portion of the ARN.")


def _about_phone(member: str, result: Result) -> Operation:
    def answer(_room: Topics, _tx: Tx, params: Params, _context: Context) -> Result:
        if _PHONE.fullmatch(params[member]) is None:
            raise invalid("PhoneNumber Reason: input incorrectly formatted")
        return result

    return answer


OPERATIONS: Mapping[str, Operation] = {
    **refusing(UNOFFERED, invalid),
    "CheckIfPhoneNumberIsOptedOut": _about_phone("phoneNumber", {"isOptedOut": False}),
    "OptInPhoneNumber": _about_phone("phoneNumber", {}),
    "CreatePlatformEndpoint": _missing("PlatformApplication", "PlatformApplicationArn"),
    "DeleteEndpoint": _forgetting("Endpoint", "EndpointArn"),
    "DeletePlatformApplication": _forgetting("PlatformApplication", "PlatformApplicationArn"),
    "GetEndpointAttributes": _missing("Endpoint", "EndpointArn"),
    "GetPlatformApplicationAttributes": _missing("PlatformApplication", "PlatformApplicationArn"),
    "ListEndpointsByPlatformApplication": _missing("PlatformApplication", "PlatformApplicationArn"),
    "SetEndpointAttributes": _missing("Endpoint", "EndpointArn"),
    "SetPlatformApplicationAttributes": _missing("PlatformApplication", "PlatformApplicationArn"),
    "GetSMSAttributes": answering({"attributes": {}}),
    "GetSMSSandboxAccountStatus": answering({"IsInSandbox": True}),
    "ListOriginationNumbers": answering({"PhoneNumbers": []}),
    "ListPhoneNumbersOptedOut": answering({"phoneNumbers": []}),
    "ListPlatformApplications": answering({"PlatformApplications": []}),
    "ListSMSSandboxPhoneNumbers": answering({"PhoneNumbers": []}),
}
