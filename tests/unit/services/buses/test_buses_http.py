"""Connections and API destinations: how they are kept, what endpoints are asked, and what their
answers do."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from events_world import ACCOUNT, CALLER, REGION, T0, World
from stand_ins import fetched

from redrive.core.effects import Fetch, Fetched, Reply
from redrive.core.errors import ServiceError
from redrive.services.buses.http_requests import filled, token_of

BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "pass word"}}
API_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k3y"}}
OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "id", "ClientSecret": "s&cret"},
        "AuthorizationEndpoint": "https://auth.test/token",
        "HttpMethod": "POST",
    }
}
KINDS = {"BASIC": BASIC, "API_KEY": API_KEY, "OAUTH_CLIENT_CREDENTIALS": OAUTH}
HOOK = "https://hook.test/in"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with a dead-letter queue."""
    world = World(tmp_path)
    world.queue("dead")
    yield world
    world.close()


def connect(world: World, kind: str = "API_KEY", name: str = "c", **auth: Any) -> str:
    """Make a connection; return its ARN."""
    made = world.call(
        "events",
        "CreateConnection",
        Name=name,
        AuthorizationType=kind,
        AuthParameters={**KINDS[kind], **auth},
    )
    return str(made["ConnectionArn"])


def destine(world: World, connection: str, **members: Any) -> str:
    """Make a destination; return its ARN."""
    made = world.call(
        "events",
        "CreateApiDestination",
        **{
            "Name": "d",
            "ConnectionArn": connection,
            "InvocationEndpoint": HOOK,
            "HttpMethod": "POST",
            **members,
        },
    )
    return str(made["ApiDestinationArn"])


def aim(world: World, destination: str, **members: Any) -> None:
    """Have a rule send orders to a destination."""
    world.call("events", "PutRule", Name="r", EventPattern='{"source": ["shop"]}')
    target = {
        "Id": "t",
        "Arn": destination,
        "Input": '{"n": 1}',
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
        **members,
    }
    answer = world.call("events", "PutTargets", Rule="r", Targets=[target])
    assert answer["FailedEntryCount"] == 0, answer


def order(world: World, count: int = 1) -> None:
    """Put events."""
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
    for _ in range(count):
        world.call("events", "PutEvents", Entries=[entry])


def headers_of(fetch: Fetch) -> dict[str, str]:
    """Return a request's headers; no name comes twice."""
    names = [name.lower() for name, _ in fetch.headers]
    assert len(names) == len(set(names))
    return dict(fetch.headers)


def servers(**answers: Callable[[Fetch], Reply | None]) -> Callable[[Fetch], Reply | None]:
    """Return a script that answers by the first label of the host."""
    return lambda fetch: answers[fetch.url.split("/")[2].split(".")[0]](fetch)


def granting(*tokens: str, lasts_s: int = 3_600) -> Callable[[Fetch], Reply]:
    """An authorisation server that grants one token after the other."""
    left = list(tokens)

    def answer(_fetch: Fetch) -> Reply:
        body = {"access_token": left.pop(0), "token_type": "Bearer", "expires_in": lasts_s}
        return fetched(200, json.dumps(body).encode())(_fetch)

    return answer


def reasons(world: World) -> list[tuple[str, str]]:
    """Return the error codes and retries of what is in the dead-letter queue."""
    found = []
    for message in world.messages("dead"):
        attributes = message["MessageAttributes"]
        found.append(
            (attributes["ERROR_CODE"]["StringValue"], attributes["RETRY_ATTEMPTS"]["StringValue"])
        )
    return found


# --- connections ---------------------------------------------------------------------------------


