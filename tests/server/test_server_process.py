"""A server's life: start, refusals to start, drain, second signal, restart, and what it says."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live import LiveServer, Wire, request

from redrive.store.sqlite import SqliteStore

Start = Callable[..., LiveServer]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start servers; all are ended with the test."""
    made: list[LiveServer] = []

    def begin(*flags: str, **options: Any) -> LiveServer:
        made.append(LiveServer(folder, *flags, **options))
        return made[-1]

    yield begin
    for server in made:
        server.close()


def refusal(server: LiveServer) -> str:
    """Return what a server says that does not start."""
    assert server.port == 0
    assert server.wait() == 1
    assert "Traceback" not in server.text
    return server.text


def test_what_was_acknowledged_is_there_after_a_restart(start: Start) -> None:
    """Queues, messages, leases and the other port's URLs, over a clean stop and over SIGKILL."""
    server = start()
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    for n in range(3):
        server.call("SendMessage", QueueUrl=url, MessageBody=str(n))
    server.call("ReceiveMessage", QueueUrl=url, VisibilityTimeout=1_000)
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
        server.signal(number)
        assert server.wait() == code
        server = start()
        params = {"QueueUrl": url, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10}
        got = server.call("ReceiveMessage", **params)["Messages"]
        assert [message["Body"] for message in got] == ["1", "2"]


