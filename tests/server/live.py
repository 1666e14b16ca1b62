"""`redrive serve` as a process, and bytes to and from it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import redrive

SECONDS_MAX = 20.0
SRC = Path(redrive.__file__).resolve().parents[1]  # compiled, when the tests run on that
LISTENING = re.compile(rb"listening on http://[\d.]+:(\d+)")


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code."""
        return str(json.loads(self.body)["__type"]).rpartition("#")[2]


class Wire:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send bytes; a server that has hung up is found out by reading."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def _read(self) -> bytes:
        try:
            return self.socket.recv(65_536)
        except ConnectionResetError:
            return b""

    def answer(self, *, is_head: bool = False) -> Answer | None:
        """Read one response; None when the server has closed."""
        while b"\r\n\r\n" not in self._buffer:
            piece = self._read()
            if not piece:
                assert not self._buffer, self._buffer
                return None
            self._buffer += piece
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        status = int(status_line.split()[1])
        length = 0 if is_head or status == 100 else int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            piece = self._read()
            assert piece, "the body is cut"
            self._buffer += piece
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(status, headers, body)

    def is_closed(self) -> bool:
        """Tell whether the server ends the connection, saying nothing more."""
        return not self._buffer and self._read() == b""

    def is_silent(self, seconds: float = 0.05) -> bool:
        """Tell whether nothing can be read now. A long enough look for what would be wrong."""
        return not self._buffer and not select.select([self.socket], [], [], seconds)[0]

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def authorization(account: str = "test", region: str = "us-east-1", service: str = "sqs") -> str:
    """A header as SDKs sign."""
    scope = f"{account}/20261121/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"


def request(
    operation: str | None = None,
    params: Any = None,
    *,
    method: str = "POST",
    target: str = "/",
    version: str = "1.1",
    headers: Mapping[str, str | None] | None = None,
    account: str = "test",
    body: bytes | None = None,
) -> bytes:
    """One request's bytes."""
    if body is None:
        body = b"" if params is None else json.dumps(params).encode()
    given: dict[str, str | None] = {"Host": "localhost:4566"}
    if operation is not None:
        given |= {
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": authorization(account),
        }
    if body or method == "POST":
        given["Content-Length"] = str(len(body))
    given |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    return f"{method} {target} HTTP/{version}\r\n{head}\r\n".encode("latin-1") + body


def _limit_files(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class LiveServer:
    """One process, from its start to its end."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        environment: Mapping[str, str] | None = None,
        python: Sequence[str] = (),
        files_max: int | None = None,
    ) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self._written = self.log.open("ab")
        start = self._written.tell()
        self.process = subprocess.Popen(
            [
                *(sys.executable, *python, "-m", "redrive", "serve"),
                *("--data", str(folder / "data"), *(() if "--port" in flags else ("--port", "0"))),
                *flags,
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(SRC), **(environment or {})},
            stdout=self._written,
            stderr=self._written,
            start_new_session=True,
            preexec_fn=None if files_max is None else partial(_limit_files, files_max),
        )
        self.port = 0
        while self.process.poll() is None:
            found = LISTENING.search(self.log.read_bytes()[start:])
            if found is not None:
                self.port = int(found[1])
                break
            select.select([], [], [], 0.005)
        self.text_at = start

    @property
    def text(self) -> str:
        """What this process has written."""
        return self.log.read_bytes()[self.text_at :].decode()

    def wire(self) -> Wire:
        """Open a raw connection."""
        return Wire(self.port)

    def ask(self, data: bytes) -> Answer:
        """Send one request on a connection of its own."""
        with self.wire() as wire:
            wire.send(data)
            answer = wire.answer()
            assert answer is not None
            return answer

    def call(self, operation: str, account: str = "test", /, **params: Any) -> Any:
        """Call an SQS operation that succeeds."""
        answer = self.ask(request(operation, params, account=account))
        assert answer.status == 200, answer
        return json.loads(answer.body) if answer.body else {}

    def health(self) -> dict[str, Any]:
        """Return the health page."""
        answer = self.ask(request(method="GET", target="/_redrive/health"))
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        return self.process.wait(SECONDS_MAX)

    def close(self) -> None:
        """End the process, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS_MAX)
        self._written.close()
