"""Cross-origin resource sharing of function URLs: what a Cors may say, and the headers it makes.

Pure. Headers of the configuration take the place of those that the function sets; a preflight is
answered without the function. An origin that is not allowed gets no such header, and the browser
keeps the answer from its page.
AWS: Developer Guide, "Creating and managing Lambda function URLs", "Cross-origin resource sharing
(CORS)"; the protocol is the Fetch standard's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.services.functions.refusals import constraint
from redrive.services.functions.url_events import Headers, HttpRequest, HttpResponse

Cors = Mapping[str, Any]

METHODS = ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*")

_PREFIX = "access-control-"


def check_cors(cors: Cors) -> dict[str, Any] | None:
    """Return a Cors as it is kept; None for an empty one, which takes the configuration away.

    The model's limits were checked before; the methods are checked here [G].
    """
    methods = cors.get("AllowMethods") or ()
    if not set(methods) <= set(METHODS):
        rule = f"Member must satisfy enum value set: [{', '.join(METHODS)}]"
        raise constraint(f"[{', '.join(methods)}]", "cors.allowMethods", rule)
    return {name: value for name, value in cors.items() if value is not None} or None


def allows(cors: Cors | None, origin: str) -> bool:
    """Tell whether pages of an origin may read what the function answers."""
    allowed = (cors or {}).get("AllowOrigins") or ()
    return "*" in allowed or origin in allowed


def preflight(cors: Cors | None, request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a preflight; None when it is none, or without a Cors: then the function
    is asked.
    """
    headers = request.headers
    if (
        cors is None
        or request.method != "OPTIONS"
        or "origin" not in headers
        or f"{_PREFIX}request-method" not in headers
    ):
        return None
    told = cors_headers(cors, headers["origin"])
    if told and allows(cors, headers["origin"]):
        for member, name in (("AllowMethods", "allow-methods"), ("AllowHeaders", "allow-headers")):
            if cors.get(member):
                told = (*told, (f"{_PREFIX}{name}", _text(",".join(cors[member]))))
        if cors.get("MaxAge") is not None:
            told = (*told, (f"{_PREFIX}max-age", str(cors["MaxAge"])))
    return HttpResponse(200, told, b"")


def cors_headers(cors: Cors | None, origin: str | None) -> Headers:
    """Return the headers of an answer to a page of an origin.

    Any origin is told as *, which browsers do not take together with credentials [G].
    """
    if cors is None or origin is None:
        return ()
    is_for_all = "*" in (cors.get("AllowOrigins") or ())
    vary = () if is_for_all else (("Vary", "Origin"),)
    if not allows(cors, origin):
        return vary
    told = [(f"{_PREFIX}allow-origin", "*" if is_for_all else origin)]
    if cors.get("AllowCredentials"):
        told.append((f"{_PREFIX}allow-credentials", "true"))
    if cors.get("ExposeHeaders"):
        told.append((f"{_PREFIX}expose-headers", _text(",".join(cors["ExposeHeaders"]))))
    return (*vary, *told)


def shared(response: HttpResponse, cors: Cors | None, origin: str | None) -> HttpResponse:
    """Return a response with the headers of the configuration instead of the function's own."""
    if cors is None:
        return response
    kept = (line for line in response.headers if not line[0].lower().startswith(_PREFIX))
    return response._replace(headers=(*kept, *cors_headers(cors, origin)))


def _text(value: str) -> str:
    """Return a configured text as a header may hold it."""
    printable = "".join(sign for sign in value if sign.isprintable())
    return printable.encode("utf-8", "replace").decode("latin-1")