def test_a_drain_ends_long_polls_and_exits_with_0(start: Start) -> None:
    """SIGTERM: what waits hears 503, which SDKs retry; new connections are refused; exit code 0."""
    server = start("--log-format", "json")
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    idle = server.wire()
    with server.wire() as wire:
        wire.send(request("ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20}))
        while server.health()["waiting"] == 0:
            pass
        server.signal(signal.SIGTERM)
        answer = wire.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        assert answer.headers["connection"] == "close"
    assert server.wait() == 0
    assert idle.is_closed()
    idle.close()
    lines = [json.loads(line) for line in server.text.splitlines()]
    assert [line["message"].split()[0] for line in lines] == ["listening", "draining", "stopped"]
    assert {line["level"] for line in lines} == {"info"}


def clog(server: LiveServer, wire: Wire) -> None:
    """Let a client ask for more than the system buffers, and not read it."""
    url = server.call("CreateQueue", QueueName="q")["QueueUrl"]
    server.call("SendMessage", QueueUrl=url, MessageBody="x" * 1_000_000)
    look = {"QueueUrl": url, "VisibilityTimeout": 0, "AttributeNames": ["All"]}
    wire.send(request("ReceiveMessage", look) * 40)
    before = 0
    for _ in range(100):
        (message,) = server.call("ReceiveMessage", **look)["Messages"]
        count = int(message["Attributes"]["ApproximateReceiveCount"])
        if before > 2 and count == before + 1:  # the line stands still: only we have received
            return
        before = count
    raise AssertionError("the server went on answering a client that does not read")


def test_a_second_signal_stops_at_once(start: Start) -> None:
    """While a drain waits for a client that does not read its answers, a second signal ends it."""
    server = start("--drain-s", "1000")
    with server.wire() as wire:
        clog(server, wire)
        server.signal(signal.SIGINT)
        while "draining" not in server.text:
            assert server.process.poll() is None
        server.signal(signal.SIGTERM)
        assert server.wait() == 1
    assert "stopping at once" in server.text


def test_a_drain_has_an_end(start: Start) -> None:
    """After drain_s the server leaves with work under way, says so, and exits with 0."""
    server = start("--drain-s", "0.1")
    with server.wire() as wire:
        clog(server, wire)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "the drain took longer than 0.1 s" in server.text


def test_a_drain_lets_answers_arrive(start: Start) -> None:
    """A client that reads slowly gets all that was answered before the server leaves."""
    server = start()
    with server.wire() as wire:
        clog(server, wire)
        server.signal(signal.SIGTERM)
        count = 0
        while (answer := wire.answer()) is not None:  # fails when a body is cut
            assert len(answer.body) > 1_000_000
            count += 1
        assert 2 < count < 40, "what was answered, and not what was in line"
        assert server.wait() == 0
    assert "the drain took longer" not in server.text


def test_a_second_server_names_the_first(start: Start) -> None:
    """One data directory, one process; afterwards the next may have it."""
    first = start()
    text = refusal(start())
    assert f"process {first.process.pid}, http://127.0.0.1:{first.port}" in text
    assert "data is in use by redrive" in text
    assert first.health()["pid"] == first.process.pid
    first.signal(signal.SIGKILL)
    first.wait()
    assert start().health()["status"] == "ok"


def test_a_busy_port_is_told(start: Start, folder: Path, tmp_path_factory: Any) -> None:
    """The address and the reason, in one line."""
    first = start()
    other = LiveServer(tmp_path_factory.mktemp("other"), "--port", str(first.port))
    try:
        text = refusal(other)
        assert f"cannot listen on 127.0.0.1:{first.port}: " in text
        assert "ddress already in use" in text
    finally:
        other.close()


def test_a_newer_schema_is_refused(start: Start, folder: Path) -> None:
    """What a newer Redrive wrote is not touched, and the way on is told."""
    server = start()
    server.signal(signal.SIGTERM)
    server.wait()
    path = folder / "data" / "redrive.db"
    store = SqliteStore(str(path), ())
    store._connection.execute("UPDATE schema_steps SET steps = 99 WHERE service = 'queues'")
    store.close()
    before = path.read_bytes()
    text = refusal(start())
    assert "the tables of queues are at step 99" in text
    assert "start the newer Redrive that wrote them" in text
    assert path.read_bytes() == before


def test_a_broken_database_is_named(start: Start, folder: Path) -> None:
    """Bytes that are no database are told with their path, and left alone."""
    data = folder / "data"
    data.mkdir()
    (data / "redrive.db").write_bytes(b"not a database" * 1_000)
    assert "redrive.db cannot be opened" in refusal(start())


def test_a_data_directory_that_cannot_be_is_named(start: Start, folder: Path) -> None:
    """A file in its place is not taken for a port that is busy."""
    (folder / "data").write_text("")
    text = refusal(start())
    assert "data cannot hold data" in text
    assert "listen" not in text


def test_python_without_assertions_is_refused(start: Start) -> None:
    """The invariants are assertions: under -O there is no server."""
    assert "does not run under python -O" in refusal(start(python=("-O",)))


def test_settings_come_from_three_places(start: Start, folder: Path) -> None:
    """redrive.toml, then the environment, then flags."""
    (folder / "redrive.toml").write_text('log_format = "json"\nallow_reset = true\ndrain_s = 7\n')
    server = start("--drain-s", "5", environment={"REDRIVE_LOG_FORMAT": "text"})
    assert server.ask(request(target="/_redrive/reset")).status == 200
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "draining for up to 5 s" in server.text
    assert not server.text.startswith("{")


@pytest.mark.parametrize(
    ("toml", "environment", "complaint"),
    [
        ("prot = 1", {}, "redrive.toml: 'prot' is not a setting"),
        ("", {"REDRIVE_PROT": "1"}, "environment variable REDRIVE_PROT"),
        ('host = "0.0.0.0"', {}, "binding beyond loopback requires keys"),
    ],
)
def test_settings_that_are_refused(
    start: Start, folder: Path, toml: str, environment: dict[str, str], complaint: str
) -> None:
    """An unknown key is an error in every source."""
    (folder / "redrive.toml").write_text(toml)
    assert complaint in refusal(start(environment=environment))


def test_reset_needs_to_be_allowed(start: Start) -> None:
    """Without --allow-reset nothing is emptied; the health page says what runs."""
    server = start()
    server.call("CreateQueue", QueueName="q")
    answer = server.ask(request(target="/_redrive/reset"))
    assert (answer.status, b"--allow-reset" in answer.body) == (403, True)
    assert server.call("ListQueues")["QueueUrls"]
    health = server.health()
    assert health["status"] == "ok"
    assert {"version", "pid", "data", "uptime_ms", "services", "faults"} <= set(health)
    assert {"sqs", "lambda", "sts"} <= set(health["services"])
