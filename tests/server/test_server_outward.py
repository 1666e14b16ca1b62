"""Events that leave the server: an endpoint on this machine, asked for real, across kills."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from live import SECONDS_MAX, LiveServer

REGION = "us-east-1"
QUEUE = f"arn:aws:sqs:{REGION}:000000000000:dead"


class Endpoint:
    """Somebody else's server: it hears requests, and answers when it may."""

    def __init__(self) -> None:
        self.heard: Queue[tuple[str, dict[str, str], bytes]] = Queue()
        self.may_answer = Event()
        self.may_answer.set()
        self.status = 200
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.heard.put((self.path, headers, body))
                endpoint.may_answer.wait(SECONDS_MAX)
                self.send_response(endpoint.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/in"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def next(self) -> tuple[str, dict[str, str], bytes]:
        """Return the next request."""
        return self.heard.get(timeout=SECONDS_MAX)

    def close(self) -> None:
        """Stop listening."""
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint, and an environment without keys of somebody's."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    made = Endpoint()
    yield made
    made.close()


def client(server: LiveServer, service: str) -> Any:
    """A client without an account of its own."""
    return boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        endpoint_url=f"http://localhost:{server.port}",
    )


def aim(server: LiveServer, url: str) -> None:
    """Have orders sent to an endpoint."""
    client(server, "sqs").create_queue(QueueName="dead")
    events = client(server, "events")
    connection = events.create_connection(
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k3y"}},
    )
    destination = events.create_api_destination(
        Name="d",
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=url,
        HttpMethod="POST",
    )
    events.put_rule(Name="r", EventPattern='{"source": ["shop"]}')
    target = {
        "Id": "t",
        "Arn": destination["ApiDestinationArn"],
        "InputPath": "$.detail",
        "DeadLetterConfig": {"Arn": QUEUE},
    }
    assert events.put_targets(Rule="r", Targets=[target])["FailedEntryCount"] == 0


def order(server: LiveServer, number: int) -> None:
    """Put an event."""
    entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"n": number})}
    assert client(server, "events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_an_event_reaches_an_endpoint(tmp_path: Path, endpoint: Endpoint) -> None:
    """With http_private an endpoint on this machine is asked, with the connection's key."""
    server = LiveServer(tmp_path, "--http-private")
    aim(server, endpoint.url)
    order(server, 1)
    path, headers, body = endpoint.next()
    assert (path, headers["x-key"], json.loads(body)) == ("/in", "k3y", {"n": 1})
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    endpoint.status = 404
    order(server, 2)
    endpoint.next()
    sqs = client(server, "sqs")
    url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    (message,) = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=20
    )["Messages"]
    told = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == ("ERROR_FROM_TARGET", "0")
    assert server.health()["faults"] == 0
    server.close()


def test_this_machine_is_not_reached_by_default(tmp_path: Path, endpoint: Endpoint) -> None:
    """Without it http is refused, and https to this machine is buried without a connection."""
    server = LiveServer(tmp_path)
    with pytest.raises(ClientError, match="HTTPS endpoint") as error:
        aim(server, endpoint.url)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    client(server, "events").delete_connection(Name="c")
    aim(server, endpoint.url.replace("http:", "https:"))
    order(server, 1)
    sqs = client(server, "sqs")
    url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    (message,) = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=20
    )["Messages"]
    told = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "http_private" in told["ERROR_MESSAGE"]
    assert endpoint.heard.empty()
    server.close()


def test_the_end_waits_for_an_answer(tmp_path: Path, endpoint: Endpoint) -> None:
    """A server that is told to stop hears the answers to what it has asked: nothing is asked
    twice."""
    endpoint.may_answer.clear()
    server = LiveServer(tmp_path, "--http-private")
    aim(server, endpoint.url)
    order(server, 1)
    endpoint.next()
    server.signal(signal.SIGTERM)
    while "draining" not in server.text:
        assert server.process.poll() is None
    endpoint.may_answer.set()
    assert server.wait() == 0
    assert "with work under way" not in server.text
    server.close()
    again = LiveServer(tmp_path, "--http-private")
    order(again, 2)
    assert json.loads(endpoint.next()[2]) == {"n": 2}
    assert endpoint.heard.empty()
    again.close()


def test_an_event_outlives_the_server(tmp_path: Path, endpoint: Endpoint) -> None:
    """What was not answered when the process was killed is asked again by the next one."""
    endpoint.may_answer.clear()
    server = LiveServer(tmp_path, "--http-private")
    aim(server, endpoint.url)
    order(server, 1)
    first = endpoint.next()
    server.signal(signal.SIGKILL)
    server.wait()
    server.close()
    endpoint.may_answer.set()
    again = LiveServer(tmp_path, "--http-private")
    assert endpoint.next()[2] == first[2]
    again.signal(signal.SIGTERM)
    assert again.wait() == 0
    assert "Unclosed" not in again.text
    again.close()
