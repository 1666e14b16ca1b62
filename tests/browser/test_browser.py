"""A real browser with a malicious page: it changes nothing, reads nothing, and kills nothing.

The pages are those of another site, of another port of localhost, and one whose name was rebound:
it was served by the attacker under a name and a port that lead to this server afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium
from evil import Evil
from live import LiveServer, request

QUEUE = "precious"
MARK = "what-nobody-else-may-read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the server lives."""
    made = tmp_path / "server"
    made.mkdir()
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[LiveServer]:
    """A server with a queue and a message in it, that could be reset."""
    made = LiveServer(folder, "--allow-reset")
    fill(made)
    yield made
    assert made.health()["faults"] == 0
    made.close()


def fill(server: LiveServer) -> None:
    assert server.port, server.text
    server.call("CreateQueue", QueueName=QUEUE, Attributes={"VisibilityTimeout": "0"})
    server.call("SendMessage", QueueUrl=f"/000000000000/{QUEUE}", MessageBody=MARK)


def state(server: LiveServer) -> dict[str, Any]:
    """Return all that a page could have changed."""
    functions = server.ask(request(method="GET", target="/2015-03-31/functions"))
    url = f"/000000000000/{QUEUE}"
    return {
        "queues": server.call("ListQueues")["QueueUrls"],
        "attributes": server.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]),
        "functions": json.loads(functions.body),
    }


def messages(server: LiveServer) -> list[tuple[str, str]]:
    """Return the messages and how often they have been received; this is one receive more."""
    found = server.call(
        "ReceiveMessage",
        QueueUrl=f"/000000000000/{QUEUE}",
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return [
        (each["Body"], each["Attributes"]["ApproximateReceiveCount"]) for each in found["Messages"]
    ]


def attack(browser: Chromium, base: str, tag: str) -> dict[str, Any]:
    """Let the open page try everything; return what it could read."""
    found = browser.run(f"attack({base!r}, {tag!r}, {QUEUE!r})")
    assert len(found) > 60, "the page has not tried everything"
    return {name: value for name, value in found.items() if value is not None}


def is_refusal(value: Any) -> bool:
    """Tell whether what a page has read is a refusal that says nothing of the server."""
    told = json.dumps(value)
    return (
        "does not name this server" in told
        and MARK not in told
        and not any(word in told for word in (QUEUE, "uptime", "version", "pid", "data"))
    )


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("evil.test", "localhost"),
        ("evil.test", "127.0.0.1"),
        ("localhost", "localhost"),
        ("127.0.0.1", "localhost"),
        ("x.localhost", "127.0.0.1"),
    ],
)
def test_a_page_of_another_origin(
    browser: Chromium, evil: Evil, server: LiveServer, page: str, target: str
) -> None:
    """Whatever it sends, with whatever a page can send it by."""
    before = state(server)
    browser.open(f"http://{page}:{evil.port}/")
    assert attack(browser, f"http://{target}:{server.port}", "evil") == {}
    assert state(server) == before
    assert messages(server) == [(MARK, "1")]


def test_a_page_whose_name_was_rebound(browser: Chromium, folder: Path) -> None:
    """To the browser it is of the server's own origin: it reads refusals, and nothing else."""
    evil = Evil()
    browser.open(f"http://rebind.test:{evil.port}/")
    evil.close()
    server = LiveServer(folder, "--allow-reset", "--port", str(evil.port))
    try:
        fill(server)
        before = state(server)
        found = attack(browser, "", "rebound")
        assert len(found) > 20, "the page's requests have not arrived"
        for name, value in found.items():
            assert is_refusal(value) or value == [403, ""], (name, value)
        assert state(server) == before
        assert messages(server) == [(MARK, "1")]
        assert server.health()["faults"] == 0
    finally:
        server.close()


# --- that the attacks are real -------------------------------------------------------------------


def test_the_same_page_let_in(browser: Chromium, evil: Evil, folder: Path) -> None:
    """An origin that was configured does what the others try: so the others have tried."""
    environment = {"REDRIVE_ALLOWED_ORIGINS": f"http://evil.test:{evil.port}"}
    server = LiveServer(folder, environment=environment)
    try:
        fill(server)
        browser.open(f"http://evil.test:{evil.port}/")
        attack(browser, f"http://localhost:{server.port}", "let-in")
        made = {url.rpartition("/")[2] for url in server.call("ListQueues").get("QueueUrls", [])}
        assert {"let-in-x-www--no-cors", "let-in-beacon", "let-in-form0"} <= made
    finally:
        server.close()


def test_the_same_name_let_in(browser: Chromium, folder: Path) -> None:
    """A host that was configured is of the server's own origin, and can do everything."""
    evil = Evil()
    browser.open(f"http://rebind.test:{evil.port}/")
    evil.close()
    environment = {"REDRIVE_ALLOWED_HOSTS": "rebind.test"}
    server = LiveServer(folder, "--port", str(evil.port), environment=environment)
    try:
        fill(server)
        found = attack(browser, "", "own")
        assert found["json"][0] == 200
        assert found["read cors omit /_redrive/health"][0] == 200
        made = {url.rpartition("/")[2] for url in server.call("ListQueues").get("QueueUrls", [])}
        assert {"own-json", "own-xhr", "own-getimg", "own-window"} <= made
    finally:
        server.close()