def test_a_connection_and_its_secrets(world: World) -> None:
    """It is shown as it was made, but for its secrets, which are never shown again."""
    parameters = [
        {"Key": "A", "Value": "open", "IsValueSecret": False},
        {"Key": "B", "Value": "hidden", "IsValueSecret": True},
    ]
    arn = connect(
        world,
        "BASIC",
        InvocationHttpParameters={
            "HeaderParameters": parameters,
            "QueryStringParameters": parameters,
            "BodyParameters": parameters,
        },
    )
    told = world.call("events", "DescribeConnection", Name="c")
    assert arn.startswith(f"arn:aws:events:{REGION}:{ACCOUNT}:connection/c/")
    assert (told["ConnectionArn"], told["ConnectionState"]) == (arn, "AUTHORIZED")
    assert told["CreationTime"] == told["LastAuthorizedTime"] == T0
    assert ":secret:events!connection/c/" in told["SecretArn"]
    shown = [parameters[0], {"Key": "B", "IsValueSecret": True}]
    assert told["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "user"},
        "InvocationHttpParameters": {
            "HeaderParameters": shown,
            "QueryStringParameters": shown,
            "BodyParameters": shown,
        },
    }
    listed = world.call("events", "ListConnections", NamePrefix="c")["Connections"]
    assert [each["Name"] for each in listed] == ["c"]
    assert "AuthParameters" not in listed[0]


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_shown(world: World, kind: str) -> None:
    """Whatever the type, nothing that was told in confidence comes back."""
    world.server = lambda _fetch: None
    connect(world, kind)
    told = json.dumps(world.call("events", "DescribeConnection", Name="c"))
    for secret in ("pass word", "k3y", "s&cret"):
        assert secret not in told


def test_connections_of_others(world: World) -> None:
    """Each account and region has its own; names are unique in it."""
    connect(world)
    with pytest.raises(ServiceError, match="Connection c already exists") as error:
        connect(world)
    assert error.value.code == "ResourceAlreadyExistsException"
    for other in (CALLER._replace(region="eu-west-1"), CALLER._replace(account="2" * 12)):
        assert world.call("events", "ListConnections", other)["Connections"] == []
        with pytest.raises(ServiceError, match="does not exist"):
            world.call("events", "DescribeConnection", other, Name="c")
    world.call("events", "ResetAccount")
    assert world.call("events", "ListConnections")["Connections"] == []


def test_pages_of_connections(world: World) -> None:
    """A list is shown in pages, by prefix and by state."""
    for name in ("a1", "a2", "a3", "b"):
        connect(world, name=name)
    world.call("events", "DeauthorizeConnection", Name="a2")
    page = world.call("events", "ListConnections", NamePrefix="a", Limit=2)
    assert [each["Name"] for each in page["Connections"]] == ["a1", "a2"]
    rest = world.call(
        "events", "ListConnections", NamePrefix="a", Limit=2, NextToken=page["NextToken"]
    )
    assert [each["Name"] for each in rest["Connections"]] == ["a3"]
    assert "NextToken" not in rest
    gone = world.call("events", "ListConnections", ConnectionState="DEAUTHORIZED")
    assert [each["Name"] for each in gone["Connections"]] == ["a2"]


@pytest.mark.parametrize(
    ("kind", "auth", "why"),
    [
        ("BASIC", API_KEY, "ApiKeyAuthParameters is not for"),
        ("BASIC", {}, "BasicAuthParameters.Username is required"),
        ("API_KEY", {}, "ApiKeyAuthParameters.ApiKeyName is required"),
        ("OAUTH_CLIENT_CREDENTIALS", {}, "OAuthParameters.ClientParameters is required"),
        ("OAUTH_CLIENT_CREDENTIALS", {**OAUTH, **BASIC}, "BasicAuthParameters is not for"),
        (
            "OAUTH_CLIENT_CREDENTIALS",
            {
                "OAuthParameters": {
                    **OAUTH["OAuthParameters"],
                    "AuthorizationEndpoint": "http://auth.test/",
                }
            },
            "must be an HTTPS endpoint",
        ),
        (
            "BASIC",
            {**BASIC, "ConnectivityParameters": {"ResourceParameters": {}}},
            "ConnectivityParameters is not supported",
        ),
    ],
)
def test_a_connection_that_is_refused(
    world: World, kind: str, auth: dict[str, Any], why: str
) -> None:
    """Parameters have to be those of the type, and all of them."""
    with pytest.raises(ServiceError, match=why) as error:
        world.call(
            "events", "CreateConnection", Name="c", AuthorizationType=kind, AuthParameters=auth
        )
    assert error.value.code == "ValidationException"
    assert world.call("events", "ListConnections")["Connections"] == []


