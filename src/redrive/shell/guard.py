"""Decide whether a request may come from where it says: a web page is an attacker. Pure.

A page in a browser on this machine can send requests to a loopback server. What it cannot do is lie
in Host, Origin, Referer and Sec-Fetch-Site. SDKs and command lines send a Host that we know and
none of the others. So:

1. Host names this server, whatever the port (else a rebound DNS name would make the page
   same-origin).
2. Origin and Referer, when sent, name the very host and port of Host, or an origin that was
   configured.
3. Sec-Fetch-Site, when sent, is same-origin, or none (an address that a person typed), unless the
   Origin was configured.

The hosts of function URLs, <url id>.lambda-url.<region>.localhost, are no names of this server:
what comes to one goes to that function and to nothing else, whoever asks, as on AWS. They end in
.localhost, so that no DNS server can say whom they name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_HOST = re.compile(
    r"(?P<name>\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,126})"
    r"(:(?P<port>\d{1,5}))?"
)
_ORIGIN = re.compile(r"https?://(?P<authority>[^/?#@\s]+)(?=[/?#]|\Z)")
_URL_HOST = re.compile(
    r"(?P<id>[a-z0-9]{1,63})\.lambda-url\.(?P<region>[a-z0-9-]{1,63})\.localhost(:\d{1,5})?",
    re.IGNORECASE | re.ASCII,
)
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))


class Guard:
    """Knows the names under which this server may be called, and the origins that were let in.

    hosts are further host names (without port), origins are whole ones such as
    http://localhost:3000.
    """

    def __init__(self, hosts: frozenset[str], origins: frozenset[str]) -> None:
        self._hosts = _LOOPBACK | {host.lower() for host in hosts}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._known: set[str] = set()

    def refusal(self, headers: Mapping[str, str]) -> str | None:
        """Return why a request is refused, or None. Header names are in lower case."""
        host = headers.get("host", "")
        if host not in self._known:
            match = _HOST.fullmatch(host)
            if match is None or not self._is_ours(match["name"].lower()):
                return f"Host {host[:200]!r} does not name this server"
            if len(self._known) < 100:
                self._known.add(host)
        origin = headers.get("origin")
        is_let_in = origin is not None and origin.lower() in self._origins
        if origin is not None and not is_let_in and not _names(origin, host):
            return f"Origin {origin[:200]!r} may not use this server"
        referer = headers.get("referer")
        if referer is not None and not is_let_in and not _names(referer, host):
            return f"Referer {referer[:200]!r} may not use this server"
        site = headers.get("sec-fetch-site")
        if site is not None and not is_let_in and site not in ("same-origin", "none"):
            return f"Sec-Fetch-Site {site[:200]!r}: a page of another site may not use this server"
        return None

    def _is_ours(self, name: str) -> bool:
        if name in self._hosts:
            return True
        return name.endswith(".localhost") and "lambda-url" not in name.split(".")


def function_url(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the URL id and the region that a request's Host names, or None."""
    match = _URL_HOST.fullmatch(headers.get("host", ""))
    return None if match is None else (match["id"].lower(), match["region"].lower())


def _names(origin: str, host: str) -> bool:
    match = _ORIGIN.match(origin)
    return match is not None and match["authority"].lower() == host.lower()
