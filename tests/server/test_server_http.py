"""Bytes that clients should not send, and clients that should not behave so: none harms."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from live import LiveServer, request

SQS_BODY_MAX = 16 * 1_048_576
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def url_of(server: LiveServer, account: str, **attributes: str) -> str:
    params: dict[str, Any] = {"QueueName": "q"}
    if attributes:
        params["Attributes"] = attributes
    url: str = server.call("CreateQueue", account, **params)["QueueUrl"]
    return url


def poll(url: str, account: str, seconds: int = 20) -> bytes:
    return request("ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": seconds}, account=account)


MALFORMED = [
    b"\r\n\r\nGARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 3\r\n\r\nabc",
    b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
    bytes(range(256)),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_bytes_are_refused_and_the_connection_ends(
    server: LiveServer, data: bytes
) -> None:
    """Whatever is no HTTP request gets a 400 in a form that clients read, and is hung up on."""
    with server.wire() as wire:
        wire.send(data)
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 400
        assert answer.code == "SerializationException"
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()


def test_too_large_headers_are_refused(server: LiveServer) -> None:
    """Many, or one that never ends: 431 before they are kept."""
    for data in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000,
        b"GET /" + b"x" * 200_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100_000,
        CHUNKED + b"1;" + b"x" * 200_000,
        CHUNKED + b"0\r\nX: " + b"x" * 200_000,
    ):
        with server.wire() as wire:
            wire.send(data)
            answer = wire.answer()
            assert answer is not None
            assert answer.status == 431


def test_a_body_that_is_announced_too_large_is_refused_unread(server: LiveServer) -> None:
    """413 leaves before the first byte of the body has been sent."""
    with server.wire() as wire:
        wire.send(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (SQS_BODY_MAX + 1)
        )
        answer = wire.answer()
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("length", ["9" * 18, "9" * 30])
def test_absurd_lengths_are_refused(server: LiveServer, length: str) -> None:
    """A number beyond any machine is no reason to die."""
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    assert server.ask(head.encode()).status in (400, 413)


def test_a_client_that_goes_on_sending_still_reads_the_refusal(server: LiveServer) -> None:
    """The 413 arrives though the body is on its way: the connection is not reset under it."""
    with server.wire() as wire:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SQS_BODY_MAX * 2}\r\n\r\n"
        wire.socket.sendall(head.encode() + b"x" * 20_000_000)  # fails when it is reset
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 413


def test_chunks_that_grow_too_large_are_refused(server: LiveServer) -> None:
    """A body without a length is counted as it comes."""
    with server.wire() as wire:
        wire.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        for _ in range(17):
            wire.send(chunk)
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 413


def test_sixteen_mebibytes_are_read(server: LiveServer, account: str) -> None:
    """A body of exactly the limit reaches the service, which has words of its own for it."""
    body = b'{"QueueName": "' + b"x" * (SQS_BODY_MAX - 17) + b'"}'
    assert len(body) == SQS_BODY_MAX
    answer = server.ask(request("CreateQueue", body=body, account=account))
    assert (answer.status, answer.code) == (400, "InvalidParameterValue")


def test_a_mebibyte_in_escapes_is_taken(server: LiveServer, account: str) -> None:
    """A message of a mebibyte may be written in six times as many bytes."""
    url = url_of(server, account)
    params = f'{{"QueueUrl": "{url}", "MessageBody": "{chr(92)}u0041'.encode()
    body = params + b"\\u0042" * (1_048_576 - 1) + b'"}'
    answer = server.ask(request("SendMessage", body=body, account=account))
    assert answer.status == 200
    over = params + b"\\u0042" * 1_048_576 + b'"}'
    answer = server.ask(request("SendMessage", body=over, account=account))
    assert (answer.status, answer.code) == (400, "InvalidParameterValue")


def test_chunked_bodies_and_pieces(server: LiveServer, account: str) -> None:
    """A request in chunks, and one that comes byte by byte, are requests like any other."""
    body = json.dumps({"QueueName": "chunked"}).encode()
    headers = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    head = request("CreateQueue", account=account, headers=headers)
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, body[n : n + 1]) for n in range(len(body)))
    answer = server.ask(head + chunks + b"0\r\n\r\n")
    assert answer.status == 200
    with server.wire() as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("ListQueues", {}, account=account):
            wire.send(bytes([byte]))
        slow = wire.answer()
        assert slow is not None
        assert b"chunked" in slow.body


def test_clients_that_ask_first_may_go_on(server: LiveServer, account: str) -> None:
    """Expect: 100-continue is answered before the body."""
    body = b'{"QueueName": "expected"}'
    whole = request("CreateQueue", body=body, account=account, headers={"Expect": "100-continue"})
    with server.wire() as wire:
        wire.send(whole[: -len(body)])
        interim = wire.answer()
        assert interim is not None
        assert interim.status == 100
        wire.send(body)
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 200


def test_pipelined_requests_are_answered_in_order(server: LiveServer, account: str) -> None:
    """Fast ones wait for slow ones before them; a hundred in one piece are all answered."""
    url = url_of(server, account)
    calls = [poll(url, account, 1)]
    for n in range(100):
        params = {"QueueUrl": url, "MessageBody": str(n)}
        calls.append(request("SendMessage" if n % 2 else "ListQueues", params, account=account))
        calls.append(request("Nonsense" if n % 3 else "ListQueues", {}, account=account))
    with server.wire() as wire:
        wire.send(b"".join(calls))
        answers = [wire.answer() for _ in calls]
        assert all(answers)
        kinds = [json.loads(answer.body) if answer and answer.body else {} for answer in answers]
    assert kinds[0] == {}
    for n in range(100):
        assert ("MessageId" in kinds[1 + 2 * n]) == bool(n % 2)
        assert ("__type" in kinds[2 + 2 * n]) == bool(n % 3)


def test_thousands_of_refusals_in_line(server: LiveServer, account: str) -> None:
    """Requests that are answered at once may pile up behind a slow one, as many as fit."""
    url = url_of(server, account)
    count = 4_000
    with server.wire() as wire:
        wire.send(poll(url, account, 1) + b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n" * count)
        first = wire.answer()
        assert first is not None
        assert first.status == 200
        statuses = [answer and answer.status for answer in (wire.answer() for _ in range(count))]
        assert statuses == [403] * count


def test_garbage_behind_a_request_does_not_overtake_its_answer(
    server: LiveServer, account: str
) -> None:
    """What came before the malformed bytes is answered first, then they are refused."""
    url = url_of(server, account)
    with server.wire() as wire:
        wire.send(poll(url, account, 1) + request("ListQueues", {}, account=account) + b"\x00\x01")
        first, second, third = wire.answer(), wire.answer(), wire.answer()
        assert first is not None and second is not None and third is not None
        assert (first.status, second.status, third.status) == (200, 200, 400)
        assert b"QueueUrls" in second.body
        assert wire.is_closed()


def test_a_client_that_stops_sending_is_answered(server: LiveServer, account: str) -> None:
    """A half-closed connection gets the answers to all that it asked, then is closed."""
    url_of(server, account)
    for count in (1, 3):
        with server.wire() as wire:
            wire.send(request("ListQueues", {}, account=account) * count)
            wire.socket.shutdown(socket.SHUT_WR)
            answers = [wire.answer() for _ in range(count)]
            assert [answer and answer.status for answer in answers] == [200] * count
            assert wire.is_closed()


@pytest.mark.parametrize("manner", ["close", "reset", "half-close"])
@pytest.mark.parametrize("before", [b"", b"refused"])
def test_a_client_that_leaves_a_long_poll_consumes_nothing(
    server: LiveServer, account: str, manner: str, before: bytes
) -> None:
    """However it leaves, the next message is there for others, received for the first time."""
    url = url_of(server, account)
    with server.wire() as wire:
        wire.send((request("Nonsense", {}) if before else b"") + poll(url, account))
        if before:
            assert wire.answer() is not None
        waiting(server, 1)
        if manner == "half-close":
            wire.socket.shutdown(socket.SHUT_WR)
        elif manner == "reset":
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            wire.close()
        else:
            wire.close()
        waiting(server, 0)
    server.call("SendMessage", account, QueueUrl=url, MessageBody="x")
    names = ["ApproximateReceiveCount"]
    got = server.call("ReceiveMessage", account, QueueUrl=url, AttributeNames=names)
    assert got["Messages"][0]["Attributes"] == {"ApproximateReceiveCount": "1"}


def waiting(server: LiveServer, count: int) -> None:
    """Wait until so many requests wait in the server, beyond what its own workers do."""
    for _ in range(2_000):
        if server.health()["waiting"] == count:
            return
    raise AssertionError(f"not {count} but {server.health()['waiting']} wait")


def test_pipelined_behind_a_refusal_a_poll_is_still_let_go(
    server: LiveServer, account: str
) -> None:
    """A request that was refused at once does not hide the long poll behind it."""
    url = url_of(server, account)
    refused = request("ListQueues", {}, headers={"Host": "evil.example"})
    with server.wire() as wire:
        wire.send(poll(url, account, 1) + refused + poll(url, account, 20))
        assert wire.answer() is not None
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 403
        waiting(server, 1)
    waiting(server, 0)


def test_a_slow_reader_does_not_stop_the_others(server: LiveServer, account: str) -> None:
    """Who does not read its answers is not read from; everybody else is served meanwhile."""
    url = url_of(server, account)
    server.call("SendMessage", account, QueueUrl=url, MessageBody="x" * 1_000_000)
    params = {"QueueUrl": url, "VisibilityTimeout": 0}
    ask = request("ReceiveMessage", params, account=account)
    with server.wire() as wire:
        wire.send(ask * 40)
        for _ in range(20):
            assert server.health()["status"] == "ok"
        for _ in range(40):
            answer = wire.answer()
            assert answer is not None
            assert len(answer.body) > 1_000_000


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
    ],
)
def test_connections_stay_as_asked(
    server: LiveServer, account: str, version: str, connection: str | None, stays: bool
) -> None:
    """HTTP/1.1 stays open, HTTP/1.0 closes, unless the client says otherwise."""
    headers = {"Connection": connection} if connection else {}
    ask = request("ListQueues", {}, version=version, headers=headers, account=account)
    with server.wire() as wire:
        wire.send(ask)
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 200
        if stays:
            wire.send(ask)
            assert wire.answer() is not None
        else:
            assert answer.headers["connection"] == "close"
            assert wire.is_closed()


def test_head_has_no_body(server: LiveServer) -> None:
    """The answer to HEAD is the header alone, so that the next answer can be read."""
    ask = request(method="HEAD", target="/_redrive/health")
    with server.wire() as wire:
        wire.send(ask + request(method="GET", target="/_redrive/health"))
        head = wire.answer(is_head=True)
        assert head is not None
        assert (head.status, int(head.headers["content-length"]) > 10) == (200, True)
        answer = wire.answer()
        assert answer is not None
        assert json.loads(answer.body)["status"] == "ok"


def test_an_upgrade_is_ignored(server: LiveServer, account: str) -> None:
    """A client that offers another protocol is answered in this one."""
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AA"}
    with server.wire() as wire:
        wire.send(request("ListQueues", {}, headers=headers, account=account))
        answer = wire.answer()
        assert answer is not None
        assert answer.status == 200


HOSTS = [
    (b"", 403),
    (b"Host: localhost\r\nHost: localhost\r\n", 403),
    (b"Host: localhost\r\nHost: evil.example\r\n", 403),
    (b"Host:\r\n", 403),
    (b"Host: evil.example\r\n", 403),
    (b"Host: localhost\r\n", 200),
    (b"Host: 127.0.0.1:1\r\n", 200),
    (b"Host: localhost\r\nOrigin: http://evil.example\r\n", 403),
    (b"Host: localhost\r\nOrigin: null\r\n", 403),
    (b"Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403),
    (b"Host: localhost\r\nReferer: http://evil.example/\r\n", 403),
    (b"Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil\r\n", 403),
    (b"Host: \xff\xfe\r\n", 403),
]


@pytest.mark.parametrize(("lines", "status"), HOSTS)
def test_pages_are_kept_out(server: LiveServer, lines: bytes, status: int) -> None:
    """The guard stands before everything that is served, the health page too."""
    for target in (b"/_redrive/health", b"/_redrive/reset", b"/"):
        answer = server.ask(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, lines))
        if status == 403 or target == b"/_redrive/health":
            assert answer.status == status
        assert "access-control-allow-origin" not in answer.headers


UNKNOWN = [
    (request(method="GET", target="/"), 404),
    (request(method="GET", target="/favicon.ico"), 404),
    (request(method="GET", target="/_redrive/nothing"), 404),
    (request(method="DELETE", target="/_redrive/health"), 404),
    (request(method="GET", target="/_redrive/reset"), 404),
    (request(method="OPTIONS", target="*"), 404),
    (request(method="PUT", target="/a/b/c?d=e", body=b"x"), 404),
    (request("Nonsense", {}), 404),
    (request("", {}), 404),
    (request("SendMessage", {}, headers={"X-Amz-Target": "Nobody.SendMessage"}), 404),
    (request("SendMessage", {}, headers={"X-Amz-Target": "\xff"}), 404),
    (request("SendMessage", body=b"{"), 400),
    (request("SendMessage", body=b"[]"), 400),
    (request("SendMessage", body=b"\xff\xfe"), 400),
    (request("SendMessage", body=b"[" * 100_000), 400),
    (request("SendMessage", {"QueueUrl": 5}), 400),
    (request("SendMessage", {}, headers={"Authorization": "nonsense"}), 400),
    (request("SendMessage", {}, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a"}), 400),
]


@pytest.mark.parametrize(("data", "status"), UNKNOWN)
def test_what_is_not_served_is_told(server: LiveServer, data: bytes, status: int) -> None:
    """Unknown paths, targets, operations and bodies: a 4xx in a client's own format, no more."""
    with server.wire() as wire:
        wire.send(data)
        answer = wire.answer()
        assert answer is not None
        assert answer.status == status
        wire.send(request(method="GET", target="/_redrive/health"))
        after = wire.answer()
        assert after is not None
        assert after.status == 200


def test_many_connections(server: LiveServer, account: str) -> None:
    """Three hundred clients at once, each with its own answer; idle ones are no burden."""
    wires = [server.wire() for _ in range(300)]
    try:
        for wire in wires:
            wire.send(request("ListQueues", {}, account=account))
        answers = [wire.answer() for wire in wires]
        assert [answer and answer.status for answer in answers] == [200] * 300
    finally:
        for wire in wires:
            wire.close()
