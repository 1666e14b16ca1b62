"""AuthParameters of connections: whether they are whole, how they change, what is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.services.buses.http_model import OAUTH
from redrive.services.buses.refusals import invalid, invalid_parameter

Auth = Mapping[str, Any]

_MEMBERS = {
    "BASIC": "BasicAuthParameters",
    "API_KEY": "ApiKeyAuthParameters",
    OAUTH: "OAuthParameters",
}
_REQUIRED = {
    "BASIC": ("Username", "Password"),
    "API_KEY": ("ApiKeyName", "ApiKeyValue"),
    OAUTH: ("ClientParameters", "AuthorizationEndpoint", "HttpMethod"),
}
_SECRETS = frozenset({"ApiKeyValue", "ClientSecret", "Password"})
_PRIVATE = "Private APIs are reached through VPC Lattice, which this server does not have."


def refuse_private(params: Mapping[str, Any]) -> None:
    """Refuse a connection to a private API."""
    auth = params.get("AuthParameters") or {}
    for holder, member in (
        (params, "InvocationConnectivityParameters"),
        (auth, "ConnectivityParameters"),
    ):
        if holder.get(member):
            raise invalid(f"{member} is not supported by this server. {_PRIVATE}")


def check_auth(kind: str, auth: Auth, *, allows_http: bool) -> None:
    """Refuse parameters that are not those of an authorization type, or not all of them.

    AWS: API_CreateConnection, "You must include only authorization parameters for the
    AuthorizationType you specify"; the texts are ours.
    """
    for other, member in _MEMBERS.items():
        if other != kind and auth.get(member):
            reason = f"{member} is not for the authorization type {kind}."
            raise invalid_parameter("AuthParameters", reason)
    member = _MEMBERS[kind]
    given = auth.get(member) or {}
    for name in _REQUIRED[kind]:
        if not given.get(name):
            raise invalid_parameter("AuthParameters", f"{member}.{name} is required for {kind}.")
    if kind == OAUTH:
        for name in ("ClientID", "ClientSecret"):
            if not given["ClientParameters"].get(name):
                raise invalid_parameter("AuthParameters", f"{name} is required for {kind}.")
        check_endpoint(given["AuthorizationEndpoint"], "AuthorizationEndpoint", allows_http)


def check_endpoint(url: str, member: str, allows_http: bool) -> None:
    """Refuse a URL that is not HTTPS. AWS: EventBridge User Guide, "API destinations"."""
    scheme, separator, rest = url.partition("://")
    if not separator or not rest.partition("/")[0] or scheme not in ("http", "https"):
        raise invalid_parameter(member, "It must be the URL of an HTTPS endpoint.")
    if scheme == "http" and not allows_http:
        raise invalid_parameter(
            member, "It must be an HTTPS endpoint; start the server with --http-private for HTTP."
        )


def merged(old: Auth, new: Auth) -> dict[str, Any]:
    """Return parameters with those that an update gives in place of the old ones."""
    result = dict(old)
    for name, value in new.items():
        before = result.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[name] = merged(before, value)
        else:
            result[name] = value
    return result


def of_kind(kind: str, auth: Auth) -> dict[str, Any]:
    """Return parameters without those of other authorization types."""
    others = {member for other, member in _MEMBERS.items() if other != kind}
    return {name: value for name, value in auth.items() if name not in others}


def shown_auth(auth: Any) -> Any:
    """Return parameters as they are shown: without what is secret.

    AWS: API_ConnectionAuthResponseParameters; of additional parameters those with IsValueSecret.
    """
    if isinstance(auth, list):
        return [shown_auth(each) for each in auth]
    if not isinstance(auth, Mapping):
        return auth
    is_secret = bool(auth.get("IsValueSecret"))
    return {
        name: shown_auth(value)
        for name, value in auth.items()
        if name not in _SECRETS and not (is_secret and name == "Value")
    }