def test_an_update_of_a_connection(world: World) -> None:
    """What is given replaces what was, and all else stays; another type needs all of its own."""
    aim(world, destine(world, connect(world, "BASIC")))
    secret = {"BasicAuthParameters": {"Password": "new"}}
    world.pass_s(5)
    world.call("events", "UpdateConnection", Name="c", AuthParameters=secret, Description="text")
    order(world)
    expected = base64.b64encode(b"user:new").decode()
    assert headers_of(world.fetches[-1])["Authorization"] == f"Basic {expected}"
    told = world.call("events", "DescribeConnection", Name="c")
    assert (told["Description"], told["CreationTime"]) == ("text", T0)
    assert told["LastModifiedTime"] == T0 + 5_000
    with pytest.raises(ServiceError, match="is required for API_KEY"):
        world.call("events", "UpdateConnection", Name="c", AuthorizationType="API_KEY")
    world.call(
        "events", "UpdateConnection", Name="c", AuthorizationType="API_KEY", AuthParameters=API_KEY
    )
    order(world)
    headers = headers_of(world.fetches[-1])
    assert (headers["X-Key"], "Authorization" in headers) == ("k3y", False)


def test_a_connection_without_authorisation(world: World) -> None:
    """Its secrets are gone, its destinations are inactive, and what they are owed is buried."""
    aim(world, destine(world, connect(world)))
    assert world.call("events", "DescribeApiDestination", Name="d")["ApiDestinationState"] == (
        "ACTIVE"
    )
    told = world.call("events", "DeauthorizeConnection", Name="c")
    assert told["ConnectionState"] == "DEAUTHORIZED"
    assert "AuthParameters" not in world.call("events", "DescribeConnection", Name="c")
    assert world.call("events", "DescribeApiDestination", Name="d")["ApiDestinationState"] == (
        "INACTIVE"
    )
    order(world)
    assert world.fetches == []
    assert reasons(world) == [("NO_PERMISSIONS", "0")]


def test_a_connection_that_has_gone(world: World) -> None:
    """A new one of the same name is another: destinations of the old one stay without."""
    aim(world, destine(world, connect(world)))
    assert world.call("events", "DeleteConnection", Name="c")["ConnectionState"] == "DELETING"
    connect(world)
    order(world)
    assert reasons(world) == [("NO_RESOURCE", "0")]
    with pytest.raises(ServiceError, match="does not exist"):
        world.call("events", "DeleteConnection", Name="gone")


# --- destinations --------------------------------------------------------------------------------


def test_a_destination(world: World) -> None:
    """It is made, shown, changed, listed and deleted."""
    connection = connect(world)
    arn = destine(world, connection, Description="text", InvocationRateLimitPerSecond=7)
    told = world.call("events", "DescribeApiDestination", Name="d")
    assert told == {
        "ApiDestinationArn": arn,
        "ApiDestinationState": "ACTIVE",
        "CreationTime": T0,
        "LastModifiedTime": T0,
        "Name": "d",
        "Description": "text",
        "ConnectionArn": connection,
        "InvocationEndpoint": HOOK,
        "HttpMethod": "POST",
        "InvocationRateLimitPerSecond": 7,
    }
    world.call("events", "UpdateApiDestination", Name="d", HttpMethod="PUT")
    told = world.call("events", "DescribeApiDestination", Name="d")
    assert (told["HttpMethod"], told["InvocationEndpoint"]) == ("PUT", HOOK)
    for found in ({}, {"NamePrefix": "d"}, {"ConnectionArn": connection}):
        listed = world.call("events", "ListApiDestinations", **found)["ApiDestinations"]
        assert [each["Name"] for each in listed] == ["d"]
    for missed in ({"NamePrefix": "x"}, {"ConnectionArn": connection + "x"}):
        assert world.call("events", "ListApiDestinations", **missed)["ApiDestinations"] == []
    with pytest.raises(ServiceError, match="already exists"):
        destine(world, connection)
    assert world.call("events", "DeleteApiDestination", Name="d") == {}
    with pytest.raises(ServiceError, match="does not exist"):
        world.call("events", "DeleteApiDestination", Name="d")


