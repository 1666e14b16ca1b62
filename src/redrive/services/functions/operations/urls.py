"""Function URLs: addresses under which a function, or an alias of it, is asked over plain HTTP.

An address is `http://<url id>.lambda-url.<region>.localhost:<port>/`: names that end in .localhost
mean this machine (RFC 6761), and a browser takes each for a site of its own.
AWS: API_CreateFunctionUrlConfig and its sisters; the texts as captured.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import iso
from redrive.services.functions import rules
from redrive.services.functions.cors import check_cors
from redrive.services.functions.model import LATEST, Function, Target, Url
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.operations.lookup import key_of, located
from redrive.services.functions.refusals import conflict, constraint, invalid, not_found
from redrive.services.functions.room import Functions
from redrive.services.functions.shapes import decode_marker, encode_marker
from redrive.store.store import Tx

URL_ID_BYTES = 20
"""32 characters of base32, as many as AWS's ids have."""

AUTH_TYPES = ("NONE", "AWS_IAM")
INVOKE_MODES = ("RESPONSE_STREAM", "BUFFERED")  # in the order in which AWS tells them

_NO_FUNCTION = "Function does not exist"
_NO_URL = "The resource you requested does not exist."
_QUALIFIER = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)"


def create_function_url_config(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Give a function or an alias a URL; a version by its number cannot have one."""
    _check_values(params)
    if not params.get("AuthType"):
        raise constraint_null("authType")
    target, function = _located(tx, params, context, "CreateFunctionUrlConfig", _NO_FUNCTION)
    url = Url(
        **key_of(function),
        qualifier=target.qualifier or "",
        url_id=base64.b32encode(room.chance.token(URL_ID_BYTES)).decode().lower(),
        auth_type=params["AuthType"],
        invoke_mode=params.get("InvokeMode") or "BUFFERED",
        cors=_cors_text(params.get("Cors") or {}),
        created_ms=context.now_ms,
        modified_ms=context.now_ms,
    )
    if _find(tx, function, url.qualifier) is not None:
        raise conflict(
            f"Failed to create function url config for [functionArn = {url.arn}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function"
        )
    tx.run("functions.add_url", **url._asdict())
    shape = _shape(url, context.origin)
    del shape["LastModifiedTime"]
    return shape


def get_function_url_config(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Show a URL."""
    del room
    url = _found(tx, params, context, "GetFunctionUrlConfig", _NO_URL)
    return _shape(url, context.origin)


def update_function_url_config(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Replace the members that the request gives; an empty Cors takes it away."""
    del room
    _check_values(params)
    url = _found(tx, params, context, "UpdateFunctionUrlConfig", _NO_FUNCTION)
    cors = params.get("Cors")
    url = url._replace(
        auth_type=params.get("AuthType") or url.auth_type,
        invoke_mode=params.get("InvokeMode") or url.invoke_mode,
        cors=url.cors if cors is None else _cors_text(cors),
        modified_ms=context.now_ms,
    )
    tx.run(
        "functions.update_url",
        **key_of(Target(url.account, url.region, url.name, None)),
        qualifier=url.qualifier,
        auth_type=url.auth_type,
        invoke_mode=url.invoke_mode,
        cors=url.cors,
        modified_ms=url.modified_ms,
    )
    return _shape(url, context.origin)


def delete_function_url_config(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """Take a URL away; another one will have another address."""
    del room
    url = _found(tx, params, context, "DeleteFunctionUrlConfig", _NO_URL)
    target = Target(url.account, url.region, url.name, None)
    tx.run("functions.delete_urls", **key_of(target), qualifier=url.qualifier)
    return {}


def list_function_url_configs(room: Functions, tx: Tx, params: Params, context: Context) -> Result:
    """List the URLs of a function and of its aliases, at most 50 at a time."""
    del room
    target = parse_function_name(params["FunctionName"], context.caller)
    unqualified = target._replace(qualifier=None)
    function = _of(tx, unqualified, context, "ListFunctionUrlConfigs", _NO_FUNCTION)
    page_items = min(params.get("MaxItems") or rules.PAGE_DEFAULT, rules.PAGE_DEFAULT)
    first = decode_marker(params.get("Marker") or "")
    if first is None:
        raise invalid("The marker is invalid. Use the NextMarker of the previous response.")
    found: list[Url] = tx.rows(
        Url, "functions.list_urls", **key_of(function), first=first, limit=page_items + 1
    )
    shape: dict[str, Any] = {
        "FunctionUrlConfigs": [_shape(url, context.origin) for url in found[:page_items]]
    }
    if len(found) > page_items:
        shape["NextMarker"] = encode_marker(found[page_items].qualifier)
    return shape


def constraint_null(member: str) -> ServiceError:
    """Return AWS's error for a member that has to be given."""
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
        "Member must not be null",
        status=400,
    )


def _check_values(params: Params) -> None:
    """Refuse what the wire refuses, for those who ask without it, such as templates."""
    for member, name, values in (
        ("AuthType", "authType", AUTH_TYPES),
        ("InvokeMode", "invokeMode", INVOKE_MODES),
    ):
        value = params.get(member)
        if value and value not in values:
            rule = f"Member must satisfy enum value set: [{', '.join(values)}]"
            raise constraint(value, name, rule)


def _cors_text(cors: Mapping[str, Any]) -> str | None:
    checked = check_cors(cors)
    return None if checked is None else json.dumps(checked)


def _found(tx: Tx, params: Params, context: Context, action: str, missing: str) -> Url:
    target, function = _located(tx, params, context, action, missing)
    url = _find(tx, function, target.qualifier or "")
    if url is None:
        raise not_found(_NO_URL)
    return url


def _find(tx: Tx, function: Function, qualifier: str) -> Url | None:
    found: Url | None = tx.one(
        Url, "functions.url_by_qualifier", **key_of(function), qualifier=qualifier
    )
    return found


def _located(
    tx: Tx, params: Params, context: Context, action: str, missing: str
) -> tuple[Target, Function]:
    target = parse_function_name(params["FunctionName"], context.caller, params.get("Qualifier"))
    qualifier = target.qualifier
    if qualifier is not None and (qualifier == LATEST or qualifier.isdigit()):
        rule = f"Member must satisfy regular expression pattern: {_QUALIFIER}"
        raise constraint(qualifier, "qualifier", rule)
    return target, _of(tx, target, context, action, missing)


def _of(tx: Tx, target: Target, context: Context, action: str, missing: str) -> Function:
    """Return the function that a target means; `missing` is AWS's text when there is none."""
    try:
        return located(tx, context.caller, target, action)[0]
    except ServiceError as error:
        if error.code == "ResourceNotFoundException":
            raise not_found(missing) from None
        raise


def _shape(url: Url, origin: str) -> dict[str, Any]:
    """Return a FunctionUrlConfig."""
    port = urlsplit(origin).port
    shape: dict[str, Any] = {
        "FunctionUrl": f"http://{url.domain}{'' if port is None else f':{port}'}/",
        "FunctionArn": url.arn,
        "AuthType": url.auth_type,
        "CreationTime": iso(url.created_ms),
        "LastModifiedTime": iso(url.modified_ms),
        "InvokeMode": url.invoke_mode,
    }
    if url.cors is not None:
        shape["Cors"] = json.loads(url.cors)
    return shape
