"""Rows of connections and API destinations, and what is known of them in memory only.

    AUTHORIZING ── a token was given ──> AUTHORIZED        operations/connections: authorize
        │   └──── none was given ──────> DEAUTHORIZED      operations/connections: refused
        └──────── deauthorized by its owner ──┘

A connection that asks nobody for a token (BASIC, API_KEY) is AUTHORIZED from the start.
"""

from __future__ import annotations

from typing import NamedTuple

OAUTH = "OAUTH_CLIENT_CREDENTIALS"

RATE_MAX = 300
"""Calls a second of a destination that says nothing. AWS: API_CreateApiDestination."""


class Connection(NamedTuple):
    """One row of `connections`."""

    account: str
    region: str
    name: str
    id: str
    description: str | None
    type: str
    state: str
    reason: str | None
    auth: str  # JSON object: AuthParameters, secrets included
    kms_key: str | None
    revision: int  # grows with each change of what authorises
    created_ms: int
    modified_ms: int
    authorized_ms: int | None

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:connection/{self.name}/{self.id}"

    @property
    def secret_arn(self) -> str:
        """The ARN of the secret that AWS would keep its parameters in."""
        return (
            f"arn:aws:secretsmanager:{self.region}:{self.account}:secret:"
            f"events!connection/{self.name}/{self.id}-{self.id[-6:]}"
        )


class ApiDestination(NamedTuple):
    """One row of `api_destinations`."""

    account: str
    region: str
    name: str
    id: str
    description: str | None
    connection: str  # ARN
    endpoint: str  # URL, in which * stands for a value of the target
    method: str
    rate: int | None
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:api-destination/{self.name}/{self.id}"


class Token(NamedTuple):
    """What an authorisation server has given. kind: as it says, Bearer by default."""

    kind: str
    text: str
    ends_ms: int


class HttpMemory:
    """Tokens and paces: a start begins with none, which costs a request for a token and no more.

    allows_http: endpoints may be http too, as it is where private addresses are allowed.
    """

    def __init__(self, *, allows_http: bool = False) -> None:
        self.allows_http = allows_http
        self._tokens: dict[tuple[str, int], Token] = {}
        self._asked: dict[str, int] = {}
        self._paces: dict[str, tuple[int, int]] = {}

    def token(self, connection: Connection, now_ms: int) -> Token | None:
        """Return what a connection has been given, if it is still good."""
        found = self._tokens.get((connection.id, connection.revision))
        return found if found is not None and found.ends_ms > now_ms else None

    def keep(self, connection: Connection, token: Token) -> None:
        """Keep a token; those of earlier revisions go."""
        self.forget(connection)
        self._tokens[connection.id, connection.revision] = token

    def ask(self, connection: Connection, ends_ms: int) -> None:
        """Note that a token has been asked for; without an answer until an instant it is not."""
        self._asked[connection.id] = ends_ms

    def is_asked(self, connection: Connection, now_ms: int) -> bool:
        """Tell whether a token has been asked for and there is no answer yet."""
        return self._asked.get(connection.id, 0) > now_ms

    def drop(self, connection: Connection, token: Token | None) -> None:
        """Forget a token that was not taken, unless there is a newer one."""
        key = (connection.id, connection.revision)
        if self._tokens.get(key) is token:
            self._tokens.pop(key, None)

    def forget(self, connection: Connection) -> None:
        """Forget what a connection has been given, and has asked for."""
        self._asked.pop(connection.id, None)
        for key in [key for key in self._tokens if key[0] == connection.id]:
            del self._tokens[key]

    def wait_ms(self, destination: ApiDestination, now_ms: int) -> int:
        """Return how long a call of a destination has to wait for its place; 0 takes the place.

        Of each second that begins with a call there are as many places as its rate.
        AWS: API_CreateApiDestination, "InvocationRateLimitPerSecond".
        """
        began_ms, count = self._paces.get(destination.id, (0, 0))
        if now_ms >= began_ms + 1_000:
            began_ms, count = now_ms, 0
        if count >= (destination.rate or RATE_MAX):
            return began_ms + 1_000 - now_ms
        self._paces[destination.id] = (began_ms, count + 1)
        return 0

    def forget_pace(self, destination: ApiDestination) -> None:
        """Forget how often a destination was called."""
        self._paces.pop(destination.id, None)