@pytest.mark.parametrize(
    "endpoint", ["http://hook.test/", "hook.test/in", "https:///in", "ftp://x"]
)
def test_an_endpoint_that_is_refused(world: World, endpoint: str) -> None:
    """It has to be HTTPS, unless the server may ask private addresses."""
    connection = connect(world)
    with pytest.raises(ServiceError, match="HTTPS endpoint"):
        destine(world, connection, InvocationEndpoint=endpoint)
    destine(world, connection)
    with pytest.raises(ServiceError, match="HTTPS endpoint"):
        world.call("events", "UpdateApiDestination", Name="d", InvocationEndpoint=endpoint)


def test_a_destination_needs_a_connection(world: World) -> None:
    """One of the same account and region."""
    arn = connect(world)
    for other in (arn[:-1] + "x", arn.replace(REGION, "eu-west-1"), arn.replace(ACCOUNT, "2" * 12)):
        with pytest.raises(ServiceError, match="does not exist") as error:
            destine(world, other)
        assert error.value.code == "ResourceNotFoundException"


# --- requests ------------------------------------------------------------------------------------


def test_a_request(world: World) -> None:
    """The event is the body; what the connection adds goes before what the target says; headers
    that EventBridge keeps for itself are nobody's to set."""
    pairs = [{"Key": "both", "Value": "connection"}, {"Key": "c d", "Value": "é&"}]
    connection = connect(
        world,
        "BASIC",
        InvocationHttpParameters={
            "HeaderParameters": [
                {"Key": "Both", "Value": " connection "},
                {"Key": "Host", "Value": "other"},
            ],
            "QueryStringParameters": pairs,
            "BodyParameters": [{"Key": "added", "Value": "yes"}],
        },
    )
    endpoint = f"{HOOK}/*/items/*/*?q=1"
    aim(
        world,
        destine(world, connection, InvocationEndpoint=endpoint),
        HttpParameters={
            "PathParameterValues": ["a/b", "ü"],
            "HeaderParameters": {"both": "target", "X-T": "t", "user-agent": "me"},
            "QueryStringParameters": {"both": "target", "t": "1"},
        },
    )
    order(world)
    (fetch,) = world.fetches
    assert fetch.url == f"{HOOK}/a%2Fb/items/%C3%BC/*?q=1&both=connection&t=1&c%20d=%C3%A9%26"
    assert (fetch.method, json.loads(fetch.body)) == ("POST", {"n": 1, "added": "yes"})
    assert fetch.timeout_ms == 5_000
    assert headers_of(fetch) == {
        "Content-Type": "application/json; charset=utf-8",
        "Both": "connection",
        "X-T": "t",
        "Authorization": "Basic " + base64.b64encode(b"user:pass word").decode(),
        "User-Agent": "Amazon/EventBridge/ApiDestinations",
        "Range": "bytes=0-1048575",
    }


def test_parameters_are_filled_from_the_event(world: World) -> None:
    """A value that is a path is what stands there; what is none stays as it is."""
    aim(
        world,
        destine(world, connect(world), InvocationEndpoint=f"{HOOK}/*"),
        HttpParameters={
            "PathParameterValues": ["$.detail-type"],
            "HeaderParameters": {"X-Source": "$.source", "X-None": "$.detail.none", "X-No": "$..x"},
            "QueryStringParameters": {"a": "$.detail"},
        },
    )
    order(world)
    (fetch,) = world.fetches
    assert fetch.url == f"{HOOK}/order?a=%7B%7D"
    headers = headers_of(fetch)
    assert (headers["X-Source"], headers["X-None"], headers["X-No"]) == ("shop", "", "$..x")


def test_a_request_without_a_body(world: World) -> None:
    """GET and HEAD carry none."""
    aim(world, destine(world, connect(world), HttpMethod="GET"))
    order(world)
    (fetch,) = world.fetches
    assert (fetch.method, fetch.body, "Content-Type" in headers_of(fetch)) == ("GET", b"", False)


def test_a_body_that_is_no_object(world: World) -> None:
    """It is sent as it is: it has no members to add to."""
    added = {"BodyParameters": [{"Key": "added", "Value": "yes"}]}
    aim(world, destine(world, connect(world, InvocationHttpParameters=added)), Input='["n"]')
    order(world)
    assert world.fetches[0].body == b'["n"]'


