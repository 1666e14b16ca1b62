"""Function URLs on a live server: what HTTP clients see, and what web pages cannot reach."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from live import Answer, LiveServer, authorization, request

REGION = "us-east-1"
KEY = ("AKIAROOT000000000001", "root-secret-0123456789")
OWNER = "111122223333"
FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: "

HANDLER = """
import base64

def handler(event, context):
    path = event.get("rawPath")
    if path == "/raise":
        raise ValueError("secret words")
    if path == "/sleep":
        import time
        time.sleep(30)
    if path == "/text":
        return "Hello"
    if path == "/large":
        return {"statusCode": 200, "body": "x" * 5_000_000}
    if path == "/over":
        return "x" * 7_000_000
    if path == "/binary":
        return {"statusCode": 200, "headers": {"content-type": "image/png"},
                "body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True}
    if path == "/bytes":
        body = base64.b64decode(event["body"])
        return {"statusCode": 200, "body": str(len(body))}
    if path == "/length":
        return {"statusCode": 200, "body": str(len(event["body"]))}
    if path == "/full":
        return {"statusCode": 418, "headers": {"X-Custom": "yes", "Connection": "close"},
                "cookies": ["a=1; Path=/", "b=2"], "body": "tea"}
    if path == "/nothing":
        return {"statusCode": 204}
    return event
"""


def package() -> bytes:
    """The function's code."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("app.py", HANDLER)
    return held.getvalue()


class Site:
    """One function with a URL, and its server."""

    def __init__(self, server: LiveServer, key: tuple[str, str], **members: Any) -> None:
        self.server = server
        self.client = boto3.client(
            "lambda",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            endpoint_url=f"http://localhost:{server.port}",
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        self.client.create_function(
            FunctionName="site",
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{OWNER}:role/r",
            Timeout=2,
            Code={"ZipFile": package()},
        )
        given = {"FunctionName": "site", "AuthType": "NONE", **members}
        self.url = self.client.create_function_url_config(**given)["FunctionUrl"]
        self.host = self.url.removeprefix("http://").rstrip("/")
        self.url_id = self.host.partition(".")[0]

    def allow(self, auth: str = "NONE", principal: str = "*") -> None:
        """Let callers in, as the console does."""
        for action, members in (
            ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": auth}),
            ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
        ):
            self.client.add_permission(
                FunctionName="site",
                StatementId=action[7:],
                Action=action,
                Principal=principal,
                **members,
            )

    def bytes_of(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Mapping[str, str | None] | None = None,
        body: bytes = b"",
        **options: Any,
    ) -> bytes:
        """A request to the URL's host."""
        given = {"Host": self.host, **(headers or {})}
        return request(method=method, target=target, headers=given, body=body, **options)

    def ask(self, method: str = "GET", target: str = "/", **options: Any) -> Answer:
        """Send one; return the answer."""
        with self.server.wire() as wire:
            wire.send(self.bytes_of(method, target, **options))
            found = wire.answer(is_head=method == "HEAD")
            assert found is not None
            return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A public function on a server without keys, with a queue that must not be reached."""
    server = LiveServer(tmp_path_factory.mktemp("site"), "--allow-reset")
    assert server.port, server.text
    made = Site(server, (OWNER, "x"))
    made.allow()
    server.call("CreateQueue", QueueName="private")
    yield made
    assert server.health()["faults"] == 0, server.text
    made.client.close()
    server.close()


def test_the_event_and_the_answer(site: Site) -> None:
    """What an HTTP client sends comes as payload format 2.0, and what is returned goes back."""
    found = site.ask(
        "POST",
        "/a/b?x=1&x=2",
        headers={"Content-Type": "text/plain", "Cookie": "c=1; d=2", "User-Agent": "probe"},
        body=b"hello",
    )
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    event = json.loads(found.body)
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/a/b")
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["cookies"] == ["c=1", "d=2"]
    assert (event["body"], event["isBase64Encoded"]) == ("hello", False)
    assert event["headers"]["host"] == site.host
    context = event["requestContext"]
    assert context["domainName"] == site.host.partition(":")[0]
    assert context["http"] == {
        "method": "POST",
        "path": "/a/b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "probe",
    }
    assert found.headers["x-amzn-requestid"] == context["requestId"]
    assert found.headers["x-amzn-trace-id"] == event["headers"]["x-amzn-trace-id"]


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "answer"),
    [
        ("GET", "/text", b"", 200, b'"Hello"'),
        ("GET", "/full", b"", 418, b"tea"),
        ("GET", "/nothing", b"", 204, b""),
        ("GET", "/binary", b"", 200, bytes(range(256))),
        ("GET", "/large", b"", 200, b"x" * 5_000_000),
        ("GET", "/over", b"", 502, b'{"Message":"Internal Server Error"}'),
        ("GET", "/raise", b"", 502, b'{"Message":"Internal Server Error"}'),
        ("GET", "/sleep", b"", 502, b'{"Message":"Internal Server Error"}'),
        ("POST", "/length", b"a" * 6_000_000, 200, b"6000000"),
        ("POST", "/length", b"a" * 6_291_456, 413, b'{"Message":"Request Entity Too Large"}'),
        ("PURGE", "/", b"", 405, b'{"Message":"Method Not Allowed"}'),
        ("HEAD", "/full", b"", 418, b""),
    ],
)
def test_answers(
    site: Site, method: str, target: str, body: bytes, status: int, answer: bytes
) -> None:
    """Status and body of each kind of return, of failures and of what is too large."""
    found = site.ask(method, target, body=body, headers={"Content-Type": "text/plain"})
    assert (found.status, found.body) == (status, answer)


def test_headers_and_cookies_go_back(site: Site) -> None:
    """Each cookie has a line of its own; what belongs to the connection is renamed."""
    with site.server.wire() as wire:
        wire.send(site.bytes_of("GET", "/full") * 2)
        raw = b""
        while raw.count(b"tea") < 2:
            raw += wire.socket.recv(65_536)
    head = raw.partition(b"\r\n\r\n")[0].decode()
    assert "X-Custom: yes\r\n" in head
    assert "x-amzn-Remapped-Connection: close" in head
    assert head.count("Set-Cookie: ") == 2
    assert head.startswith("HTTP/1.1 418 ")


def test_bytes_arrive_as_they_were_sent(site: Site) -> None:
    """A body that is no text comes in base64, also when it is sent in chunks."""
    kind = {"Content-Type": "application/octet-stream"}
    assert site.ask("POST", "/bytes", body=bytes(range(256)), headers=kind).body == b"256"
    chunked = kind | {"Transfer-Encoding": "chunked", "Content-Length": None}
    found = site.ask("POST", "/bytes", body=b"3\r\n\x00\xff\x80\r\n0\r\n\r\n", headers=chunked)
    assert (found.status, found.body) == (200, b"3")


def test_the_same_by_its_path(site: Site) -> None:
    """For clients that cannot resolve the name; a browser is told to isolate what it shows."""
    target = f"/_redrive/url/{site.url_id}/a/b?x=1"
    found = site.server.ask(request(method="GET", target=target))
    event = json.loads(found.body)
    assert (event["rawPath"], event["rawQueryString"]) == ("/a/b", "x=1")
    assert event["requestContext"]["domainName"] == site.host.partition(":")[0]
    assert found.headers["content-security-policy"].startswith("sandbox ")
    bare = site.server.ask(request(method="GET", target=f"/_redrive/url/{site.url_id}"))
    assert json.loads(bare.body)["rawPath"] == "/"
    page = {"Origin": "http://evil.example"}
    assert site.server.ask(request(method="GET", target=target, headers=page)).status == 403
    missing = site.server.ask(request(method="GET", target="/_redrive/url/none/"))
    assert missing.status == 404


HOSTS = {
    "of no URL": "b" * 32 + ".lambda-url.us-east-1.localhost:4566",
    "of another region": "{id}.lambda-url.eu-west-1.localhost:4566",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_hosts_of_no_url(site: Site, host: str) -> None:
    """There is no such resource."""
    found = site.ask(headers={"Host": host.replace("{id}", site.url_id)})
    assert (found.status, json.loads(found.body)) == (
        404,
        {"Message": "The resource you requested does not exist."},
    )


STRANGE_HOSTS = (
    "{id}.lambda-url.us-east-1.on.aws",
    "{id}.lambda-url.us-east-1.localhost.evil.example",
    "{id}.lambda-url.us-east-1.evil.example",
    "evil.{id}.lambda-url.us-east-1.localhost",
    "{id}.lambda-url.localhost",
    "lambda-url.localhost",
    "{id}.lambda-url.us-east-1.localhost,localhost",
    "{id}.lambda-url.us-east-1.localhost:4566x",
    "{id}.lambda-url..localhost",
)


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_names_that_are_not_ours(site: Site, host: str) -> None:
    """A rebound name, and whatever looks like a URL's host and is none: neither URL nor API."""
    given = host.replace("{id}", site.url_id)
    for bytes_ in (
        site.bytes_of(headers={"Host": given}),
        request("ListQueues", {}, headers={"Host": given}),
    ):
        found = site.server.ask(bytes_)
        assert found.status == 403
        assert b"does not name this server" in found.body


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_a_urls_host_reaches_nothing_but_its_function(site: Site, origin: str | None) -> None:
    """Whatever a page asks of it, signed or not: the function answers, and nobody else."""
    page = {"Host": site.host, "Origin": origin, "Sec-Fetch-Site": origin and "cross-site"}
    signed = {"Authorization": authorization(service="lambda"), "Content-Length": "2"}
    for method, target, headers in (
        ("GET", "/_redrive/health", {}),
        ("POST", "/_redrive/reset", {}),
        ("GET", "/metrics", {}),
        ("GET", "/2015-03-31/functions/", signed),
        ("DELETE", "/2015-03-31/functions/site", signed),
        ("POST", "/", {"X-Amz-Target": "AmazonSQS.ListQueues"}),
        ("GET", "/?Action=ListQueues", {}),
        ("GET", f"/_redrive/url/{site.url_id}/text", {}),
        ("POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", signed),
    ):
        found = site.ask(method, target, headers={**page, **headers}, body=b"{}")
        assert found.status == 200
        event = json.loads(found.body)
        assert event["rawPath"] == target.partition("?")[0]
        assert event["requestContext"]["http"]["method"] == method
    assert site.client.get_function(FunctionName="site")
    assert len(site.server.call("ListQueues")["QueueUrls"]) == 1


def test_a_page_of_a_url_cannot_use_the_api(site: Site) -> None:
    """The origin of a function's page is foreign to the API, like any other."""
    for headers in (
        {"Origin": site.url.rstrip("/")},
        {"Origin": "null"},
        {"Referer": site.url},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert site.server.ask(request("ListQueues", {}, headers=headers)).status == 403


def test_cors_of_a_url(site: Site) -> None:
    """Preflights are answered for allowed origins; the configuration wins over the function."""
    preflight = {"Origin": "http://good", "Access-Control-Request-Method": "PUT"}
    found = site.ask("OPTIONS", headers=preflight)
    assert json.loads(found.body)["requestContext"]["http"]["method"] == "OPTIONS"
    cors = {
        "AllowOrigins": ["http://good"],
        "AllowMethods": ["PUT"],
        "AllowHeaders": ["x-a"],
        "MaxAge": 7,
    }
    site.client.update_function_url_config(FunctionName="site", Cors=cors)
    try:
        found = site.ask("OPTIONS", headers=preflight)
        assert (found.status, found.body) == (200, b"")
        assert found.headers["access-control-allow-origin"] == "http://good"
        assert found.headers["access-control-allow-methods"] == "PUT"
        assert found.headers["access-control-allow-headers"] == "x-a"
        assert found.headers["access-control-max-age"] == "7"
        told = site.ask(headers={"Origin": "http://good", "Sec-Fetch-Site": "cross-site"})
        assert told.headers["access-control-allow-origin"] == "http://good"
        untold = site.ask(headers={"Origin": "http://evil"})
        assert untold.status == 200
        assert "access-control-allow-origin" not in untold.headers
    finally:
        site.client.update_function_url_config(FunctionName="site", Cors={})


def test_errors_of_the_api(site: Site) -> None:
    """AWS's, as SDKs see them."""
    client = site.client
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.create_function_url_config(FunctionName="site", AuthType="NONE")
    for call, params, words in (
        (client.get_function_url_config, {"Qualifier": "1"}, "Value '1' at 'qualifier'"),
        (client.get_function_url_config, {"Qualifier": "$LATEST"}, "Value '$LATEST' at"),
        (
            client.update_function_url_config,
            {"InvokeMode": "UNKNOWN"},
            "enum value set: [RESPONSE_STREAM, BUFFERED]",
        ),
        (
            client.update_function_url_config,
            {"Cors": {"AllowMethods": ["OPTIONS"]}},
            "'cors.allowMethods' failed",
        ),
    ):
        with pytest.raises(client.exceptions.ClientError) as caught:
            call(FunctionName="site", **params)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert words in caught.value.response["Error"]["Message"]


def test_invoking_with_a_stream(site: Site) -> None:
    """botocore reads the events; a Python function's whole answer is one chunk."""
    answer = site.client.invoke_with_response_stream(
        FunctionName="site", Payload=b'{"rawPath": "/text"}', LogType="Tail"
    )
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    chunk, complete = answer["EventStream"]
    assert chunk == {"PayloadChunk": {"Payload": b'"Hello"'}}
    assert b"REPORT" in base64.b64decode(complete["InvokeComplete"]["LogResult"])
    answer = site.client.invoke_with_response_stream(
        FunctionName="site", Payload=b'{"rawPath": "/raise"}'
    )
    (complete,) = answer["EventStream"]
    assert complete["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert "secret words" in complete["InvokeComplete"]["ErrorDetails"]


def test_a_streaming_url(site: Site) -> None:
    """What a function that does not stream returns is the body as it is."""
    site.client.update_function_url_config(FunctionName="site", InvokeMode="RESPONSE_STREAM")
    try:
        found = site.ask(target="/full")
        assert (found.status, json.loads(found.body)["statusCode"]) == (200, 418)
        assert site.ask(target="/raise").status == 502
    finally:
        site.client.update_function_url_config(FunctionName="site", InvokeMode="BUFFERED")


def test_a_url_needs_a_policy(site: Site) -> None:
    """Without one nobody gets in, and the answer says why in AWS's words."""
    for sid in ("InvokeFunction", "InvokeFunctionUrl"):
        site.client.remove_permission(FunctionName="site", StatementId=sid)
        found = site.ask()
        assert (found.status, found.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
        assert json.loads(found.body)["Message"].startswith(FORBIDDEN)
    site.allow()
    assert site.ask().status == 200


# --- signatures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A function for signed requests, on a server that checks them."""
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "keys.toml"
    keys.write_text(f'[{KEY[0]}]\nsecret = "{KEY[1]}"\naccount = "{OWNER}"\n')
    keys.chmod(0o600)
    server = LiveServer(folder, "--keys-file", str(keys))
    assert server.port, server.text
    made = Site(server, KEY, AuthType="AWS_IAM")
    yield made
    assert server.health()["faults"] == 0, server.text
    made.client.close()
    server.close()


def signed(
    site: Site,
    key: tuple[str, str] = KEY,
    service: str = "lambda",
    region: str = REGION,
    url: str = "",
) -> tuple[int, Any]:
    """Send a signed POST, as SDKs sign it; return status and answer."""
    asked = AWSRequest("POST", url or f"{site.url}a%20b?x=1&y=%2F", data=b'{"k": 1}')
    asked.headers["Content-Type"] = "application/json"
    SigV4Auth(Credentials(*key), service, region).add_auth(asked)
    parts = urlsplit(asked.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {"Host": parts.netloc, **dict(asked.headers)}
    found = site.ask("POST", target, headers=headers, body=asked.body)
    return found.status, json.loads(found.body)


def test_a_good_signature_opens(guarded: Site) -> None:
    """By the host and by the path; the event says who it was."""
    by_path = f"http://localhost:{guarded.server.port}/_redrive/url/{guarded.url_id}/a"
    for url in ("", by_path):
        status, event = signed(guarded, url=url)
        assert status == 200, event
        iam = event["requestContext"]["authorizer"]["iam"]
        assert (iam["accessKey"], iam["accountId"]) == (KEY[0], OWNER)
        assert iam["userArn"] == f"arn:aws:iam::{OWNER}:root"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": (KEY[0], "wrong")}, "The request signature we calculated does not match"),
        ({"key": ("AKIAUNKNOWN", "x")}, "The security token included in the request is invalid"),
        ({"service": "sqs"}, "Credential should be scoped to correct service: 'lambda'."),
        ({"region": "eu-west-1"}, "Credential should be scoped to correct region: 'us-east-1'."),
    ],
)
def test_another_signature_does_not(guarded: Site, options: dict[str, Any], words: str) -> None:
    """A wrong secret, an unknown key, another service or region."""
    status, answer = signed(guarded, **options)
    assert status == 403
    assert answer["message"].startswith(words)


def test_without_a_signature(guarded: Site) -> None:
    """It is forbidden, whatever stands in Authorization."""
    found = guarded.ask()
    assert (found.status, json.loads(found.body)["Message"][:34]) == (403, FORBIDDEN[:34])
    other = guarded.ask(headers={"Authorization": "Bearer abc"})
    assert other.status in (400, 403)


def test_a_public_url_is_public_where_signatures_are_checked(guarded: Site) -> None:
    """AuthType NONE asks nobody for one, and passes on what a client sends of its own."""
    guarded.client.update_function_url_config(FunctionName="site", AuthType="NONE")
    guarded.allow()
    found = guarded.ask(headers={"Authorization": "Bearer abc"})
    assert found.status == 200
    assert json.loads(found.body)["headers"]["authorization"] == "Bearer abc"


def test_a_large_body_is_not_judged_by_the_apis_rules(site: Site) -> None:
    """A page of another site may send one to a URL, and not to the API."""
    page = {"Origin": "http://good", "Content-Type": "text/plain"}
    assert site.ask("POST", "/length", headers=page, body=b"a" * 100_000).body == b"100000"
    refused = site.server.ask(request("SendMessage", headers=page, body=b"a" * 100_000))
    assert refused.status == 403
