"""Operations on phones and mobile apps, of which there are none here: refused with an error that
their model has, or answered with the truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.topics.labels import UNOFFERED
from redrive.services.topics.refusals import invalid
from redrive.services.topics.room import Topics
from redrive.store.store import Tx

Operation = Callable[..., Any]

_PHONE = re.compile(r"\+?[0-9]{1,15}")
_PARTS = 6


def _refusing(name: str, why: str) -> Operation:
    def refuse(_room: Topics, _tx: Tx, _params: Params, _context: Context) -> Result:
        raise invalid(f"{name} is not supported by this server. {why}")

    return refuse


def _answering(result: Result) -> Operation:
    def answer(_room: Topics, _tx: Tx, _params: Params, _context: Context) -> Result:
        return result

    return answer


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
    **{name: _refusing(name, why) for name, why in UNOFFERED.items()},
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
    "GetSMSAttributes": _answering({"attributes": {}}),
    "GetSMSSandboxAccountStatus": _answering({"IsInSandbox": True}),
    "ListOriginationNumbers": _answering({"PhoneNumbers": []}),
    "ListPhoneNumbersOptedOut": _answering({"phoneNumbers": []}),
    "ListPlatformApplications": _answering({"PlatformApplications": []}),
    "ListSMSSandboxPhoneNumbers": _answering({"PhoneNumbers": []}),
}
