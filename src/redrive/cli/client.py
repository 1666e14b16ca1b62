"""A small client of a running server: JSON 1.0 by X-Amz-Target, and Lambda's Invoke.

All commands talk through it. One connection, kept open; no retries but for a connection that the
server closed while idle. Every request is signed, with the key of AWS's own variables or of a
profile; a server without keys does not look, and takes an access key of twelve digits for an
account.
"""

from __future__ import annotations

import base64
import configparser
import http.client
import re
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import orjson

from redrive.core.keys import Key
from redrive.core.time import Millis
from redrive.shell.sources import wall_ms
from redrive.wire.messages import Request
from redrive.wire.signatures import sign

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
ANSWER_S_MAX = 960.0  # longer than the longest function (15 minutes) and the longest poll

SECRET = "redrive"
"""What a request is signed with when no secret is configured; a server with keys refuses it."""

CLOCK_PATH = "/_redrive/clock"
_CREDENTIALS = ("access_key_id", "secret_access_key", "session_token")
_ACCOUNT = re.compile(r"[0-9]{12}")
_URL = re.compile(r"https?://\S+")
_PREFIXES = {"sqs": "AmazonSQS", "redrive": "Redrive"}


class Refusal(Exception):
    """The server answered with an error: AWS's code and message. What is not AWS's has no code."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(": ".join(filter(None, (code, message))))
        self.code = code
        self.message = message
        self.status = status


class NoServer(Exception):
    """Nobody answers at the endpoint; the text says what to do."""


class Invoked(NamedTuple):
    """What a function answered. error: Lambda's FunctionError, None for a normal return."""

    payload: bytes
    error: str | None
    log: str
    request_id: str
    version: str = ""  # the one that was run


class Place(NamedTuple):
    """Where the server is, and as whom it is asked. key: None when none is configured; the account
    is the access key then.
    """

    endpoint: str
    account: str
    region: str
    key: Key | None = None


def find_place(environment: Mapping[str, str], data: Path, endpoint: str | None = None) -> Place:
    """Return where to ask: the option, AWS_ENDPOINT_URL, who holds the data directory, the default.

    The account is the access key's when that is twelve digits (AWS: a real key maps to its
    account). Raises NoServer for a file of credentials that cannot be read.
    """
    key = find_key(environment)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    found = endpoint or environment.get("AWS_ENDPOINT_URL") or holder(data) or DEFAULT_ENDPOINT
    return Place(
        found if "://" in found else f"http://{found}",
        DEFAULT_ACCOUNT if key is None else key.account,
        region or DEFAULT_REGION,
        key,
    )


def find_key(environment: Mapping[str, str]) -> Key | None:
    """Return the key to sign with: AWS_ACCESS_KEY_ID and its like, else the profile's of the shared
    credentials file. Raises NoServer for a file that cannot be read.

    AWS: "Configuration and credential file settings"; neither roles nor SSO open this server.
    """
    given = {name: environment.get(f"AWS_{name.upper()}", "") for name in _CREDENTIALS}
    if not given["access_key_id"]:
        home = Path(environment.get("HOME") or "/nonexistent")
        named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
        path = Path(named).expanduser() if named else home / ".aws" / "credentials"
        profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
        given = _profile(path, profile or "default")
    access_key = given["access_key_id"]
    if not access_key:
        return None
    account = access_key if _ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT
    token = given["session_token"] or None
    return Key(access_key, given["secret_access_key"] or SECRET, account, token=token)