@pytest.mark.parametrize(
    ("endpoint", "values", "expected"),
    [
        ("https://x/*", ["a b"], "https://x/a%20b"),
        ("https://x/*/*", ["1"], "https://x/1/*"),
        ("https://x/*", ["1", "2"], "https://x/1"),
        ("https://x/*", ["../?#"], "https://x/..%2F%3F%23"),
    ],
)
def test_path_parameters(endpoint: str, values: list[str], expected: str) -> None:
    """Each * is replaced by the next value, which cannot leave its place."""
    assert filled(endpoint, values) == expected


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_event_that_is_taken(world: World, status: int) -> None:
    """Every 2xx takes it."""
    world.server = fetched(status)
    aim(world, destine(world, connect(world)))
    order(world)
    world.pass_s(3_600)
    assert len(world.fetches) == 1
    assert reasons(world) == []


@pytest.mark.parametrize("status", [199, 301, 302, 400, 403, 404, 410, 422])
def test_an_answer_that_is_final(world: World, status: int) -> None:
    """These are buried at once."""
    world.server = fetched(status)
    aim(world, destine(world, connect(world)))
    order(world)
    assert len(world.fetches) == 1
    assert reasons(world) == [("ERROR_FROM_TARGET", "0")]


@pytest.mark.parametrize(
    ("server", "code"),
    [
        *((fetched(status), "ERROR_FROM_TARGET") for status in (401, 407, 409, 500, 503)),
        (fetched(429), "THROTTLING"),
        (lambda _: Reply(error=ServiceError("FetchTimeout", "slow")), "TIMEOUT"),
        (lambda _: Reply(error=ServiceError("FetchFailed", "off")), "CONNECTION_FAILURE"),
    ],
)
def test_an_answer_that_passes(world: World, server: Any, code: str) -> None:
    """These are tried again, as often as the target's policy allows."""
    world.server = server
    aim(world, destine(world, connect(world)), RetryPolicy={"MaximumRetryAttempts": 3})
    order(world)
    world.pass_s(3_600)
    assert len(world.fetches) == 4
    assert reasons(world) == [(code, "3")]


def test_a_server_that_may_not_be_asked(world: World) -> None:
    """An address inside is final."""
    world.server = lambda _: Reply(error=ServiceError("FetchRefused", "its address is loopback"))
    aim(world, destine(world, connect(world)))
    order(world)
    assert reasons(world) == [("NO_PERMISSIONS", "0")]


def test_an_endpoint_that_asks_to_be_left_alone(world: World) -> None:
    """The longer of Retry-After and of the policy is waited; a negative one ends the retries."""
    at_ms: list[int] = []
    answers = [
        fetched(503, **{"retry-after": "90"}),
        fetched(503, **{"retry-after": "0"}),
        fetched(503, **{"retry-after": "-1"}),
    ]

    def server(fetch: Fetch) -> Reply:
        at_ms.append(world.now_ms)
        return answers[len(at_ms) - 1](fetch)

    world.server = server
    aim(world, destine(world, connect(world)))
    order(world)
    began_ms = at_ms[0]
    world.pass_s(3_600)
    assert at_ms[1] - began_ms == 90_000
    assert 1_600 <= at_ms[2] - at_ms[1] <= 2_400
    assert reasons(world) == [("ERROR_FROM_TARGET", "2")]


# --- rates ---------------------------------------------------------------------------------------


def test_a_rate_is_kept(world: World) -> None:
    """Of each second no more calls than the rate begin; the others wait, which is no retry."""
    at_ms: list[int] = []

    def server(fetch: Fetch) -> Reply:
        at_ms.append(world.now_ms)
        return fetched()(fetch)

    world.server = server
    destination = destine(world, connect(world), InvocationRateLimitPerSecond=2)
    aim(world, destination, RetryPolicy={"MaximumRetryAttempts": 0})
    order(world, 7)
    began_ms = at_ms[0]
    world.pass_s(60)
    assert [each - began_ms for each in at_ms] == [0, 0, 1_000, 1_000, 2_000, 2_000, 3_000]
    assert reasons(world) == []


