"""What a web page can send, through the real front: nothing changes, nothing is told, nothing dies.

Host x Origin x Referer x Sec-Fetch-Site x method x content type, over real connections; then
headers that no browser would send.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from live import SECONDS_MAX, LiveServer, Wire, request

QUEUE, MARK = "precious-queue", "what-nobody-else-may-read"
OWN = "localhost:4566"
HOSTS = {
    OWN: True,
    "127.0.0.1:4566": True,
    "evil.example": False,
    "rebind.test:4566": False,
    "localhost.evil.example": False,
    None: False,
}
ORIGINS = {
    None: True,
    f"http://{OWN}": True,
    "http://evil.example": False,
    "http://localhost:1": False,
    "null": False,
}
REFERERS = {
    None: True,
    f"http://{OWN}/page": True,
    "http://evil.example/": False,
    "": False,
}
SITES = {None: True, "same-origin": True, "none": True, "same-site": False, "cross-site": False}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TYPES = (
    None,
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json",
    "application/x-amz-json-1.0",
)


@pytest.fixture
def url(server: LiveServer, account: str) -> Iterator[str]:
    """A queue with a message in it; afterwards all is as it was."""
    made: str = server.call("CreateQueue", account, QueueName=QUEUE)["QueueUrl"]
    server.call("SendMessage", account, QueueUrl=made, MessageBody=MARK)
    before = state(server, account, made)
    yield made
    assert state(server, account, made) == before
    found = server.call(
        "ReceiveMessage",
        account,
        QueueUrl=made,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )["Messages"]
    counts = [(m["Body"], m["Attributes"]["ApproximateReceiveCount"]) for m in found]
    assert counts == [(MARK, "1")]


def state(server: LiveServer, account: str, url: str) -> dict[str, Any]:
    """Return all that a request could have changed: of the account, and of the one that requests
    without a signature belong to.
    """
    functions = server.ask(request(method="GET", target="/2015-03-31/functions"))
    return {
        "queues": server.call("ListQueues", account),
        "others": server.call("ListQueues", "000000000000"),
        "attributes": server.call(
            "GetQueueAttributes", account, QueueUrl=url, AttributeNames=["All"]
        ),
        "tags": server.call("ListQueueTags", account, QueueUrl=url),
        "functions": json.loads(functions.body),
    }


def bodies(url: str) -> list[tuple[str, bytes, dict[str, str]]]:
    """Return (target, body, headers) of what would change or tell something."""
    path = "/" + url.split("/", 3)[3]
    form = "Version=2012-11-05&Action="

    def json_call(operation: str, **params: Any) -> tuple[str, bytes, dict[str, str]]:
        body = json.dumps(params).encode()
        return "/", body, {"X-Amz-Target": f"AmazonSQS.{operation}"}

    return [
        json_call("DeleteQueue", QueueUrl=url),
        json_call("PurgeQueue", QueueUrl=url),
        json_call("ReceiveMessage", QueueUrl=url),
        json_call("CreateQueue", QueueName="evil"),
        ("/", f"{form}CreateQueue&QueueName=evil".encode(), {}),
        (path, f"{form}SendMessage&MessageBody=evil".encode(), {}),
        (f"{path}?{form}ReceiveMessage", b"", {}),
        (f"{path}?{form}DeleteQueue", b"", {}),
        (f"/?{form}CreateQueue&QueueName=evil", b"", {}),
        ("/2015-03-31/functions", b'{"FunctionName": "evil"}', {}),
        ("/_redrive/reset", b"", {}),
        ("/_redrive/health", b"", {}),
        ("/", b'{"StackName": "evil", "Plan": {}}', {"X-Amz-Target": "Redrive.Deploy"}),
    ]


def tells_nothing(body: bytes, headers: Mapping[str, str]) -> None:
    """Check that a refusal holds the reason alone."""
    assert set(json.loads(body)) == {"__type", "message"}
    assert set(headers) <= {"content-type", "content-length", "connection"}
    for word in (MARK, QUEUE, "uptime", '"pid"', '"data"', "redrive"):
        assert word not in body.decode(), body
    assert len(body) < 400


def test_every_combination(server: LiveServer, account: str, url: str) -> None:
    """Whoever fails one rule gets the refusal and nothing else, whatever it is that they send."""
    hostile = bodies(url)
    refused = let_in = 0
    with server.wire() as wire:
        combinations = product(HOSTS, ORIGINS, REFERERS, SITES, METHODS, TYPES)
        for number, (host, origin, referer, site, method, kind) in enumerate(combinations):
            if number % 4 and not (host is not None and HOSTS[host]):
                continue  # of the foreign hosts' a fourth, so that it takes seconds
            names_own = {None, f"http://{host}", f"http://{host}/page"}
            is_good = HOSTS[host] and origin in names_own and referer in names_own and SITES[site]
            target, body, extra = hostile[number % len(hostile)]
            if is_good:
                target, body, extra, method = "/_redrive/health", b"", {}, "GET"
            headers: dict[str, str | None] = {
                "Host": host,
                "Origin": origin,
                "Referer": referer,
                "Sec-Fetch-Site": site,
                "Content-Type": kind,
                **extra,
            }
            wire.send(request(method=method, target=target, headers=headers, body=body))
            answer = wire.answer(is_head=method == "HEAD")
            assert answer is not None, headers
            assert answer.status == (200 if is_good else 403), (method, target, headers, answer)
            if is_good:
                let_in += 1
            else:
                refused += 1
                if method != "HEAD":
                    tells_nothing(answer.body, answer.headers)
    assert refused > 5_000
    assert let_in > 100


@pytest.mark.parametrize("host", ["evil.example", OWN])
def test_a_refusal_is_the_same_whatever_is_there(server: LiveServer, url: str, host: str) -> None:
    """Nobody can tell by it what exists: queue, function or path."""
    headers = {"Host": host, "Origin": "http://evil.example"}
    path = "/" + url.split("/", 3)[3]
    targets = ("/", path, f"{path}-none", "/2015-03-31/functions/f", "/_redrive/health", "/none")
    answers = {
        server.ask(request(method=method, target=target, headers=headers)).body.replace(b"'", b'"')
        for target in targets
        for method in ("GET", "POST")
    }
    assert len(answers) == 1


def test_no_preflight_is_granted(server: LiveServer, url: str) -> None:
    """A browser that asks whether it may send is not told that it may, even by our own name."""
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target,authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    for origin, site in (("http://evil.example", "cross-site"), (f"http://{OWN}", "same-origin")):
        headers = {**asked, "Origin": origin, "Sec-Fetch-Site": site}
        for target in ("/", "/_redrive/health", "/2015-03-31/functions"):
            answer = server.ask(request(method="OPTIONS", target=target, headers=headers))
            assert answer.status in (403, 404)
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_large_body_is_refused_unread(server: LiveServer, url: str) -> None:
    """A page cannot make the server keep what it will not take."""
    for extra in ({"Content-Length": "10000000"}, {"Transfer-Encoding": "chunked"}):
        headers = {"Origin": "http://evil.example", "Content-Length": None, **extra}
        with server.wire() as wire:
            wire.send(request(headers=headers))
            answer = wire.answer()
            assert answer is not None
            assert answer.status == 403
            assert wire.is_closed()


# --- headers that no browser sends ---------------------------------------------------------------

SEED = 20_261_121
ODD = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\xfd",
    "löcalhost:4566".encode(),
    "localhost:4566\u202e".encode(),
    "ｌocalhost:4566".encode(),
    b"localhost\x00:4566",
    b"localhost:4566\x00",
    b"localhost:4566,evil.example",
    b"localhost:4566 evil.example",
    b"localhost:4566\tevil",
    b"localhost:4566/../evil",
    b"localhost:4566#evil",
    b"localhost:4566@evil.example",
    b"evil@localhost:4566",
    b"http://localhost:4566",
    b"localhost:99999999",
    b"localhost:-1",
    b"localhost:4566:4566",
    b"[localhost]:4566",
    b"[::1",
    b"[::1]x",
    b"%6cocalhost",
    b"localhost%00",
    b"x" * 1_000,
    b"x" * 60_000,
    b"x" * 200_000,
    b"." * 30_000 + b"localhost",
    b"a:" * 20_000,
    b"\r",
    b"localhost:4566\rX: y",
    b"localhost:4566\n evil",
]


def raw(name: bytes, value: bytes, *more: bytes, method: bytes = b"GET") -> bytes:
    """Return a request with a header as it is; Host is our own unless that is the one."""
    lines = [method + b" /_redrive/health HTTP/1.1"]
    if name.lower() != b"host":
        lines.append(b"Host: localhost:4566")
    lines += [name + b": " + value, *more, b"Content-Length: 0", b"", b""]
    return b"\r\n".join(lines)


def is_refused(server: LiveServer, data: bytes) -> None:
    """Send bytes on a connection of their own; the answer is a refusal, or none at all."""
    with Wire(server.port) as wire:
        wire.send(data)
        answer = wire.answer()
        if answer is not None:
            assert answer.status in (400, 403, 431), (data[:200], answer)
            assert b"uptime" not in answer.body
            assert len(answer.body) < 1_000
            assert not [name for name in answer.headers if name.startswith("access-control")]


def lives(server: LiveServer) -> None:
    """The next one is served as ever."""
    assert server.health()["status"] == "ok"
    assert server.process.poll() is None


@pytest.mark.parametrize("name", [b"Host", b"Origin", b"Referer", b"HOST", b"oRiGiN"])
def test_odd_headers(server: LiveServer, name: bytes) -> None:
    """Bytes, lengths, commas and alphabets: refused."""
    for value in ODD:
        is_good = name.lower() != b"host" and value == b"http://localhost:4566"
        if not is_good:
            is_refused(server, raw(name, value))
    lives(server)


@pytest.mark.parametrize("name", [b"Host", b"Origin", b"Referer"])
def test_repeated_headers(server: LiveServer, name: bytes) -> None:
    """One good one does not excuse another, in whatever order, nor many good ones each other."""
    good = {b"Host": b"localhost:4566"}.get(name, b"http://localhost:4566")
    for first, second in ((good, b"evil.example"), (b"evil.example", good), (b"", good)):
        is_refused(server, raw(name, first, name + b": " + second))
    many = [name + b": " + good] * 900
    is_refused(server, raw(name, b"evil.example", *many))
    if name == b"Host":
        is_refused(server, raw(name, good, name + b": " + good))
        is_refused(server, b"GET /_redrive/health HTTP/1.1\r\n\r\n")
        is_refused(server, b"GET /_redrive/health HTTP/1.0\r\n\r\n")
    lives(server)


def test_random_headers(server: LiveServer) -> None:
    """Thousands of mutations of good values, each with a byte that no name has; from one seed."""
    chance = random.Random(SEED)
    spoils = bytes(
        set(range(256))
        - set(b"\r\n \t/?#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")
    )
    good = {b"Host": b"localhost:4566", b"Origin": b"http://localhost:4566"}
    good[b"Referer"] = good[b"Origin"]
    tried = 0
    wire = Wire(server.port)
    for number in range(3_000):
        name = chance.choice(list(good))
        value = bytearray(good[name])
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(8 if name != b"Host" else 0, len(good[name]))
            value[at:at] = bytes([chance.choice(spoils)]) * chance.choice((1, 1, 2, 300))
        method = chance.choice((b"GET", b"POST", b"OPTIONS"))
        wire.send(raw(name, bytes(value), method=method))
        answer = wire.answer()
        if answer is None or answer.headers.get("connection") == "close":
            wire.close()
            wire = Wire(server.port)
        if answer is not None:
            assert answer.status in (400, 403, 431), (SEED, number, bytes(value), answer)
            tried += 1
    wire.close()
    assert tried > 2_000
    assert wire.socket.timeout in (None, SECONDS_MAX)
    lives(server)