def _profile(path: Path, profile: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise NoServer(f"{path} cannot be read: {type(error).__name__}") from None
    return {name: parser.get(profile, f"aws_{name}", fallback="") for name in _CREDENTIALS}


def holder(data: Path) -> str | None:
    """Return the address that a data directory's last server wrote down; it may have ended."""
    try:
        found = _URL.search((data / "lock").read_text("utf-8", "replace"))
    except OSError:
        return None
    return found.group(0) if found else None


class Client:
    """Asks one server."""

    def __init__(self, place: Place, answer_s: float = ANSWER_S_MAX) -> None:
        """Connect to nothing yet. Raises NoServer for an endpoint that is no address."""
        self.place = place
        self.is_asking = False
        parts = urlsplit(place.endpoint)
        if parts.scheme != "http" or not parts.hostname:
            raise NoServer(f"{place.endpoint} is not an address like {DEFAULT_ENDPOINT}")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, answer_s)

    def call(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Ask for an operation. Raises Refusal, NoServer. Parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        content, headers = orjson.dumps(given), _target(service, operation)
        status, _headers, body = self._ask("POST", "/", content, headers, service)
        return _answer(status, body)

    def begin(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Ask for an operation, and do something else until `is_answered`. Raises NoServer."""
        assert not self.is_asking
        headers = _target(service, operation)
        content = orjson.dumps(params)
        try:
            self._send("POST", "/", content, headers, service)
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            raise NoServer(self._nobody(error)) from error
        self.is_asking = True

    def is_answered(self) -> bool:
        """Tell whether `finish` need not wait, be it that the server has gone."""
        sock = self._connection.sock
        return sock is None or bool(select.select([sock], [], [], 0)[0])

    def finish(self) -> dict[str, Any]:
        """Return the answer to what was begun. Raises Refusal, NoServer."""
        self.is_asking = False
        try:
            response = self._connection.getresponse()
            return _answer(response.status, response.read())
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            raise NoServer(self._nobody(error)) from error

    def invoke(
        self,
        function_name: str,
        event: bytes,
        *,
        with_log: bool = False,
        qualifier: str | None = None,
        is_async: bool = False,
    ) -> Invoked:
        """Invoke a function, and wait for its answer unless is_async. Raises Refusal, NoServer."""
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Log-Type": "Tail" if with_log else "None",
            "X-Amz-Invocation-Type": "Event" if is_async else "RequestResponse",
        }
        path = f"/2015-03-31/functions/{quote(function_name, safe='')}/invocations"
        if qualifier is not None:
            path += f"?Qualifier={quote(qualifier, safe='')}"
        status, answered, body = self._ask("POST", path, event, headers, "lambda")
        if status >= 300:
            told = _object(body)
            code = answered.get("x-amzn-ErrorType", str(status)).partition(":")[0]
            raise Refusal(code, str(told.get("message", told.get("Message", ""))), status)
        log = base64.b64decode(answered.get("X-Amz-Log-Result", "")).decode("utf-8", "replace")
        request_id = answered.get("x-amzn-RequestId", "")
        version = answered.get("X-Amz-Executed-Version", "")
        return Invoked(body, answered.get("X-Amz-Function-Error"), log, request_id, version)

    def show(self, path: str) -> dict[str, Any] | None:
        """Return what Lambda's API has at a path, or None for what is not there. Raises Refusal."""
        status, _headers, body = self._ask("GET", path, b"", {}, "lambda")
        told = _object(body)
        if status not in (200, 404):
            raise Refusal(str(status), str(told.get("message", told.get("Message", ""))), status)
        return told if status == 200 else None

    def has_function(self, function_name: str) -> bool:
        """Tell whether a function exists. Raises Refusal for what is no function's name."""
        return self.show(f"/2015-03-31/functions/{quote(function_name, safe='')}") is not None

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself. Raises NoServer."""
        status, _headers, body = self._ask("GET", "/_redrive/health", b"", {})
        told = _object(body)
        if status != 200 or "pid" not in told:
            raise NoServer(f"what answers at {self.place.endpoint} is not a Redrive server")
        return told

    def clock(self) -> dict[str, Any]:
        """Return what the server's clock is at. Raises Refusal, NoServer."""
        status, _headers, body = self._ask("GET", CLOCK_PATH, b"", {})
        return _told(status, body)

    def change_clock(self, **asked: Any) -> dict[str, Any]:
        """Have a manual clock moved: advance, to, or stop; return when all has come to rest.

        Raises Refusal for what cannot be done, NoServer.
        """
        self._connection.close()
        self._connection.timeout = None  # however long it takes
        headers = {"Content-Type": "application/json"}
        status, _headers, body = self._ask(
            "POST", CLOCK_PATH, orjson.dumps(asked), headers, "redrive"
        )
        return _told(status, body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        service: str | None = None,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send one request, signed for a service unless it is None."""
        is_reused = self._connection.sock is not None
        try:
            self._send(method, path, body, headers, service)
            response = self._connection.getresponse()
            return response.status, response.headers, response.read()
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            is_stale = isinstance(error, http.client.RemoteDisconnected | BrokenPipeError)
            if (
                is_reused and is_stale
            ):  # closed while it was idle: nothing was heard of this request
                return self._ask(method, path, body, headers, service)
            raise NoServer(self._nobody(error)) from error

    def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        service: str | None,
    ) -> None:
        sent = {name.lower(): value for name, value in headers.items()}
        sent["host"] = urlsplit(self.place.endpoint).netloc.rpartition("@")[2]
        if service is not None:
            request = Request(method, path, sent, body)
            sent |= sign(request, self._key, self.place.region, service, Millis(wall_ms()))
        self._connection.request(method, path, body or None, sent)

    def _nobody(self, error: Exception) -> str:
        endpoint = self.place.endpoint
        if isinstance(error, ConnectionRefusedError):
            return (
                f"no server is running at {endpoint}: start one with `redrive up` or"
                " `redrive serve`, or name another with --endpoint or AWS_ENDPOINT_URL"
            )
        if isinstance(error, TimeoutError):
            return f"the server at {endpoint} does not answer"
        return f"the server at {endpoint} cannot be reached: {error or type(error).__name__}"

    @property
    def _key(self) -> Key:
        place = self.place
        return place.key or Key(place.account, SECRET, place.account)


def _target(service: str, operation: str) -> dict[str, str]:
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"{_PREFIXES[service]}.{operation}",
    }


def _told(status: int, body: bytes) -> dict[str, Any]:
    """Return what one of the server's own paths answered. Raises Refusal."""
    told = _object(body)
    if status >= 300:
        raise Refusal("", str(told.get("message", f"the server answered with {status}")), status)
    return told


def _answer(status: int, body: bytes) -> dict[str, Any]:
    told = _object(body)
    if status >= 300:
        code = str(told.get("__type", status)).rpartition("#")[2]
        raise Refusal(code, str(told.get("message", told.get("Message", ""))), status)
    return told


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