def test_a_wait_for_a_place_ends_with_the_server(world: World) -> None:
    """What waits is put off when the server stops, and costs no attempt."""
    aim(
        world,
        destine(world, connect(world), InvocationRateLimitPerSecond=1),
        RetryPolicy={"MaximumRetryAttempts": 0},
    )
    order(world, 3)
    assert len(world.fetches) == 1
    world.dispatch.drain()
    world.settle()
    assert world.dispatch.is_at_rest
    world.crash()
    world.pass_s(60)
    assert len(world.fetches) == 3
    assert reasons(world) == []


# --- OAuth ---------------------------------------------------------------------------------------


def test_a_first_token(world: World) -> None:
    """A connection is AUTHORIZING until its first token has been given; the token is used for all
    events until it ends."""
    world.server = lambda _fetch: None
    aim(world, destine(world, connect(world, "OAUTH_CLIENT_CREDENTIALS")))
    assert world.call("events", "DescribeConnection", Name="c")["ConnectionState"] == "AUTHORIZING"
    (asked,) = world.fetches
    assert (asked.method, asked.url) == ("POST", "https://auth.test/token")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["s&cret"],
    }
    assert headers_of(asked)["Content-Type"].startswith("application/x-www-form-urlencoded")
    world.server = servers(auth=granting("second", lasts_s=600), hook=fetched())
    world.held_fetches.pop()(granting("first", lasts_s=600)(asked))
    world.settle()
    told = world.call("events", "DescribeConnection", Name="c")
    assert (told["ConnectionState"], told["LastAuthorizedTime"]) == ("AUTHORIZED", world.now_ms)
    order(world, 2)
    world.pass_s(600)
    order(world)
    hooks = [headers_of(each)["Authorization"] for each in world.fetches if "hook" in each.url]
    assert hooks == ["Bearer first", "Bearer first", "Bearer second"]


def test_a_token_that_is_not_taken(world: World) -> None:
    """It is renewed once, within the same attempt; if the new one is not taken, that has failed."""
    taken = ["two"]

    def hook(fetch: Fetch) -> Reply:
        is_taken = headers_of(fetch)["Authorization"].split()[1] in taken
        return fetched(200 if is_taken else 401)(fetch)

    world.server = servers(auth=granting("one", "two", "three", "four"), hook=hook)
    destination = destine(world, connect(world, "OAUTH_CLIENT_CREDENTIALS"))
    aim(world, destination, RetryPolicy={"MaximumRetryAttempts": 0})
    order(world, 2)
    urls = [each.url.split("/")[2] for each in world.fetches]
    assert urls == ["auth.test", "hook.test", "auth.test", "hook.test", "hook.test"]
    taken[:] = []
    order(world)
    assert [each.url.split("/")[2] for each in world.fetches[5:]] == [
        "hook.test",
        "auth.test",
        "hook.test",
    ]
    assert reasons(world) == [("ERROR_FROM_TARGET", "0")]


def test_one_token_for_all_that_wait(world: World) -> None:
    """Calls that need a token at the same time ask for one; those whose token is not taken, for one
    more."""
    tokens = granting("first", "second")
    world.server = lambda _fetch: None
    aim(world, destine(world, connect(world, "OAUTH_CLIENT_CREDENTIALS")))
    order(world, 5)
    (asked,) = world.fetches
    world.held_fetches.pop()(tokens(asked))
    world.settle()
    assert [each.url for each in world.fetches[1:]] == [HOOK] * 5
    held, world.held_fetches = world.held_fetches, []
    for done in held:
        done(fetched(401)(asked))
        world.settle()
    assert [each.url for each in world.fetches[6:]] == ["https://auth.test/token"]
    world.server = fetched()
    world.held_fetches.pop()(tokens(asked))
    world.settle()
    assert {headers_of(each)["Authorization"] for each in world.fetches[7:]} == {"Bearer second"}
    assert len(world.fetches) == 12


def test_a_token_that_never_comes(world: World) -> None:
    """Those that wait for one that another has asked for ask themselves when it has failed."""
    world.server = lambda _fetch: None
    aim(world, destine(world, connect(world, "OAUTH_CLIENT_CREDENTIALS")))
    order(world)
    assert len(world.fetches) == 1
    world.server = servers(auth=granting("token"), hook=fetched())
    world.held_fetches.pop()(Reply(error=ServiceError("FetchTimeout", "slow")))
    world.pass_s(1)
    assert [each.url for each in world.fetches if "hook" in each.url] == [HOOK]


