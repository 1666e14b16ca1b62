"""A Redrive server as a process that can be killed, and a client that notices."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import redrive

SRC = Path(redrive.__file__).resolve().parents[1]
READY_SECONDS_MAX = 20.0
ANSWER_SECONDS_MAX = 30.0

_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, "
    f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}"
)


class Refused(Exception):
    """The server answered, and not with success. `code` is AWS's, as far as the body names one."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:300]!r}")
        self.status = status
        try:
            self.code = str(json.loads(body).get("__type", ""))
        except (ValueError, AttributeError):
            self.code = ""


class Client:
    """One kept connection. An OSError or HTTPException means that nobody knows what happened."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS_MAX)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an SQS operation. Raises Refused, OSError or HTTPException."""
        headers = {
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20261121T090000Z",
            "Authorization": _AUTHORIZATION,
        }
        self._connection.request("POST", "/", json.dumps(params), headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise Refused(response.status, body)
        answer: dict[str, Any] = json.loads(body) if body else {}
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class CrashServer:
    """`redrive serve` on one data directory and one port, through several lives of the process.

    The port stays the same so that queue URLs do. `program` replaces `-m redrive` to plant faults.
    With `file_bytes_max` no file of the server's may grow beyond that: the kernel fails the write
    (EFBIG; Python ignores the signal), as a disk that breaks would.
    """

    def __init__(self, folder: Path, program: Sequence[str] = ("-m", "redrive")) -> None:
        self.folder = folder
        self.program = tuple(program)
        self.file_bytes_max: int | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    @property
    def log(self) -> Path:
        """What the processes wrote, one after the other."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start a process and wait until it is healthy."""
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *self.program, "serve", "--host", "127.0.0.1"),
                    *("--port", str(self.port), "--data", str(self.folder / "data")),
                ],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(SRC)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if self.file_bytes_max is not None:
            limit = (self.file_bytes_max, resource.RLIM_INFINITY)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limit)
        pause, tries = Event(), int(READY_SECONDS_MAX / 0.005)
        for _ in range(tries):
            if self.is_healthy():
                return
            if self.process.poll() is not None:
                break
            pause.wait(0.005)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3_000:]}")

    def is_healthy(self) -> bool:
        """Ask the health page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_redrive/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL the process and all that it started, and wait until it is gone."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it ended by itself: its log says why
                os.killpg(self.process.pid, signal.SIGKILL)
            self.wait_for_exit()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.wait_for_exit()

    def wait_for_exit(self) -> int:
        """Wait until the process has ended; return its exit code. Its connections are closed."""
        assert self.process is not None
        code = self.process.wait(READY_SECONDS_MAX)
        self.process = None
        for client in self._clients:
            client.close()
        self._clients.clear()
        return code

    def client(self) -> Client:
        """Open a connection."""
        client = Client(self.port)
        self._clients.append(client)
        return client