@pytest.mark.parametrize(
    "answer",
    [fetched(400), fetched(401), fetched(200, b"{}"), fetched(200, b"<html>"), fetched(302)],
)
def test_a_connection_that_is_given_no_token(world: World, answer: Any) -> None:
    """It is DEAUTHORIZED, with the reason; an update tries again."""
    world.server = answer
    connect(world, "OAUTH_CLIENT_CREDENTIALS")
    told = world.call("events", "DescribeConnection", Name="c")
    assert told["ConnectionState"] == "DEAUTHORIZED"
    assert "authorization endpoint" in told["StateReason"]
    world.server = granting("token")
    world.call("events", "UpdateConnection", Name="c", Description="again")
    told = world.call("events", "DescribeConnection", Name="c")
    assert (told["ConnectionState"], "StateReason" in told) == ("AUTHORIZED", False)


def test_an_authorisation_server_that_is_away(world: World) -> None:
    """The first token is asked for again for some minutes, across a crash."""
    world.server = lambda _: Reply(error=ServiceError("FetchFailed", "off"))
    connect(world, "OAUTH_CLIENT_CREDENTIALS")
    world.pass_s(4)
    world.server = granting("token")
    world.crash()
    world.pass_s(30)
    assert world.call("events", "DescribeConnection", Name="c")["ConnectionState"] == "AUTHORIZED"
    world.server = fetched(500)
    world.call("events", "UpdateConnection", Name="c", Description="again")
    world.pass_s(600)
    assert world.call("events", "DescribeConnection", Name="c")["ConnectionState"] == (
        "DEAUTHORIZED"
    )


def test_tokens_are_not_kept_beyond_their_revision(world: World) -> None:
    """After an update, and after a crash, a new one is asked for."""
    world.server = servers(auth=granting("one", "two", "three"), hook=fetched())
    aim(world, destine(world, connect(world, "OAUTH_CLIENT_CREDENTIALS")))
    order(world)
    secret = {"OAuthParameters": {"ClientParameters": {"ClientSecret": "other"}}}
    world.call("events", "UpdateConnection", Name="c", AuthParameters=secret)
    order(world)
    world.crash()
    order(world)
    hooks = [headers_of(each)["Authorization"] for each in world.fetches if "hook" in each.url]
    assert hooks == ["Bearer one", "Bearer two", "Bearer three"]
    asked = [each for each in world.fetches if "auth" in each.url]
    assert parse_qs(asked[1].body.decode())["client_secret"] == ["other"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_how_a_token_is_asked_for(world: World, method: str) -> None:
    """With GET as a query; with a Content-Type of JSON as JSON; with what the owner adds."""
    added = {
        "HeaderParameters": [{"Key": "content-type", "Value": "application/json"}],
        "QueryStringParameters": [{"Key": "q", "Value": "1"}],
        "BodyParameters": [
            {"Key": "audience", "Value": "shop", "IsValueSecret": False},
            {"Key": "grant_type", "Value": "own"},
        ],
    }
    oauth = {**OAUTH["OAuthParameters"], "HttpMethod": method, "OAuthHttpParameters": added}
    world.server = granting("token")
    connect(world, "OAUTH_CLIENT_CREDENTIALS", OAuthParameters=oauth)
    (asked,) = world.fetches
    fields = {
        "grant_type": "own",
        "client_id": "id",
        "client_secret": "s&cret",
        "audience": "shop",
    }
    query = {name: value[0] for name, value in parse_qs(asked.url.partition("?")[2]).items()}
    if method == "GET":
        assert (query, asked.body) == ({**fields, "q": "1"}, b"")
    else:
        assert (query, json.loads(asked.body)) == ({"q": "1"}, fields)


def test_a_token_that_lasts_for_ever_is_a_token() -> None:
    """Whatever number a server says."""
    fetched = Fetched(200, (), b'{"access_token": "t", "expires_in": 1e308}')
    token = token_of(fetched, 1_000)
    assert (token.text, token.kind) == ("t", "Bearer")
    assert token.ends_ms > 1_000
